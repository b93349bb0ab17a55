"""A whole evaluation of the toy corpus; every written file is read back."""

import dataclasses
import json

import ir_measures
import pytest

from untilclick.rewriter.evaluation.baselines.feedback import Rm3
from untilclick.rewriter.evaluation.baselines.simple import Bm25, Oracle
from untilclick.rewriter.evaluation.comparisons import COMPARED
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig, evaluate_systems, main
from untilclick.rewriter.evaluation.results import read_results, write_results
from untilclick.rewriter.evaluation.systems import SystemWithEngine, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Document, Topic, WeightedQuery

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import DOCUMENTS, TOPICS, ToyEngine, opened_toy, toy_collection

ENGINE = ToyEngine()


class AddsOneWord:
    """A stand-in for a learned system: knows one good word."""

    def __call__(self, topics):
        return [SearchedQuery(WeightedQuery(((topic.query, 0.7), ("timezone pool", 0.3)))) for topic in topics]


@pytest.fixture
def config(tmp_path):
    return EvaluateConfig(data="toy", split="dev", engine="toy", out=tmp_path, resamples=199, seed=7)


@pytest.fixture
def results(config):
    systems = {
        "bm25": Bm25(),
        "rm3": Rm3(ENGINE),
        "warm_start": Bm25(),
        "ppo": AddsOneWord(),
        "oracle": Oracle(ENGINE, ENGINE.index),
    }
    return evaluate_systems(ENGINE, typed_queries(toy_collection(), "dev", 7), systems, config)


def test_results_file_has_the_fields_of_the_contract(results, config):
    content = json.loads(write_results(config.out, results).read_text())
    assert {"data", "split", "engine", "seed", "n_topics", "n_needs", "systems", "comparisons"} <= set(content)
    assert (content["data"], content["split"], content["engine"], content["seed"], content["n_topics"]) == (
        "toy",
        "dev",
        "toy",
        7,
        5,
    )
    assert set(content["systems"]["ppo"]) == {"nDCG@10", "RR@10", "R@100", "Success@10"}
    assert set(content["comparisons"][0]) == {
        "a", "b", "measure", "difference", "ci95", "p", "wins", "losses", "harmed_share", "n",
        "n_needs", "harmed_ci95",
    }  # fmt: skip


def test_results_survive_writing_and_reading(results, config):
    write_results(config.out, results)
    again = read_results(config.out)
    assert again.comparisons == results.comparisons
    assert again.topics == results.topics
    assert again.harm == results.harm != ()
    assert {n: f.means for n, f in again.figures.items()} == {n: f.means for n, f in results.figures.items()}


def test_comparisons_are_those_of_the_systems_present_on_three_measures(results):
    pairs = {(comparison.a, comparison.b) for comparison in results.comparisons}
    assert pairs == {
        ("ppo", "bm25"),
        ("ppo", "rm3"),
        ("ppo", "warm_start"),
        ("warm_start", "bm25"),
        ("warm_start", "rm3"),
        ("rm3", "bm25"),
    }
    assert {comparison.measure for comparison in results.comparisons} == {"nDCG@10", "RR@10", "R@100"}


def test_differences_are_differences_of_the_reported_means(results):
    for comparison in results.comparisons:
        means = [results.figures[name].means[comparison.measure] for name in (comparison.a, comparison.b)]
        assert comparison.difference == pytest.approx(means[0] - means[1])


def test_equal_systems_differ_by_nothing(results):
    same = results.comparison("warm_start", "bm25", "nDCG@10")
    assert (same.difference, same.p, same.wins, same.losses, same.ci95) == (0.0, 1.0, 0, 0, (0.0, 0.0))


def test_queries_that_find_nothing_are_counted_and_stay_in_the_mean(results):
    """`opne` is in no document."""
    assert results.figures["bm25"].n_empty == 1
    assert results.figures["ppo"].n_empty == 0
    by_topic = [row.outcomes["bm25"].values["nDCG@10"] for row in results.topics]
    assert by_topic[4] == 0.0
    assert results.figures["bm25"].means["nDCG@10"] == pytest.approx(sum(by_topic) / 5)


def test_ir_measures_reproduces_every_mean_from_the_run_files(results, config):
    qrels = list(ir_measures.read_trec_qrels(str(config.out / "runs" / "qrels.txt")))
    for name, figures in results.figures.items():
        run = list(ir_measures.read_trec_run(str(config.out / "runs" / f"{name}.txt")))
        means = ir_measures.calc_aggregate([ir_measures.nDCG @ 10, ir_measures.R @ 100], qrels, run)
        assert {str(m): v for m, v in means.items()} == pytest.approx(
            {m: figures.means[m] for m in ("nDCG@10", "R@100")}
        )


def test_the_same_seed_writes_the_same_bytes(results, config, tmp_path):
    again = evaluate_systems(
        ENGINE, typed_queries(toy_collection(), "dev", 7), {"bm25": Bm25(), "ppo": AddsOneWord()}, config
    )
    other = evaluate_systems(
        ENGINE, typed_queries(toy_collection(), "dev", 7), {"bm25": Bm25(), "ppo": AddsOneWord()}, config
    )
    assert again.comparisons == other.comparisons
    assert again.topics == other.topics


