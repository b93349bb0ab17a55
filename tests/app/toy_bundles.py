"""Bundles without a model: a text file has the words that the rewriter adds; the rest is as in real bundles."""

from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import (
    ENCODER_FOLDER,
    MEANING_FORMAT,
    BundleManifest,
    bundle_version,
    checksums,
    read_manifest,
    write_manifest,
)
from untilclick.search.analysis.by_name import ENGLISH, analysis_by_name

from tests.app.stand_ins import BrokenRewriter, TableRewriter, toy_engine
from tests.fake_encoder import FakeEncoder

QUERY = "delete folder"


def toy_bundle(
    folder: Path,
    words: str,
    created: str = "2026-01-01T00:00:00+00:00",
    fingerprint: str = "print",
    analysis: str = ENGLISH,
    *,
    encoder: bool = False,
) -> str:
    """A bundle whose rewriter adds these words to QUERY; `broken` fails. Returns its version."""
    folder.mkdir(parents=True)
    (folder / "words.txt").write_text(words)
    if encoder:
        (folder / ENCODER_FOLDER).mkdir()
        (folder / ENCODER_FOLDER / "model.bin").write_text("weights")
    blend, sums = BlendSettings(), checksums(folder)
    version = bundle_version(sums, blend)
    manifest = BundleManifest(version, blend, "toy", fingerprint, "int8", created, {"ndcg": 0.5}, sums)
    if encoder:
        manifest = replace(manifest, format=MEANING_FORMAT, encoder=FakeEncoder().card)
    write_manifest(replace(manifest, analysis=analysis), folder)
    return version


def open_toy(folder: Path):
    """Open such a bundle, in place of `open_bundle`."""
    manifest = read_manifest(folder)
    words = (folder / "words.txt").read_text()
    rewriter = BrokenRewriter() if words == "broken" else TableRewriter({QUERY: tuple(words.split())})
    rewriter.version = manifest.version
    return rewriter


class ToyOpener:
    """A `VersionOpener` of such bundles."""

    def __init__(self, open_engine=toy_engine):
        self._open_engine = open_engine
        self.engines = WeakValueDictionary()

    def engine(self, analysis):
        name = analysis or ENGLISH
        engine = self.engines.get(name)
        if engine is None:
            engine = self.engines[name] = self._open_engine(analysis_by_name(name))
        return engine

    def rewriter(self, folder, engine):
        return open_toy(folder)
