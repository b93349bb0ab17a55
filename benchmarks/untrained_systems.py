"""The rewriter before it has learned anything from sessions, and the systems that it is compared with.

With a sentence encoder, the untrained rewriter reads queries by meaning and leaves its T5 unread, so no training
comes first. Its blends are `serving.blend.MEANT_STARTS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.evaluation.baselines.feedback import Rm3
from untilclick.rewriter.evaluation.baselines.meaning import meaning_baselines
from untilclick.rewriter.evaluation.baselines.simple import Bm25, SessionConcatenation, SpellingCorrection
from untilclick.rewriter.evaluation.system_names import BASELINE
from untilclick.rewriter.evaluation.systems import RewriterSystem, System
from untilclick.rewriter.serving.blend import MEANT_STARTS
from untilclick.rewriter.serving.readings.searched_query import Readings
from untilclick.rewriter.serving.term_rewriter import TermRewriter
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.reader import meaning_of, reader_of
from untilclick.search.corpora.opened import OpenedCollection

RIVALS = (BASELINE, "rm3", "encoder", "bm25_encoder")
"""The systems without training that the untrained rewriter has to equal."""
READINGS = (Readings.WORDS, Readings.DOCUMENTS, Readings.BOTH)


def name_of(caution: Caution, readings: Readings = Readings.BOTH) -> str:
    """The name of an untrained rewriter."""
    return f"{caution} {readings.value}"


def rival_systems(opened: OpenedCollection, *, context: bool) -> dict[str, System]:
    """The rivals, those of the encoder only if the documents are encoded, and spelling correction. `context` adds
    BM25 with a session's earlier queries; the others never read them."""
    systems: dict[str, System] = {
        BASELINE: Bm25(),
        "rm3": Rm3(opened.engine),
        "spelling": SpellingCorrection(opened.spelling),
        **meaning_baselines(opened.encoded),
    }
    return {**systems, "session_concatenation": SessionConcatenation()} if context else systems


def untrained_systems(opened: OpenedCollection, cautions: Sequence[Caution]) -> dict[str, System]:
    """The untrained rewriter of each caution with each reading; none if the documents are not encoded."""
    if opened.encoded is None:
        return {}
    rewriters = {caution: untrained_rewriter(opened, caution) for caution in cautions}
    return {
        name_of(caution, readings): RewriterSystem(rewriters[caution], readings=readings)
        for caution, readings in product(cautions, READINGS)
    }


def untrained_rewriter(opened: OpenedCollection, caution: Caution) -> TermRewriter:
    """The untrained rewriter of a collection. Raises ModelError if the documents are not encoded."""
    model = new_model(opened.index, PolicyConfig())
    reader = reader_of([model])._replace(meaning=meaning_of(model, opened))
    return TermRewriter("untrained", reader, opened.spelling, opened.engine, MEANT_STARTS[caution])
