"""What held-out needs say of a version, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from untilclick.rewriter.judging.evidence import Evidence, Verdict
from untilclick.rewriter.judging.gate import Admission
from untilclick.rewriter.judging.sentences import few_needs, of_split, of_words, sentence


def lines_of_proof(evidence: Evidence, admission: Admission) -> Iterator[str]:
    """The split of the log, every finding, and what may answer."""
    yield of_split(evidence.split)
    if few := few_needs(evidence):
        yield few
    for name, finding in (
        ("New needs", evidence.typed),
        ("New needs", evidence.untrained),
        ("New needs", evidence.before),
        ("Returning needs", evidence.returning),
    ):
        if finding is not None:
            yield f"{name}: {sentence(finding)}"
    if evidence.words is not None:
        yield f"Words of no document: {of_words(evidence.words)}"
    if evidence.start.verdict is Verdict.WORSE:
        yield f"The untrained rewriter: {sentence(evidence.start)}"
    yield admission.sentences
