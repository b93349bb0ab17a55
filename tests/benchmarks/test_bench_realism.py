"""The benchmark of realism on a made collection of few sessions."""

import json

import numpy as np

from benchmarks.bench_realism import main

WORDS = ("copy", "move", "folder", "socket", "thread", "regex", "archive", "random", "date", "month", "year", "file")


def collection(folder, queries=None):
    """Forty documents of drawn words, and twenty sessions of three queries on ten topics."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    documents = [
        {
            "_id": f"d{n}",
            "title": " ".join(rng.choice(WORDS, 2)),
            "text": " ".join(rng.choice(WORDS, 12)) + f" item{n}.",
        }
        for n in range(40)
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    sessions = []
    for number in range(20):
        steps = []
        for step in range(3):
            shown = [f"d{n}" for n in rng.permutation(40)[:10]]
            rank = int(rng.integers(1, 5))
            clicks = [{"doc": shown[rank - 1], "rank": rank, "start": str(10.0 * step)}] if rng.random() < 0.7 else []
            steps.append({"query": " ".join(rng.choice(WORDS, 3)), "shown": shown, "clicks": clicks})
        sessions.append(
            {"session_id": str(number), "topic": str(number % 10) if number < 18 else None, "steps": steps}
        )
    (folder / "sessions.jsonl").write_text("\n".join(map(json.dumps, sessions)), encoding="utf-8")
    if queries is not None:
        (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
        (folder / "qrels").mkdir()
        (folder / "qrels" / "test.tsv").write_text(queries, encoding="utf-8")
    return folder


def measured(folder, tmp_path, name):
    out = tmp_path / f"{name}.json"
    sizes = ["--splits", "1", "--sessions", "60", "--fit-sessions", "20"]
    main(["--data", str(folder), *sizes, "--json", str(out), "--plot", str(tmp_path / f"{name}.svg")])
    [outcome] = json.loads(out.read_text(encoding="utf-8"))
    return {**outcome, "seconds": 0}


def test_queries_and_judgments_of_the_collection_may_be_garbage(tmp_path, capsys):
    plain = measured(collection(tmp_path / "plain"), tmp_path, "plain")
    garbage = measured(collection(tmp_path / "garbage", queries="neither JSON nor judgments"), tmp_path, "garbage")
    assert garbage == plain
    printed = capsys.readouterr().out
    assert "sessions without a click" in printed
    assert "give_up_prob 0.200: default, because the last query of each session is unseen" in printed
    assert (tmp_path / "plain.svg").read_text(encoding="utf-8").endswith("</svg>\n")
    rows = {row["name"]: row for row in plain["comparisons"]["fitted"]["rows"]}
    assert len(rows) == 8
    assert plain["n_calibration"] + plain["comparisons"]["fitted"]["n_real"] == 18  # two sessions have no topic


def test_nothing_is_measured_without_sessions(capsys):
    main([])
    assert "Nothing to measure" in capsys.readouterr().err
