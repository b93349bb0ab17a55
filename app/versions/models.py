"""The rewriters of a running service: the active version, the versions beside it, and changes that lose no request.

A version is tried before it answers: its bundle must be complete and of this build, and it must rewrite some queries
without an error. A request keeps the rewriter that it began with; a version that is no longer used is released with
the last request that uses it. Every process of a service follows the state of the folder, so that a call to one
process changes all of them.
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
from untilclick.app.versions.store import ORIGINAL, Experiment, ModelState, ModelStore, Stamp
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.errors import ModelError, UntilclickError

TRIAL_QUERIES = ("how to search", "seperate words", "a")
"""A version must rewrite these queries, and the examples of the page, before it answers."""
JOIN_S = 5.0
"""Seconds for which the end of the service waits for a change of versions in progress."""
FOLLOW_S = 1.0
"""Seconds between two looks at the state that another process may have changed."""
MAX_FOLLOW_AGAIN_S = 60.0
"""The longest wait between two tries to load a version that could not be loaded; each wait doubles the one before."""

_log = logging.getLogger(__name__)


class RefusedVersionError(UntilclickError):
    """A version did not pass its trial; the version that was active stays active."""


class NoModelFolderError(UntilclickError):
    """The service has no folder of versions: it was started with one bundle or without a rewriter."""


@dataclass(frozen=True)
class LoadedVersion:
    """A loaded version."""

    rewriter: BoundedRewriter
    manifest: BundleManifest | None = None


NO_REWRITER = LoadedVersion(BoundedRewriter(None, RewriteLimits()))


@dataclass(frozen=True)
class InUse:
    """The loaded versions and their roles. A change replaces the whole record."""

    state: ModelState = field(default_factory=ModelState)
    loaded: Mapping[str, LoadedVersion] = field(default_factory=dict)

    @property
    def active(self) -> LoadedVersion:
        """The active version."""
        return self.version(self.state.active)

    def version(self, name: str | None) -> LoadedVersion:
        """The loaded version of this name; for None and for `original`, one that keeps every query as typed."""
        return NO_REWRITER if name is None or name == ORIGINAL else self.loaded[name]


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
        self, rewriter: Rewriter | None, limits: RewriteLimits, manifest: BundleManifest | None = None
    ) -> None:
        """Without a rewriter every query is searched as typed."""
        if rewriter is None:
            self.in_use = InUse()
            return
        loaded = LoadedVersion(BoundedRewriter(rewriter, limits), manifest)
        self.in_use = InUse(ModelState(active=rewriter.version), {rewriter.version: loaded})

    def close(self) -> None:
        """Release the threads."""
        for loaded in self.in_use.loaded.values():
            loaded.rewriter.close()


class StoredModels:
    """The rewriters that the state of a folder names. May be shared between threads."""

    def __init__(
        self,
        store: ModelStore,
        open_rewriter: Callable[[Path], Rewriter],
        limits: RewriteLimits,
        trial_queries: Sequence[str] = (),
    ) -> None:
        """Load the versions in use. Raises ModelError if one of them cannot be used."""
        self.store = store
        self._open = open_rewriter
        self._limits = limits
        self._trial_queries = (*TRIAL_QUERIES, *trial_queries)
        self._changing = threading.Lock()
        self._stamp = store.stamp
        self._again_at, self._wait = math.inf, FOLLOW_S  # time of, and wait before, the next try after a failed load
        try:
            state = store.state
            self.in_use = InUse(state, {version: self._load(version) for version in state.used})
        except UntilclickError as error:
            raise ModelError(f"{error}. To begin without an active version, delete {store.state_file}") from error
        self._ended = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="models", daemon=True)
        self._follower.start()

    def activate(self, version: str) -> ModelState:
        """Make a version the active one, in this process at once, in others within seconds.

        Raises UnknownVersionError, and RefusedVersionError if the version fails its trial.
        """
        with self._changing:
            loaded = self._load_and_test(version)
            stamp = self.store.stamp
            state = self.store.activate(version)
            self._use(state, {version: loaded}, stamp)
            return state

    def roll_back(self) -> ModelState:
        """Reactivate the previous version, after the same checks. Raises as `activate`."""
        with self._changing:
            previous = self.store.state.previous
            ready = {previous[-1]: self._load_and_test(previous[-1])} if previous and previous[-1] else {}
            stamp = self.store.stamp
            state = self.store.roll_back()
            self._use(state, ready, stamp)
            return state

    def shadow(self, version: str | None) -> ModelState:
        """Put a version into the shadow; None takes out the one that is there. Raises as `activate`."""
        with self._changing:
            ready = {version: self._load_and_test(version)} if version else {}
            stamp = self.store.stamp
            state = self.store.shadow(version)
            self._use(state, ready, stamp)
            return state

    def experiment(self, experiment: Experiment | None) -> ModelState:
        """Begin an experiment in place of any other; None ends it. Raises as `activate`.

        An experiment that differs from the current one in its start alone goes on with its counts.
        """
        with self._changing:
            current = self.store.state.experiment
            if experiment and current and replace(experiment, started=current.started) == current:
                return self.in_use.state
            sides = {experiment.a, experiment.b} - {ORIGINAL} if experiment else set()
            ready = {side: self._load_and_test(side) for side in sides}
            stamp = self.store.stamp
            state = self.store.experiment(experiment)
            self._use(state, ready, stamp)
            return state

    def follow(self) -> None:
        """Apply a change of the state that another process made.

        An error is logged, and the change is tried again after growing waits. A shadow or an experiment that cannot
        be loaded is left out; the active version changes all the same.
        """
        if self.store.stamp == self._stamp and monotonic() < self._again_at:
            return
        with self._changing:
            stamp = self.store.stamp
            try:
                state = self.store.state
                loadable = self._loadable(state)
                self._use(loadable.state, loadable.loaded, stamp)
                failed = loadable.state != state
            except UntilclickError as error:
                _log.error("The change of models is not followed: %s", error)
                self._stamp, failed = stamp, True
            self._wait = min(2 * self._wait, MAX_FOLLOW_AGAIN_S) if failed else FOLLOW_S
            self._again_at = monotonic() + self._wait if failed else math.inf

    def close(self) -> None:
        """Release the threads."""
        self._ended.set()
        self._follower.join(JOIN_S)
        for loaded in self.in_use.loaded.values():
            loaded.rewriter.close()

    def _follow(self) -> None:
        while not self._ended.wait(FOLLOW_S):
            try:
                self.follow()
            except Exception:  # an error must not end the thread: this process would never follow again
                _log.exception("Following the folder of models failed")

    def _loadable(self, state: ModelState) -> InUse:
        """The state without the versions that cannot be loaded. Raises the UntilclickError of the active version."""
        ready: dict[str, LoadedVersion] = {}
        lost = set()
        for version in state.used:
            try:
                ready[version] = self.in_use.loaded.get(version) or self._load(version)
            except UntilclickError as error:
                if version == state.active:
                    raise
                _log.error("Version %s cannot be loaded: %s", version, error)
                lost.add(version)
        if state.shadow in lost:
            state = replace(state, shadow=None)
        if state.experiment and lost & {state.experiment.a, state.experiment.b}:
            state = replace(state, experiment=None)
        return InUse(state, ready)

    def _load_and_test(self, version: str) -> LoadedVersion:
        """A version that passes its trial, loaded now or already in use."""
        folder = self.store.folder_of(version)
        try:
            manifest = read_manifest(folder)
            if manifest.version != version:
                raise ModelError(f"its bundle names the version {manifest.version}")
            loaded = self.in_use.loaded.get(version) or self._load(version)
            for query in self._trial_queries:
                loaded.rewriter.trial(query)
        except ModelError as error:
            _log.error("Version %s is refused: %s", version, error)
            raise RefusedVersionError(
                f"Version {version} is refused: its bundle is incomplete or of another build, or it cannot rewrite. "
                "The service's log gives the reason"
            ) from error
        return loaded

    def _load(self, version: str) -> LoadedVersion:
        folder = self.store.folder_of(version)
        return LoadedVersion(BoundedRewriter(self._open(folder), self._limits), read_manifest(folder, verify=False))

    def _use(self, state: ModelState, ready: Mapping[str, LoadedVersion], stamp: Stamp) -> None:
        """Load the versions of the state that are not loaded yet, then replace what is in use.

        A version that is no longer used is not closed: requests may still use it, and its threads end with the last
        reference to it. `stamp` was read before the state, so that the next look notices a change made in between.
        """
        available = {**self.in_use.loaded, **ready}
        loaded = {version: available.get(version) or self._load(version) for version in state.used}
        self._stamp = stamp
        self.in_use = InUse(state, loaded)
