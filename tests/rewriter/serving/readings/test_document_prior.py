"""The prominence of documents as a part of a ranking: its values, the documents that change, and the sum."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from untilclick.rewriter.readings import Reading, Readings
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite, WeightedPrior
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior, PresentPrior, prior_of
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import ModelError, UnknownDocumentError
from untilclick.search.records import Document, WeightedQuery

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import DOCUMENTS, ToyEngine

CORPUS = corpus_of(
    "toy",
    [
        Document("a", "os_path", "paths"),
        Document("b", "Spawn_Pool", "see os_path"),
        Document("c", "", "Spawn_Pool and os_path"),
        Document("d", "a_b", "os_path"),
    ],
)
PRIOR = DocumentPrior({"a": 1.0, "b": 0.5}, {"os_path": 1.0, "spawn_pool": 0.5})


def test_the_prior_has_the_documents_that_others_name():
    assert DocumentPrior.of(CORPUS) == PRIOR  # three name a and one b: log 4, log 2
    assert prior_of(CORPUS) is prior_of(replace(CORPUS, source="the same documents"))
    assert not DocumentPrior.of(corpus_of("toy", [Document("a", "os_path", "os_path")]))


def test_titles_that_differ_in_case_have_the_larger_prominence():
    named = [Document("e", "", "os_path, Os_Path"), Document("f", "OS_PATH", ""), Document("g", "", "OS_PATH")]
    documents = [*CORPUS.documents, Document("h", "Os_Path", ""), *named]
    assert DocumentPrior.of(corpus_of("toy", documents)).titles["os_path"] == 1.0
    assert DocumentPrior.of(corpus_of("toy", documents[::-1])).titles["os_path"] == 1.0


def test_a_saved_prior_is_read_back_and_a_damaged_file_is_refused(tmp_path):
    odd = DocumentPrior(
        {"a\nb": 1.0, "c\x00": 0.5}, {"a" * 1000: 1.0, "\ud800": 0.5, **dict.fromkeys(map(str, range(500)), 0.5)}
    )
    for prior in (PRIOR, DocumentPrior(), odd):
        prior.save(tmp_path / "prior.npz")
        assert DocumentPrior.load(tmp_path / "prior.npz") == prior
    assert (tmp_path / "prior.npz").stat().st_size < 20_000  # no title is stored as long as the longest
    (tmp_path / "prior.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"prior\.npz cannot be read"):
        DocumentPrior.load(tmp_path / "prior.npz")


class Changing:
    """An index that knows which documents were put or deleted."""

    def __init__(self, *changed):
        self.is_changed = changed.__contains__


def test_a_changed_document_has_the_value_of_its_title_and_one_that_is_gone_has_none():
    put = {"b": Document("b", "OS_path", ""), "new": Document("new", "Spawn_Pool", ""), "d": Document("d", "x_y", "")}

    calls = []

    def stored(doc_ids):
        calls.append(list(doc_ids))
        if unknown := set(doc_ids) - set(put):
            raise UnknownDocumentError(sorted(unknown)[0])
        return [put[doc_id] for doc_id in doc_ids]

    present = PresentPrior(PRIOR, Changing("b", "new", "d", "gone"))
    assert present.values(["a", "b", "c", "d", "new", "gone"], stored).tolist() == [1.0, 1.0, 0.0, 0.0, 0.5, 0.0]
    calls.clear()
    assert present.values(["new", "a", "b"], stored).tolist() == [0.5, 1.0, 1.0]
    assert calls == [["new", "b"]]
    assert PresentPrior(PRIOR, Changing()).values([], stored).shape == (0,)
    assert len(calls) == 1


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    encoded = EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path_factory.mktemp("vectors"))
    reading = DocumentReading(encoded.cosines(["wait for a lock"])[0], 0.4)
    return SearchedQuery(WeightedQuery.of("wait for a lock"), documents=reading)


def with_prior(searched, weight, **values):
    return replace(searched, prior=WeightedPrior(PresentPrior(DocumentPrior(values), Changing()), weight))


def test_the_prior_is_added_to_the_sum_of_the_readings(searched):
    engine = ToyEngine()
    (plain,), (prior,) = (rank(engine, [each], 20) for each in (searched, with_prior(searched, 0.1, d6=1.0, d8=0.5)))
    scores = dict(plain.retrieved)
    added = {"d6": 0.1, "d8": 0.05}
    assert dict(prior.retrieved) == pytest.approx({each: scores[each] + added.get(each, 0) for each in scores})
    assert [each.score for each in prior.retrieved] == sorted((each.score for each in prior.retrieved), reverse=True)


def test_a_prior_without_weight_or_values_leaves_the_ranking(searched):
    engine = ToyEngine()
    plain = rank(engine, [searched], 5)
    assert rank(engine, [with_prior(searched, 0.0, d1=1.0)], 5) == plain
    assert rank(engine, [with_prior(searched, 0.5)], 5) == plain


def test_the_prior_lists_no_document_that_nothing_else_finds(searched):
    """Documents with negative cosines and no word of the query are no results, however prominent they are."""
    engine = ToyEngine()
    (plain,) = rank(engine, [searched], 20)
    others = {document.doc_id for document in DOCUMENTS} - {entry.doc_id for entry in plain.retrieved}
    assert others
    (prior,) = rank(engine, [with_prior(searched, 1.0, **dict.fromkeys(others, 1.0))], 20)
    assert prior == plain


def test_a_result_that_is_listed_for_its_prominence_says_so(searched):
    engine, k = ToyEngine(), 2
    (whole,) = rank(engine, [searched], 20)
    third = whole.retrieved[2].doc_id
    (plain,), (prior,) = (rank(engine, [each], k) for each in (searched, with_prior(searched, 1.0, **{third: 1.0})))
    assert prior.retrieved[0].doc_id == third
    assert Reading.PROMINENCE in prior.finds.of(third)
    assert prior.finds.of(third) - {Reading.PROMINENCE} == whole.finds.of(third)
    still = prior.retrieved[1].doc_id
    assert prior.finds.of(still) == plain.finds.of(still)


@pytest.mark.parametrize("form", ["blend", "replace"])
@pytest.mark.parametrize("readings", [Readings.AUTO, Readings.BOTH, Readings.DOCUMENTS])
def test_the_prior_goes_with_the_reading_as_documents(form, readings):
    words, prior = WeightedQuery.of("sort"), WeightedPrior(PresentPrior(PRIOR, Changing()), 0.05)
    documents = DocumentsRead(object(), 0.4, words, 0.4, prior)
    rewrite = Rewrite("sort", "sort", (), None, True, Reason.APPLIED, 1.0, words, words, documents=documents)
    searched = SearchedQuery.of(rewrite, form, readings)
    assert (searched.prior, searched.shares.prior) == (prior, 0.05)
    assert math.isclose(sum(searched.shares[:3]), 1)
    assert SearchedQuery.of(rewrite, form, Readings.WORDS).prior is None
