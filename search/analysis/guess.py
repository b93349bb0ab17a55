"""The languages of documents, guessed from their letters and by the library py3langid.

The script decides first: Han with Kana is Japanese, Hangul Korean, and so on. Of the languages of one script the
library chooses the one that has most of the letters (Lui & Baldwin, "langid.py: An Off-the-shelf Language
Identification Tool", ACL 2012). If no language has most of them, words of that script keep their endings, which harms
none of the languages.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import ENGLISH, analysis_by_name, name_of
from untilclick.search.analysis.languages import LANGUAGES, UNDETERMINED
from untilclick.search.analysis.normal_form import normalised
from untilclick.search.analysis.scripts import Script, script_name, script_of
from untilclick.search.analysis.stems import stop_word_test
from untilclick.search.records import Document

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

AUTO = "auto"
"""The setting for a guessed language."""

SAMPLE = 400
"""Number of documents that are read, at equal distances."""

CHARACTERS = 600
"""Number of characters of a document that are read."""

SHORT = 300
"""With fewer letters of a script in all documents together, ASCII letters are taken for English."""

MAJORITY = 0.8
"""Share of the letters of a script that its language must have."""

ENGLISH_SHARE = 0.2
"""Share of English stop words among the words of a text from which on it is English. English prose has .3 to .5, text
in German, Dutch or a Romance language less than .1."""

IDENTIFIABLE = 200
"""Characters of a text from which on its language is told reliably; shorter texts are joined."""

LEAST_SHARE = 0.02
"""Share of all letters below which a script is left out."""

CHARACTER_WEIGHT = 3
"""Letters of an alphabet that a character of a script without spaces, or of Korean, counts for: it says as much."""

_LETTERS = re.compile(r"[^\W\d_]+")
_BIGRAM_LANGUAGES = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "KATAKANA-HIRAGANA": "ja", "HANGUL": "ko", "THAI": "th", "KHMER": "km",
    "CJK": "zh", "IDEOGRAPHIC": "zh",
}  # fmt: skip
_KANA_SHARE = 0.1
"""Share of Kana among Han and Kana from which on a text is Japanese."""


def analysis_for(documents: Sequence[Document]) -> Analysis:
    """The analysis of the languages that the documents are in; English's if the documents have no letters."""
    languages = languages_of(documents)
    return analysis_by_name(name_of(languages) if languages else ENGLISH)


def analysis_of_language(language: str, documents: Sequence[Document]) -> Analysis:
    """The analysis of a setting: `auto`, or languages with options, such as `de`, `en-ru` and `de+compounds`.

    Raises AnalysisError for a language or an option that is not known.
    """
    if language == AUTO:
        return analysis_for(documents)
    codes, *options = language.lower().split("+")
    return analysis_by_name(name_of(codes.split("-"), options))


def languages_of(documents: Sequence[Document]) -> list[str]:
    """Codes of the languages of documents, at most one for each script, the one with most letters first.

    Empty if the documents have no letters of a known script.
    """
    step = max(1, len(documents) // SAMPLE)
    samples = [normalised(document.content[:CHARACTERS]) for document in islice(documents, 0, None, step)]
    letters: Counter[Script] = Counter()
    letters_by_name: Counter[str] = Counter()  # by the first word of the letter's Unicode name
    texts: defaultdict[Script, list[str]] = defaultdict(list)
    for sample in samples:
        of_sample: Counter[Script] = Counter()
        for char, count in Counter(sample).items():
            if script_name(char):
                script = script_of(char)
                of_sample[script] += count * (CHARACTER_WEIGHT if script == "bigrams" else 1)
                letters_by_name[script_name(char)] += count
        letters.update(of_sample)
        if of_sample:
            texts[of_sample.most_common(1)[0][0]].append(sample)
    least = letters.total() * LEAST_SHARE
    scripts = [script for script, count in letters.most_common() if count >= least and script != "other"]
    codes = [
        _bigram_language(letters_by_name) if script == "bigrams" else _language(script, texts[script])
        for script in scripts
    ]
    return [code for code in codes if code is not None]


def _bigram_language(names: Counter[str]) -> str:
    """The language of documents in scripts without spaces or in Korean, from their numbers of letters by the first
    word of the letter's Unicode name."""
    kana = sum(count for name, count in names.items() if _BIGRAM_LANGUAGES.get(name) == "ja")
    if kana > _KANA_SHARE * (kana + names["CJK"]):
        return "ja" if kana + names["CJK"] >= names["HANGUL"] else "ko"
    return next((_BIGRAM_LANGUAGES[name] for name, _ in names.most_common() if name in _BIGRAM_LANGUAGES), "zh")


def _language(script: Script, texts: Sequence[str]) -> str | None:
    """The language of texts that are mostly in a script; None if the script has none that is known."""
    codes = [code for code, language in LANGUAGES.items() if language.script == script and code != UNDETERMINED]
    if script == "latin":
        words = [word for text in texts for word in _LETTERS.findall(text) if script_of(word) == "latin"]
        if sum(map(len, words)) < SHORT and all(map(str.isascii, words)):
            return "en"
    if len(codes) < 2 or not texts:
        return codes[0] if codes and script != "latin" else None
    letters: Counter[str] = Counter()
    joined = _identifiable(texts)
    total = sum(map(len, joined))
    if script == "latin" and sum(len(text) for text in joined if _is_plainly_english(text)) >= MAJORITY * total:
        return "en"
    identify = _Identifier()
    for text in joined:
        letters[identify(text)] += len(text)
    code, count = letters.most_common(1)[0]
    return code if code in codes and count >= MAJORITY * letters.total() else UNDETERMINED


def _identifiable(texts: Iterable[str]) -> list[str]:
    """The texts, with short neighbours joined: a few words tell little."""
    joined: list[str] = []
    for text in texts:
        if joined and len(joined[-1]) < IDENTIFIABLE:
            joined[-1] += f"\n{text}"
        else:
            joined.append(text)
    return joined


def _is_plainly_english(text: str) -> bool:
    """Whether so many words are English stop words that no model is needed to tell."""
    words = _LETTERS.findall(text)
    stop_words = sum(map(stop_word_test("en"), map(str.lower, words)))
    return stop_words >= ENGLISH_SHARE * len(words)


class _Identifier:
    """Tells the language of a text by the model of py3langid.

    The model takes half a second to load and 70 MB. It is loaded for the first text, and released with this object.
    """

    def __init__(self) -> None:
        self._model: LanguageIdentifier | None = None

    def __call__(self, text: str) -> str:
        """ISO 639-1 code of the language of a text."""
        if self._model is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  most openings need no guess

            self._model = LanguageIdentifier.from_model_file(MODEL_FILE)
        return str(self._model.classify(text)[0])
