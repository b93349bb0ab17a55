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
    assert [path.name for path in tmp_path.iterdir()] == [index_name(toy_corpus, english())]


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
    assert [path.name for path in tmp_path.iterdir()] == [index_name(toy_corpus, english())]


def test_a_damaged_index_names_the_folder_and_the_remedy(toy_corpus, tmp_path):
    (tmp_path / index_name(toy_corpus, english())).mkdir()
    with pytest.raises(EngineError, match=r"the index cannot be built or opened .*Delete the folder"):
        TantivyEngine.open(toy_corpus, tmp_path)


def test_a_directory_that_is_a_file_is_reported(toy_corpus, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="cannot be built or opened"):
        TantivyEngine.open(toy_corpus, tmp_path / "file")


def test_documents_that_lie_out_of_order_in_the_index_still_tie_in_corpus_order(toy_corpus, monkeypatch):
    """Such an order arises when segments are merged or documents are replaced."""
    corpus = corpus_of("ties", (Document(f"d{i}", "", "equal words") for i in range(50)))
    order = [*range(25, 50), *range(25)]

    def shuffled(index, documents, analysis):
        tantivy_index._register(index)
        writer = index.writer(heap_size=16 * 2**20, num_threads=1)
        in_order = list(documents)
        for position in order:
            writer.add_document(tantivy_index.as_tantivy(in_order[position], position, analysis))
            if position % 10 == 0:
                writer.commit()
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index

    monkeypatch.setattr(tantivy_index, "_filled", shuffled)
    engine = TantivyEngine.open(corpus)
    for k in (1, 7, 50):
        ranking = engine.search([WeightedQuery.of("equal")], k)[0]
        assert [entry.doc_id for entry in ranking] == [f"d{i}" for i in range(k)]
    assert engine.rank_of(WeightedQuery.of("equal"), ["d0", "d30"]) == {"d0": 1, "d30": 31}


def ids(engine, text, k=10):
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(text)], k)[0]]


def test_a_changed_document_is_searchable_at_once(toy_corpus, tmp_path):
    engine = TantivyEngine.open_live(toy_corpus, tmp_path)
    engine.feedback_terms(WeightedQuery.of("moon"), 3)
    engine.put(Document("moon", "The moon", "Craters everywhere."))
    engine.put(Document("new", "", "A comet and its tail."))
    assert ids(engine, "comet") == ["new"]
    assert ids(engine, "craters") == ["moon"]
    assert ids(engine, "tides") == []
    assert engine.documents(["new", "moon"])[0].text == "A comet and its tail."
    assert "craters" in dict(engine.feedback_terms(WeightedQuery.of("moon"), 5))
    engine.delete("new")
    engine.delete("cat")
    assert ids(engine, "comet cat") == ["dog"]
    with pytest.raises(EngineError, match="No document 'cat'"):
        engine.delete("cat")


def test_changes_outlive_the_process_and_leave_the_index_of_the_corpus_alone(toy_corpus, tmp_path):
    live = TantivyEngine.open_live(toy_corpus, tmp_path)
    live.put(Document("new", "", "A comet and its tail."))
    live.delete("cat")
    again = TantivyEngine.open_live(toy_corpus, tmp_path)
    assert ids(again, "comet") == ["new"]
    assert ids(again, "sleeping cat") == ["dog"]
    assert ids(TantivyEngine.open(toy_corpus, tmp_path), "comet sleeping") == ["cat"]


def test_an_index_of_one_corpus_refuses_changes(toy_corpus, tmp_path):
    engine = TantivyEngine.open(toy_corpus, tmp_path)
    with pytest.raises(EngineError, match=r"documents of this index cannot change\. Open it with open_live"):
        engine.put(Document("new", "", "text"))


def test_another_engine_on_the_same_folder_sees_changes_after_a_refresh(toy_corpus, tmp_path):
    first, second = (TantivyEngine.open_live(toy_corpus, tmp_path) for _ in range(2))
    assert not second.refresh()
    first.put(Document("new", "", "A comet and its tail."))
    assert second.refresh()
    assert ids(second, "comet") == ["new"]
    assert not second.refresh()
    second.put(Document("newer", "", "Another comet, another tail."))
    assert first.refresh()
    assert ids(first, "comet") == ids(second, "comet")
    assert set(ids(first, "comet")) == {"new", "newer"}


def test_a_replaced_document_keeps_its_place_among_ties():
    corpus = corpus_of("ties", (Document(f"d{i}", "", "equal words") for i in range(5)))
    engine = TantivyEngine.open(corpus)
    engine.put(Document("d1", "", "equal words"))
    engine.put(Document("d9", "", "equal words"))
    assert ids(engine, "equal") == ["d0", "d1", "d2", "d3", "d4", "d9"]
    assert ids(engine, "equal", 2) == ["d0", "d1"]


def test_a_change_while_another_process_writes_is_reported(toy_corpus, tmp_path):
    engine = TantivyEngine.open_live(toy_corpus, tmp_path)
    other = TantivyEngine.open_live(toy_corpus, tmp_path)
    writer = other._index.writer(heap_size=16 * 2**20, num_threads=1)
    with pytest.raises(EngineError, match="being changed by another process"):
        engine.put(Document("new", "", "text"))
    writer.rollback()
    del writer
    engine.put(Document("new", "", "text"))


def test_a_new_document_never_gets_the_place_of_a_deleted_one(toy_corpus):
    """A new document once got the place of a deleted last document of the corpus, and with it that document's id."""
    engine = TantivyEngine.open(toy_corpus)
    engine.delete("stars")
    engine.put(Document("new", "", "A comet and its tail."))
    assert ids(engine, "comet") == ["new"]
    engine.put(Document("stars", "", "Stars are back."))
    assert ids(engine, "stars") == ["stars"]
    assert ids(engine, "comet") == ["new"]


def test_titles_follow_the_changes_of_this_process_and_of_others(toy_corpus, tmp_path):
    """The other process replaces a document in a segment of its own, and then changes what this process just put."""
    first, second = (TantivyEngine.open_live(toy_corpus, tmp_path) for _ in range(2))
    first.put(Document("new", "Comet", "A tail."))
    assert (first.with_title("comet"), second.with_title("comet")) == (["new"], [])
    second.refresh()
    assert second.with_title("comet") == ["new"]
    second.put(Document("new", "Meteor", "A tail."))
    second.delete("cat")
    first.put(Document("newer", "Comet", "Another tail."))  # takes over the changes of the other process
    assert first.with_title("comet") == ["newer"]
    assert first.with_title("meteor") == ["new"]
    assert first.with_title(toy_corpus.documents[0].title) == second.with_title(toy_corpus.documents[0].title)
    assert TantivyEngine.open_live(toy_corpus, tmp_path).with_title("COMET") == ["newer"]
