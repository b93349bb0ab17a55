"""Makes what the spelling correction knows beforehand: its lexicon of correct words and the weights of its edits.

    python -m benchmarks.spelling_model lexicon [--packages FOLDER] [--summaries FILE ...]
    python -m benchmarks.spelling_model weights [--data SRC ...]

`lexicon` writes `search/text/lexicon.npz` from word lists of packages under the MIT and BSD licences. FOLDER has them
installed:

    pip install --target FOLDER pyspellchecker==0.9.1 zxcvbn==4.5.0 faker==40.63.0 django==5.2.19
    pip install --target FOLDER jupyterlab-language-pack-pl-PL jupyterlab-language-pack-tr-TR ...

A FILE of summaries has one software package a line, its name in the first of its columns, which tabs separate, and a
sentence about it in the last. Words of 20 summaries or more are listed, words of 40 are common.

`weights` prints the weights of `search/text/typo_model.py`. They are learned from the training half of codespell's
list and from slips, on the words of the corpora SRC; the correct words to tell apart are those of the package
`wordfreq` in 27 languages, less the words of the lexicon.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from runpy import run_path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from symspellpy import SymSpell, Verbosity

from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.text.corpus_words import CorpusWords
from untilclick.search.text.correction_rules import RANKED
from untilclick.search.text.lexicon import LEXICON_FILE, Lexicon, shipped_lexicon
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.typo_model import WEIGHTS, features
from untilclick.search.users.misspellings import load_misspellings, slip

COMMON = 100_000
"""Occurrences in Google Books from which on an English word is common; 54,000 words are."""
FREQUENT = 40_000
"""Words taken from the list of each language, the most frequent."""
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt", "ru")
"""Lists of pyspellchecker."""
WHOLE = ("de", "es", "fr", "it")
"""Languages of which rare words near to English ones are taken too."""
NEAR_LENGTH = 5
"""Letters of the shortest of these."""
LISTED_SUMMARIES, COMMON_SUMMARIES = 20, 40
"""Summaries that a word must be in to be listed, and to be common: misspellings are in fewer."""
COMMON_ARTICLES = 15_000
"""Words of the list of Wikipedia's words that count as common, the most frequent."""
CORRECT_LANGUAGES = (
    "en", "de", "fr", "es", "it", "pl", "pt", "nl", "sv", "nb", "da", "tr", "cs", "fi", "hu", "ro", "id", "lv", "lt",
    "sk", "sl", "sh", "ca", "is", "ms", "fil", "vi",
)  # fmt: skip
"""Lists of wordfreq."""
UNCLEAN = ("passwords", "us_tv_and_film")
"""Lists of zxcvbn with many misspellings."""
FREQUENT_CORRECT = 20_000
"""Words taken from each of these lists, the most frequent."""
LONGEST = 24
"""Letters of the longest word that is listed; longer runs of letters are seldom words."""
_WORD = re.compile(r"[^\W\d_]+")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%\w|%\d|</?\w+[^>]*>|\{.*?\}+")


def words_in(text: str) -> list[str]:
    """The words of letters in a text, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if 2 <= len(word) <= LONGEST]


def english() -> dict[str, int]:
    """English words with their occurrences in Google Books."""
    path = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and words_in(pair[0]) == [pair[0]]}


def words_of(packages: Path, language: str, common: Iterable[str]) -> set[str]:
    """Words of a language: the most frequent, and of the others those that are one edit away from a common English
    word. Other rare words are seldom taken for mistakes."""
    path = packages / "spellchecker" / "resources" / f"{language}.json.gz"
    counts = json.loads(gzip.decompress(path.read_bytes()))
    counts = {word: n for word, n in counts.items() if words_in(word) == [word]}
    by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
    near_english = SymSpell(max_dictionary_edit_distance=1)
    for word in common if language in WHOLE else ():
        near_english.create_dictionary_entry(word, 1)
    rare = (word for word in by_frequency[FREQUENT:] if len(word) >= NEAR_LENGTH)
    return {*by_frequency[:FREQUENT], *(word for word in rare if near_english.lookup(word, Verbosity.TOP))}


def zxcvbn_words(packages: Path) -> dict[str, list[str]]:
    """Names, and words of Wikipedia and of films, the most frequent first."""
    lists = run_path(str(packages / "zxcvbn" / "frequency_lists.py"))["FREQUENCY_LISTS"]
    return {name: [word for word in words if words_in(word) == [word]] for name, words in lists.items()}


def faker_words(packages: Path) -> Iterator[str]:
    """Names of people, places, companies and trades in seventy languages."""
    for path in sorted((packages / "faker" / "providers").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60:
                yield from words_in(_PLACEHOLDER.sub(" ", node.value))


def translated_words(packages: Path) -> Iterator[str]:
    """The words of translated programs: Django's catalogues and the language packs of JupyterLab."""
    for path in sorted((packages / "django").rglob("*.po")):
        for match in re.finditer(r'msgstr(?:\[\d\])? ((?:"[^\n]*"\n)+)', path.read_text(encoding="utf-8")):
            text = "".join(ast.literal_eval(line) for line in match[1].splitlines())
            yield from words_in(_PLACEHOLDER.sub(" ", text))
    for path in sorted(packages.glob("jupyterlab_language_pack_*/**/*.json")):
        for messages in json.loads(path.read_text(encoding="utf-8")).values():
            if isinstance(messages, list):
                yield from (word for message in messages for word in words_in(_PLACEHOLDER.sub(" ", message or "")))


