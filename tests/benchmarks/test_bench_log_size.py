"""The series over log sizes: the commands it runs, the files it reads, and its table."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import bench_log_size
from benchmarks.bench_log_size import Point, main, means


@pytest.fixture
def commands(monkeypatch):
    """Records the commands of `untilclick` and writes their output: figures grow with the length of the log."""
    commands: list[tuple[str, ...]] = []
    length = [0]

    def write_output(*arguments: str) -> None:
        commands.append(arguments)
        options = dict(pairwise(arguments))
        if arguments[0] == "simulate":
            length[0] = int(options["--sessions"])
        elif arguments[:2] == ("train", "base"):
            write(options["--out"], "base/stage.json", {})
        elif arguments[0] == "evaluate":
            learned = {"base": 0.31} if options["--model"].endswith("base") else {"ppo": 0.3 + length[0] / 1e5}
            means = {name: {"nDCG@10": value} for name, value in {"bm25": 0.3, "rm3": 0.32, **learned}.items()}
            write(options["--out"], "results.json", {"seed": int(options["--seed"]), "systems": means})

    monkeypatch.setattr(bench_log_size, "untilclick", write_output)
    return commands


def write(folder, name, content):
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def run(tmp_path, *more):
    main(["--sizes", "2000,0,1000", "--out", str(tmp_path), "--stages", "warm-start,ppo", *more])


def test_the_smallest_log_comes_first_and_grows(commands, tmp_path, capsys):
    run(tmp_path, "--json", str(tmp_path / "points.json"), "--plot", str(tmp_path / "plot.png"))
    sizes = [options[options.index("--sessions") + 1] for options in commands if options[0] == "simulate"]
    assert sizes == ["1000", "2000"]
    assert [command[:2] for command in commands if command[0] == "train"] == [
        ("train", "base"),
        *[("train", "warm-start"), ("train", "ppo")] * 2,
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nDCG@10: BM25 0.3000, RM3 0.3200"
    assert [line.split() for line in lines[2:]] == [
        ["0", "base", "0.3100", "+0.0100"],
        ["1,000", "ppo", "0.3100", "+0.0100"],
        ["2,000", "ppo", "0.3200", "+0.0200"],
    ]
    points = json.loads((tmp_path / "points.json").read_text())
    assert [(point["sessions"], point["system"]) for point in points] == [(0, "base"), (1000, "ppo"), (2000, "ppo")]
    assert points[2]["against_rm3"] == pytest.approx(0.0)
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_finished_steps_are_not_repeated(commands, tmp_path):
    run(tmp_path)
    before = len(commands)
    run(tmp_path)
    assert len(commands) == before
    run(tmp_path, "--sizes", "4000")
    assert [command[0] for command in commands[before:]] == ["simulate", "train", "train", "evaluate"]


def test_means_are_over_seeds():
    points = [Point(10, seed, "ppo", 0.3 + seed / 10, 0.0, 0.0) for seed in (0, 1)]
    assert means(points) == {(10, "ppo"): pytest.approx(0.35)}
