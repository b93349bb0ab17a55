"""The bundle: one folder with everything the service needs to rewrite queries. It is read without torch.

bundle.json        format, versions, blend, data fingerprint, figures, checksums
model/             CTranslate2 weights and vocabulary
tokenizer.json     the same vocabulary for other tools
vocabulary.json    terms, readable words, document frequencies, and the words that no document holds (format 6)
README.md          the model card: training data, figures, whose weights
spelling.json      the corpus's words for the spelling corrector
memory.npz         the memory of documents, if the model has one
prior.npz          how prominent the documents are, if a blend has a weight for it
encoder/           the sentence encoder, if the blend needs one (format 6). Bundles inside use that of the outer one
subword.json       lengths of prompts and outputs of a subword T5; only in bundles of kind `subwords` (format 3)
members/0/ 1/ ...  model/ and memory.npz of each model; in bundles of kind `mean` (format 4), instead of those above
twin/              a bundle of its own: the model that this one was refitted from and that versions are judged by. The
                   service never opens it
untrained/         a bundle of its own: the rewriter that has learned from documents alone; only in bundles whose use
                   has a scope, `returning` (format 5) or `words`
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.judging.evidence import Evidence
from untilclick.rewriter.judging.gate import Answering, Carried, Use
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.errors import EncoderError, ModelError
from untilclick.search.files.json_records import record_of
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.encoders.encoder import EncoderCard

Kind = Literal["terms", "subwords", "mean"]
"""`terms`, `subwords`: one model that reads and writes index terms or texts (`language/language.py`); `mean`: several
models over terms that answer as one."""
FORMATS: Mapping[Kind, int] = {"terms": 2, "subwords": 3, "mean": 4}
"""Format of each kind of bundle. A build that does not know a kind refuses its format."""
RETURNING_FORMAT = 5
"""Format of bundles of any kind whose use has a scope. A build that knows no uses would serve the learned
model for all queries, so it has to refuse them."""
MEANING_FORMAT = 6
"""Format of bundles of any kind and use that need a sentence encoder or read outside words. A build that knows none
of them would answer otherwise than the version that was judged."""
NEEDED_BUDGET_MS: Mapping[Kind, float] = {"terms": 0.0, "subwords": 500.0, "mean": 0.0}
"""Time budget in milliseconds below which most queries stay as typed; 0 if the service's default is enough."""
MANIFEST = "bundle.json"
MODEL_FOLDER = "model"
MEMBERS_FOLDER = "members"
"""Folder of the models of a `mean`, in bundles and stages; it holds one folder for each, named 0, 1, ..."""
SPELLING_FILE = "spelling.json"
TOKENIZER_FILE = "tokenizer.json"
MEMORY_FILE = "memory.npz"
PRIOR_FILE = "prior.npz"
ENCODER_FOLDER = "encoder"
TWIN_FOLDER = "twin"
UNTRAINED_FOLDER = "untrained"


@dataclass(frozen=True)
class BundleManifest:
    """The content of `bundle.json`."""

    version: str
    """The first 12 hex digits of the SHA-256 over all other files and the blends."""
    blend: BlendSettings
    """The blend that was chosen by the caution of the training."""
    data: str
    """The `--data` source that the model was trained on."""
    fingerprint: str
    """Fingerprint of that corpus."""
    quantization: str
    """Precision of the weights: `int8` or `float32`."""
    created: str
    """Time of the export, ISO 8601 in UTC."""
    figures: Mapping[str, float]
    """Validation figures at the end of training."""
    checksums: Mapping[str, str]
    """Path inside the bundle -> SHA-256 in hex."""
    prompt_version: int = PROMPT_VERSION
    format: int = FORMATS["terms"]
    """See `FORMATS`."""
    kind: Kind = "terms"
    analysis: str = FIRST_NAME
    """Name of the analysis of the index that the rewrites are searched in."""
    use: Use = Use.LEARNED
    """What of the version answers."""
    evidence: Evidence | None = None
    """What held-out needs say of it; None if it has learned from documents alone, or was made by a build that kept no
    evidence."""
    asked: bool = False
    """Whether an operator asked for this use against the gate."""
    blends: Mapping[Caution, BlendSettings] = field(default_factory=dict)
    """The blend that was chosen for each caution; empty in bundles of earlier versions, and where one blend serves
    all."""

    encoder: EncoderCard | None = None
    """The sentence encoder that the bundle needs."""
    outside_words: int = 0
    """Number of words that the model reads and that no document holds."""

    @property
    def reads_more(self) -> bool:
        """See `format_of`."""
        return self.encoder is not None or self.outside_words > 0

    def blend_for(self, caution: Caution | None) -> BlendSettings:
        """The blend for a caution, or `blend` if there is none for it or no caution is asked for."""
        return self.blend if caution is None else self.blends.get(caution, self.blend)

    @property
    def carried(self) -> Carried:
        """What the gate has to know."""
        return Carried(self.use, self.evidence, self.asked)

    @property
    def answering(self) -> Answering | None:
        """What the gate has to know if this version answers; None if it has learned nothing from a log."""
        return None if self.use is Use.UNTRAINED else Answering(self.version, self.use)

    @property
    def needed_budget_ms(self) -> float:
        """The smallest useful time budget for a rewriter of this kind, in milliseconds."""
        return NEEDED_BUDGET_MS[self.kind]


