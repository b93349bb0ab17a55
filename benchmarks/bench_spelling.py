"""Measures the spelling correction: correct words that it changes, misspellings that it mends, and what that finds.

    python -m benchmarks.bench_spelling [--data SRC] [--seeds N] [--misspellings N] [--json FILE]

Every version of the rules (`search/text/correction_rules.py`) corrects with the words of the corpus SRC.

    changed      share of the words of `benchmarks/correct_words.txt` that are changed, by field and language: typed
                 alone, and between two words of the corpus. A word split in two counts as changed
    mended       misspellings of words of the corpus, from the half of codespell's list that nothing was learned from
                 and as made slips: shares that become the word meant, become another word, or stay; between two words
                 of the corpus
    RR@10        of BM25 with the queries that simulated users type for the held-out topics, over all seeds, as typed
                 and corrected; only for a corpus whose queries are made from its documents
    milliseconds median time for a query of known words, and for a query with one unknown word
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np

from untilclick.rewriter.evaluation.baselines.simple import Bm25, SpellingCorrection
from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.text.spelling import SpellingCorrector, Version
from untilclick.search.users.misspellings import load_misspellings, slip

WORDS_FILE = Path(__file__).with_name("correct_words.txt")
VERSIONS: tuple[Version, ...] = get_args(Version)
SPLITS = ("dev", "test")
MEASURE = "RR@10"
FEWEST_LETTERS = 4
"""Shorter words are seldom misspelt, and rarely frame a typed word in a natural way."""
TIMED_QUERIES = 500
"""Number of queries of each kind whose median time is taken."""


@dataclass(frozen=True)
class Changed:
    """Shares of the correct words of a field that are changed, in [0, 1]."""

    field: str
    n_words: int
    alone: float
    in_context: float
    examples: tuple[str, ...]
    """Words changed when they are typed alone, with what they become."""


@dataclass(frozen=True)
class Mended:
    """What becomes of misspellings; the shares sum to 1."""

    kind: str
    n: int
    right: float
    wrong: float
    left: float


@dataclass(frozen=True)
class Outcome:
    """The figures of one version of the rules."""

    rules: int
    changed: tuple[Changed, ...]
    """By field; the last row has all words."""
    mended: tuple[Mended, ...]
    rr10: float | None
    """RR@10 of corrected queries; None for a corpus with real queries."""
    known_ms: float
    unknown_ms: float


def correct_words(path: Path = WORDS_FILE) -> dict[str, list[str]]:
    """The correct words by field, each once in its field."""
    fields: dict[str, list[str]] = {}
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            words = fields.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            words += line.split()
    return {field: list(dict.fromkeys(words)) for field, words in fields.items()}


def context_words(spelling: SpellingCorrector, index_words: Sequence[str]) -> tuple[str, str]:
    """Two frequent words of the corpus, to type a word between them."""
    known = [
        word for word in index_words if word.isalpha() and len(word) >= FEWEST_LETTERS and spelling.is_known(word)
    ]
    return known[0], known[1]


def changed_words(spelling: SpellingCorrector, pair: tuple[str, str], field: str, words: Sequence[str]) -> Changed:
    """The shares for one field."""
    before, after = pair
    alone = [(word, corrected) for word in words if (corrected := spelling.correct(word)) is not None]
    within = [word for word in words if spelling.correct(f"{before} {word} {after}") is not None]
    examples = tuple(f"{word} -> {corrected}" for word, corrected in alone)
    return Changed(field, len(words), len(alone) / len(words), len(within) / len(words), examples)


def mended(spelling: SpellingCorrector, pair: tuple[str, str], kind: str, typed: Sequence[tuple[str, str]]) -> Mended:
    """What becomes of pairs of a misspelling and its word; misspellings that the corpus knows are left out."""
    before, after = pair
    pairs = [(wrong, word) for wrong, word in typed if not spelling.is_known(wrong)]
    counts = {"right": 0, "wrong": 0, "left": 0}
    for wrong, word in pairs:
        corrected = spelling.correct(f"{before} {wrong} {after}")
        if corrected is None:
            counts["left"] += 1
        else:
            middle = corrected.removeprefix(before).removesuffix(after).strip()
            right = spelling.analysis.term_of(middle) == spelling.analysis.term_of(word)
            counts["right" if right else "wrong"] += 1
    shares = {name: count / max(len(pairs), 1) for name, count in counts.items()}
    return Mended(kind, len(pairs), **shares)


def misspelt_words(words: Sequence[str], n: int, rng: np.random.Generator) -> dict[str, list[tuple[str, str]]]:
    """At most n listed misspellings of the test half and n slips, with the words they are of."""
    misspellings = load_misspellings("test")
    listed = [(wrong, word) for word in words for wrong in misspellings.of(word)]
    slips = [(slip(words[i], rng), words[i]) for i in rng.integers(len(words), size=n)]
    return {"listed": [listed[i] for i in rng.permutation(len(listed))[:n]], "slips": slips}


def reciprocal_rank(opened: OpenedCollection, system: System, topics: Sequence[Sequence[TypedTopic]]) -> float:
    """The mean RR@10 of a system over lists of topics."""
    values = []
    for typed in topics:
        rankings = [ranking.retrieved for ranking in rank(opened.engine, system(typed), 10)]
        scores = evaluate_rankings([each.topic for each in typed], rankings, (MEASURE,))
        values += list(scores.values[MEASURE])
    return float(np.mean(values))


def median_ms(correct: Callable[[str], object], queries: Sequence[str]) -> float:
    """The median time of a call in milliseconds, each query once."""
    times = []
    for query in queries:
        start = time.perf_counter()
        correct(query)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def measure(
    opened: OpenedCollection, version: Version, topics: Sequence[Sequence[TypedTopic]], n_misspellings: int
) -> Outcome:
    """The figures of one version of the rules."""
    spelling = SpellingCorrector.from_index(opened.index, version)
    counts = opened.index.word_counts
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    pair = context_words(spelling, frequent)
    fields = correct_words()
    by_field = [changed_words(spelling, pair, field, words) for field, words in fields.items()]
    every = changed_words(spelling, pair, "all", [word for words in fields.values() for word in words])
    words = [word for word in sorted(counts) if word.isalpha() and len(word) >= FEWEST_LETTERS]
    misspelt = misspelt_words(words, n_misspellings, np.random.default_rng(0))
    unknown = [f"{pair[0]} {wrong} {pair[1]}" for wrong, _ in misspelt["slips"][:TIMED_QUERIES]]
    known = [" ".join(frequent[i : i + 3]) for i in range(TIMED_QUERIES)]
    for query in known:
        spelling.correct(query)  # the terms of known words are cached, as in a service
    return Outcome(
        rules=version,
        changed=(*by_field, every),
        known_ms=median_ms(spelling.correct, known),
        unknown_ms=median_ms(spelling.correct, unknown),
        mended=tuple(mended(spelling, pair, kind, typed) for kind, typed in misspelt.items()),
        rr10=reciprocal_rank(opened, SpellingCorrection(spelling), topics) if topics else None,
    )


def print_table(outcomes: Sequence[Outcome], typed_rr10: float | None) -> None:
    """Print the tables."""
    print("correct words changed, per cent: alone / between words of the corpus")
    header = "".join(f"{f'rules {outcome.rules}':>18}" for outcome in outcomes)
    print(f"  {'field':26}{'words':>6}{header}")
    for rows in zip(*(outcome.changed for outcome in outcomes), strict=True):
        shares = "".join(f"{f'{100 * row.alone:.1f} / {100 * row.in_context:.1f}':>18}" for row in rows)
        print(f"  {rows[0].field:26}{rows[0].n_words:6}{shares}")
    for outcome in outcomes:
        print(f"rules {outcome.rules}")
        for row in outcome.mended:
            print(f"  {row.n} {row.kind}: {row.right:.1%} right, {row.wrong:.1%} wrong, {row.left:.1%} left as typed")
        if outcome.rr10 is not None:
            print(f"  RR@10 {outcome.rr10:.4f}, as typed {typed_rr10:.4f}")
        print(f"  {outcome.known_ms:.4f} ms for known words, {outcome.unknown_ms:.4f} ms with an unknown word")
        print(f"  changed alone: {', '.join(each for row in outcome.changed[:-1] for each in row.examples[:5])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both versions, print tables, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="What the spelling correction changes, mends and finds")
    parser.add_argument("--data", default="stdlib", metavar="SRC")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--misspellings", type=int, default=4000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    opened = OpenedCollection.load(options.data)
    topics: list[Sequence[TypedTopic]] = []
    if opened.collection.queries == "made":
        splits = [split for split in SPLITS if opened.collection.topics.get(split)]
        seeds = range(options.seeds)
        topics = [typed_queries(opened.collection, split, seed, opened.index) for split in splits for seed in seeds]
    typed_rr10 = reciprocal_rank(opened, Bm25(), topics) if topics else None
    outcomes = [measure(opened, version, topics, options.misspellings) for version in VERSIONS]
    print_table(outcomes, typed_rr10)
    if options.json:
        record = {"data": options.data, "typed_rr10": typed_rr10, "rules": [asdict(each) for each in outcomes]}
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
