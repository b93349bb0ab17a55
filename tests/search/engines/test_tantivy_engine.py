"""The engine over tantivy: its formula, and its index on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import tantivy_index
from untilclick.search.engines.bm25 import weight_matrix
from untilclick.search.engines.tantivy_engine import K1, B, TantivyEngine
from untilclick.search.engines.tantivy_index import index_name
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document, WeightedQuery
from untilclick.search.text.term_index import TermIndex

terms = english().terms


def random_text_corpus() -> Corpus:
    """Lengths from 0 to some thousand words, so that stored lengths are rounded."""
    rng = np.random.default_rng(3)
    texts = (
        " ".join(f"w{min(i, 400)}q" for i in rng.zipf(1.4, size=int(rng.integers(0, 10) ** 3 * 3)))
        for _ in range(120)
    )
    return corpus_of("random", (Document(f"d{i}", f"w{i}q", text) for i, text in enumerate(texts)))


@pytest.mark.parametrize("queries", [("warm water cat", "minutes the minutes tea", "bake")])
def test_scores_are_those_of_the_formula_on_the_toy_corpus(toy_corpus, queries):
    check_scores(toy_corpus, queries)


def test_scores_are_those_of_the_formula_on_random_text():
    check_scores(random_text_corpus(), [f"w{i}q w{2 * i}q w{3 * i}q w{i}q" for i in range(1, 25)])


def check_scores(corpus: Corpus, queries):
    """Every score of every document, against the matrix of BM25 weights with the lengths that one byte can hold."""
    index = TermIndex.build(corpus)
    weights = weight_matrix(index, K1, B, quantise=True) * (K1 + 1)
    engine = TantivyEngine.open(corpus)
    for text in queries:
        rows = [index.term_ids[term] for term in terms(text) if term in index.term_ids]
        expected = weights[rows].sum(axis=0)
        by_id = dict(engine.search([WeightedQuery.of(text)], len(corpus.documents))[0])
        scores = np.array([by_id.get(doc_id, 0.0) for doc_id in index.doc_ids])
        assert scores == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_an_index_on_disk_is_built_once_and_reused(toy_corpus, tmp_path, monkeypatch):
    built = TantivyEngine.open(toy_corpus, tmp_path)
    monkeypatch.setattr(tantivy_index, "_build_at", None)
    reused = TantivyEngine.open(toy_corpus, tmp_path)
    query = WeightedQuery.of("warm water")
    assert reused.search([query], 5) == built.search([query], 5) == TantivyEngine.open(toy_corpus).search([query], 5)
    assert reused.documents(["tea"]) == built.documents(["tea"])
    assert [path.name for path in tmp_path.iterdir()] == [index_name(toy_corpus.fingerprint, english())]


def test_another_corpus_or_schema_has_an_index_of_its_own(toy_corpus, tmp_path, monkeypatch):
    other = corpus_of("toy", toy_corpus.documents[:5])
    TantivyEngine.open(toy_corpus, tmp_path)
    engine = TantivyEngine.open(other, tmp_path)
    assert engine.search([WeightedQuery.of("moon")], 5) == [[]]
    monkeypatch.setattr(tantivy_index, "SCHEMA_VERSION", 999)
    TantivyEngine.open(toy_corpus, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_interrupted_build_leaves_nothing_to_be_mistaken_for_an_index(toy_corpus, tmp_path, monkeypatch):
    def interrupted(index, documents, analysis):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tantivy_index, "_filled", interrupted)
        with pytest.raises(KeyboardInterrupt):
            TantivyEngine.open(toy_corpus, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert TantivyEngine.open(toy_corpus, tmp_path).search([WeightedQuery.of("moon")], 1)[0]


def test_an_index_that_another_process_finished_first_is_used(toy_corpus, tmp_path, monkeypatch):
    fill = tantivy_index._filled

    def overtaken(index, documents, analysis):
        with monkeypatch.context() as patch:
            patch.setattr(tantivy_index, "_filled", fill)
            TantivyEngine.open(toy_corpus, tmp_path)
        return fill(index, documents, analysis)

    with monkeypatch.context() as patch:
        patch.setattr(tantivy_index, "_filled", overtaken)
        engine = TantivyEngine.open(toy_corpus, tmp_path)
    assert engine.search([WeightedQuery.of("moon")], 1)[0]
    assert [path.name for path in tmp_path.iterdir()] == [index_name(toy_corpus.fingerprint, english())]


def test_a_damaged_index_names_the_folder_and_the_remedy(toy_corpus, tmp_path):
    (tmp_path / index_name(toy_corpus.fingerprint, english())).mkdir()
    with pytest.raises(EngineError, match=r"the index cannot be built or opened .*Delete the folder"):
        TantivyEngine.open(toy_corpus, tmp_path)


def test_a_directory_that_is_a_file_is_reported(toy_corpus, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="cannot be built or opened"):
        TantivyEngine.open(toy_corpus, tmp_path / "file")


def shuffled(index, placed, analysis):
    """Fill an index in another order than that of the corpus, in several segments."""
    tantivy_index._register(index)
    writer = index.writer(heap_size=16 * 2**20, num_threads=1)
    in_order = dict(placed)
    half = len(in_order) // 2
    for position in [*range(half, len(in_order)), *range(half)]:
        terms = analysis.document(in_order[position].content)
        writer.add_document(tantivy_index.as_tantivy(in_order[position], position, terms))
        if position % 10 == 0:
            writer.commit()
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def test_given_documents_have_exactly_the_scores_of_a_search(monkeypatch):
    """A sum of many clauses has another last bit if they are added up in another order. Clauses of stop words are in
    a field of their own. tantivy's union jumps over whole buffers of 4,096 documents if none of them is asked for."""
    rng = np.random.default_rng(5)
    words = [f"w{i}q" for i in range(400)]
    shares = 1.0 / np.arange(1, len(words) + 1)
    drawn = (rng.choice(words, size=rng.integers(1, 16), p=shares / shares.sum()) for _ in range(8500))
    texts = (" ".join(of_document) + " the" * int(rng.integers(2)) for of_document in drawn)
    corpus = corpus_of("clauses", (Document(f"d{i}", "", text) for i, text in enumerate(texts)))
    in_order = TantivyEngine.open(corpus)
    monkeypatch.setattr(tantivy_index, "_filled", shuffled)
    small = corpus_of("clauses", corpus.documents[:300])
    for engine, documents in ((in_order, corpus.documents), (TantivyEngine.open(small), small.documents)):
        for texts in (*rng.choice(words[50:], (3, 150)).tolist(), ["the who"], ["w3q"]):
            query = WeightedQuery(tuple((text, 10.0 ** rng.uniform(-3, 1)) for text in texts))
            expected = dict(engine.search([query], len(documents))[0])
            assert 0 < len(expected) < len(documents)
            asked = [document.doc_id for document in rng.permutation(documents[-300:])]
            assert engine.scores([query], [asked]) == [[expected.get(doc_id, 0.0) for doc_id in asked]]
            first = engine.search([query], 5)[0]
            assert engine.scores([query], [[entry.doc_id for entry in first]]) == [[entry.score for entry in first]]


def test_documents_that_lie_out_of_order_in_the_index_still_tie_in_corpus_order(monkeypatch):
    """Such an order arises when segments are merged or documents are replaced."""
    corpus = corpus_of("ties", (Document(f"d{i}", "", "equal words") for i in range(50)))
    monkeypatch.setattr(tantivy_index, "_filled", shuffled)
    engine = TantivyEngine.open(corpus)
    for k in (1, 7, 50):
        ranking = engine.search([WeightedQuery.of("equal")], k)[0]
        assert [entry.doc_id for entry in ranking] == [f"d{i}" for i in range(k)]
    assert engine.rank_of(WeightedQuery.of("equal"), ["d0", "d30"]) == {"d0": 1, "d30": 31}
