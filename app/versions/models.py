"""Changes of the versions of a running service that lose no request.

A version is tried before it answers: its bundle must be complete and of this build, and it must rewrite some queries
without an error. Its engine, which searches an index by the analysis of its bundle, is opened before, and the index
is built if it is missing. A request keeps the rewriter and the engine that it began with; what is no longer used is
released with the last request that uses it. Every process of a service follows the state of the folder, so that a
call to one process changes all of them.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple, Protocol

from untilclick.app.versions.bounded_rewriter import BoundedRewriter, RewriteLimits
from untilclick.app.versions.in_use import InUse, LoadedVersion
from untilclick.app.versions.store import ORIGINAL, Experiment, ModelState, ModelStore, UnknownVersionError
from untilclick.rewriter.judging.gate import refusal
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import ModelError, UntilclickError

TRIAL_QUERIES = ("how to search", "seperate words", "a")
"""A version must rewrite these queries, and some examples of the page, before it answers."""
JOIN_S = 5.0
"""Seconds for which the end of the service waits for a change of versions in progress."""
FOLLOW_S = 1.0
"""Seconds between two looks at the state that another process may have changed."""
MAX_FOLLOW_AGAIN_S = 60.0
"""The longest wait between two tries to load a version that could not be loaded; each wait doubles the one before."""

_log = logging.getLogger(__name__)


class RefusedVersionError(UntilclickError):
    """A version did not pass its trial or the gate; the version that was active stays active."""


class NoModelFolderError(UntilclickError):
    """The service has no folder of versions: it was started with one bundle or without a rewriter."""


class _Standby(NamedTuple):
    """The engine of the version that was active before, which stays open."""

    version: str | None
    engine: SearchEngine | None


class VersionOpener(Protocol):
    """Opens the parts of a version."""

    def engine(self, analysis: str | None) -> SearchEngine:
        """The engine over the index by an analysis; None: by the analysis of a service without a version.

        The same engine as long as it is in use. Raises UntilclickError if the index cannot be built or opened.
        """

    def rewriter(self, folder: Path, engine: SearchEngine) -> Rewriter:
        """The rewriter of a bundle, with feedback from the engine. Raises ModelError."""


class StoredModels:
    """The rewriters that the state of a folder names. May be shared between threads."""

    def __init__(
        self,
        store: ModelStore,
        opener: VersionOpener,
        limits: RewriteLimits,
        trial_queries: Sequence[str] = (),
    ) -> None:
        """Load the versions in use. Raises ModelError if one of them cannot be used."""
        self.store = store
        self._opener = opener
        self._limits = limits
        self._trial_queries = (*TRIAL_QUERIES, *trial_queries)
        self._calling = threading.Lock()  # one call of an operator at a time; it may build an index
        self._changing = threading.Lock()  # held for moments, so that following never waits for a build
        self._stamp = store.stamp
        self._standby: _Standby | None = None
        self._again_at, self._wait = math.inf, FOLLOW_S  # time of, and wait before, the next try after a failed load
        try:
            state = store.state
            self.in_use = self._in_use(state, {version: self._load(version) for version in state.used})
        except UntilclickError as error:
            raise ModelError(f"{error}. To begin without an active version, delete {store.state_file}") from error
        self._ended = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="models", daemon=True)
        self._follower.start()
        # a thread of its own, so that following never waits for the previous version's index to be built
        threading.Thread(target=self._keep_standby, name="standby", daemon=True).start()

    def activate(self, version: str, *, anyway: bool = False) -> ModelState:
        """Make a version the active one, in this process at once, in others within seconds. `anyway`: whatever the
        evidence of the version says.

        Raises UnknownVersionError, and RefusedVersionError if the version fails its trial or its evidence does not
        admit it (`untilclick.rewriter.judging.gate`).
        """
        with self._calling:
            ready = {version: self._load_and_test(version)}
            if not anyway:
                self._check_evidence(ready[version])
            return self._change(lambda: self.store.activate(version), ready)

    def roll_back(self) -> ModelState:
        """Reactivate the previous version after its trial; the gate is not asked. Raises UnknownVersionError, and
        RefusedVersionError if the version fails its trial."""
        with self._calling:
            previous = self.store.state.previous
            if not previous or previous[-1] is None:
                plain = self._opener.engine(None)  # held until the change is made
                state = self._change(self.store.roll_back, {})
                del plain
                return state
            return self._change(self.store.roll_back, {previous[-1]: self._load_and_test(previous[-1])})

    def shadow(self, version: str | None) -> ModelState:
        """Put a version into the shadow; None takes out the one that is there. Raises as `roll_back`."""
        with self._calling:
            ready = {version: self._load_and_test(version)} if version else {}
            return self._change(lambda: self.store.shadow(version), ready)

    def experiment(self, experiment: Experiment | None) -> ModelState:
        """Begin an experiment in place of any other; None ends it. Raises as `roll_back`.

        An experiment that differs from the current one in its start alone goes on with its counts. Its side
        `original` keeps the analysis that is active at its beginning.
        """
        with self._calling:
            current = self.store.state.experiment
            if experiment and current and replace(experiment, started=current.started) == current:
                return self.in_use.state
            sides = {experiment.a, experiment.b} - {ORIGINAL} if experiment else set()
            ready = {side: self._load_and_test(side) for side in sides}
            if experiment and ORIGINAL in (experiment.a, experiment.b):
                experiment = replace(experiment, analysis=self.in_use.plain.engine.analysis.name)
            return self._change(lambda: self.store.experiment(experiment), ready)

    def follow(self) -> None:
        """Apply a change of the state that another process made.

        An error is logged, and the change is tried again after growing waits. A shadow or an experiment that cannot
        be loaded is left out; the active version changes all the same.
        """
        before, stamp = self._stamp, self.store.stamp
        if stamp == before and monotonic() < self._again_at:
            return
        try:
            state = self.store.state
            following = self._loadable(state)
            failed = following.state != state
        except UntilclickError as error:
            _log.error("The change of models is not followed: %s", error)
            following, failed = self.in_use, True
        with self._changing:
            if self._stamp != before:
                return  # a call to this process has made a later change meanwhile
            self._stamp, self.in_use = stamp, following
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

    def _keep_standby(self) -> None:
        while not self._ended.wait(FOLLOW_S):
            try:
                self._stand_by()
            except Exception:  # an error must not end the thread
                _log.exception("The previous version cannot be kept ready for a roll-back")

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
        return self._in_use(state, ready)

    def _load_and_test(self, version: str) -> LoadedVersion:
        """A version that passes its trial, loaded now or already in use."""
        folder = self.store.folder_of(version)
        try:
            manifest = read_manifest(folder)
            if manifest.version != version:
                raise ModelError(f"its bundle names the version {manifest.version}")
            loaded = self.in_use.loaded.get(version)
            if loaded is None or loaded.rewriter.encoder_fault is not None:
                loaded = self._load(version)
            for query in self._trial_queries:
                loaded.rewriter.trial(query)
        except UnknownVersionError:
            raise
        except UntilclickError as error:
            _log.error("Version %s is refused: %s", version, error)
            raise RefusedVersionError(
                f"Version {version} is refused: its bundle is incomplete or of another build, it cannot rewrite, or "
                "its index cannot be built. The service's log gives the reason"
            ) from error
        return loaded

    def _check_evidence(self, loaded: LoadedVersion) -> None:
        """Raises RefusedVersionError for a version that the gate does not let through."""
        active = self.in_use.state.active
        before = self.in_use.loaded[active].manifest if active else None
        if loaded.manifest is None or loaded.manifest.version == active:
            return
        reason = refusal(loaded.manifest.carried, before.answering if before else None)
        if reason is not None:
            raise RefusedVersionError(
                f"Version {loaded.manifest.version} is not activated. {reason} ?anyway=true activates it all the same"
            )

    def _load(self, version: str) -> LoadedVersion:
        """A version with its engine. Raises ModelError, or another UntilclickError of its engine."""
        folder = self.store.folder_of(version)
        manifest = read_manifest(folder, verify=False)
        engine = self._opener.engine(manifest.analysis)
        return LoadedVersion(BoundedRewriter(self._opener.rewriter(folder, engine), self._limits), engine, manifest)

    def _change(self, change: Callable[[], ModelState], ready: Mapping[str, LoadedVersion]) -> ModelState:
        """Change the state of the folder, and use it in this process. `ready` are the versions loaded for it.

        A version that is no longer used is not closed: requests may still use it, and its threads end with the last
        reference to it. The stamp is read before the state, so that the next look notices a change made in between.
        """
        with self._changing:
            before = self.in_use
            stamp = self.store.stamp
            state = change()
            available = {**before.loaded, **ready}
            loaded = {version: available.get(version) or self._load(version) for version in state.used}
            self._stamp, self.in_use = stamp, self._in_use(state, loaded)
            if state.previous and state.previous[-1] == before.state.active:
                self._standby = _Standby(before.state.active, before.plain.engine)
            return state

    def _in_use(self, state: ModelState, loaded: Mapping[str, LoadedVersion]) -> InUse:
        """The record of a state and its loaded versions. Raises the UntilclickError of an engine."""
        engine = loaded[state.active].engine if state.active else self._opener.engine(None)
        plain = LoadedVersion.as_typed(engine)
        analysis = state.experiment.analysis if state.experiment else None
        other = analysis not in (None, engine.analysis.name)
        original = LoadedVersion.as_typed(self._opener.engine(analysis)) if other else None
        return InUse(state, loaded, plain, original)

    def _stand_by(self) -> None:
        """Open the engine of the version that was active before, so that a roll-back need not build its index."""
        previous = self.in_use.state.previous
        if not previous:
            self._standby = None
        elif self._standby is None or self._standby.version != previous[-1]:
            self._standby = _Standby(previous[-1], self._engine_of(previous[-1]))

    def _engine_of(self, version: str | None) -> SearchEngine | None:
        """The engine of a version; None if it cannot be opened."""
        try:
            if version is None:
                return self._opener.engine(None)
            return self._opener.engine(read_manifest(self.store.folder_of(version), verify=False).analysis)
        except UntilclickError as error:
            _log.warning("The previous version cannot be kept ready for a roll-back: %s", error)
            return None
