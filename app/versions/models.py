"""The rewriters of a running service: what answers, what runs beside it, and swaps that lose no request.

A version is tried before it answers: its bundle must be whole and of this build, and rewrite some queries without a
fault. Requests keep the rewriter that they began with; a version that is no longer used goes when its last request
has gone. Every process of a service follows the state of the folder, so that one call reaches all of them.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Protocol

from untilclick.app.versions.bounded_rewriter import BoundedRewriter, RewriteLimits
from untilclick.app.versions.store import ORIGINAL, Experiment, ModelState, ModelStore
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.errors import ModelError, UntilclickError

TRIAL_QUERIES = ("how to search", "seperate words", "a")
"""Rewritten once before a version answers, besides the examples of the page."""
JOIN_S = 5.0
"""How long a change of models may hold up the end of the service."""
FOLLOW_S = 1.0
"""Seconds after which a process follows what another one changed."""
MAX_FOLLOW_AGAIN_S = 60.0
"""The longest wait between tries to load what could not be loaded, each twice the one before."""

_log = logging.getLogger(__name__)


class RefusedVersionError(UntilclickError):
    """A version that did not pass its trial; what answered before goes on answering."""


class NoModelFolderError(UntilclickError):
    """The service was started with a bundle, or without one, and not with a folder of versions."""


@dataclass(frozen=True)
class Loaded:
    """One version at work."""

    rewriter: BoundedRewriter
    manifest: BundleManifest | None = None


NO_REWRITER = Loaded(BoundedRewriter(None, RewriteLimits()))


@dataclass(frozen=True)
class InUse:
    """What is loaded, and for what; replaced as a whole."""

    state: ModelState = field(default_factory=ModelState)
    loaded: Mapping[str, Loaded] = field(default_factory=dict)

    @property
    def active(self) -> Loaded:
        """What answers."""
        return self.version(self.state.active)

    def version(self, name: str | None) -> Loaded:
        """A version that is in use; without a name, or for the original, one that keeps every query."""
        return NO_REWRITER if name is None or name == ORIGINAL else self.loaded[name]


class Models(Protocol):
    """Where a service has its rewriters from."""

    @property
    def in_use(self) -> InUse:
        """What is in use at this moment; a request asks once."""

    def close(self) -> None:
        """Let go of threads."""


class FixedModel:
    """One rewriter, or none, for as long as the service runs."""

    def __init__(
        self, rewriter: Rewriter | None, limits: RewriteLimits, manifest: BundleManifest | None = None
    ) -> None:
        """Without a rewriter every query is kept."""
        if rewriter is None:
            self.in_use = InUse()
            return
        loaded = Loaded(BoundedRewriter(rewriter, limits), manifest)
        self.in_use = InUse(ModelState(active=rewriter.version), {rewriter.version: loaded})

    def close(self) -> None:
        """Let go of threads."""
        for one in self.in_use.loaded.values():
            one.rewriter.close()


class StoredModels:
    """The versions of a folder. May be shared between threads."""

    def __init__(
        self,
        store: ModelStore,
        open_rewriter: Callable[[Path], Rewriter],
        limits: RewriteLimits,
        trial_queries: Sequence[str] = (),
    ) -> None:
        """Load what the folder's state names. Raises the UntilclickError of a version that cannot be used."""
        self.store = store
        self._open = open_rewriter
        self._limits = limits
        self._trial_queries = (*TRIAL_QUERIES, *trial_queries)
        self._changing = threading.Lock()
        self._stamp = store.stamp
        self._again_at, self._wait = math.inf, FOLLOW_S  # when to try again what could not be loaded
        try:
            state = store.state
            self.in_use = InUse(state, {version: self._load(version) for version in state.used})
        except UntilclickError as error:
            raise ModelError(f"{error}. To begin anew, delete {store.state_file}") from error
        self._ended = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="models", daemon=True)
        self._follower.start()

    def activate(self, version: str) -> ModelState:
        """Have a version answer, here at once and in other processes soon. Raises UnknownVersionError, and
        RefusedVersionError where it fails its trial."""
        with self._changing:
            loaded = self._tried(version)
            stamp = self.store.stamp
            state = self.store.activate(version)
            self._use(state, {version: loaded}, stamp)
            return state

    def roll_back(self) -> ModelState:
        """Have answer what answered before. Raises as `activate`."""
        with self._changing:
            previous = self.store.state.previous
            ready = {previous[-1]: self._tried(previous[-1])} if previous and previous[-1] else {}
            stamp = self.store.stamp
            state = self.store.roll_back()
            self._use(state, ready, stamp)
            return state

    def shadow(self, version: str | None) -> ModelState:
        """Try a version on live queries, or end that. Raises as `activate`."""
        with self._changing:
            ready = {version: self._tried(version)} if version else {}
            stamp = self.store.stamp
            state = self.store.shadow(version)
            self._use(state, ready, stamp)
            return state

    def experiment(self, experiment: Experiment | None) -> ModelState:
        """Begin to compare two sides, or end that. Raises as `activate`."""
        with self._changing:
            current = self.store.state.experiment
            if experiment and current and replace(experiment, started=current.started) == current:
                return self.in_use.state  # it goes on, with what was counted
            sides = {experiment.a, experiment.b} - {ORIGINAL} if experiment else set()
            ready = {side: self._tried(side) for side in sides}
            stamp = self.store.stamp
            state = self.store.experiment(experiment)
            self._use(state, ready, stamp)
            return state

    def follow(self) -> None:
        """Take up what another process changed. What cannot be loaded is logged and tried again, ever more rarely;
        a candidate or a comparison that cannot be had does not keep a version from answering."""
        if self.store.stamp == self._stamp and monotonic() < self._again_at:
            return
        with self._changing:
            stamp = self.store.stamp
            try:
                named = self.store.state
                state, ready = self._loadable(named)
                self._use(state, ready, stamp)
                failed = state != named
            except UntilclickError as error:
                _log.error("The change of models is not followed: %s", error)
                self._stamp, failed = stamp, True
            self._wait = min(2 * self._wait, MAX_FOLLOW_AGAIN_S) if failed else FOLLOW_S
            self._again_at = monotonic() + self._wait if failed else math.inf

    def close(self) -> None:
        """Let go of threads."""
        self._ended.set()
        self._follower.join(JOIN_S)
        for one in self.in_use.loaded.values():
            one.rewriter.close()

    def _follow(self) -> None:
        while not self._ended.wait(FOLLOW_S):
            try:
                self.follow()
            except Exception:  # a follower that ends would leave this process behind for good
                _log.exception("Following the folder of models failed")

    def _loadable(self, state: ModelState) -> tuple[ModelState, dict[str, Loaded]]:
        """The state without what cannot be loaded, and what was. Raises the UntilclickError of what is to answer."""
        ready: dict[str, Loaded] = {}
        lost = set()
        for version in state.used:
            try:
                ready[version] = self.in_use.loaded.get(version) or self._load(version)
            except UntilclickError as error:
                if version == state.active:
                    raise
                _log.error("Version %s is not taken up: %s", version, error)
                lost.add(version)
        if state.shadow in lost:
            state = replace(state, shadow=None)
        if state.experiment and lost & {state.experiment.a, state.experiment.b}:
            state = replace(state, experiment=None)
        return state, ready

    def _tried(self, version: str) -> Loaded:
        """A version that has passed its trial, loaded anew or already in use."""
        folder = self.store.folder_of(version)
        try:
            manifest = read_manifest(folder)
            if manifest.version != version:
                raise ModelError(f"it says that it is {manifest.version}")
            loaded = self.in_use.loaded.get(version) or self._load(version)
            for query in self._trial_queries:
                loaded.rewriter.trial(query)
        except ModelError as error:
            _log.error("Version %s is refused: %s", version, error)
            raise RefusedVersionError(
                f"Version {version} is refused: its bundle is not whole, is of another build, or does not rewrite. "
                "The service's log says which"
            ) from error
        return loaded

    def _load(self, version: str) -> Loaded:
        folder = self.store.folder_of(version)
        return Loaded(BoundedRewriter(self._open(folder), self._limits), read_manifest(folder, verify=False))

    def _use(self, state: ModelState, ready: Mapping[str, Loaded], stamp: tuple[int, int]) -> None:
        """Load what the state names and is not there yet, then swap. What is no longer named is not closed: requests
        may be at it, and its threads end with the last reference. `stamp` was taken before the state: what another
        process changes meanwhile is followed next."""
        known = {**self.in_use.loaded, **ready}
        loaded = {version: known.get(version) or self._load(version) for version in state.used}
        self._stamp = stamp
        self.in_use = InUse(state, loaded)
