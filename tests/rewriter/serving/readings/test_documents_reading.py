"""Queries with a reading as documents: the ranking of candidates against the sum over all documents."""

import random
from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.serving.readings import ranker
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Corpus, Document, ScoredDoc, WeightedQuery

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import ToyEngine

DRAW = random.Random(5)
WORDS = [f"{first}{second}" for first in ("ba", "ke", "lo", "mu") for second in ("rt", "sk", "nd", "mp", "gs")]
DOCUMENTS = [Document(f"d{i}", "", " ".join(DRAW.choices(WORDS, k=DRAW.randint(3, 12)))) for i in range(60)]
DOCUMENTS += [replace(DOCUMENTS[8], doc_id="twin"), Document("empty", "", "")]
IDS = [document.doc_id for document in DOCUMENTS]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    return EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path_factory.mktemp("vectors"))


def whole_sum(engine, query, scores, share, k):
    """The sum over all documents, without candidates."""
    by_words = dict(engine.search([query], len(IDS))[0])
    words = np.array([by_words.get(doc_id, 0.0) for doc_id in IDS])
    cosines = np.maximum(scores.scores(IDS), 0.0)
    sums = sum(part_share * part / (part.max() or 1.0) for part_share, part in ((1 - share, words), (share, cosines)))
    ranking = sorted(range(len(IDS)), key=lambda i: (-sums[i], i))[:k]
    return [(IDS[i], pytest.approx(sums[i], abs=1e-6)) for i in ranking if sums[i] > 0]