def summary_words(paths: Iterable[Path]) -> Counter[str]:
    """In how many summaries of software packages each word occurs; equal summaries of one file count once."""
    counts: Counter[str] = Counter()
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        by_summary = {
            fields[-1].lower(): fields[0] for line in reversed(lines) if len(fields := line.split("\t")) > 2
        }
        for summary, name in by_summary.items():
            counts.update(set(words_in(f"{summary} {name}")))
    return counts


def spellings(word: str) -> set[str]:
    """The word, and the word as it is typed without accents: `größe`, `große`, `grosse`, `groesse`."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))
    folded = plain.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("ı", "i").replace("æ", "ae")
    german = word.translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}))
    return {unicodedata.normalize("NFC", word), plain, folded, german}


def make_lexicon(packages: Path, summaries: Sequence[Path]) -> Lexicon:
    """The lexicon of all sources. Misspellings of the training half of codespell's list are left out, unless they
    are words of a language."""
    counts, lists, software = english(), zxcvbn_words(packages), summary_words(summaries)
    common_english = {word for word, n in counts.items() if n >= COMMON}
    languages = {word for language in LANGUAGES for word in words_of(packages, language, common_english)} | set(
        counts
    )
    others = {word for name, words in lists.items() if name not in UNCLEAN for word in words}
    others |= set(faker_words(packages)) | set(translated_words(packages))
    others |= {word for word, n in software.items() if n >= LISTED_SUMMARIES}
    misspelt = {wrong for wrongs in load_misspellings("train").listed.values() for wrong in wrongs}
    common = {word for word, n in software.items() if n >= COMMON_SUMMARIES}
    common |= set(lists["english_wikipedia"][:COMMON_ARTICLES])
    common = (common - misspelt) | common_english
    listed = {form for word in languages | (others - misspelt) for form in spellings(word)}
    return Lexicon.of(common, listed - common)


Choices = list[tuple[NDArray[np.float64], int]]
"""For each word the features (C, F) of its candidates, and the place of the right one."""


class Cases(NamedTuple):
    """What the weights are learned from."""

    misspelt: Choices
    """Misspellings of words of the corpus."""
    unlisted: list[bool]
    """Whether each of them is outside the lexicon."""
    correct: list[NDArray[np.float64]]
    """The candidates (C, F) of each correct word outside the lexicon."""


def misspelt_words(words: Sequence[str], n: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs of a misspelling and its word: up to n listed ones of the training half, and half as many slips."""
    misspellings = load_misspellings("train")
    pairs = [(wrong, word) for word in words for wrong in misspellings.of(word)]
    listed = [pairs[i] for i in rng.permutation(len(pairs))[:n]]
    slips = [(slip(words[i], rng), words[i]) for i in rng.integers(len(words), size=n // 2)]
    return listed + slips


def cases(index: TermIndex, foreign: Sequence[str], n: int, rng: np.random.Generator) -> Cases:
    """Cases with the words of one corpus."""
    lexicon, term_of = shipped_lexicon(), index.analysis.term_of
    corpus = CorpusWords(index.word_counts, 1, term_of)
    misspelt: Choices = []
    unlisted = []
    words = [word for word in sorted(index.word_counts) if word.isalpha() and len(word) > 3]
    for typed, word in misspelt_words(words, n, rng):
        candidates = corpus.nearest(typed)[:RANKED]
        right = [term_of(candidate) == term_of(word) for candidate in candidates]
        if any(right) and not corpus.is_known(typed) and not lexicon.is_common(typed):
            misspelt.append((_rows(corpus, typed, candidates), right.index(True)))
            unlisted.append(typed not in lexicon)
    unknown = [typed for typed in foreign if typed not in lexicon and not corpus.is_known(typed)]
    nearest = {typed: candidates for typed in unknown if (candidates := corpus.nearest(typed)[:RANKED])}
    return Cases(misspelt, unlisted, [_rows(corpus, typed, candidates) for typed, candidates in nearest.items()])


def _rows(corpus: CorpusWords, typed: str, candidates: Sequence[str]) -> NDArray[np.float64]:
    return np.array([features(typed, candidate, corpus.frequency(candidate)) for candidate in candidates])


def choice_weights(choices: Sequence[tuple[NDArray[np.float64], int]]) -> NDArray[np.float64]:
    """(F,) weights of a conditional logit with a small Gaussian prior (McFadden 1974)."""

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, gradient = 0.5 * float(weights @ weights), weights.copy()
        for rows, right in choices:
            scores = rows @ weights
            probs = np.exp(scores - scores.max())
            probs /= probs.sum()
            total -= float(np.log(probs[right]))
            gradient -= rows[right] - probs @ rows
        return total, gradient

    return _minimum(loss, choices[0][0].shape[1])


def trust_weights(wrong: NDArray[np.float64], correct: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F,) weights of a logistic regression of misspellings against correct words."""
    rows = np.vstack([wrong, correct])
    signs = np.r_[np.ones(len(wrong)), -np.ones(len(correct))]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (rows @ weights)
        gradient = weights - (signs / (1.0 + np.exp(margins))) @ rows
        return float(np.logaddexp(0.0, -margins).sum() + 0.5 * weights @ weights), gradient

    return _minimum(loss, rows.shape[1])


def _minimum(loss: Callable[..., object], n: int) -> NDArray[np.float64]:
    fitted = minimize(loss, np.zeros(n), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(fitted.x, dtype=np.float64)


def foreign_words(n: int, rng: np.random.Generator) -> list[str]:
    """n words of the word lists of wordfreq, in letters without accents."""
    import wordfreq

    words = {word for language in CORRECT_LANGUAGES for word in wordfreq.top_n_list(language, FREQUENT_CORRECT)}
    plain = sorted(word for word in words if word.isalpha() and word.isascii() and len(word) > 1)
    return [plain[i] for i in rng.permutation(len(plain))[:n]]


def learn(sources: Sequence[str], n: int) -> None:
    """Print the weights."""
    rng = np.random.default_rng(0)
    foreign = foreign_words(8 * n, rng)
    parts = [cases(OpenedCollection.load(source).index, foreign, n, rng) for source in sources]
    choice = choice_weights([each for part in parts for each in part.misspelt])
    correct = [_best(rows, choice) for part in parts for rows in part.correct]
    pairs = (pair for part in parts for pair in zip(part.misspelt, part.unlisted, strict=True))
    wrong = [rows[right] for (rows, right), unlisted in pairs if unlisted and (rows @ choice).argmax() == right]
    trust = trust_weights(np.array(wrong), np.array(correct))
    print(f"{'feature':16}{'choice':>8}{'trust':>8}")
    for name, a, b in zip(WEIGHTS, choice, trust, strict=True):
        print(f"{name:16}{a:8.2f}{b:8.2f}")


def _best(rows: NDArray[np.float64], choice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The features (F,) of the candidate that is chosen of those in the rows (C, F)."""
    return rows[(rows @ choice).argmax()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the lexicon or print the weights."""
    parser = argparse.ArgumentParser(description="Make the lexicon and the weights of the spelling correction")
    commands = parser.add_subparsers(dest="command", required=True)
    lexicon = commands.add_parser("lexicon")
    lexicon.add_argument("--packages", type=Path, required=True)
    lexicon.add_argument("--summaries", type=Path, nargs="*", default=[])
    weights = commands.add_parser("weights")
    weights.add_argument("--data", nargs="+", default=["stdlib"])
    weights.add_argument("--cases", type=int, default=4000)
    options = parser.parse_args(arguments)
    if options.command == "weights":
        learn(options.data, options.cases)
        return
    path = Path(__file__).parents[1] / "search" / "text" / LEXICON_FILE
    made = make_lexicon(options.packages, options.summaries)
    made.save(path)
    print(f"{path}: {path.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
