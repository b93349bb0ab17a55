"""The cold start on a toy corpus: reading corpora and trials, figures, the rule, and the tables."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from untilclick.rewriter.caution import CAUTIONS
from untilclick.rewriter.data.encoding import EncodedCollection
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT
from untilclick.search.corpora.load import load_collection
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Document, Topic

from benchmarks import bench_cold_start
from benchmarks.bench_cold_start import main, read_trial, reported_split, source_of
from benchmarks.cold_start_table import NDCG, RECALL, Trial, print_figures, print_rule, row_of, verdict_of
from benchmarks.corpora.made import MadeCorpus, write_beir
from benchmarks.untrained_systems import WITH_CONTEXT, SessionMeaning, untrained_rewriter
from tests.fake_encoder import FakeEncoder

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
    sessions = [{"query_id": f"q{i}", "context": ["old teapot"]} for i in range(1, len(SUBJECTS))]
    (tmp_path / "toy" / "rewrites.jsonl").write_text("\n".join(map(json.dumps, sessions)), encoding="utf-8")
    return tmp_path


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """The benchmark encodes documents by a stand-in."""

    def encode(_name, opened, _progress):
        documents = opened.collection.corpus.documents
        return EncodedCollection(EncodedCorpus.of(documents, FakeEncoder(), tmp_path / "vectors"), None)

    monkeypatch.setattr(bench_cold_start, "encode_collection", encode)


def trial(values: dict[str, list[list[float]]], needs: list[int] | None = None, corpus: str = "toy") -> Trial:
    n = len(values["bm25"][0])
    return Trial(corpus, {"engine": "tantivy"}, "dev", 100, needs or list(range(n)), {NDCG: values, RECALL: values})


def ruled(balanced: list[float], cautious: list[float]) -> Trial:
    """A trial of four queries; BM25 has .5 on each and the encoder, the best rival, .6."""
    values = {"bm25": [[0.5] * 4], "encoder": [[0.6] * 4], "balanced both": [balanced], "cautious both": [cautious]}
    return trial(values)


def test_differences_are_of_means_over_seeds_and_shares_are_means_of_the_seeds_shares():
    runs = [[0.9, 0.4, 0.5, 0.5], [0.3, 0.6, 0.5, 0.5]]
    row = row_of(trial({"bm25": [[0.5] * 4], "base": runs}), chosen_here=False)
    base = row.of("base")
    assert base.seeds == pytest.approx((0.575, 0.475))
    assert base.against_bm25.comparison.difference == pytest.approx(0.025)
    assert (base.against_bm25.comparison.wins, base.against_bm25.comparison.losses) == (1, 0)
    assert base.against_bm25.comparison.harmed_share == pytest.approx(0.25)
    assert base.against_bm25.helped_share == pytest.approx(0.25)
    assert row.best_rival == "bm25"
    assert row.of("bm25").against_bm25 is row.of("bm25").against_best is None


def test_queries_of_one_need_are_resampled_together():
    values = {"bm25": [[0.5] * 8], "encoder": [[0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9]]}
    apart, together = (
        row_of(trial(values, needs), chosen_here=False).of("encoder").against_bm25.comparison
        for needs in (list(range(8)), [0, 0, 0, 0, 1, 1, 1, 2])
    )
    assert (apart.n_needs, together.n_needs) == (8, 3)
    assert together.ci95[1] - together.ci95[0] > apart.ci95[1] - apart.ci95[0]


def test_the_rule_wants_the_best_rivals_mean_two_helped_for_one_harmed_and_a_third_of_the_gain():
    verdict = verdict_of(row_of(ruled([0.9, 0.9, 0.4, 0.5], [0.6, 0.6, 0.5, 0.5]), chosen_here=False))
    assert verdict.distance == pytest.approx(0.075)
    assert (verdict.helped, verdict.harmed, verdict.cautious_harmed) == (0.5, 0.25, 0.0)
    assert verdict.kept == pytest.approx(0.05 / 0.175)
    assert verdict.balanced_passes
    assert not verdict.cautious_passes(0.05)  # keeps less than a third
    worse = verdict_of(row_of(ruled([0.9, 0.6, 0.4, 0.4], [0.9, 0.6, 0.4, 0.5]), chosen_here=False))
    assert worse.distance == pytest.approx(-0.025)
    assert not worse.balanced_passes
    assert worse.kept > 1
    assert worse.cautious_passes(0.3)
    assert not worse.cautious_passes(0.25)


def test_without_both_cautions_there_is_no_verdict(capsys):
    row = row_of(trial({"bm25": [[0.5]], "balanced both": [[0.6]]}), chosen_here=False)
    assert verdict_of(row) is None
    print_rule([row], 0.05)
    assert not capsys.readouterr().out


def test_tables_mark_the_corpora_that_mixtures_were_found_on(capsys):
    rows = [row_of(ruled([0.7] * 4, [0.6] * 4), chosen_here=chosen) for chosen in (True, False)]
    print_figures(rows)
    print_rule(rows, 0.05)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("--")] == ["toy*:", "toy:"]
    assert [line.split()[0] for line in lines if line.endswith("kept")] == ["toy*", "toy"]


def test_a_trial_with_other_settings_or_of_another_version_is_refused(tmp_path):
    path = tmp_path / "trial.json"
    finished = trial({"bm25": [[0.5]]})
    path.write_text(json.dumps(asdict(finished)), encoding="utf-8")
    assert read_trial(path, {"engine": "tantivy"}) == finished
    with pytest.raises(SystemExit, match="engine 'tantivy', not 'own'"):
        read_trial(path, {"engine": "own"})
    path.write_text('{"corpus": "toy"}', encoding="utf-8")
    with pytest.raises(SystemExit, match="not a trial of this version"):
        read_trial(path, {})


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


def test_a_toy_run_measures_all_systems_once(folder, vectors, capsys):
    out, report = folder / "out", folder / "report.json"
    arguments = ["--data", str(folder), "--corpora", "toy,perl-faq", "--out", str(out)]
    arguments += ["--base-steps", "1", "--seeds", "2", "--context"]
    main([*arguments, "--json", str(report)])
    output = capsys.readouterr().out
    assert "perl-faq: skipped" in output
    assert "package_corpora perl-faq" in output
    (row,) = json.loads(report.read_text(encoding="utf-8"))
    assert (row["corpus"], row["n_documents"], row["n_queries"], row["n_needs"]) == ("toy", 8, 8, 8)
    figures = {each["system"]: each for each in row["figures"]}
    untrained = [f"{caution} {readings}" for caution in CAUTIONS for readings in ("words", "documents", "both")]
    rivals = ["bm25", "rm3", "spelling", "encoder", "bm25_encoder", *WITH_CONTEXT]
    assert list(figures) == [*rivals, *untrained, "base"]
    assert len(figures["base"]["seeds"]) == 2
    assert 0.0 < figures["bm25"]["ndcg"] <= 1.0
    written = {path: path.stat().st_mtime_ns for path in out.rglob("trial.json")}
    assert len(written) == 1
    main(arguments)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("trial.json")} == written


def test_earlier_queries_are_seen_only_if_asked_for(folder, vectors):
    values = []
    for name, option in (("alone", []), ("sessions", ["--context"])):
        out = folder / name
        main(["--data", str(folder), "--corpora", "toy", "--out", str(out), *option])
        values.append(json.loads((out / "toy" / "trial.json").read_text(encoding="utf-8"))["values"]["nDCG@10"])
    alone, sessions = values
    assert alone["balanced both"] != sessions["balanced both"]
    assert all(alone[name] == sessions[name] for name in ("bm25", "rm3", "encoder", "bm25_encoder"))
    assert sessions["session_concatenation"] != sessions["bm25"]
    assert sessions["session_encoder"] != sessions["encoder"]


def test_the_vector_of_a_session_is_that_of_the_rewriter(folder, tmp_path):
    opened = OpenedCollection.load(str(folder / "toy"))
    opened = opened.with_vectors(EncodedCorpus.of(opened.collection.corpus.documents, FakeEncoder(), tmp_path / "v"))
    typed = TypedTopic(Topic("q", "old kite", {}), "old kite", ("old teapot", "made violin"))
    (rewrite,) = untrained_rewriter(opened, MEANT).rewrite([RewriteRequest(typed.query, typed.history)])
    (searched,) = SessionMeaning(opened.encoded, 1.0)([typed])
    assert searched.documents.scores.nearest(8) == rewrite.documents.scores.nearest(8)


def test_without_an_encoder_the_lexical_systems_are_measured(folder, capsys):
    main(["--data", str(folder), "--corpora", "toy", "--out", str(folder / "out"), "--encoder", "none"])
    output = capsys.readouterr().out
    assert "spelling" in output
    assert "encoder" not in output
    assert "rule" not in output
