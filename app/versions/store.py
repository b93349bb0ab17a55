"""The folder of model versions: one bundle per version, and the state that says which versions are in use.

MODELS/<version>/     a bundle (`untilclick.rewriter.serving.bundle`), complete as soon as the folder has its name
MODELS/state.json     the active version, the versions active before it, the version in the shadow, the experiment

Several processes share the folder. A process that changes the state holds a lock; readers, who take no lock, see the
state before the change or the state after it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.errors import ModelError, UntilclickError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole

STATE = "state.json"
LOCK = ".lock"
KEPT_PREVIOUS = 20
"""Number of earlier active versions that the state remembers for rolling back."""
ORIGINAL = "original"
"""The side of an experiment that searches queries as typed."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class UnknownVersionError(UntilclickError):
    """The folder has no version of this name, or no earlier version to roll back to."""


class BrokenStateError(ModelError):
    """The state file exists and is not a state."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A comparison of two sides by interleaving their result lists."""

    name: str
    a: str
    """A version, or `original`."""
    b: str
    """A version, or `original`."""
    share: float
    """Share of the search sessions whose lists are interleaved, 0..1."""
    started: float
    """Seconds since the epoch."""
    analysis: str | None = field(default=None, compare=False)
    """Name of the analysis by which the side `original` searches; None: that of the active version."""

    @property
    def versions(self) -> str:
        """Both sides in one text, `A+B`: the rewriter version in the log and in answers."""
        return f"{self.a}+{self.b}"


@dataclass(frozen=True, slots=True)
class ModelState:
    """The versions in use."""

    active: str | None = None
    """The version that answers; None: no rewriter."""
    previous: tuple[str | None, ...] = ()
    """The versions that were active before, the latest last; None: no rewriter."""
    shadow: str | None = None
    """The version that rewrites live queries without showing its results."""
    experiment: Experiment | None = None

    @property
    def used(self) -> frozenset[str]:
        """Every version that must be loaded."""
        sides = (self.experiment.a, self.experiment.b) if self.experiment else ()
        names = (self.active, self.shadow, *sides)
        return frozenset(name for name in names if name is not None and name != ORIGINAL)


@dataclass(frozen=True, slots=True)
class _StateFile:
    """The content of the state file; a file without the first two fields is broken."""

    previous: tuple[str | None, ...]
    experiment: Experiment | None
    active: str | None = None
    shadow: str | None = None


class Stamp(NamedTuple):
    """Identifies one content of the state file: every change replaces the file by a new one."""

    modified_ns: int
    inode: int


Change = Callable[[ModelState], ModelState]
"""Computes the next state from the current one; raises to leave the state as it is."""


