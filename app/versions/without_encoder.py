"""A version whose sentence encoder cannot be used: it answers, and every query is searched as typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest


@dataclass(frozen=True)
class WithoutEncoder:
    """A `Rewriter` in place of one that lacks its encoder."""

    version: str
    fault: str
    """Why the encoder cannot be used, in a sentence."""

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """Every query as typed."""
        return [Rewrite.keep(request.query, Reason.NO_ENCODER) for request in requests]
