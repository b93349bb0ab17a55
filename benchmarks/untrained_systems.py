"""The rewriter before it has learned anything from sessions, and the systems that it is compared with.

With a sentence encoder, the untrained rewriter reads queries by meaning and leaves its T5 unread, so no training
comes first. Its blends are `serving.blend.MEANT_STARTS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.evaluation.baselines.feedback import Rm3
from untilclick.rewriter.evaluation.baselines.meaning import HALF, meaning_baselines
from untilclick.rewriter.evaluation.baselines.simple import Bm25, SessionConcatenation, SpellingCorrection
from untilclick.rewriter.evaluation.system_names import BASELINE
from untilclick.rewriter.evaluation.systems import RewriterSystem, System, TypedTopic
from untilclick.rewriter.language.prompts import texts_of
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT_STARTS, BlendSettings
from untilclick.rewriter.serving.readings.searched_query import Readings, SearchedQuery
from untilclick.rewriter.serving.term_rewriter import TermRewriter
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.reader import meaning_of, reader_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus, QueryCosines
from untilclick.search.records import WeightedQuery
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.encoders.session_vector import session_vector

WITH_CONTEXT = ("session_concatenation", "session_encoder", "bm25_session_encoder")
"""Systems that see the earlier queries of a session."""
RIVALS = (BASELINE, "rm3", "encoder", "bm25_encoder", *WITH_CONTEXT)
"""The systems without training that the untrained rewriter has to equal; those that were not measured are passed
over."""
READINGS = (Readings.WORDS, Readings.DOCUMENTS, Readings.BOTH)


def name_of(caution: Caution, readings: Readings = Readings.BOTH) -> str:
    """The name of an untrained rewriter."""
    return f"{caution} {readings.value}"


@dataclass(frozen=True)
class SessionMeaning:
    """The query as typed, ranked by BM25 and by the cosines of the vector of its session."""

    encoded: EncodedCorpus
    share: float
    """Share of the cosines in the sum, 0..1; both parts are divided by their maximum. 1: the encoder alone."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one plain query per topic, with the scores of documents."""
        return [
            SearchedQuery(
                WeightedQuery.of(typed.query),
                documents=DocumentReading(QueryCosines(self.encoded.index, self._vector(typed)), self.share),
            )
            for typed in topics
        ]

    def _vector(self, typed: TypedTopic) -> Vectors:
        """(d,) of the query and of as many earlier ones as rewriters read, newest first."""
        return session_vector(self.encoded.queries(texts_of(RewriteRequest(typed.query, typed.history))))


def rival_systems(opened: OpenedCollection, *, context: bool) -> dict[str, System]:
    """The rivals and spelling correction. `context` adds those that see a session's earlier queries; those of the
    encoder are left out if the documents are not encoded."""
    encoded = opened.encoded
    systems: dict[str, System] = {
        BASELINE: Bm25(),
        "rm3": Rm3(opened.engine),
        "spelling": SpellingCorrection(opened.spelling),
        **meaning_baselines(encoded),
    }
    if not context:
        return systems
    sessions: dict[str, System] = (
        {}
        if encoded is None
        else {
            "session_encoder": SessionMeaning(encoded, 1.0),
            "bm25_session_encoder": SessionMeaning(encoded, HALF),
        }
    )
    return {**systems, "session_concatenation": SessionConcatenation(), **sessions}


def untrained_systems(opened: OpenedCollection, cautions: Sequence[Caution]) -> dict[str, System]:
    """The untrained rewriter of each caution with each reading; none if the documents are not encoded."""
    if opened.encoded is None:
        return {}
    rewriters = {caution: untrained_rewriter(opened, MEANT_STARTS[caution]) for caution in cautions}
    return {
        name_of(caution, readings): RewriterSystem(rewriters[caution], readings=readings)
        for caution, readings in product(cautions, READINGS)
    }


def untrained_rewriter(opened: OpenedCollection, blend: BlendSettings) -> TermRewriter:
    """The untrained rewriter of a collection in a blend. Raises ModelError if the documents are not encoded."""
    model = new_model(opened.index, PolicyConfig())
    reader = reader_of([model])._replace(meaning=meaning_of(model, opened))
    return TermRewriter("untrained", reader, opened.spelling, opened.engine, blend)
