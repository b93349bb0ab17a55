"""The record of the encoder that a model reads, and how the same encoder is opened again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from untilclick.search.errors import DataError, MissingDependencyError, ModelError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.files.json_records import read_record
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.encoder import Encoder, EncoderCard
from untilclick.search.text.encoders.encoder_folder import CARD_FILE
from untilclick.search.text.encoders.opened import converted_folders
from untilclick.search.text.encoders.static_vectors import PACKAGE, StaticEncoder


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """What a model remembers of its encoder."""

    name: str
    """Name on the encoder's card."""
    digest: str
    """Digest on the encoder's card."""
    folder: str | None = None
    """Folder that it was opened from; None for one that is not in a folder of its own."""

    @classmethod
    def of(cls, encoder: Encoder) -> EncoderRecord:
        """The record of an opened encoder."""
        folder = str(encoder.folder.resolve()) if isinstance(encoder, CTranslate2Encoder) else None
        return cls(encoder.card.name, encoder.card.digest, folder)

    def open(self, cache: Path | None = None) -> Encoder:
        """The same encoder, from its folder or from the directory of converted encoders `cache` (None: that of
        `cache_directory`). An encoder is loaded once in a process. Raises ModelError if this machine has it no
        more."""
        for folder in self._folders(cache or cache_directory(os.environ)):
            if _digest(folder) == self.digest:
                return _opened(folder)
        if self.name == PACKAGE and (static := _static()) is not None and static.card.digest == self.digest:
            return static
        raise ModelError(
            f"The model reads the sentence encoder {self.name} ({self.digest[:12]}), which is not on this machine; "
            "convert it again with --encoder, or train the base again"
        )

    def check(self, present: EncoderCard) -> None:
        """Raises ModelError if another encoder is given."""
        if present.digest != self.digest:
            raise ModelError(
                f"The model was trained with the sentence encoder {self.name} ({self.digest[:12]}), and the "
                f"documents are opened with {present.name} ({present.digest[:12]}); give the same one with "
                "--encoder, or train the base again"
            )

    def _folders(self, cache: Path) -> Iterator[Path]:
        if self.folder is not None:
            yield Path(self.folder)
        yield from converted_folders(cache)


def _digest(folder: Path) -> str | None:
    """The digest on the card of a folder; None if it has no card that can be read."""
    try:
        return read_record(EncoderCard, folder / CARD_FILE).digest
    except (OSError, ValueError, DataError):
        return None


@lru_cache(maxsize=4)
def _opened(folder: Path) -> Encoder:
    return CTranslate2Encoder(folder)


def _static() -> Encoder | None:
    try:
        return StaticEncoder.open()
    except MissingDependencyError:
        return None
