"""The simulated users of a site: their habits and words, where each comes from, and the file that keeps them.

The file is JSON. Of what visitors typed it holds the words of the vocabulary alone, each of them typed by several.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.errors import DataError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.users.realism.fitted import FittedValue
from untilclick.search.users.site.vocabulary import SiteVocabulary, VocabularyRecord
from untilclick.search.users.user import UserConfig
from untilclick.search.users.vocabulary.lay_words import Vocabulary

FORMAT = 1
"""Format of the file."""
CHOSEN = ("misspellings", "lay_part")
"""Fields of `UserConfig` that are choices of a simulation, and no habits of people."""


@dataclass(frozen=True)
class SiteUsers:
    """The users of a site."""

    config: UserConfig
    """Their habits."""
    values: tuple[FittedValue, ...]
    """Every habit with its origin."""
    vocabulary: SiteVocabulary
    """What they call the concepts of the documents."""
    n_sessions: int
    """Number of sessions with a query that they were fitted to."""
    notes: tuple[str, ...] = ()
    """What the log lacks, one sentence each, without a full stop."""

    @property
    def habits(self) -> Mapping[str, object]:
        """The fields of `UserConfig` that they have, without those that a simulation chooses."""
        return {each.name: getattr(self.config, each.name) for each in fields(self.config) if each.name not in CHOSEN}

    @classmethod
    def by_default(cls, config: UserConfig, vocabulary: SiteVocabulary, n_sessions: int, note: str) -> Self:
        """Users with the habits of `config`, because of what `note` says."""
        values = tuple(
            FittedValue(name, _shown(getattr(config, name)), "default", note)
            for name in (each.name for each in fields(config))
            if name not in CHOSEN
        )
        return cls(config, values, vocabulary, n_sessions, (note,))

    def write(self, path: Path) -> None:
        """Write the file."""
        vocabulary = self.vocabulary.record
        record = _Record(FORMAT, self.n_sessions, list(self.notes), self.config, list(self.values), vocabulary)
        write_whole(path, json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path, analysis: Analysis, otherwise: Vocabulary | None = None) -> Self:
        """Read the file; `otherwise` is as in `SiteVocabulary`. Raises DataError for a missing or wrong file."""
        remedy = "Fit the users again with `untilclick simulate --like LOG`"
        try:
            record = read_record(_Record, path, ignore_unknown=True)
        except OSError as error:
            raise DataError.at(path, None, f"cannot be read ({error.strerror})", remedy) from None
        except ValueError as error:
            raise DataError.at(path, None, f"holds no users of a site ({error})", remedy) from None
        if record.format != FORMAT:
            raise DataError.at(path, None, f"has format {record.format}, and this build reads {FORMAT}", remedy)
        vocabulary = SiteVocabulary.of_record(record.vocabulary, analysis, otherwise)
        return cls(record.user, tuple(record.values), vocabulary, record.sessions, tuple(record.notes))


@dataclass(frozen=True)
class _Record:
    """The content of the file."""

    format: int
    sessions: int
    notes: Sequence[str]
    user: UserConfig
    values: Sequence[FittedValue]
    vocabulary: VocabularyRecord


def _shown(value: object) -> float | str:
    return value if isinstance(value, float | str) else str(value)
