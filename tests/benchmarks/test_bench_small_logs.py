"""The benchmark of small logs: draws that part no need, figures over draws, and whole runs on a toy collection."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from untilclick.search.records import TOPIC_ATTRIBUTE

from benchmarks.bench_small_logs import main
from benchmarks.small_log_draw import Outcome
from benchmarks.small_log_ground import Ground, GroundConfig
from benchmarks.small_log_table import print_rows, rows_of
from tests.benchmarks.tiny_settings import SET_TINY
from tests.rewriter.toy_learning import toy_documents, toy_topics

N_TOPICS, N_NEEDS = 24, 8


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """A collection of 24 topics, three of each need, two of which are in one session; one need has a session with a
    click."""
    folder = tmp_path / "toy"
    documents = [{"_id": each.doc_id, "title": each.title, "text": each.text} for each in toy_documents()]
    write_lines(folder / "corpus.jsonl", documents)
    queries = [
        {"_id": topic.topic_id, "text": topic.query, "metadata": {"topic": f"{i // 3}", "session": f"{i // 2}"}}
        for i, topic in enumerate(toy_topics())
    ]
    write_lines(folder / "queries.jsonl", queries)
    judged = [f"{topic.topic_id}\t{doc_id}\t1" for topic in toy_topics() for doc_id in topic.relevance]
    (folder / "qrels").mkdir()
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged), encoding="utf-8")
    click = {"doc": "sky-1", "rank": 2, "start": "3.5", "end": "9.0"}
    steps = [{"query_id": "a-1", "query": "planet orbit", "shown": ["sky-0", "sky-1"], "clicks": [click]}]
    sessions = [
        {"session_id": "a", "topic": "7", "current_query": "orbit", "clicked": ["sky-4"], "steps": steps},
        {"session_id": "b", "topic": None, "current_query": "orbit", "clicked": [], "steps": steps},
    ]
    write_lines(folder / "sessions.jsonl", sessions)
    return folder


def ground_of(folder, **options):
    return Ground.open(GroundConfig(str(folder), 240, **options))


def names(topics):
    return {topic.topic_id for topic in topics}


@pytest.mark.parametrize("size", [1, 4, 7])
def test_a_draw_parts_no_need_and_the_others_judge(folder, size):
    ground = ground_of(folder)
    assert ground.n_needs == N_NEEDS
    draw = ground.draw(size, 0)
    assert len({topic.need for topic in draw.topics}) == size
    assert len(draw.topics) == 3 * size
    judged = [typed.topic for typed in draw.judged]
    assert names(judged) | names(draw.topics) == names(toy_topics())
    assert {topic.need for topic in judged}.isdisjoint(topic.need for topic in draw.topics)
    assert len(draw.judged) == 3 * (N_NEEDS - size)
    assert len(set(draw.needs.tolist())) == N_NEEDS - size
    assert draw.apart.all()
    assert {typed.history for typed in draw.judged} != {()}


def test_draws_of_few_needs_grow_and_draws_of_many_leave_out_other_needs(folder):
    ground = ground_of(folder)
    for number in range(3):
        assert names(ground.draw(2, number).topics) < names(ground.draw(4, number).topics)
    left_out = [{typed.topic.need for typed in ground.draw(6, number).judged} for number in range(4)]
    assert sum(map(len, left_out)) == len(set.union(*left_out)) == N_NEEDS


def test_a_split_of_its_own_judges_and_tells_which_queries_share_no_need(folder):
    """Its topics are three training topics under other names, which name no need but want the same documents."""
    topics = toy_topics()[:3]
    queries = [{"_id": f"other {topic.topic_id}", "text": f"morning {topic.query}"} for topic in topics]
    with (folder / "queries.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(query) + "\n" for query in queries))
    text = (folder / "queries.jsonl").read_text(encoding="utf-8")
    (folder / "queries.jsonl").write_text(text.replace('"topic"', '"theme"').replace('"session"', '"visit"'))
    judged = [f"other {topic.topic_id}\t{doc_id}\t1" for topic in topics for doc_id in topic.relevance]
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged), encoding="utf-8")
    ground = ground_of(folder)
    assert ground.n_needs == N_TOPICS
    assert ground.draw(N_TOPICS, 0).apart.tolist() == [False] * 3
    for number in range(3):
        draw = ground.draw(8, number)
        shared = [f"other {topic.topic_id}" for topic in topics if topic.topic_id in names(draw.topics)]
        apart = zip(draw.judged, draw.apart, strict=True)
        assert [typed.topic.topic_id for typed, each in apart if not each] == shared


def test_a_log_has_its_share_of_the_sessions_and_no_other_topic(folder):
    ground = ground_of(folder)
    draw = ground.draw(3, 1)
    sessions = list(ground.log(draw, 0, 1))
    assert len(sessions) == 240 * 9 // N_TOPICS
    named = {turn.attributes[TOPIC_ATTRIBUTE] for session in sessions for turn in session.turns}
    assert named <= names(draw.topics)
    assert names(ground.collection_of(draw.topics).collection.all_topics) == names(draw.topics)
    assert list(ground.log(draw, 0, 1)) == sessions != list(ground.log(draw, 1, 1))


def test_a_log_of_clicks_alone_names_no_topic_and_is_else_the_same(folder):
    named, alone = ground_of(folder), ground_of(folder, clicks_alone=True)
    draw = named.draw(3, 1)
    sessions = list(alone.log(draw, 0, 1))
    assert all(turn.attributes == {} for session in sessions for turn in session.turns)
    assert [session.clicked for session in sessions] == [each.clicked for each in named.log(draw, 0, 1)]


def test_own_sessions_are_those_of_the_drawn_needs_without_the_current_query(folder):
    ground = ground_of(folder, own_sessions=True)
    logs = [list(ground.log(ground.draw(4, number), 0, number)) for number in range(8)]
    assert {len(log) for log in logs} == {0, 1}
    [session] = next(log for log in logs if log)
    [turn] = session.turns
    assert (turn.query, turn.shown, session.clicked) == ("planet orbit", ("sky-0", "sky-1"), ("sky-1",))


def test_fewer_documents_have_topics_of_their_own(folder):
    ground = ground_of(folder, documents=40)
    assert len(ground.opened.collection.corpus.documents) == 40
    assert ground.config.name == "toy-40-documents"
    assert names(ground.topics) <= {document.doc_id for document in toy_documents()}


def outcome(draw, seed, use, gated, forced=0.5, apart=(True, True, True)):
    """Three queries of two needs; the untrained rewriter has .4 and the query as typed .44."""
    values = {
        "typed": (0.44,) * 3,
        "untrained": (0.4,) * 3,
        "forced": (forced,) * 3,
        "cautious": (0.4,) * 3,
        "gated": gated,
    }
    ids = ("a", "b", "c")
    return Outcome(4, seed, draw, 9, 90, use, "", {}, None, ids, (0, 0, 1), apart, values, 5.0, 1.0)


def test_a_row_has_means_over_draws_and_the_worst_draw_over_seeds(capsys):
    outcomes = [
        outcome(0, 0, "learned", (0.5, 0.5, 0.5)),
        outcome(0, 1, "untrained", (0.4, 0.4, 0.4)),
        outcome(1, 0, "learned", (0.31, 0.39, 0.41), forced=0.37),
        outcome(1, 1, "untrained", (0.4, 0.4, 0.4)),
    ]
    [row] = rows_of(4, outcomes)
    assert row.difference == pytest.approx((0.1 - 0.03) / 4)
    assert row.against_untrained["gated"] == pytest.approx((0.1, 0.0, -0.03, 0.0))
    assert row.worst["gated"] == pytest.approx(-0.015)
    assert (row.taken, row.n_better, row.taken_of_better) == (0.5, 3, 1)
    assert row.harmed["gated"] == pytest.approx(1 / 12)
    assert row.harmed["untrained"] == row.harmed["typed"] == 0.0
    assert row.faults == ("harmed",)
    gated, forced = row.comparisons
    assert (gated.difference, gated.n, gated.n_needs) == (pytest.approx(0.0175), 3, 2)
    assert forced.difference == pytest.approx((3 * 0.1 - 0.03) / 4)
    print_rows("toy", [row])
    printed = capsys.readouterr().out.splitlines()
    assert "+0.0175 (-0.015)" in printed[2]
    assert printed[2].endswith("50%       1/3      6  broken: harmed")


def test_a_worse_draw_and_a_worse_mean_are_faults():
    [row] = rows_of(4, [outcome(0, 0, "learned", (0.38,) * 3), outcome(1, 0, "learned", (0.4,) * 3)])
    assert row.faults == ("mean", "worst draw", "harmed")


def test_queries_that_share_no_need_have_a_row_of_their_own():
    apart = (False, True, True)
    rows = list(rows_of(4, [outcome(0, 0, "learned", (0.1, 0.5, 0.5), apart=apart)]))
    assert [row.subset for row in rows] == ["all", "other needs"]
    assert rows[1].difference == pytest.approx(0.1)
    assert [row.n_queries for row in rows] == [3, 2]
    assert len(list(rows_of(4, [replace(outcome(0, 0, "learned", (0.5,) * 3), apart=(False,) * 3)]))) == 1


def test_data_that_is_missing_is_told(tmp_path, capsys):
    main(["--data", str(tmp_path / "nowhere"), "--halves"])
    assert "nothing is measured" in capsys.readouterr().out


@pytest.mark.slow
def test_finished_draws_are_kept_and_read_again(folder, tmp_path, capsys):
    path, plot, out = tmp_path / "rows.json", tmp_path / "plot.png", tmp_path / "out"
    sizes = ["--needs", "4,99", "--seeds", "1", "--draws", "2", "--sessions", "120", "--encoder", "none"]
    command = ["--data", str(folder), *sizes, "--out", str(out), *SET_TINY, "--json", str(path), "--plot", str(plot)]
    main(command)
    written = path.read_text()
    record = json.loads(written)
    assert [row["size"] for row in record["rows"]] == [4]
    assert [(draw["seed"], draw["draw"], draw["n_sessions"]) for draw in record["draws"]] == [(0, 0, 60), (0, 1, 60)]
    for draw in record["draws"]:
        assert {len(values) for values in draw["values"].values()} == {12}
        assert draw["use"] in ("learned", "untrained", "nothing")
        assert np.allclose(draw["values"]["gated"], draw["values"]["untrained"]) or draw["use"] != "untrained"
    assert plot.stat().st_size > 1000
    assert not list(out.rglob("*.run"))
    assert "99 needs are left out" in capsys.readouterr().err
    main(command)
    assert path.read_text() == written
    with pytest.raises(SystemExit, match="draws of other settings"):
        main([*command, "--set", "ppo.iterations=2"])


@pytest.mark.slow
@pytest.mark.parametrize("source", ["--clicks-alone", "--own-sessions"])
@pytest.mark.parametrize("with_encoder", [False, True])
def test_a_log_that_is_too_small_leaves_the_untrained_rewriter(folder, tmp_path, tiny_encoder, source, with_encoder):
    path = tmp_path / "rows.json"
    size = ["--needs", "1", "--seeds", "1", "--draws", "1", "--sessions", "24"]
    encoder = str(tiny_encoder.folder) if with_encoder else "none"
    command = ["--data", str(folder), *size, "--encoder", encoder, source, "--out", str(tmp_path / "out")]
    main([*command, *SET_TINY, "--json", str(path)])
    [draw] = json.loads(path.read_text())["draws"]
    assert draw["use"] == "untrained"
    assert draw["said"]
    assert draw["values"]["gated"] == draw["values"]["untrained"]
