"""What held-out sessions say of documents, for each query that began sessions: three answers, not two.

A document is clicked, or it was shown and not clicked, or no searcher with this query was shown it. Of the last kind
nothing is known: it is neither relevant nor not relevant, and `judging/partial_judgments.py` compares rankings
accordingly. A document that was shown at any query of a session counts as shown, so the sessions of searchers who
tried again judge what the first query did not find.

Shown documents that were hardly examined count as not clicked. To call them unknown would be safer, but then a
session that ends at its first click judges that click alone, and no comparison of rankings is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from untilclick.rewriter.data.click_rates import clicks_per_examination, examination_probs
from untilclick.rewriter.data.logged_queries import NeedOf
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, Topic


@dataclass(frozen=True)
class JudgedInput:
    """A first query of sessions, with what is known of documents."""

    query: str
    need: int
    """The need of most of its sessions."""
    grades: Mapping[str, float]
    """doc_id -> grade of every known document: 0 if it is not relevant. From clicks, the clicks per examination."""
    complete: bool
    """Whether all other documents are known not to be relevant. If not, nothing is known of them."""


def judged_inputs(
    sessions: Iterable[Session],
    topics: Iterable[Topic],
    need_of: NeedOf,
    is_typed_in_training: Callable[[str], bool],
) -> list[JudgedInput]:
    """What held-out sessions say of their first queries, those of most sessions first. Later queries are not judged,
    because they depend on what was shown before. Left out are queries without a relevant document, and those that
    training sessions typed too.

    If sessions name one of the topics, its judgments are the grades, and sessions of no topic are left out. Otherwise
    clicks are. Give sessions without the repeated clicks of a client (`once_per_client`). Sessions without a need are
    left out. The sessions are read once, and only counts of them are kept.
    """
    by_id = {topic.topic_id: topic for topic in topics}
    named: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)  # query, topic -> sessions by need
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for session in sessions:
        need = need_of(session) if session.turns else None
        if need is None:
            continue
        query, topic_id = session.turns[0].query, str(session.turns[0].attributes.get(TOPIC_ATTRIBUTE))
        if topic_id in by_id:
            named[query, topic_id][need] += 1
        elif not named:
            seen[query].add(session, need)
    if named:
        weighted = [
            (needs.total(), JudgedInput(query, _most(needs), by_id[topic_id].relevance, complete=True))
            for (query, topic_id), needs in named.items()
        ]
    else:
        weighted = [
            (counts.needs.total(), JudgedInput(query, _most(counts.needs), counts.grades(), complete=False))
            for query, counts in seen.items()
        ]
    relevant = [(n, judged) for n, judged in weighted if any(grade > 0 for grade in judged.grades.values())]
    typed = {query for query in {judged.query for _, judged in relevant} if is_typed_in_training(query)}
    return [judged for _, judged in sorted(relevant, key=lambda pair: -pair[0]) if judged.query not in typed]


@dataclass
class _Seen:
    """What the sessions that began with a query have seen and clicked."""

    needs: Counter[int] = field(default_factory=Counter)
    """Number of sessions by need."""
    clicks: Counter[str] = field(default_factory=Counter)
    examinations: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Expected number of examinations of each shown document."""

    def add(self, session: Session, need: int) -> None:
        """Count a session."""
        self.needs[need] += 1
        self.clicks.update(session.clicked)
        for turn in session.turns:
            for doc_id, prob in examination_probs(turn).items():
                self.examinations[doc_id] += prob

    def grades(self) -> dict[str, float]:
        """Clicks per examination of every shown or clicked document."""
        known = dict.fromkeys([*self.examinations, *self.clicks])
        return {doc_id: clicks_per_examination(self.clicks[doc_id], self.examinations[doc_id]) for doc_id in known}


def _most(needs: Counter[int]) -> int:
    """The most frequent need; of equally frequent ones that with the smallest number."""
    return min(needs, key=lambda need: (-needs[need], need))
