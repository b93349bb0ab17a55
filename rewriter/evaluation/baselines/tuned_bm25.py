"""BM25 with k1 and b chosen on training topics: what a better configured engine gains without any rewriter.

Other engines fix both parameters; `rank-bm25` accepts them. It holds the corpus in memory and reads all of it for
every new word, so this baseline is left out on large corpora.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from untilclick.rewriter.evaluation.baselines.parameter_choice import CHOICE_MEASURE
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import SystemWithEngine, TypedTopic
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Corpus, ScoredDoc
from untilclick.search.text.term_index import TermIndex

logger = logging.getLogger(__name__)

MAX_DOCUMENTS = 20_000
"""Largest corpus that is evaluated; larger ones would take minutes."""


@dataclass(frozen=True, slots=True)
class Bm25Parameters:
    """Parameters of BM25; the defaults are those of the engine `rank-bm25`."""

    k1: float = 0.9
    """Saturation of term frequencies, >= 0."""
    b: float = 0.4
    """Strength of the normalisation by document length, 0..1."""


BM25_GRID = tuple(
    Bm25Parameters(*values) for values in product((0.6, 0.9, 1.2, 1.5, 2.0), (0.2, 0.4, 0.6, 0.75, 0.9))
)
"""Parameters that are tried on training topics."""


def tuned_bm25(corpus: Corpus, index: TermIndex, topics: Sequence[TypedTopic]) -> SystemWithEngine | None:
    """The query as typed, searched with the parameters that are best on training topics; None without topics, and for
    a corpus of more than `MAX_DOCUMENTS`.

    Source of the formula: Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    Source for the gain by tuning: Trotman, Puurula & Burgess, "Improvements to BM25 and language models examined",
    ADCS 2014."""
    # The engine loads its library, which no other baseline needs.
    from untilclick.search.engines.rank_bm25_engine import RankBm25Engine

    n_documents = len(corpus.documents)
    if n_documents > MAX_DOCUMENTS:
        logger.info("bm25_tuned is left out: the corpus has %d documents, more than %d", n_documents, MAX_DOCUMENTS)
        return None
    if not topics:
        logger.info("bm25_tuned is left out: there are no training topics to choose k1 and b on")
        return None
    chosen = choose_parameters(corpus, index, topics)
    return SystemWithEngine(Bm25(), RankBm25Engine(corpus, index.analysis, k1=chosen.k1, b=chosen.b), chosen)


def choose_parameters(
    corpus: Corpus, index: TermIndex, topics: Sequence[TypedTopic], grid: Sequence[Bm25Parameters] = BM25_GRID
) -> Bm25Parameters:
    """The parameters with the best mean nDCG@10, the first among equals; the default without topics.

    The rankings equal those of the engine `rank-bm25`, but one matrix product ranks all topics.
    """
    if not topics:
        return Bm25Parameters()
    judged = [typed.topic for typed in topics]
    aside = cache(lambda: TermIndex.of_aside(corpus.documents, index.analysis))
    best, best_score = Bm25Parameters(), -1.0
    for parameters in grid:
        rankings = _rankings(index, aside, topics, parameters)
        score = evaluate_rankings(judged, rankings, (CHOICE_MEASURE,)).mean(CHOICE_MEASURE)
        if score > best_score:
            best, best_score = parameters, score
    return best


def _rankings(
    index: TermIndex, aside: Callable[[], TermIndex], topics: Sequence[TypedTopic], parameters: Bm25Parameters
) -> list[list[ScoredDoc]]:
    """The first ten documents of every typed query; their scores only state the order."""
    # The scorer loads torch, which commands that only read the settings of an evaluation do not need.
    from untilclick.rewriter.data.corpus_scorer import Bm25Settings, CorpusScorer
    from untilclick.rewriter.language.vocabulary import TermVocabulary

    settings = Bm25Settings(parameters.k1, parameters.b, quantise=False, idf="okapi")
    scorer = CorpusScorer(index, TermVocabulary((), (), ()), settings, aside)
    originals = scorer.originals([index.analysis.query(typed.query) for typed in topics])
    rankings = scorer.rank(originals, 10)  # (B, 10), -1 is no document
    return [
        [ScoredDoc(index.doc_ids[row], -float(rank)) for rank, row in enumerate(ranking) if row >= 0]
        for ranking in rankings.tolist()
    ]
