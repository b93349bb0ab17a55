"""The folder of model versions: bundles by version, and which of them are in use.

MODELS/<version>/     a bundle (`untilclick.rewriter.serving.bundle`), complete from the moment it has its name
MODELS/state.json     what answers, what answered before, what runs in the shadow, what is compared

Several processes share it. Whoever changes the state holds the lock; readers see the old state or the new one.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.errors import ModelError, UntilclickError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_file

STATE = "state.json"
LOCK = ".lock"
KEPT_PREVIOUS = 20
"""Versions remembered for rolling back."""
ORIGINAL = "original"
"""The side of an experiment that searches queries as typed."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class UnknownVersionError(UntilclickError):
    """There is no such version."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A comparison by interleaving."""

    name: str
    a: str
    """A version, or `original`."""
    b: str
    share: float
    """Share of the search sessions whose lists are interleaved, 0..1."""
    started: float
    """Seconds since the epoch."""

    @property
    def versions(self) -> str:
        """Both sides, as they are logged and shown to have answered."""
        return f"{self.a}+{self.b}"


@dataclass(frozen=True, slots=True)
class ModelState:
    """Which versions are in use."""

    active: str | None = None
    previous: tuple[str | None, ...] = ()
    """What was active before, the latest last; None is no rewriter."""
    shadow: str | None = None
    """Tried on live queries, its lists not shown."""
    experiment: Experiment | None = None

    @property
    def used(self) -> frozenset[str]:
        """Every version that must be loaded."""
        sides = (self.experiment.a, self.experiment.b) if self.experiment else ()
        return frozenset(one for one in (self.active, self.shadow, *sides) if one is not None and one != ORIGINAL)


@dataclass(frozen=True, slots=True)
class _StateFile:
    """The state in its file: a file that lacks the first two fields is broken."""

    previous: tuple[str | None, ...]
    experiment: Experiment | None
    active: str | None = None
    shadow: str | None = None


Change = Callable[[ModelState], ModelState]


class BrokenStateError(ModelError):
    """The file that says which versions are in use holds no such thing."""


class ModelStore:
    """Model versions in one folder."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where it is missing. Raises ModelError where it cannot be."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"{folder} cannot be a folder of models ({error.strerror}); choose another") from error

    def folder_of(self, version: str) -> Path:
        """Where a version's bundle is. Raises UnknownVersionError, also for whatever is no name of a version."""
        if _VERSION.fullmatch(version):
            folder = self._folder / version
            if folder.is_dir() and not folder.is_symlink():
                return folder
        raise UnknownVersionError("There is no such version; GET /v1/models lists those there are")

    def versions(self) -> list[BundleManifest]:
        """All versions that can be read, the oldest first."""
        found = []
        for folder in self._folder.iterdir():
            if _VERSION.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                with suppress(ModelError):
                    found.append(read_manifest(folder, verify=False))
        return sorted(found, key=lambda one: (one.created, one.version))

    def add(self, bundle: Path) -> str:
        """Copy a bundle in, and return its version. Raises ModelError where it is no whole bundle of this build."""
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
            with suppress(OSError):  # another process added the same version meanwhile
                (part / version).rename(target)
            if not target.is_dir():
                raise ModelError(f"Version {version} cannot be written to {self._folder}")
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return version

    @property
    def state(self) -> ModelState:
        """What is in use now. Raises ModelError where the file cannot be read."""
        path = self._folder / STATE
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
        """Where it is kept which versions are in use."""
        return self._folder / STATE

    @property
    def stamp(self) -> tuple[int, int]:
        """Changes with every change of the state; costs one look at a file."""
        try:
            found = (self._folder / STATE).stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def activate(self, version: str | None) -> ModelState:
        """Make a version the one that answers; None is no rewriter. It is not tried here, see `models.Models`."""
        if version is not None:
            self.folder_of(version)

        def change(state: ModelState) -> ModelState:
            if state.active == version:
                return state
            previous = (*state.previous, state.active)[-KEPT_PREVIOUS:]
            return replace(state, active=version, previous=previous, shadow=_other(state.shadow, version))

        return self._change(change, anew=True)

    def begin_with(self, bundle: Path) -> None:
        """Add a bundle and make it answer, where nothing has been chosen in this folder yet. Raises ModelError where
        it is no whole bundle of this build."""
        if not (self._folder / STATE).exists():
            version = self.add(bundle)
            self._change(lambda state: state if state.active or state.previous else replace(state, active=version))

    def roll_back(self) -> ModelState:
        """Make what answered before answer again. Raises UnknownVersionError where nothing did."""

        def change(state: ModelState) -> ModelState:
            if not state.previous:
                raise UnknownVersionError("Nothing answered before this version")
            active = state.previous[-1]
            return replace(state, active=active, previous=state.previous[:-1], shadow=_other(state.shadow, active))

        return self._change(change)

    def shadow(self, version: str | None) -> ModelState:
        """Try a version on live queries without showing its lists; None ends it."""
        if version is not None:
            self.folder_of(version)
        return self._change(lambda state: replace(state, shadow=version))

    def experiment(self, experiment: Experiment | None) -> ModelState:
        """Begin a comparison in place of any other; None ends it."""
        if experiment is not None:
            for side in {experiment.a, experiment.b} - {ORIGINAL}:
                self.folder_of(side)
        return self._change(lambda state: replace(state, experiment=experiment))

    def _change(self, change: Change, *, anew: bool = False) -> ModelState:
        """Change the state. Raises ModelError where it cannot be read, since nothing would be left of it; `anew`
        begins with none where what the file says is no state."""
        with FileLock(self._folder / LOCK):
            try:
                before = self.state
            except BrokenStateError:
                if not anew:
                    raise
                before = ModelState()
            after = change(before)
            with whole_file(self._folder / STATE) as file:
                json.dump(asdict(after), file, indent=1)
            return after


def _other(shadow: str | None, active: str | None) -> str | None:
    """The version in the shadow, unless it has come to answer."""
    return None if shadow == active else shadow
