"""Correct words of many fields and languages, which are hardly ever misspellings even if the corpus lacks them.

The file holds 32-bit hashes of the words, not the words: 630,000 words take 2.5 MB of memory, and the search for
one of them takes microseconds. One word in seven thousand is taken for a member by mistake. The words come from
lists under the MIT and BSD licences (`python -m benchmarks.spelling_model lexicon` makes the file and names them):
English words, the 40,000 most frequent words of German, Spanish, French, Italian, Dutch, Portuguese and Russian,
names of people, places and software, and the words of translated programs. Words with accents are there without
them too. Words are not corrected to words of this list; candidates come from the corpus alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LEXICON_FILE = "lexicon.npz"
"""Name of the file of the shipped lexicon, in this room."""


class Lexicon:
    """Two sets of words. Read-only, so threads may share it."""

    def __init__(self, common: NDArray[np.uint32], listed: NDArray[np.uint32]) -> None:
        """Sorted hashes of the common words and of the others."""
        self._common = common
        self._listed = listed

    @classmethod
    def of(cls, common: Iterable[str], listed: Iterable[str]) -> Lexicon:
        """The lexicon of words in lower case."""
        return cls(_hashes(common), _hashes(listed))

    def is_common(self, word: str) -> bool:
        """Whether a word in lower case is so common that it is never a mistake: English, or a name of software."""
        return _contains(self._common, word)

    def __contains__(self, word: str) -> bool:
        """Whether a word in lower case is listed, common or not."""
        return _contains(self._common, word) or _contains(self._listed, word)

    def save(self, path: Path) -> None:
        """Write the lexicon. Differences of sorted hashes take half the space of the hashes when compressed."""
        arrays = {"common": self._common, "listed": self._listed}
        differences = {name: np.diff(hashes, prepend=np.uint32(0)) for name, hashes in arrays.items()}
        np.savez_compressed(path, allow_pickle=False, **differences)


@cache
def shipped_lexicon() -> Lexicon:
    """The lexicon of the package, read once."""
    with (files(__package__) / LEXICON_FILE).open("rb") as file, np.load(file) as arrays:
        common, listed = (np.cumsum(arrays[name], dtype=np.uint32) for name in ("common", "listed"))
    return Lexicon(common, listed)


def _hashes(words: Iterable[str]) -> NDArray[np.uint32]:
    """Sorted distinct hashes of words."""
    return np.unique(np.fromiter((crc32(word.encode()) for word in words), dtype=np.uint32))


def _contains(hashes: NDArray[np.uint32], word: str) -> bool:
    wanted = np.uint32(crc32(word.encode("utf-8", "replace")))
    place = int(hashes.searchsorted(wanted))
    return place < len(hashes) and bool(hashes[place] == wanted)
