"""The cold start on a toy corpus: reading corpora and trials, training, and the table."""

from __future__ import annotations

import json

import pytest

from untilclick.search.corpora.load import load_collection
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Document, Topic

from benchmarks.bench_cold_start import Trial, main, print_table, read_trial, reported_split, row_of, source_of
from benchmarks.corpora.made import MadeCorpus, write_beir

SUBJECTS = ("kite", "anvil", "lantern", "orchard", "saddle", "compass", "violin", "teapot")


@pytest.fixture
def folder(tmp_path):
    """A folder `toy` with eight documents about different subjects, and a topic for each."""
    documents = [
        Document(f"d{i}", subject, f"the {subject} of the {SUBJECTS[i - 1]} maker, old and well made, number {i}")
        for i, subject in enumerate(SUBJECTS)
    ]
    topics = [Topic(f"q{i}", f"old {subject}", {f"d{i}": 1}) for i, subject in enumerate(SUBJECTS)]
    write_beir(MadeCorpus(tuple(documents), tuple(topics)), tmp_path / "toy")
    return tmp_path


def trial(corpus: str, base: tuple[float, ...]) -> Trial:
    bm25 = (0.5,) * len(base)
    return Trial(corpus, {"steps": 1}, "dev", 100, 2.0, {"bm25": bm25, "rm3": bm25, "spelling": bm25, "base": base})


def test_differences_are_of_the_means_over_seeds_and_harm_is_the_mean_harm_of_the_seeds():
    row = row_of([trial("toy", (0.9, 0.4, 0.5, 0.5)), trial("toy", (0.3, 0.6, 0.5, 0.5))])
    assert row.base == pytest.approx((0.575, 0.475))
    assert row.against_bm25.difference == pytest.approx(0.025)
    assert (row.against_bm25.wins, row.against_bm25.losses) == (1, 0)
    assert row.harmed == pytest.approx(0.25)
    assert row.rm3_against_bm25.p == 1.0
    assert not row.blend_chosen_here


def test_collections_that_the_blend_was_chosen_on_are_a_separate_group(capsys):
    rows = [row_of([trial(name, (0.6, 0.6))]) for name in ("cranfield", "toy", "zoo")]
    print_table(rows)
    first_words = [line.partition("  ")[0].split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert first_words == ["nDCG@10", "--", "toy", "zoo", "mean", "--", "cranfield", "mean"]


def test_a_trial_with_other_settings_is_refused(tmp_path):
    path = tmp_path / "trial.json"
    finished = trial("toy", (0.5,))
    path.write_text(json.dumps(finished.__dict__), encoding="utf-8")
    assert read_trial(path, {"steps": 1}) == finished
    with pytest.raises(SystemExit, match="steps 1, not 2"):
        read_trial(path, {"steps": 2})


def test_the_split_is_dev_if_the_collection_has_it(folder):
    collection = load_collection(str(folder / "toy"))
    topics = collection.topics["dev"]
    assert reported_split(Collection(collection.corpus, {"test": topics, "dev": topics}, "real")) == "dev"
    assert reported_split(Collection(collection.corpus, {"test": topics, "train": topics}, "real")) == "train"
    with pytest.raises(DataError, match="no topic"):
        reported_split(Collection(collection.corpus, {}, "real"))


def test_a_corpus_is_searched_in_all_folders(folder):
    assert source_of("toy", [folder / "nothing", folder]) == str(folder / "toy")
    assert source_of("stdlib", []) == "stdlib"
    assert source_of("perl-faq", [folder]) is None


def test_a_toy_run_trains_and_evaluates_once(folder, capsys):
    out, report = folder / "out", folder / "report.json"
    arguments = [
        "--data",
        str(folder),
        "--corpora",
        "toy,perl-faq",
        "--seeds",
        "2",
        "--steps",
        "1",
        "--out",
        str(out),
    ]
    main([*arguments, "--json", str(report)])
    output = capsys.readouterr().out
    assert "perl-faq: skipped" in output
    assert "package_corpora perl-faq" in output
    (row,) = json.loads(report.read_text(encoding="utf-8"))
    assert (row["corpus"], row["n_documents"], row["n_topics"], len(row["base"])) == ("toy", 8, 8, 2)
    assert 0.0 < row["bm25"] <= 1.0
    written = {path: path.stat().st_mtime_ns for path in out.rglob("trial.json")}
    assert len(written) == 2
    main(arguments)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("trial.json")} == written
