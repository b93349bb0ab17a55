"""A rewriter that serves what it has learned for some queries, and is as untrained for the others. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from untilclick.rewriter.rewrite import KnowsWords, Rewrite, Rewriter, RewriteRequest
from untilclick.rewriter.serving.scope import Scope


class ScopedRewriter:
    """A rewriter that has learned from sessions, for the queries of a scope, and an untrained one for all others. The
    query alone decides, not the session's earlier ones."""

    def __init__(self, learned: Rewriter, untrained: Rewriter, scope: Scope) -> None:
        """`learned` answers the queries that `scope` covers."""
        self._learned = learned
        self._untrained = untrained
        self._scope = scope

    @property
    def version(self) -> str:
        """The version of the learned rewriter, whose bundle holds the other."""
        return self._learned.version

    def knows(self, request: RewriteRequest) -> bool:
        """See `KnowsWords.knows`; of the one that answers the query."""
        rewriter = self._learned if self._scope.covers(request.query) else self._untrained
        return not isinstance(rewriter, KnowsWords) or rewriter.knows(request)

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One rewrite per request, in order. Each of the two reads its requests in one batch."""
        covered = [self._scope.covers(request.query) for request in requests]
        learned = _rewrites(self._learned, requests, covered, learned=True)
        untrained = _rewrites(self._untrained, requests, [not each for each in covered], learned=False)
        return [next(learned if each else untrained) for each in covered]


def _rewrites(
    rewriter: Rewriter, requests: Sequence[RewriteRequest], chosen: Sequence[bool], *, learned: bool
) -> Iterator[Rewrite]:
    """The rewrites of the chosen requests, in order; without any, the rewriter is not called."""
    its = [request for request, each in zip(requests, chosen, strict=True) if each]
    return (replace(rewrite, learned=learned) for rewrite in (rewriter.rewrite(its) if its else ()))
