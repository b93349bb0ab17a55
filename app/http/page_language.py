"""The language of the pages: the visitor's if there are messages in it, else that of the documents, else English.

A language is named by the primary subtag of its BCP 47 tag: visitors who prefer `de-CH` get the German messages. The
region decides in the browser how numbers are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

from untilclick.app.settings.groups import PageLanguage

LANGUAGES: frozenset[str] = frozenset(get_args(PageLanguage)) - {"auto"}
"""The languages that have a file of messages."""

FALLBACK = "en"
"""The language for visitors and documents of other languages."""

RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
"""Languages whose usual script runs from right to left."""

FORMER_CODES = {"iw": "he", "ji": "yi"}
"""Withdrawn codes of ISO 639 that browsers may still send."""

_WEIGHT = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def preferred_languages(accept_language: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, section 12.5.4) as primary subtags, most preferred first.

    Languages of equal weight keep their order. Languages of weight 0 and parts that cannot be read are left out; an
    empty header gives an empty list.
    """
    ranges = [part.partition(";") for part in accept_language.split(",")]
    weighted = [(_primary_subtag(tag), _weight(parameter)) for tag, _, parameter in ranges]
    accepted = [(language, weight) for language, weight in weighted if language and weight > 0]
    return [language for language, _ in sorted(accepted, key=lambda entry: -entry[1])]


def page_language(preferred: Iterable[str], corpus_language: str | None) -> str:
    """The language of a page, out of LANGUAGES.

    `preferred` are the visitor's languages, most preferred first; `corpus_language` is the language of the documents,
    None if it is unknown or if there are several.
    """
    candidates = [*preferred, _primary_subtag(corpus_language or "")]
    return next((language for language in candidates if language in LANGUAGES), FALLBACK)


def direction(language: str) -> Literal["ltr", "rtl"]:
    """The direction of the usual script of a language, as the value of the attribute `dir`."""
    return "rtl" if _primary_subtag(language) in RIGHT_TO_LEFT else "ltr"


def _primary_subtag(tag: str) -> str:
    language = tag.strip().lower().partition("-")[0]
    return FORMER_CODES.get(language, language)


def _weight(parameter: str) -> float:
    """The weight of a language, 1 without a parameter, 0 if the parameter is not a weight."""
    if not parameter.strip():
        return 1.0
    weight = _WEIGHT.fullmatch(parameter)
    return float(weight[1]) if weight else 0.0
