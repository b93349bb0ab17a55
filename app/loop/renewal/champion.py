"""The version that answers while a new one is made, and what has to be shown to replace it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.evaluation.judge import Contestant
from untilclick.rewriter.judging.evidence import AS_TYPED
from untilclick.rewriter.proof.evidence import Before
from untilclick.rewriter.proof.learned_from import read_learned_from
from untilclick.rewriter.serving.bundle import MANIFEST, TWIN_FOLDER, UNTRAINED_FOLDER, BundleManifest, read_manifest
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import open_engine


@dataclass(frozen=True)
class Champion:
    """The active version; without one, queries are searched as typed."""

    manifest: BundleManifest | None
    folder: Path | None

    @classmethod
    def of(cls, store: ModelStore) -> Champion:
        """The active version of a folder. Raises ModelError if its bundle cannot be read."""
        version = store.state.active
        if version is None:
            return cls(None, None)
        folder = store.folder_of(version)
        return cls(read_manifest(folder), folder)

    @property
    def version(self) -> str | None:
        """Its name; None: the query as typed."""
        return None if self.manifest is None else self.manifest.version

    @property
    def analysis(self) -> str | None:
        """Name of its analysis; None without a version."""
        return None if self.manifest is None else self.manifest.analysis

    def before(self, opened: OpenedCollection) -> Before | None:
        """What a version that has learned is compared with; None if the champion has learned nothing.

        A version of an earlier build has no twin, and is judged by what it serves, which may have learned from the
        needs that judge: if a new version is better all the same, it is better.
        """
        answering = None if self.manifest is None else self.manifest.answering
        if self.folder is None or answering is None:
            return None
        twin = self.folder / TWIN_FOLDER
        part = self.folder / UNTRAINED_FOLDER if answering.use.is_scoped else twin
        served = part if (part / MANIFEST).is_file() else self.folder
        evidence = self.manifest.evidence if self.manifest else None
        key = evidence.split.key if evidence else None
        return Before(answering, self._contestant(served, opened), read_learned_from(twin), key)

    def contestant(self, opened: OpenedCollection) -> Contestant:
        """What it serves, with an engine of its own analysis."""
        return (
            Contestant(AS_TYPED, None, opened.engine)
            if self.folder is None
            else self._contestant(self.folder, opened)
        )

    def _contestant(self, folder: Path, opened: OpenedCollection) -> Contestant:
        assert self.manifest is not None
        analysis, engine = self.manifest.analysis, opened.engine
        if analysis != opened.analysis.name:
            engine = open_engine(opened.engine_name, opened.collection.corpus, analysis=analysis_by_name(analysis))
        return Contestant(self.manifest.version, open_bundle(folder, engine, opened.vectors), engine)
