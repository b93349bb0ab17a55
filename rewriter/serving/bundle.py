"""The bundle: one folder with everything the service needs, and nothing that needs torch.

bundle.json        format, versions, blend, data fingerprint, figures, checksums
model/             CTranslate2 weights and vocabulary
tokenizer.json     the same vocabulary for other tools
vocabulary.json    terms, readable words, document frequencies
spelling.json      the corpus's words for the spelling corrector
memory.npz         the memory of documents, where the model has one
subword.json       how a subword T5 is asked and read; only bundles of kind `subwords` (format 3) have one
members/0/ 1/ ...  model/ and memory.npz of each model; only bundles of kind `mean` (format 4), which have them there
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.search.errors import ModelError

Kind = Literal["terms", "subwords", "mean"]
"""Whether the model reads and writes index terms or texts (`language/language.py`), or is a mean of several over
terms."""
FORMATS: Mapping[Kind, int] = {"terms": 2, "subwords": 3, "mean": 4}
"""Format by kind: builds that do not know a kind refuse it by its format."""
NEEDED_BUDGET_MS: Mapping[Kind, float] = {"terms": 0.0, "subwords": 500.0, "mean": 0.0}
"""Time budget without which most queries would stay as typed; 0 where the service's default is enough."""
MANIFEST = "bundle.json"
MODEL_FOLDER = "model"
MEMBERS_FOLDER = "members"
"""In bundles of kind `mean`, and in stages whose models answer as one: a folder for each, named 0, 1, ..."""
SPELLING_FILE = "spelling.json"
TOKENIZER_FILE = "tokenizer.json"
MEMORY_FILE = "memory.npz"


@dataclass(frozen=True)
class BundleManifest:
    """What `bundle.json` says."""

    version: str
    """First 12 hex digits of the SHA-256 over all other files and the blend."""
    blend: BlendSettings
    data: str
    """The `--data` source it was trained on."""
    fingerprint: str
    """Fingerprint of that corpus."""
    quantization: str
    """`int8` or `float32`."""
    created: str
    """ISO 8601, UTC."""
    figures: Mapping[str, float]
    """Validation figures at the end of training."""
    checksums: Mapping[str, str]
    """Path inside the bundle -> SHA-256 in hex."""
    prompt_version: int = PROMPT_VERSION
    format: int = FORMATS["terms"]
    kind: Kind = "terms"

    @property
    def needed_budget_ms(self) -> float:
        """The least time budget that makes sense for a rewriter of this kind, in milliseconds."""
        return NEEDED_BUDGET_MS[self.kind]


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the folder but the manifest, by path inside it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): _digest(path) for path in found}


def bundle_version(sums: Mapping[str, str], blend: BlendSettings) -> str:
    """A name that changes with every change of weights or settings."""
    content = json.dumps([sorted(sums.items()), asdict(blend)])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def write_manifest(manifest: BundleManifest, folder: Path) -> None:
    """Write `bundle.json`."""
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")


def read_manifest(folder: Path, *, verify: bool = True) -> BundleManifest:
    """Read and check `bundle.json`. Raises ModelError for another format or prompt version, or a changed file;
    without `verify` only the manifest is looked at."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(BundleManifest)}
        manifest = BundleManifest(
            **{k: v for k, v in content.items() if k in known and k != "blend"},
            blend=BlendSettings(**content["blend"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error
    _check_build(manifest, folder)
    if verify:
        _check_files(manifest, folder)
    return manifest


def _check_build(manifest: BundleManifest, folder: Path) -> None:
    for name, found, wanted in (
        ("kind", manifest.kind, tuple(FORMATS)),
        ("format", manifest.format, (FORMATS.get(manifest.kind),)),
        ("prompt version", manifest.prompt_version, (PROMPT_VERSION,)),
    ):
        if found not in wanted:
            known = " or ".join(map(str, wanted))
            raise ModelError(
                f"Bundle {folder} has {name} {found}; this build reads {known}. Make it again: `untilclick export`"
            )


def _check_files(manifest: BundleManifest, folder: Path) -> None:
    present = checksums(folder)
    changed = sorted(name for name, digest in manifest.checksums.items() if present.get(name) != digest)
    if changed:
        raise ModelError(f"Bundle {folder}: {changed[0]} is missing or was changed after export; export it again")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