def test_the_oracle_is_never_called_best(results):
    assert "oracle" not in {name for best in results.best_systems().values() for name in best}


@pytest.mark.parametrize(("context", "seen"), [(True, ("pool",)), (False, ())])
def test_systems_see_the_history_unless_it_is_switched_off(config, context, seen):
    class Watching(Bm25):
        history = ()

        def __call__(self, topics):
            Watching.history = topics[0].history
            return super().__call__(topics)

    topics = {"dev": (dataclasses.replace(TOPICS[2], history=("pool",)),)}
    opened = opened_toy(ENGINE, topics=topics)
    settings = dataclasses.replace(config, sessions=0, oracle=False, context=context)
    main(settings, lambda _: {"ppo": Watching()}, opened)
    assert Watching.history == seen
    assert ("session_concatenation" in read_results(config.out).figures) == context


def test_an_exact_title_comes_first_for_every_system_and_one_row_shows_bm25_without_the_step(config):
    """BM25 prefers a document that says `sort` in title and text."""
    heaps = Document("d9", "Sort", "a heap queue keeps the smallest first, push and pop in order")
    engine = ToyEngine([*DOCUMENTS[:9], heaps])
    topics = [TypedTopic(Topic("t0", "sort", {"d9": 1}), "SORT"), TypedTopic(TOPICS[1], "timestamp")]
    systems = {"bm25": Bm25(), "ppo": AddsOneWord(), "oracle": Oracle(engine, engine.index)}
    results = evaluate_systems(engine, topics, systems, config)
    assert engine.search([WeightedQuery.of("SORT")], 1)[0][0].doc_id == "d0"
    means = {name: figures.means["RR@10"] for name, figures in results.figures.items()}
    first = {name: outcome.titles[0] for name, outcome in results.topics[0].outcomes.items()}
    assert list(means) == [*systems, "bm25_engine_order"]
    assert first == {**dict.fromkeys(systems, "Sort"), "bm25_engine_order": "Sorting lists"}
    assert means["bm25"] - means["bm25_engine_order"] == 0.25
    assert results.topics[1].outcomes["bm25"] == results.topics[1].outcomes["bm25_engine_order"]
    assert results.comparison("bm25", "bm25_engine_order", "RR@10").difference == 0.25
    assert results.settings["queries that are a title"] == "1"
    assert "bm25_engine_order" not in set().union(*results.best_systems().values())


def test_exact_titles_can_be_switched_off(config):
    topics = [TypedTopic(Topic("t0", "threads", {"d6": 1}), "threads")]
    plain = evaluate_systems(ENGINE, topics, {"bm25": Bm25()}, dataclasses.replace(config, exact_titles=False))
    assert list(plain.figures) == ["bm25"]
    assert list(evaluate_systems(ENGINE, topics, {"bm25": Bm25()}, config).figures) == ["bm25", "bm25_engine_order"]


def test_a_system_with_an_engine_of_its_own_is_searched_there(config):
    """The engine holds one document only, so that everything finds it or nothing."""
    small = ToyEngine([DOCUMENTS[7]])
    systems = {"bm25": Bm25(), "bm25_tuned": SystemWithEngine(Bm25(), small, "one document")}
    results = evaluate_systems(ENGINE, typed_queries(toy_collection(), "dev", 7), systems, config)
    assert [row.outcomes["bm25_tuned"].titles for row in results.topics] == [(), (), ("Processes",), (), ()]
    assert results.settings["bm25_tuned"] == "one document"


def test_the_stage_brings_baselines_and_sessions_and_writes_everything(config):
    opened = opened_toy(ENGINE)
    path = main(dataclasses.replace(config, sessions=30), lambda _: {"ppo": AddsOneWord()}, opened)
    assert path == config.out / "results.json"
    results = read_results(config.out)
    baselines = ["bm25", "rm3", "spelling", "rocchio", "association", "bm25_tuned"]
    assert list(results.figures) == [*baselines, "oracle", "ppo"]
    assert set(results.sessions.figures) == {*baselines, "ppo"}
    assert results.sessions.figures["bm25"].sessions == 30
    assert results.settings["corpus fingerprint"] == "0" * 16
    assert results.settings["rm3"].startswith("Rm3Settings(n_terms=")
    assert results.settings["bm25_tuned"].startswith("Bm25Parameters(k1=")
    assert {(comparison.a, comparison.b) for comparison in results.comparisons} == {
        pair for pair in COMPARED if set(pair) <= {"ppo", *baselines}
    }
    assert not any(str(config.out) in value for value in results.settings.values())
    assert {comparison.b for comparison in results.sessions.comparisons} == {"bm25"}
    assert {file.name for file in (config.out / "runs").iterdir()} == {
        "qrels.txt", "oracle.txt", "ppo.txt", *(f"{name}.txt" for name in baselines),
    }  # fmt: skip
    assert results.figures["oracle"].means["nDCG@10"] >= results.figures["bm25"].means["nDCG@10"]


