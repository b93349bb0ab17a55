"""A small corpus whose documents change, and searches in it."""

from __future__ import annotations

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Document, WeightedQuery

FRENCH = analysis_by_name("2-fr")
BASE = (
    Document("moon", "The moon", "Tides follow it."),
    Document("cat", "", "A sleeping cat."),
    Document("dog", "", "A barking dog and a cat."),
    Document("stars", "", "Stars at night."),
)
COMET = Document("new", "", "A comet and its tail.")


def corpus(source="shop", documents=BASE):
    return corpus_of(source, documents)


def ids(engine, text, k=10):
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(text)], k)[0]]
