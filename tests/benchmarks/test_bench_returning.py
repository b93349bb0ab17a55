"""The benchmark of queries that return, on a toy collection."""

from __future__ import annotations

import json

import numpy as np
import pytest

from untilclick.rewriter.judging import returning
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.corpora.opened import OpenedCollection

from benchmarks import bench_returning
from benchmarks.bench_returning import (
    Outcome,
    main,
    other_sessions,
    ranks_of,
    returning_queries,
    sessions_of,
    summary,
)
from tests.benchmarks.tiny_settings import SET_TINY
from tests.rewriter.toy_learning import toy_documents, toy_topics


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A collection whose lists are short enough for queries to miss documents."""
    monkeypatch.setattr(bench_returning, "SHOWN", 4)
    folder = tmp_path / "toy"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": each.doc_id, "title": each.title, "text": each.text} for each in toy_documents()]
    queries = [{"_id": topic.topic_id, "text": topic.query} for topic in toy_topics()]
    for name, records in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    judged = [f"{topic.topic_id}\t{doc_id}\t1" for topic in toy_topics() for doc_id in topic.relevance]
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged))
    return folder


@pytest.fixture
def opened(folder):
    return OpenedCollection.load(str(folder))


@pytest.fixture
def queries(opened):
    return returning_queries(opened, 8, np.random.default_rng(0))


def test_returning_queries_miss_their_document_and_end_with_a_click_on_it(opened, queries):
    assert ranks_of(queries, opened.engine, None) == (None,) * 8
    assert len({each.doc_id for each in queries}) == 8
    sessions = list(sessions_of(queries, opened.engine))
    assert len(sessions) == len({session.session_id for session in sessions}) == 24
    for number, session in enumerate(sessions):
        typed, found = session.turns
        assert (typed.query, typed.clicks) == (queries[number // 3].query, ())
        assert session.clicked == (queries[number // 3].doc_id,)
        assert found.shown[found.clicks[0].rank - 1] == found.clicks[0].doc_id


def test_each_query_is_that_of_three_visitors(opened, queries):
    found = returning.returning_queries(sessions_of(queries, opened.engine), opened.analysis, SplitKey.of_seed(0))
    assert {each.query for each in queries} <= set(found.queries)


def test_other_sessions_are_of_other_topics_and_name_none(opened, queries):
    others = list(other_sessions(opened, queries, 40, seed=0))
    assert {session.source for session in others} == {"live"}
    assert all(turn.attributes == {} for session in others for turn in session.turns)
    taken = {each.query for each in queries}
    assert taken.isdisjoint(turn.query for session in others for turn in session.turns)


def test_too_few_queries_are_told(opened):
    with pytest.raises(SystemExit, match="of 900 queries miss a document"):
        returning_queries(opened, 900, np.random.default_rng(0))


def test_the_summary_counts_what_came_back_under_every_key():
    ranks = {"as typed": (None, 1, None), "active": (1, 5, 6)}
    other = {"as typed": (None, 1, None), "active": (2, 6, 1)}
    outcomes = [Outcome(key, "v", "learned", "", each) for key, each in enumerate((ranks, other))]
    assert summary(outcomes) == "1 of 3 queries came back among the first 5 under all 2 keys (as typed: 1)"


@pytest.mark.slow
def test_a_version_of_each_key_is_made_activated_and_searched(folder, tmp_path, capsys):
    """The second run reads the outcomes of the first."""
    out, path = tmp_path / "out", tmp_path / "ranks.json"
    arguments = ["--data", str(folder), "--out", str(out), "--queries", "8", "--sessions", "30", "--keys", "1"]
    main([*arguments, *SET_TINY, "--json", str(path)])
    first = path.read_text()
    [outcome] = json.loads(first)["outcomes"]
    assert outcome["ranks"]["as typed"] == [None] * 8
    assert len(outcome["ranks"]["active"]) == 8
    assert json.loads((out / "models-0" / "state.json").read_text())["active"] == outcome["version"]
    assert (out / "models-0" / "split.key").exists()
    printed = capsys.readouterr().out
    assert f"key 0: version {outcome['version']}" in printed
    assert printed.splitlines()[-1].endswith("came back among the first 5 under all 1 keys (as typed: 0)")
    main([*arguments, *SET_TINY, "--json", str(path)])
    assert path.read_text() == first
