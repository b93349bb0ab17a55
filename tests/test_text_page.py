"""docs/text.md says what the analysis does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from untilclick.search.analysis.languages import LANGUAGES, UNDETERMINED

PAGE = (Path(__file__).parents[1] / "docs" / "text.md").read_text(encoding="utf-8")


def codes_of(row: str) -> set[str]:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row} |"))
    return set(re.findall(r"\b[a-z]{2}\b", re.sub(r"\(.*?\)", "", line.split("|")[2])))


@pytest.mark.parametrize(
    ("row", "belongs"),
    [
        ("stems and stop words", lambda language: language.stemmer and (language.stop_list or language.stop_words)),
        ("stems", lambda language: language.stemmer and not (language.stop_list or language.stop_words)),
        ("bigrams", lambda language: language.script == "bigrams"),
    ],
)
def test_the_page_lists_the_languages_of_each_kind(row, belongs):
    assert codes_of(row) == {code for code, language in LANGUAGES.items() if belongs(language)} - {UNDETERMINED}
