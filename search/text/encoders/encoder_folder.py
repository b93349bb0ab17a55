"""The folder of a transformer encoder, as `rewriter/policy/encoders/` converts it and `CTranslate2Encoder` reads it.

model/           the model of CTranslate2, with int8 or float32 weights
tokenizer.json   the tokenizer of the library tokenizers
encoder.json     `EncoderSettings`: pooling and prompts
card.json        `EncoderCard`, with the digest of the other files
LICENSE.txt      licence of the weights, and what was changed
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from untilclick.search.errors import DataError, ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.encoders.encoder import EncoderCard, TextKind

MODEL_FOLDER = "model"
TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "encoder.json"
CARD_FILE = "card.json"
LICENCE_FILE = "LICENSE.txt"

Pooling = Literal["mean", "cls"]
"""How the states of the tokens become one vector: their mean, or the state of the first."""

Quantization = Literal["int8", "float32"]


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What the weights do not say: how texts are read and states are pooled."""

    pooling: Pooling
    max_tokens: int
    query_prompt: str = ""
    """Text before every query."""
    document_prompt: str = ""
    """Text before every document."""

    def prompt(self, kind: TextKind) -> str:
        """The text before texts of a kind."""
        return self.query_prompt if kind == "query" else self.document_prompt


def write_encoder_folder(folder: Path, settings: EncoderSettings, card: EncoderCard) -> EncoderCard:
    """Finish a folder that holds model and tokenizer: write settings, card and licence. Returns the card with its
    digest."""
    write_whole(folder / SETTINGS_FILE, json.dumps(asdict(settings), indent=1))
    write_whole(folder / LICENCE_FILE, _licence(card))
    card = replace(card, digest=folder_digest(folder))
    write_whole(folder / CARD_FILE, json.dumps(asdict(card), indent=1))
    return card


def _licence(card: EncoderCard) -> str:
    """The notice that goes with the weights, with the whole text of the Apache License, which asks for that."""
    notice = f"{card.name}\nLicence: {card.licence}\nChanges: {card.changes}\n"
    if card.licence.lower() != "apache-2.0":
        return notice
    return notice + files("untilclick.search.text.encoders").joinpath("apache-2.0.txt").read_text(encoding="utf-8")


def is_encoder_folder(folder: Path) -> bool:
    """True if the folder has the files that say how an encoder is read."""
    return (folder / CARD_FILE).is_file() and (folder / SETTINGS_FILE).is_file()


def read_encoder_folder(folder: Path) -> tuple[EncoderSettings, EncoderCard]:
    """Settings and card. Raises ModelError if the folder is no encoder's, or its files are not those of the card."""
    try:
        settings = read_record(EncoderSettings, folder / SETTINGS_FILE)
        card = read_record(EncoderCard, folder / CARD_FILE)
        digest = folder_digest(folder)
    except (OSError, ValueError, DataError) as error:
        raise ModelError(f"{folder} is not a converted encoder ({error}); convert the encoder again") from error
    if digest != card.digest:
        raise ModelError(
            f"The files of the encoder {folder} have the checksum {digest[:16]}, its card says {card.digest[:16]}; "
            "delete the folder and convert the encoder again"
        )
    return settings, card


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files that decide a vector."""
    model = sorted((folder / MODEL_FOLDER).iterdir())
    return files_digest(folder, [*model, folder / TOKENIZER_FILE, folder / SETTINGS_FILE])


def files_digest(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, over the paths of files inside the folder and their contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256, in hexadecimal, of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
