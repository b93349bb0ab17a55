"""What judgments and the clicks of real sessions say of systems, need by need.

Real sessions are those of the TREC Session Track 2013 (`benchmarks.real_sessions`), if they have a topic. A click
tells of documents that were shown; those that nobody with this need was shown count for neither side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.click_rates import clicks_per_examination, examination_probs
from untilclick.rewriter.judging.partial_judgments import difference_bounds, unknown_share
from untilclick.search.measures.metrics import dcg, evaluate_rankings, ranks_to
from untilclick.search.records import Corpus, ScoredDoc, Topic, Turn
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.realism.comparing import halves

from benchmarks.ranked_systems import FirstTen, System
from benchmarks.ranking_users import overlap_of
from benchmarks.real_sessions import RealSessions

Floats = NDArray[np.float64]

MEASURE = "nDCG@10"
DEPTH = 10


class NeedValues(NamedTuple):
    """Values of S systems, need by need."""

    needs: tuple[str, ...]
    """Sorted by name."""
    values: Floats
    """(S, needs)"""

    @classmethod
    def mean(cls, needs: Sequence[str], values: Floats) -> NeedValues:
        """The means over the queries of each need, from values (S, n) of n queries and their needs."""
        names, places = np.unique(np.array(needs), return_inverse=True)
        means = [np.bincount(places, row) / np.bincount(places) for row in values]
        return cls(tuple(names.tolist()), np.array(means))

    def among(self, needs: Collection[str]) -> NeedValues:
        """The values on some of the needs."""
        columns = [i for i, need in enumerate(self.needs) if need in needs]
        return NeedValues(tuple(self.needs[i] for i in columns), self.values[:, columns])


class LoggedTurn(NamedTuple):
    """A query of a real session."""

    need: str
    turn: Turn


@dataclass(frozen=True, eq=False)
class ClickTruth:
    """What real clicks say of systems."""

    values: NeedValues
    """nDCG@10 of the documents that were shown to somebody with the need, as if there were no others
    (condensed lists: Sakai, "Alternatives to Bpref", SIGIR 2007). A document's gain is its clicks per examination."""
    n_turns: int
    unknown: float
    """Share of the systems' first ten documents that nobody with the need was shown, 0..1."""
    certain: tuple[tuple[int, int], ...]
    """Pairs of systems, the better first, whose order no unknown document can turn round (`partial_judgments`)."""


def need_of(topic: Topic) -> str:
    """The need of a judged query; a query without a named need has one of its own."""
    return topic.need or topic.topic_id


def judged(systems: Mapping[str, System], corpus: Corpus, topics: Sequence[Topic]) -> NeedValues:
    """The mean nDCG@10 of the judged queries of each need."""
    queries = [topic.query for topic in topics]
    rows = []
    for system in systems.values():
        rankings = [_ranking(corpus, shown) for shown in FirstTen(system)(queries).tolist()]
        rows.append(np.asarray(evaluate_rankings(topics, rankings, (MEASURE,)).values[MEASURE], dtype=np.float64))
    return NeedValues.mean([need_of(topic) for topic in topics], np.array(rows))


def mean_overlap(index: TermIndex, topics: Sequence[Topic]) -> float:
    """Share of the terms of judged queries that a relevant document has, mean over documents, queries and needs."""
    shares = [np.mean([overlap_of(index, topic.query, doc_id) for doc_id in topic.relevance]) for topic in topics]
    return float(NeedValues.mean([need_of(topic) for topic in topics], np.array([shares])).values.mean())


def clicked(systems: Mapping[str, System], corpus: Corpus, turns: Sequence[LoggedTurn]) -> ClickTruth:
    """What the clicks of real sessions say of systems, over needs with at least one click."""
    known = {
        need: _grades(each.turn for each in turns if each.need == need) for need in {each.need for each in turns}
    }
    turns = [each for each in turns if any(known[each.need].values())]
    grades, needs = [known[each.need] for each in turns], [each.need for each in turns]
    queries = [each.turn.query for each in turns]
    rankings = {
        name: [_ids(corpus, rows) for rows in FirstTen(system)(queries).tolist()] for name, system in systems.items()
    }
    values = [_condensed(system(queries), corpus, grades) for system in systems.values()]
    unknown = float(np.mean([unknown_share(each, grades) for each in rankings.values()]))
    certain = tuple(_certain([*rankings.values()], grades, needs))
    return ClickTruth(NeedValues.mean(needs, np.array(values)), len(turns), unknown, certain)


def logged_turns(real: RealSessions) -> list[LoggedTurn]:
    """The logged queries of sessions with a topic, whose needs are named as those of judged queries."""
    return [
        LoggedTurn(f"topic {topic}", turn)
        for session in real.sessions
        if (topic := real.topic_of.get(session.session_id)) is not None
        for turn in session.turns
    ]


def compared_needs(real: RealSessions) -> frozenset[str]:
    """The needs of the half that nothing is fitted to."""
    return frozenset(
        f"topic {real.topic_of[session.session_id]}" for session in halves(real.topic_of, real.sessions)[1]
    )


def _grades(turns: Iterable[Turn]) -> dict[str, float]:
    """Clicks per examination of each document that was shown in some turns."""
    clicks: Counter[str] = Counter()
    examinations: Counter[str] = Counter()
    for turn in turns:
        clicks.update({click.doc_id for click in turn.clicks})
        examinations.update(examination_probs(turn))
    return {doc_id: clicks_per_examination(clicks[doc_id], n) for doc_id, n in examinations.items()}


def _condensed(scores: NDArray[np.floating], corpus: Corpus, known: Sequence[Mapping[str, float]]) -> Floats:
    """(n,) nDCG@10 of the known documents by their scores (n, D); those of score 0 or less are not ranked."""
    row_of = {document.doc_id: row for row, document in enumerate(corpus.documents)}
    values = np.zeros(len(known))
    for i, grades in enumerate(known):
        rows = np.array(sorted(row_of[doc_id] for doc_id in grades if doc_id in row_of), dtype=np.int64)
        best = rows[heaviest(scores[i, rows], DEPTH)]
        gains = np.array([grades[corpus.documents[row].doc_id] for row in best if scores[i, row] > 0])
        ideal = np.sort(np.array([*grades.values()]))[::-1][:DEPTH]
        values[i] = dcg(ranks_to(gains.size), gains) / dcg(ranks_to(ideal.size), ideal)
    return values


def _certain(
    rankings: Sequence[Sequence[Sequence[str]]], known: Sequence[Mapping[str, float]], needs: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """The pairs of `ClickTruth.certain`."""
    for a, b in combinations(range(len(rankings)), 2):
        bounds = np.array(difference_bounds(rankings[a], rankings[b], known))
        lower, upper = NeedValues.mean(needs, bounds).values.mean(axis=1)
        if lower > 0:
            yield a, b
        elif upper < 0:
            yield b, a


def _ids(corpus: Corpus, rows: Sequence[int]) -> list[str]:
    return [corpus.documents[row].doc_id for row in rows if row >= 0]


def _ranking(corpus: Corpus, rows: Sequence[int]) -> list[ScoredDoc]:
    return [ScoredDoc(doc_id, float(len(rows) - rank)) for rank, doc_id in enumerate(_ids(corpus, rows))]
