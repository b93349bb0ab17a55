"""Whether an encoder speaks the language of a corpus: a trial on queries that are made from its documents.

A document's title becomes a query, and the document is searched without it; without a title, its first sentence does.
BM25 alone is compared with BM25 and the encoder half and half. Queries drawn from the documents' own words would
favour BM25: docs/experiments.md has figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.normal_form import text_key
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.topics import Lead
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.engines.vectors.encoded_documents import encode_documents
from untilclick.search.measures.fusion import sum_of_scaled
from untilclick.search.records import Document, WeightedQuery
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.encoders.opened import OpenedEncoder

Floats = NDArray[np.float64]

MOST_DOCUMENTS = 500
"""Number of documents in a trial, which takes about ten seconds."""

FEWEST_DOCUMENTS = 30
"""Fewer documents say nothing; then the encoder is used."""

DEPTH = 10
"""Rank down to which a found document counts."""


class HeldOut(NamedTuple):
    """A query, and the document that it was taken out of."""

    query: str
    document: Document


@dataclass(frozen=True)
class EncoderTrial:
    """The outcome, in RR@10 of the document that each query was taken out of."""

    n: int
    """Number of queries."""
    bm25: float
    encoder: float
    """The encoder alone; it decides nothing."""
    both: float
    """Half and half."""
    standard_error: float
    """Of the mean difference between `both` and `bm25`."""

    @property
    def is_passed(self) -> bool:
        """False if adding the encoder lowers BM25 by more than one standard error."""
        return self.n < FEWEST_DOCUMENTS or self.both >= self.bm25 - self.standard_error

    def sentence(self, name: str) -> str:
        """Why an encoder of this name is left out."""
        return (
            f"The encoder {name} does not speak the language of these documents: added to BM25 it lowers RR@10 from "
            f"{self.bm25:.3f} to {self.both:.3f} on {self.n} titles and first sentences (standard error "
            f"{self.standard_error:.3f}), so it is left out."
        )


def try_encoder(
    documents: Sequence[Document], encoder: Encoder, analysis: Analysis, folder: Path, seed: int = 0
) -> EncoderTrial:
    """Try an encoder on a sample of documents, which are encoded into `folder` without what became the query."""
    held_out = held_out_queries(documents, seed)
    if not held_out:
        return EncoderTrial(0, 0.0, 0.0, 0.0, 0.0)
    queries, searched = [each.query for each in held_out], [each.document for each in held_out]
    bm25 = _bm25_scores(queries, searched, analysis)  # (Q, Q)
    vectors = encode_documents(searched, encoder, folder).matrix()  # (Q, d)
    cosines = encoder.encode(queries, "query") @ vectors.T  # (Q, Q)
    both = sum_of_scaled((bm25, cosines), (0.5, 0.5))
    alone, added = _reciprocal_ranks(bm25), _reciprocal_ranks(both)
    error = float(np.std(added - alone, ddof=1) / np.sqrt(len(alone))) if len(alone) > 1 else 0.0
    encoded = _reciprocal_ranks(cosines)
    return EncoderTrial(len(alone), float(alone.mean()), float(encoded.mean()), float(added.mean()), error)


def usable_encoder(
    opened: OpenedEncoder, documents: Sequence[Document], analysis: Analysis, folder: Path, seed: int = 0
) -> OpenedEncoder:
    """The encoder if it passes its trial on the documents, else none with the sentence that says why. If there is
    none, its note stays."""
    if opened.encoder is None:
        return opened
    trial = try_encoder(documents, opened.encoder, analysis, folder, seed)
    return opened if trial.is_passed else OpenedEncoder(None, trial.sentence(opened.encoder.card.name))


def held_out_queries(documents: Sequence[Document], seed: int, most: int = MOST_DOCUMENTS) -> list[HeldOut]:
    """At most so many queries, each with its document without the query, in corpus order; the seed draws documents.

    A document gives one if it has a title that its text does not repeat, or a text of more than a sentence.
    """
    order = np.random.default_rng(seed).permutation(len(documents))
    chosen: dict[int, HeldOut] = {}
    for row in order:
        if len(chosen) == most:
            break
        if (made := _held_out(documents[row])) is not None:
            chosen[int(row)] = made
    return [chosen[row] for row in sorted(chosen)]


def _held_out(document: Document) -> HeldOut | None:
    title, text = document.title.strip(), document.text.strip()
    if title:
        if not text or text_key(title) in text_key(text):
            return None
        return HeldOut(title, Document(document.doc_id, "", text))
    lead = Lead.of(document)
    rest = lead.prose[len(lead.sentence) :].strip()
    if not lead.sentence.strip() or not rest:
        return None
    return HeldOut(lead.sentence, Document(document.doc_id, "", rest))


def _bm25_scores(queries: Sequence[str], documents: Sequence[Document], analysis: Analysis) -> Floats:
    """(Q, D) BM25 of every document for every query."""
    engine = TantivyEngine.open(corpus_of("trial", documents), None, analysis)
    rows = {document.doc_id: row for row, document in enumerate(documents)}
    scores = np.zeros((len(queries), len(documents)))
    for i, ranking in enumerate(engine.search([WeightedQuery.of(query) for query in queries], len(documents))):
        for entry in ranking:
            scores[i, rows[entry.doc_id]] = entry.score
    return scores


def _reciprocal_ranks(scores: NDArray[np.floating]) -> Floats:
    """(Q,) 1 / rank of the document of each query, the one with its number; 0 below `DEPTH` and without a score.

    Among equal scores the document has the middle rank, because the order of the corpus says nothing.
    """
    target = np.diagonal(scores)[:, None]  # (Q, 1)
    ranks = 1 + (scores > target).sum(axis=1) + ((scores == target).sum(axis=1) - 1) / 2  # (Q,)
    return np.where((ranks <= DEPTH) & (target[:, 0] > 0), 1 / ranks, 0.0)
