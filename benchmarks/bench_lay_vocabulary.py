"""The lay words of a corpus: how many concepts and title words have one, and a sample to judge by eye.

    python -m benchmarks.bench_lay_vocabulary [--data SRC ...] [--pairs N] [--seed N]

It prints for each source the documents, the seconds of one core that compiling takes, the concepts with a sure sense,
those with a lay word, and those with one that no document holds; the share of the content words of titles and texts
that have a lay word; and N pairs of a concept and a lay word, drawn at random of all, with the numbers of documents
that hold them and the definition of the sense. Whether a pair is right, passable or wrong is for the reader to say.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.vocabulary.concepts import Concept
from untilclick.search.users.vocabulary.lay_words import LayVocabulary, LayWord, lay_vocabulary

Pair = tuple[Concept, LayWord]


def pairs_of(vocabulary: LayVocabulary) -> list[Pair]:
    """All pairs of a concept and a lay word, sorted."""
    return sorted((concept, word) for concept, words in vocabulary.lay_words.items() for word in words)


def drawn(pairs: Sequence[Pair], n: int, seed: int) -> list[Pair]:
    """n pairs at random, or all if there are fewer, sorted."""
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:n]
    return [pairs[i] for i in sorted(chosen)]


def documents_with(index: TermIndex, text: str) -> int:
    """Number of documents that hold all indexed words of a text."""
    terms = index.analysis.terms(text)
    if not terms or any(term not in index.term_ids for term in terms):
        return 0
    rows = index.counts[:, [index.term_ids[term] for term in terms]].toarray()
    return int((rows > 0).all(axis=1).sum())


def coverage(analysis: Analysis, vocabulary: LayVocabulary, texts: Iterable[str]) -> float:
    """Share of the content words of texts that have a lay word; 0 without any word."""
    words = [word for text in texts for word in analysis.words(text) if not analysis.is_stop_word(word)]
    return sum(bool(vocabulary.of(word)) for word in words) / max(len(words), 1)


def report(opened: OpenedCollection, n: int, seed: int) -> list[str]:
    """What is printed for a collection; that it has no vocabulary, if it has none."""
    corpus, index = opened.collection.corpus, opened.index
    with TemporaryDirectory() as cache:  # so that it is compiled
        began = time.process_time()
        vocabulary = lay_vocabulary(index, corpus, Path(cache))
        seconds = time.process_time() - began
    if not isinstance(vocabulary, LayVocabulary):
        return [f"{corpus.source}: no vocabulary"]
    concepts = set(vocabulary.concepts.values())
    outside = [
        concept
        for concept, words in vocabulary.lay_words.items()
        if any(documents_with(index, word.text) == 0 for word in words)
    ]
    pairs = pairs_of(vocabulary)
    titles = coverage(opened.analysis, vocabulary, (document.title for document in corpus.documents))
    texts = coverage(opened.analysis, vocabulary, (document.text for document in corpus.documents))
    lines = [
        f"{corpus.source}: {len(corpus.documents):,} documents, {seconds:.1f} s",
        f"  sure senses {len(concepts):,}, with a lay word {len(vocabulary.lay_words):,} ({len(pairs):,} pairs), "
        f"with one in no document {len(outside):,}",
        f"  content words with a lay word: of titles {titles:.3f}, of texts {texts:.3f}",
    ]
    for concept, word in drawn(pairs, n, seed):
        held = (documents_with(index, text) for text in (concept.lemma, word.text))
        counts = ", ".join(map(str, held))
        definition = " ".join(vocabulary.definitions[concept][:10])
        lines.append(f"    {concept.lemma} ({concept.part}) > {word.text} [{counts}] {word.share:.2f}: {definition}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lay words of each source."""
    parser = argparse.ArgumentParser(description="The lay words of a corpus")
    parser.add_argument("--data", nargs="+", default=["stdlib"])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for source in options.data:
        opened = OpenedCollection.load(source)
        print("\n".join(report(opened, options.pairs, options.seed)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
