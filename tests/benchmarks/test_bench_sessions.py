"""Histories of sessions and conversations, folds by need, and a whole run of the benchmark."""

from __future__ import annotations

import json

import numpy as np
import pytest

from untilclick.search.corpora.load import load_collection

from benchmarks.bench_sessions import folds, main
from benchmarks.session_topics import histories, needs, read_lines, with_histories
from tests.rewriter.toy_learning import toy_documents, toy_topics

QUERIES = [
    {"_id": "1-1", "text": "oven", "metadata": {"session": "1", "topic": "a"}},
    {"_id": "2-1", "text": "moon", "metadata": {"session": "2", "topic": "a"}},
    {"_id": "1-current", "text": "oven dough", "metadata": {"session": "1", "topic": "a"}},
    {"_id": "1-9", "text": "dough", "metadata": {"session": "1", "topic": "a"}},
]


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """A collection of sessions with two queries each, whose decisive word is in the first query."""
    folder = tmp_path / "sessions"
    documents = [{"_id": each.doc_id, "title": each.title, "text": each.text} for each in toy_documents()]
    write_lines(folder / "corpus.jsonl", documents)
    topics, queries, judged = toy_topics()[::3], [], []
    for i, topic in enumerate(topics):
        for step, text in enumerate((topic.topic_id.split("-")[1], topic.query)):
            metadata = {"session": str(i), "topic": f"need {i // 2}"}
            queries.append({"_id": f"{i}-{step}", "text": text, "metadata": metadata})
            judged += [f"{i}-{step}\t{doc_id}\t{grade}" for doc_id, grade in topic.relevance.items()]
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels").mkdir()
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged), encoding="utf-8")
    return folder


def test_a_history_has_the_earlier_queries_of_the_session_in_their_order(tmp_path):
    assert histories(tmp_path, QUERIES) == {
        "1-1": (),
        "2-1": (),
        "1-current": ("oven",),
        "1-9": ("oven", "oven dough"),
    }


def test_the_history_of_a_conversation_is_read_from_its_file(tmp_path):
    write_lines(tmp_path / "rewrites.jsonl", [{"query_id": "1-9", "context": ["moon", "star"]}])
    assert histories(tmp_path, QUERIES) == {"1-9": ("moon", "star")}


def test_the_written_collection_loads_with_histories(folder, tmp_path):
    collection = load_collection(str(with_histories(folder, tmp_path / "out")))
    topics = {topic.topic_id: topic for topic in collection.topics["train"]}
    assert topics["0-0"].history == ()
    assert topics["0-1"].history == (topics["0-0"].query,)
    assert len(collection.corpus.documents) == len(toy_documents())


def test_a_need_is_named_by_the_topic_or_else_by_the_id_without_the_turn(tmp_path):
    write_lines(tmp_path / "queries.jsonl", [*QUERIES, {"_id": "2021-106-3", "text": "why"}])
    assert needs(tmp_path) == {**{str(query["_id"]): "a" for query in QUERIES}, "2021-106-3": "2021-106"}


def test_folds_keep_a_need_together_and_have_every_query_once():
    groups = np.arange(30) % 7
    parts = folds(groups, 3)
    assert sorted(i for part in parts for i in part) == list(range(30))
    assert sum(len({groups[i] for i in part}) for part in parts) == 7


def test_context_helps_if_the_decisive_word_was_typed_first(folder, tmp_path, capsys):
    path = tmp_path / "outcomes.json"
    options = ["--seeds", "1", "--steps", "5", "--encoder", "none", "--json", str(path)]
    main(["--data", str(folder), str(tmp_path / "none"), *options])
    default, chosen = json.loads(path.read_text())
    assert (default["setting"], chosen["setting"]) == ("default", "folds")
    assert default["n_queries"] == 2 * default["n_later"] == len(read_lines(folder / "queries.jsonl"))
    for outcome in (default, chosen):
        assert outcome["later_means"]["rewriter"] > outcome["later_means"]["rewriter alone"]
        assert set(outcome["means"]) == {"bm25", "rm3", "concatenation", "rewriter", "rewriter alone"}
    output = capsys.readouterr()
    assert "later rewriter - rewriter alone" in output.out
    assert "none is left out" in output.err


def test_with_an_encoder_the_rivals_read_the_vector_of_the_session(folder, tmp_path, tiny_encoder, capsys):
    path = tmp_path / "outcomes.json"
    options = ["--seeds", "1", "--steps", "1", "--encoder", str(tiny_encoder.folder), "--json", str(path)]
    main(["--data", str(folder), *options])
    for outcome in json.loads(path.read_text()):
        assert {"encoder", "half and half", "fixed mix", "untrained"} <= set(outcome["means"])
        assert ["rewriter", "untrained"] in [[pair["a"], pair["b"]] for pair in outcome["comparisons"]]
    assert "later rewriter - fixed mix" in capsys.readouterr().out
