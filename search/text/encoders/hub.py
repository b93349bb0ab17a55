"""Models of the Hugging Face hub: from its local cache, else by one short try over the network.

The library huggingface_hub alone asks an unreachable hub six times, which takes 23 seconds.
"""

from __future__ import annotations

from pathlib import Path

from untilclick.search.errors import ModelError

TIMEOUT_SECONDS = 3.0
"""Maximum duration of the request that finds out whether the hub can be reached."""

PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md")
"""Files that are downloaded. Pickled weights are not: reading them can run code."""


def hub_folder(repository: str, revision: str | None = None) -> Path:
    """The folder of a model of the hub, at a commit or (None) at its latest one that is known here.

    With HF_HUB_OFFLINE=1 only the local cache is read. Raises ModelError if the model is not there and cannot be
    downloaded.
    """
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415  takes half a second
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    def download(*, local: bool) -> Path:
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=list(PATTERNS), local_files_only=local)
        )

    try:
        return download(local=True)
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:  # not the name of a model
        raise ModelError(f"{repository} is not the name of a model of the hub ({error})") from error
    try:
        HfApi().model_info(repository, revision=revision, timeout=TIMEOUT_SECONDS)
        return download(local=False)
    except Exception as error:  # of requests, httpx or httpx2, by the version of the library
        problem = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"{repository} is not in the local cache of the hub, and cannot be had from the hub ({problem}); "
            "give the folder of a model instead"
        ) from error