@pytest.mark.parametrize("name", ENGINE_NAMES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_sum_over_candidates_is_the_sum_over_all_documents(name, share, encoded):
    engine = open_engine(name, Corpus("made", tuple(DOCUMENTS), "0" * 16))
    draw = random.Random(2)
    queries = [" ".join(draw.choices([*WORDS, "unknown"], k=draw.randint(1, 4))) for _ in range(25)]
    scores = encoded.cosines(queries)
    searched = [
        SearchedQuery(WeightedQuery.of(query), documents=DocumentReading(each, share))
        for query, each in zip(queries, scores, strict=True)
    ]
    for k in (1, 10, 100):
        rankings = [ranking.retrieved for ranking in rank(engine, searched, k)]
        assert rankings == [
            whole_sum(engine, WeightedQuery.of(query), each, share, k)
            for query, each in zip(queries, scores, strict=True)
        ]


def test_few_candidates_are_divided_by_the_maximum_of_all_documents(encoded, monkeypatch):
    """The best of each reading is a candidate, so that scores do not depend on the number of candidates."""
    engine = ToyEngine(DOCUMENTS)
    query = SearchedQuery.typed("bart kesk lond")
    reading = DocumentReading(encoded.cosines(["bart kesk lond"])[0], 0.5)
    (whole,) = rank(engine, [replace(query, documents=reading)], 60)
    monkeypatch.setattr(ranker, "CANDIDATES", 5)
    (few,) = rank(engine, [replace(query, documents=reading)], 5)
    scores = dict(whole.retrieved)
    assert len(few.retrieved) == 5
    assert all(scores[entry.doc_id] == entry.score for entry in few.retrieved)


class Drawn:
    """Scores by a table; others are 0."""

    def __init__(self, table, ids=IDS):
        self.table, self.ids = table, ids

    def nearest(self, n):
        best = sorted(self.ids, key=lambda doc_id: -self.table.get(doc_id, 0.0))
        return [ScoredDoc(doc_id, self.table.get(doc_id, 0.0)) for doc_id in best[:n]]

    def scores(self, doc_ids):
        return [self.table.get(doc_id, 0.0) for doc_id in doc_ids]

    def in_corpus_order(self, doc_ids):
        return sorted(doc_ids, key=self.ids.index)


def test_ties_stand_in_corpus_order_and_nothing_is_listed_for_nothing():
    engine = ToyEngine(DOCUMENTS)
    unknown = SearchedQuery(
        WeightedQuery.of("unknown"), documents=DocumentReading(Drawn({"d9": 0.5, "d3": 0.5}), 0.5)
    )
    against = replace(unknown, documents=DocumentReading(Drawn({"d9": -0.5}), 0.5))
    (tied,), (nothing,) = (rank(engine, [query], 10) for query in (unknown, against))
    assert tied.retrieved == [("d3", 0.5), ("d9", 0.5)]
    assert nothing.retrieved == []


def test_queries_with_and_without_the_reading_stand_beside_each_other(encoded):
    engine = ToyEngine(DOCUMENTS)
    plain = SearchedQuery.typed("bart kesk")
    both = replace(plain, documents=DocumentReading(encoded.cosines(["bart kesk"])[0], 0.5))
    mixed = rank(engine, [plain, both, plain], 10, titled=[[], ["d5"], []])
    assert mixed == [
        *rank(engine, [plain], 10),
        *rank(engine, [both], 10, titled=[["d5"]]),
        *rank(engine, [plain], 10),
    ]
    assert mixed[0].retrieved == engine.search([plain.query], 10)[0] != mixed[1].retrieved
    assert mixed[1].shown[0].doc_id == "d5"


def found_by(query, engine):
    """Document -> the readings that found it, as words."""
    (ranking,) = rank(engine, [query], len(IDS))
    return {entry.doc_id: sorted(ranking.finds.of(entry.doc_id)) for entry in ranking.retrieved}


def test_a_ranking_says_which_reading_found_a_document(monkeypatch):
    """Words find the documents that have one, and the other reading those that it takes for the nearest."""
    monkeypatch.setattr(ranker, "CANDIDATES", 5)
    documents = [Document(f"d{i}", "", "bart" if i < 3 else "kesk") for i in range(9)]
    engine = ToyEngine(documents)
    scores = Drawn({"d2": 0.9, "d5": 0.5, "d8": -0.4}, [document.doc_id for document in documents])
    query = SearchedQuery(WeightedQuery.of("bart"), documents=DocumentReading(scores, 0.5))
    both, words, likeness = ["documents", "words"], ["words"], ["documents"]
    assert found_by(query, engine) == {"d2": both, "d0": words, "d1": words, "d5": likeness}
    alone = replace(query, documents=DocumentReading(scores, 1.0))
    assert found_by(alone, engine) == {"d2": likeness, "d5": likeness}
    weightless = replace(query, documents=DocumentReading(scores, 0.0))
    assert found_by(weightless, engine) == {"d0": words, "d1": words, "d2": words}
    (titled,) = rank(engine, [query], 2, titled=[["d1"]])
    assert titled.shown[0].doc_id == "d1"
    assert titled.finds.of("d1") == {"words"}


def test_a_part_without_weight_is_not_asked(encoded):
    """The time of an encoder alone shall not hold that of a search by words."""

    class Watched(ToyEngine):
        asked = ()

        def search(self, queries, k):
            Watched.asked = queries
            return super().search(queries, k)

    query = SearchedQuery.typed("bart")
    rank(Watched(DOCUMENTS), [replace(query, documents=DocumentReading(encoded.cosines(["bart"])[0], 1.0))], 5)
    assert [each.clauses for each in Watched.asked] == [()]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        DocumentReading(Drawn({}), share)


def test_a_document_that_is_deleted_between_search_and_scores_is_left_out(encoded):
    """The words no longer know a document whose vector is still there."""
    gone = {"d3", "d8"}
    engine = open_engine("tantivy", Corpus("made", tuple(each for each in DOCUMENTS if each.doc_id not in gone), "0"))
    query = DOCUMENTS[8].text
    (scores,) = encoded.cosines([query])
    searched = SearchedQuery(WeightedQuery.of(query), documents=DocumentReading(scores, 0.5))
    (ranking,) = rank(engine, [searched], len(IDS))
    found = {entry.doc_id for entry in ranking.retrieved}
    assert "twin" in found
    assert not found & gone


def test_a_document_is_found_by_the_readings_that_alone_would_list_it():
    engine = ToyEngine([Document("d0", "", "bart bart"), Document("d1", "", "bart kesk"), Document("d2", "", "lond")])

    class Three(Drawn):
        def nearest(self, n):
            return [ScoredDoc(doc_id, score) for doc_id, score in self.table.items()][:n]

    scores = Three({"d2": 0.9, "d1": 0.8, "d0": 0.1})
    query = replace(SearchedQuery.typed("bart"), documents=DocumentReading(scores, 0.5))
    found = {k: rank(engine, [query], k)[0].finds for k in (1, 2)}
    assert [sorted(found[2].of(doc_id)) for doc_id in ("d0", "d1", "d2")] == [
        ["words"],
        ["documents", "words"],
        ["documents"],
    ]
    assert sorted(found[1].of("d1")) == ["documents", "words"]  # neither lists it first, their sum does
    (alone,) = rank(engine, [SearchedQuery.typed("bart")], 2)
    assert alone.finds.of("d0") == {"words"}
