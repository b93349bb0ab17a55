"""A log made by BM25: what is chosen by its clicks is compared with what the judgments say.

Each need has ten documents with the typed word, which BM25 ranks, of which one is relevant; ten relevant documents
that only other words find, and that no searcher was shown; and ten such documents that are not relevant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.evaluation.judge import Contestant, judge
from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.rewriter.judging.evidence import LEAST_JUDGED, Verdict
from untilclick.rewriter.judging.log_split import Shares
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Collection, Document, ScoredDoc, Topic, WeightedQuery
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

N = 40
CLAUSES = 512


@dataclass(frozen=True)
class WordRewriter:
    """Searches words together with the typed one. `{}` in them is the number of the need."""

    words: dict[str, float]
    version = "words"

    def rewrite(self, requests):
        return [self._rewritten(request.query) for request in requests]

    def _rewritten(self, query):
        number = query.removeprefix("typed")
        blend = WeightedQuery(((query, 1.0), *((word.format(number), weight) for word, weight in self.words.items())))
        return Rewrite(query, query, (), None, True, Reason.APPLIED, 1.0, blend, blend)


UNSEEN_GOOD = WordRewriter({"good{}": 50.0})
UNSEEN_BAD = WordRewriter({"bad{}": 50.0})
SHOWN_GOOD = WordRewriter({"wanted{}": 5.0})
SHOWN_BAD = WordRewriter({"last{}": 5.0})
"""Moves a document that is not relevant from the last rank to the first."""
BOTH_GOOD = WordRewriter({"wanted{}": 50.0, "good{}": 5.0})
NEW_GOOD_OLD_BAD = WordRewriter({"good{}": 50.0, "last{}": 5.0})
"""Ranks new relevant documents first, and below them the shown ones worse than before."""
VERSIONS = (None, UNSEEN_GOOD, UNSEEN_BAD, SHOWN_GOOD, SHOWN_BAD, BOTH_GOOD, NEW_GOOD_OLD_BAD)


def documents(number):
    """The documents of a need."""
    for rank in range(10):
        extra = {3: f"wanted{number}", 9: f"last{number}"}.get(rank, "other")
        yield Document(f"shown{number}-{rank}", "", " ".join([f"typed{number}"] * (12 - rank) + [extra] * 3))
    for kind in ("good", "bad"):
        for i in range(10):
            yield Document(f"{kind}{number}-{i}", "", " ".join([f"{kind}{number}"] * 8 + ["other"] * 8))


def topic(number):
    relevant = {f"shown{number}-3": 1} | {f"good{number}-{i}": 1 for i in range(10)}
    return Topic(f"t{number}", f"typed{number}", relevant)


@pytest.fixture(scope="module")
def engine():
    corpus = corpus_of("needs", [document for number in range(N) for document in documents(number)])
    return open_engine("rank-bm25", corpus)


TOPICS = tuple(map(topic, range(N)))


@pytest.fixture(scope="module")
def log(engine):
    """600 sessions of users who type one query."""
    corpus = corpus_of("needs", [document for number in range(N) for document in documents(number)])
    collection = Collection(corpus, {"train": TOPICS}, "real")
    user = SimulatedUser.of(collection, UserConfig(max_queries=1))
    return list(simulate_sessions(TOPICS, engine, user, 600, seed=0))


def inputs_of(log, topics):
    def need_of(session):
        return int(session.turns[0].query.removeprefix("typed"))

    return judged_inputs(log, topics, need_of, lambda query: False)


def verdict(engine, version, other, inputs):
    names = ("new", version, engine), ("old", other, engine)
    return judge(*(Contestant(*each) for each in names), inputs, CLAUSES, np.random.default_rng(0))


def test_the_verdict_from_clicks_never_contradicts_the_judgments(engine, log):
    clicked, judged = inputs_of(log, ()), inputs_of(log, TOPICS)
    said = 0
    for version in VERSIONS:
        for other in VERSIONS:
            finding, truth = (verdict(engine, version, other, inputs) for inputs in (clicked, judged))
            assert finding.verdict in (truth.verdict, Verdict.CANNOT_SAY)
            said += finding.verdict is not Verdict.CANNOT_SAY
    assert said >= 6


def test_a_version_that_ranks_only_unseen_good_documents_first_is_never_worse(engine, log):
    clicked = inputs_of(log, ())
    for version in (UNSEEN_GOOD, NEW_GOOD_OLD_BAD):
        for other in VERSIONS:
            assert verdict(engine, version, other, clicked).verdict is not Verdict.WORSE
    finding = verdict(engine, UNSEEN_GOOD, None, clicked)
    assert finding.unseen == (1.0, 0.0)
    assert finding.reason.startswith("100% of its first ten documents, and 0% of the other's, were never shown")
    assert finding.ci95[0] < 0 < finding.ci95[1]
    assert finding.p == 1


def test_condensed_lists_call_a_version_worse_that_is_better(engine, log):
    """The verdict of earlier versions, which ranked shown documents alone."""
    values = [condensed(engine, version, rated_queries(log)) for version in (NEW_GOOD_OLD_BAD, None)]
    assert compare(*values, "nDCG@10", np.random.default_rng(0)).ci95[1] < 0
    assert verdict(engine, NEW_GOOD_OLD_BAD, None, inputs_of(log, TOPICS)).verdict is Verdict.BETTER


def condensed(engine, version, rated) -> TopicValues:
    """nDCG@10 on condensed lists (Sakai, "Alternatives to Bpref", SIGIR 2007)."""
    topics = [Topic(str(row), each.request.query, dict.fromkeys(each.relevance, 1)) for row, each in enumerate(rated)]
    rankings = []
    for each in rated:
        typed = WeightedQuery.of(each.request.query)
        searched = typed if version is None else version.rewrite([each.request])[0].blend
        ranks = {doc_id: rank for doc_id, rank in engine.rank_of(searched, each.shown).items() if rank is not None}
        rankings.append([ScoredDoc(doc_id, 1 / ranks[doc_id]) for doc_id in sorted(ranks, key=ranks.get)[:10]])
    return TopicValues("condensed", evaluate_rankings(topics, rankings, ("nDCG@10",)).values["nDCG@10"])


def test_a_version_that_ranks_unseen_bad_documents_first_is_never_better(engine, log):
    clicked = inputs_of(log, ())
    for other in VERSIONS:
        assert verdict(engine, UNSEEN_BAD, other, clicked).verdict is not Verdict.BETTER


def test_shown_documents_in_a_better_order_are_better_and_in_a_worse_order_worse(engine, log):
    clicked = inputs_of(log, ())
    better, worse = (verdict(engine, version, None, clicked) for version in (SHOWN_GOOD, SHOWN_BAD))
    assert (better.verdict, better.n_needs, better.unseen) == (Verdict.BETTER, len(clicked), (0, 0))
    assert better.ci95[0] > 0.2
    assert (worse.verdict, worse.harmed_share > 0.5) == (Verdict.WORSE, True)


def test_the_version_that_made_the_log_against_itself_cannot_be_told(engine, log):
    finding = verdict(engine, None, None, inputs_of(log, ()))
    assert (finding.verdict, finding.difference, finding.p) == (Verdict.CANNOT_SAY, 0, 1)
    assert (finding.unseen, finding.reason) == ((0, 0), "")


def test_a_log_without_result_lists_decides_nothing_that_clicks_do_not(engine, log):
    """Nothing is known of a document without a click, so new ones are neither better nor worse."""
    bare = [replace(s, turns=tuple(replace(turn, shown=()) for turn in s.turns)) for s in log]
    clicked = inputs_of(bare, ())
    for version in (UNSEEN_GOOD, UNSEEN_BAD):
        finding = verdict(engine, version, None, clicked)
        assert finding.verdict is Verdict.CANNOT_SAY
        assert finding.unseen[1] > 0.5


@pytest.mark.parametrize("n", [0, 1, LEAST_JUDGED - 1])
def test_few_needs_give_no_verdict(engine, log, n):
    finding = verdict(engine, SHOWN_GOOD, None, inputs_of(log, ())[:n])
    assert (finding.verdict, finding.n_needs, finding.n_queries) == (Verdict.CANNOT_SAY, n, n)
    assert finding.reason == f"there are {n} needs to judge by, and a verdict takes {LEAST_JUDGED}"


def test_the_judged_part_of_a_split_gives_the_inputs(engine, log):
    sides = split_by_need(log, {}, english(), SplitKey.of_seed(1), Shares(0.1, 0.5))
    inputs = judged_inputs(sides.judged, (), sides.need_of, sides.is_typed_in_training)
    assert 10 < len(inputs) < 30
    assert len({each.need for each in inputs}) == len(inputs)
    assert {each.query for each in inputs} == {each.turns[0].query for each in sides.judged if each.clicked}
