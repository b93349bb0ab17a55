"""Analyses by name: `1-en`, `2-de`, `2-en-ru`, `2-de+compounds`, `2-fr+accents`.

A name is everything that decides an analysis. It consists of a version, of the codes of its languages, the main
language first, and of options.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.compounds import LANGUAGES as COMPOUND_LANGUAGES
from untilclick.search.analysis.compounds import CharSplit
from untilclick.search.analysis.english_v1 import NAME as FIRST
from untilclick.search.analysis.english_v1 import EnglishAnalysisV1
from untilclick.search.analysis.languages import LANGUAGES, UNDETERMINED
from untilclick.search.analysis.unicode_v2 import UnicodeAnalysis
from untilclick.search.errors import AnalysisError

VERSION = 2
"""Version of the analysis of new indexes. Raise it with every change of a term."""

ACCENTS, COMPOUNDS = "accents", "compounds"
OPTIONS = (ACCENTS, COMPOUNDS)
"""`accents`: letters keep their accents, so that "resume" does not find "résumé". `compounds`: the parts of compound
words are indexed beside them (German, Dutch)."""

FIRST_NAME = FIRST
"""Name of the analysis of artefacts that name none."""

ENGLISH = "2-en"
"""Name of the present analysis of English."""

_NAME = re.compile(r"(\d+)-([a-z]+(?:-[a-z]+)*)((?:\+[a-z]+)*)")


def name_of(languages: Sequence[str], options: Sequence[str] = ()) -> str:
    """The name of the present version of an analysis.

    Latin words get English's rules if no other language of that script is among `languages`. Raises AnalysisError for
    an unknown language or option, and for two languages of one script.
    """
    return analysis_by_name(f"{VERSION}-{'-'.join(languages)}{''.join(f'+{option}' for option in options)}").name


@cache
def analysis_by_name(name: str) -> Analysis:
    """The analysis of a name. Raises AnalysisError for a name that this build does not know, and
    MissingDependencyError if an option needs a package that is not installed."""
    if name == FIRST:
        return EnglishAnalysisV1()
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) != VERSION:
        raise AnalysisError(
            f"Analysis {name!r}: this build knows {FIRST} and {VERSION}-LANGUAGE, such as {VERSION}-en"
        )
    languages, options = match[2].split("-"), match[3].split("+")[1:]
    _check(name, languages, options)
    split = COMPOUNDS in options
    return UnicodeAnalysis(
        name,
        languages,
        keep_accents=ACCENTS in options,
        compounds=CharSplit(languages[0]) if split else None,
    )


def is_first(analysis: Analysis) -> bool:
    """Whether an analysis is `1-en`, whose artefacts have no field `aside` and follow the rules of their time."""
    return analysis.name == FIRST_NAME


def english() -> Analysis:
    """The present analysis of English."""
    return analysis_by_name(ENGLISH)


def _check(name: str, languages: Sequence[str], options: Sequence[str]) -> None:
    """Raise AnalysisError for a name whose parts do not fit together."""
    known = ", ".join(sorted(code for code in LANGUAGES if code != UNDETERMINED))
    for code in languages:
        if code not in LANGUAGES:
            raise AnalysisError(f"Language {code!r} is not known. Choose one of: {known}, or {UNDETERMINED} for none")
    scripts = [LANGUAGES[code].script for code in languages]
    if len(set(scripts)) < len(scripts):
        raise AnalysisError(f"Analysis {name!r} has two languages of one script. Choose one, or {UNDETERMINED}")
    for option in options:
        if option not in OPTIONS:
            raise AnalysisError(f"Option {option!r} of an analysis is not known. Choose from: {', '.join(OPTIONS)}")
    if COMPOUNDS in options and languages[0] not in COMPOUND_LANGUAGES:
        choices = " or ".join(sorted(COMPOUND_LANGUAGES))
        raise AnalysisError(f"Compounds of the language {languages[0]!r} cannot be split. Choose {choices}")
