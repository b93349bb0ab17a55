"""The files of Princeton WordNet 3.0, read whole.

They are those of Debian's package `wordnet-base`; `benchmarks/wordnet_table.py` makes the shipped table of them, and
nothing else needs them. Format: wndb(5WN), senseidx(5WN), cntlist(5WN), Fellbaum (ed.), "WordNet: An Electronic
Lexical Database", MIT Press 1998.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from untilclick.search.errors import DataError

PARTS_OF_SPEECH: Mapping[str, str] = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
"""Letter of a part of speech -> the ending of its files. A satellite adjective (`s`) is an adjective here."""
_SATELLITE = "s"
_SENSE_KEY_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}


class SynsetId(NamedTuple):
    """A synset of the files."""

    pos: str
    offset: int
    """Place of its line in the data file, in bytes."""


class Pointer(NamedTuple):
    """A relation of a synset to another."""

    symbol: str
    """The relation, such as `@` (hypernym) and `;c` (domain), see wninput(5WN)."""
    target: SynsetId


@dataclass(frozen=True)
class Synset:
    """A set of lemmas with one meaning."""

    lemmas: tuple[str, ...]
    """As written, with `_` between the words of a phrase."""
    kind: int
    """Number of its lexicographer file, such as 18 (people) and 31 (verbs of thinking), see lexnames(5WN)."""
    gloss: str
    """The definition, followed by examples in quotation marks."""
    pointers: tuple[Pointer, ...]


@dataclass(frozen=True)
class WordNet:
    """All synsets, and the lemmas that have them."""

    synsets: Mapping[SynsetId, Synset]
    senses: Mapping[tuple[str, str], tuple[SynsetId, ...]]
    """(lemma in lower case, part of speech) -> its synsets, most frequent first."""
    tag_counts: Mapping[tuple[str, str, int], int]
    """(lemma, part of speech, 0-based number of the sense) -> occurrences in SemCor; absent for 0."""
    exceptions: Mapping[tuple[str, str], str]
    """(irregular form, part of speech) -> its base form."""


def read_wordnet(folder: Path) -> WordNet:
    """Read the files of a folder. Raises DataError if one of them is missing."""
    return WordNet(
        {key: synset for pos in PARTS_OF_SPEECH for key, synset in _synsets(folder, pos)},
        {(lemma, pos): offsets for pos in PARTS_OF_SPEECH for lemma, offsets in _senses(folder, pos)},
        dict(_tag_counts(folder)),
        {(form, pos): base for pos in PARTS_OF_SPEECH for form, base in _exceptions(folder, pos)},
    )


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, without those of the licence, which begin with blanks."""
    try:
        text = path.read_text(encoding="latin-1")
    except FileNotFoundError:
        raise DataError.at(path, None, "no such file", "Install WordNet 3.0 (Debian: wordnet-base)") from None
    return (line for line in text.splitlines() if not line.startswith("  "))


def _synsets(folder: Path, pos: str) -> Iterator[tuple[SynsetId, Synset]]:
    """A data line is `offset file type w_cnt(hex) [word id]... p_cnt [symbol offset pos source/target]... | gloss`. A
    marker such as `(p)` may follow an adjective."""
    for line in _lines(folder / f"data.{PARTS_OF_SPEECH[pos]}"):
        head, _, gloss = line.partition(" | ")
        fields = head.split(" ")
        n_words = int(fields[3], 16)
        lemmas = tuple(fields[4 + 2 * i].partition("(")[0] for i in range(n_words))
        first = 5 + 2 * n_words
        places = range(first, first + 4 * int(fields[first - 1]), 4)
        pointers = tuple(Pointer(fields[i], _target(fields[i + 2], fields[i + 1])) for i in places)
        yield SynsetId(pos, int(fields[0])), Synset(lemmas, int(fields[1]), gloss.strip(), pointers)


def _target(pos: str, offset: str) -> SynsetId:
    return SynsetId("a" if pos == _SATELLITE else pos, int(offset))


def _senses(folder: Path, pos: str) -> Iterator[tuple[str, tuple[SynsetId, ...]]]:
    """An index line is `lemma pos synset_cnt p_cnt [symbol]... sense_cnt tagsense_cnt offset [offset]...`."""
    for line in _lines(folder / f"index.{PARTS_OF_SPEECH[pos]}"):
        fields = line.split()
        yield fields[0], tuple(SynsetId(pos, int(offset)) for offset in fields[-int(fields[2]) :])


def _tag_counts(folder: Path) -> Iterator[tuple[tuple[str, str, int], int]]:
    """A line is `sense_key sense_number tag_cnt`; a sense key is `lemma%type:...`."""
    for line in _lines(folder / "cntlist.rev"):
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        yield (lemma, _SENSE_KEY_POS[rest[0]], int(number) - 1), int(count)


def _exceptions(folder: Path, pos: str) -> Iterator[tuple[str, str]]:
    """A line is `form base [base]...`."""
    for line in _lines(folder / f"{PARTS_OF_SPEECH[pos]}.exc"):
        form, base, *_ = line.split()
        yield form, base