@dataclass(frozen=True)
class _Build:
    """The part of a manifest that tells whether this build can read the rest."""

    kind: str = "terms"
    format: int = FORMATS["terms"]
    prompt_version: int = PROMPT_VERSION
    use: Use = Use.LEARNED
    encoder: Mapping[str, object] | None = None
    outside_words: int = 0

    @property
    def reads_more(self) -> bool:
        """See `format_of`."""
        return self.encoder is not None or self.outside_words > 0


def format_of(kind: Kind, use: Use = Use.LEARNED, *, reads_more: bool = False) -> int:
    """Format of a bundle of this kind and use. `reads_more`: it reads more of queries than the index terms of the
    documents, by a sentence encoder or as outside words."""
    if reads_more:
        return MEANING_FORMAT
    return RETURNING_FORMAT if use.is_scoped else FORMATS[kind]


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256, in hexadecimal, of every file of the folder except its own manifest, by path inside the folder. The
    manifests of nested bundles count."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): _digest(path) for path in paths}


def bundle_version(
    sums: Mapping[str, str], blend: BlendSettings, blends: Mapping[Caution, BlendSettings] | None = None
) -> str:
    """The version of a bundle, which changes with every change of its files or its blends."""
    content: list[object] = [sorted(sums.items()), asdict(blend)]
    if blends:
        content.append({caution: asdict(each) for caution, each in sorted(blends.items())})
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def write_manifest(manifest: BundleManifest, folder: Path) -> None:
    """Write `bundle.json`."""
    write_whole(folder / MANIFEST, json.dumps(asdict(manifest), indent=1))


def read_manifest(folder: Path, *, verify: bool = True) -> BundleManifest:
    """Read and check `bundle.json`; keys that this build does not know are ignored, except in the blend. Raises
    ModelError for a manifest that cannot be read, for another kind, format or prompt version, and for a missing or
    changed file of the bundle, an EncoderError if all such files are an encoder's; without `verify` the other files
    are not read."""
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        _check_build(record_of(_Build, content, ignore_unknown=True), folder)
        manifest = record_of(BundleManifest, content, ignore_unknown=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error
    if verify:
        _check_files(manifest, folder)
    return manifest


def _check_build(build: _Build, folder: Path) -> None:
    formats: dict[str, int] = {kind: format_of(kind, build.use, reads_more=build.reads_more) for kind in FORMATS}
    if build.kind not in formats:
        raise _unreadable(folder, "kind", build.kind, " or ".join(formats))
    if build.format != formats[build.kind]:
        raise _unreadable(folder, "format", build.format, formats[build.kind])
    if build.prompt_version != PROMPT_VERSION:
        raise _unreadable(folder, "prompt version", build.prompt_version, PROMPT_VERSION)


def _unreadable(folder: Path, name: str, value: object, readable: object) -> ModelError:
    return ModelError(
        f"Bundle {folder} has {name} {value}; this build reads {readable}. Make it again: `untilclick export`"
    )


def encoder_folder(folder: Path) -> Path:
    """The folder of a bundle's encoder: its own, or that of the bundle that it is inside of."""
    own = folder / ENCODER_FOLDER
    return own if own.is_dir() else folder.parent / ENCODER_FOLDER


def _check_files(manifest: BundleManifest, folder: Path) -> None:
    present = checksums(folder)
    if manifest.encoder is not None and (shared := encoder_folder(folder)).parent != folder and shared.is_dir():
        present |= {f"{ENCODER_FOLDER}/{name}": digest for name, digest in checksums(shared).items()}
    changed = sorted(name for name, digest in manifest.checksums.items() if present.get(name) != digest)
    others = [name for name in changed if ENCODER_FOLDER not in PurePosixPath(name).parts[:-1]]
    if changed:
        error = ModelError if others or manifest.encoder is None else EncoderError
        name = others[0] if others else changed[0]
        raise error(f"Bundle {folder}: {name} is missing or was changed after export; export it again")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
