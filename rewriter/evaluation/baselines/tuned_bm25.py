"""BM25 with k1 and b chosen on training topics: how much of a gain a better-set engine has without any rewriter.

Engines on disk fix both; the engine `rank-bm25` takes them. It holds the corpus in memory and reads all of it for
every new word, so that large corpora are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from untilclick.rewriter.evaluation.baselines.parameter_choice import CHOICE_MEASURE
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import OwnEngine, TypedTopic
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Corpus, ScoredDoc
from untilclick.search.text.analysis import terms
from untilclick.search.text.term_index import TermIndex

logger = logging.getLogger(__name__)

MAX_DOCUMENTS = 20_000
"""Larger corpora would take minutes."""


@dataclass(frozen=True, slots=True)
class Bm25Parameters:
    """The two parameters of BM25; the defaults are those of the engine `rank-bm25`."""

    k1: float = 0.9
    """Saturation of term frequencies, >= 0."""
    b: float = 0.4
    """Share of the document length that is normalised away, 0..1."""


BM25_GRID = tuple(Bm25Parameters(*one) for one in product((0.6, 0.9, 1.2, 1.5, 2.0), (0.2, 0.4, 0.6, 0.75, 0.9)))
"""What is tried on training topics."""


def tuned_bm25(corpus: Corpus, index: TermIndex, topics: Sequence[TypedTopic]) -> OwnEngine | None:
    """The query as typed, searched with the parameters that are best on training topics; None without topics, and for
    a corpus of more than `MAX_DOCUMENTS`.

    Source of the formula: Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; that
    it is worth tuning: Trotman, Puurula & Burgess, "Improvements to BM25 and language models examined", ADCS 2014.
    """
    from untilclick.search.engines.rank_bm25_engine import RankBm25Engine

    n_documents = len(corpus.documents)
    if n_documents > MAX_DOCUMENTS:
        logger.info("bm25_tuned is left out: %d documents are more than %d", n_documents, MAX_DOCUMENTS)
        return None
    if not topics:
        logger.info("bm25_tuned is left out: no training topics to choose k1 and b on")
        return None
    chosen = choose_parameters(index, topics)
    return OwnEngine(Bm25(), RankBm25Engine(corpus, k1=chosen.k1, b=chosen.b), chosen)


def choose_parameters(
    index: TermIndex, topics: Sequence[TypedTopic], grid: Sequence[Bm25Parameters] = BM25_GRID
) -> Bm25Parameters:
    """The parameters with the best mean nDCG@10, the first of equals, ranked as `rank-bm25` does but all topics at
    once, in one matrix product; the default without topics."""
    best, best_score = Bm25Parameters(), -1.0
    for one in grid if topics else ():
        score = evaluate_rankings([typed.topic for typed in topics], _ranked(index, topics, one), (CHOICE_MEASURE,))
        if score.mean(CHOICE_MEASURE) > best_score:
            best, best_score = one, score.mean(CHOICE_MEASURE)
    return best


def _ranked(index: TermIndex, topics: Sequence[TypedTopic], parameters: Bm25Parameters) -> list[list[ScoredDoc]]:
    """The first ten documents of every typed query; scores fall by rank and mean nothing else."""
    from untilclick.rewriter.data.corpus_scorer import Bm25Settings, CorpusScorer
    from untilclick.rewriter.language.vocabulary import TermVocabulary

    settings = Bm25Settings(parameters.k1, parameters.b, quantise=False, idf="okapi")
    scorer = CorpusScorer(index, TermVocabulary((), (), ()), settings)
    ranked = scorer.rank(scorer.originals([terms(one.query) for one in topics]), 10)
    return [
        [ScoredDoc(index.doc_ids[row], -float(rank)) for rank, row in enumerate(rows) if row >= 0]
        for rows in ranked.tolist()
    ]
