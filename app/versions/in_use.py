"""The loaded versions of a running service with their roles, and a service whose version never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from untilclick.app.versions.bounded_rewriter import BoundedRewriter, RewriteLimits
from untilclick.app.versions.store import ORIGINAL, ModelState
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.bundle import BundleManifest
from untilclick.search.engines.protocol import SearchEngine


@dataclass(frozen=True)
class LoadedVersion:
    """A loaded version."""

    rewriter: BoundedRewriter
    engine: SearchEngine
    """Searches the index by the version's analysis."""
    manifest: BundleManifest | None = None

    @classmethod
    def as_typed(cls, engine: SearchEngine) -> LoadedVersion:
        """No rewriter: every query is searched as typed."""
        return cls(NO_REWRITER, engine)


NO_REWRITER = BoundedRewriter(None, RewriteLimits())


@dataclass(frozen=True)
class InUse:
    """The loaded versions and their roles. A change replaces the whole record."""

    state: ModelState
    loaded: Mapping[str, LoadedVersion]
    plain: LoadedVersion
    """Searches queries as typed, on the engine of the active version."""
    original: LoadedVersion | None = None
    """The side `original` of the experiment; None if it is `plain`."""

    @property
    def active(self) -> LoadedVersion:
        """The active version."""
        return self.version(self.state.active)

    def version(self, name: str | None) -> LoadedVersion:
        """The loaded version of this name; for None and for `original`, one that keeps every query as typed."""
        if name == ORIGINAL:
            return self.original or self.plain
        return self.plain if name is None else self.loaded[name]

    @property
    def engines(self) -> list[SearchEngine]:
        """The engines that requests use, each once."""
        versions = [self.plain, *self.loaded.values(), *filter(None, (self.original,))]
        return list({id(version.engine): version.engine for version in versions}.values())


class Models(Protocol):
    """The source of a service's rewriters."""

    @property
    def in_use(self) -> InUse:
        """The versions in use now. A request reads this once, so that it sees one state."""

    def close(self) -> None:
        """Release the threads."""


class FixedModel:
    """One rewriter or none, the same for the life of the service."""

    def __init__(
        self,
        rewriter: Rewriter | None,
        limits: RewriteLimits,
        engine: SearchEngine,
        manifest: BundleManifest | None = None,
    ) -> None:
        """Without a rewriter every query is searched as typed."""
        plain = LoadedVersion.as_typed(engine)
        if rewriter is None:
            self.in_use = InUse(ModelState(), {}, plain)
            return
        loaded = LoadedVersion(BoundedRewriter(rewriter, limits), engine, manifest)
        self.in_use = InUse(ModelState(active=rewriter.version), {rewriter.version: loaded}, plain)

    def close(self) -> None:
        """Release the threads."""
        for loaded in self.in_use.loaded.values():
            loaded.rewriter.close()