class ModelStore:
    """The model versions of one folder."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if it is missing. Raises ModelError if that fails."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"{folder} cannot be a folder of models ({error.strerror}); choose another") from error

    def folder_of(self, version: str) -> Path:
        """The folder of a version's bundle. Raises UnknownVersionError, also for a text that cannot be a name."""
        if _VERSION.fullmatch(version):
            folder = self._folder / version
            if folder.is_dir() and not folder.is_symlink():
                return folder
        raise UnknownVersionError("There is no such version; GET /v1/models lists the versions")

    def versions(self) -> list[BundleManifest]:
        """The manifests of all readable versions, oldest first."""
        manifests = []
        for folder in self._folder.iterdir():
            if _VERSION.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                with suppress(ModelError):
                    manifests.append(read_manifest(folder, verify=False))
        return sorted(manifests, key=lambda manifest: (manifest.created, manifest.version))

    def add(self, bundle: Path) -> str:
        """Copy a bundle into the folder and return its version.

        Raises ModelError if the bundle is incomplete, altered or of another build.
        """
        version = read_manifest(bundle).version
        if not _VERSION.fullmatch(version):
            raise ModelError(f"Bundle {bundle} has no usable version; export it again")
        target = self._folder / version
        if target.is_dir():
            return version
        part = Path(tempfile.mkdtemp(dir=self._folder, prefix=".add-"))
        try:
            shutil.copytree(bundle, part / version)
            read_manifest(part / version)
            with suppress(OSError):  # another process has added the same version in the meantime
                (part / version).rename(target)
            if not target.is_dir():
                raise ModelError(f"Version {version} cannot be written to {self._folder}")
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return version

    @property
    def state(self) -> ModelState:
        """The current state; an empty one without a state file. Raises ModelError if the file cannot be read."""
        path = self.state_file
        try:
            content = read_record(_StateFile, path)
        except FileNotFoundError:
            return ModelState()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error})") from error
        except ValueError as error:
            raise BrokenStateError(
                f"{path} cannot be read ({error}); activate a version to have it written anew"
            ) from error
        return ModelState(content.active, content.previous, content.shadow, content.experiment)

    @property
    def state_file(self) -> Path:
        """The file of the state."""
        return self._folder / STATE

    @property
    def stamp(self) -> Stamp:
        """The stamp of the state file, zeros without a file; a cheap way to notice a change."""
        try:
            status = self.state_file.stat()
        except OSError:
            return Stamp(0, 0)
        return Stamp(status.st_mtime_ns, status.st_ino)

    def activate(self, version: str | None) -> ModelState:
        """Make a version the active one, or none. Raises UnknownVersionError.

        The version is not tried here; `models.StoredModels.activate` does that.
        """
        if version is not None:
            self.folder_of(version)

        def change(state: ModelState) -> ModelState:
            if state.active == version:
                return state
            previous = (*state.previous, state.active)[-KEPT_PREVIOUS:]
            return replace(state, active=version, previous=previous, shadow=_unless_active(state.shadow, version))

        return self._change(change, anew=True)

    def begin_with(self, bundle: Path) -> None:
        """Add a bundle and activate it, if no version of this folder has ever been active.

        Raises ModelError if the bundle is incomplete, altered or of another build.
        """
        if not self.state_file.exists():
            version = self.add(bundle)
            self._change(lambda state: state if state.active or state.previous else replace(state, active=version))

    def roll_back(self) -> ModelState:
        """Make the previous active version the active one again. Raises UnknownVersionError if there is none."""

        def change(state: ModelState) -> ModelState:
            if not state.previous:
                raise UnknownVersionError("No earlier version to roll back to; GET /v1/models lists the versions")
            active = state.previous[-1]
            shadow = _unless_active(state.shadow, active)
            return replace(state, active=active, previous=state.previous[:-1], shadow=shadow)

        return self._change(change)

    def shadow(self, version: str | None) -> ModelState:
        """Put a version into the shadow; None takes out the one that is there. Raises UnknownVersionError."""
        if version is not None:
            self.folder_of(version)
        return self._change(lambda state: replace(state, shadow=version))

    def experiment(self, experiment: Experiment | None) -> ModelState:
        """Begin an experiment in place of any other; None ends it. Raises UnknownVersionError."""
        if experiment is not None:
            for side in {experiment.a, experiment.b} - {ORIGINAL}:
                self.folder_of(side)
        return self._change(lambda state: replace(state, experiment=experiment))

    def _change(self, change: Change, *, anew: bool = False) -> ModelState:
        """Write the next state under the lock and return it.

        Raises ModelError if the current state cannot be read, since the change would lose it. With `anew` a broken
        state counts as an empty one.
        """
        with FileLock(self._folder / LOCK):
            try:
                before = self.state
            except BrokenStateError:
                if not anew:
                    raise
                before = ModelState()
            after = change(before)
            write_whole(self.state_file, json.dumps(asdict(after), indent=1))
            return after


def _unless_active(shadow: str | None, active: str | None) -> str | None:
    """The version in the shadow; None if it is the active one."""
    return None if shadow == active else shadow