def test_an_encoder_adds_its_rows_and_leaves_all_other_figures_as_they_were(config, tmp_path):
    """The same random numbers, too: its pairs are tested after all others."""
    opened = opened_toy(ENGINE)
    options = dataclasses.replace(config, sessions=20)
    without = read_results(main(options, lambda _: {"ppo": AddsOneWord()}, opened).parent)
    encoder = FakeEncoder()
    encoded = EncodedCorpus.of(DOCUMENTS, encoder, tmp_path / "vectors")
    results = read_results(main(options, lambda _: {"ppo": AddsOneWord()}, opened.with_vectors(encoded)).parent)
    assert list(results.figures)[:5] == ["bm25", "rm3", "spelling", "encoder", "bm25_encoder"]
    assert results.encoder == encoder.card != without.encoder
    assert results.comparisons[: len(without.comparisons)] == without.comparisons
    pairs = {(each.a, each.b) for each in results.comparisons[len(without.comparisons) :]}
    assert {("ppo", "encoder"), ("ppo", "bm25_encoder"), ("bm25_encoder", "bm25")} <= pairs
    for row, before in zip(results.topics, without.topics, strict=True):
        assert {name: row.outcomes[name] for name in before.outcomes} == before.outcomes
    assert results.sessions.figures["bm25"] == without.sessions.figures["bm25"]
    assert results.sessions.figures["encoder"].sessions == 20
    assert {each.against for each in results.harm} >= {"bm25"}
    assert ("ppo", "bm25") in {(each.system, each.against) for each in results.harm}


def test_harm_is_that_of_the_comparisons(results):
    for each in results.harm:
        if comparison := results.comparison(each.system, each.against, "nDCG@10"):
            assert each.harmed_share == comparison.harmed_share
            assert each.helped_share <= comparison.wins / comparison.n
    assert {each.system for each in results.harm} == {"bm25", "rm3", "warm_start", "ppo"} - (
        {"bm25"} if len({each.against for each in results.harm}) == 1 else set()
    )


def test_sessions_and_oracle_can_be_left_out(config):
    opened = opened_toy(ENGINE)
    main(dataclasses.replace(config, sessions=0, oracle=False), lambda _: {}, opened)
    results = read_results(config.out)
    assert results.sessions is None
    assert "oracle" not in results.figures


def test_the_further_baselines_can_be_left_out(config):
    opened = opened_toy(ENGINE)
    main(dataclasses.replace(config, sessions=0, oracle=False, more_baselines=False), lambda _: {}, opened)
    assert list(read_results(config.out).figures) == ["bm25", "rm3", "spelling"]


def test_nothing_is_learned_from_the_topics_that_are_reported(config):
    opened = opened_toy(ENGINE)
    main(dataclasses.replace(config, split="train", sessions=0, oracle=False), lambda _: {}, opened)
    assert list(read_results(config.out).figures) == ["bm25", "rm3", "spelling", "rocchio"]


def test_topics_whose_need_is_also_trained_on_are_counted_apart(config):
    """Of five held-out topics, two want what a training topic wants."""
    opened = opened_toy(ENGINE)
    dev = opened.collection.topics["dev"]
    trained = [dataclasses.replace(topic, topic_id=f"other {topic.topic_id}", query="other") for topic in dev[:2]]
    collection = dataclasses.replace(opened.collection, topics={"train": tuple(trained), "dev": dev})
    options = dataclasses.replace(config, sessions=0, oracle=False, more_baselines=False)
    main(options, lambda _: {}, opened.with_topics(collection))
    results = read_results(config.out)
    assert results.new_needs.n_topics == 3
    values = [row.outcomes["bm25"].values["nDCG@10"] for row in results.topics[2:]]
    assert results.new_needs.means["bm25"] == pytest.approx(sum(values) / 3)
    alone = dataclasses.replace(collection, topics={"dev": dev})
    main(options, lambda _: {}, opened.with_topics(alone))
    assert read_results(config.out).new_needs is None


@pytest.mark.parametrize("split", ["dev", "train"])
def test_topics_of_another_collection_are_reported_and_choose_no_parameter(config, tmp_path, split):
    """Baselines that need training topics have those of the collection, also if the folder's are `train`."""
    folder = tmp_path / "other"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "how long is a list"}\n')
    judgments = f"query-id\tcorpus-id\tscore\nq1\t{DOCUMENTS[0].doc_id}\t1\nq1\tmissing\t1\n"
    (folder / "qrels" / f"{split}.tsv").write_text(judgments)
    settings = dataclasses.replace(config, split=split, topics=folder, sessions=10, oracle=False)
    main(settings, lambda _: {"ppo": AddsOneWord()}, opened_toy(ENGINE))
    results = read_results(config.out)
    assert results.n_topics == 1
    assert {"bm25", "rm3", "association", "ppo"} <= set(results.figures)
    assert results.settings["topics"] == str(folder)
    assert results.lay is None


def test_settings_without_other_topics_are_written_as_before(config):
    assert " topics=" not in repr(config)
