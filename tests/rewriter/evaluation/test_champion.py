"""A new version against the one that answers, on sessions kept from both."""

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.data.click_judgments import JudgedInput
from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.first_query_split import need_of_query, split_sessions
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.evaluation.champion import (
    Contestant,
    find,
    is_better,
    is_worse,
    judge,
    split_for_comparison,
)
from untilclick.rewriter.judging.evidence import Verdict
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.records import Click, Document, Session, Turn

from tests.app.stand_ins import TableRewriter

N = 30


@pytest.fixture(scope="module")
def engine():
    """For every need two documents with the typed word; the one that ranks last also has the word that was meant."""
    documents = [Document(f"b{i:02d}", "", f"typed{i} typed{i} other") for i in range(N)]
    documents += [Document(f"a{i:02d}", "", f"typed{i} meant{i} and more words here") for i in range(N)]
    return open_engine("rank-bm25", corpus_of("needs", documents))


def queries(shown=None):
    return [JudgedQuery(RewriteRequest(f"typed{i}"), {f"a{i:02d}": 0.5 if shown else 1}, shown) for i in range(N)]


KNOWING = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(N)})
MISLED = TableRewriter({f"typed{i}": (f"typed{i + 1}",) for i in range(N)})


def judged(engine, new, old, judged_queries):
    contestants = Contestant("new", new, engine), Contestant("old", old, engine)
    return judge(*contestants, judged_queries, 512, np.random.default_rng(0))


def test_the_version_that_finds_more_is_better_and_the_other_is_worse(engine):
    comparison = judged(engine, KNOWING, None, queries())
    assert (comparison.a, comparison.b, comparison.measure, comparison.n) == ("new", "old", "nDCG@10", N)
    assert comparison.difference == pytest.approx(1 - 1 / np.log2(3))
    assert is_better(comparison)
    reverse = judged(engine, None, KNOWING, queries())
    assert (is_better(reverse), is_worse(reverse), is_worse(comparison)) == (False, True, False)
    assert judged(engine, KNOWING, KNOWING, queries()).difference == 0


def test_an_exact_title_comes_first_for_both_versions_as_in_the_service():
    """Rewrites cannot differ on a query that is a title."""
    documents = [Document(f"b{i:02d}", "", f"typed{i} typed{i} other") for i in range(N)]
    documents += [Document(f"a{i:02d}", f"Typed{i}", "meant") for i in range(N)]
    engine = open_engine("rank-bm25", corpus_of("needs", documents))
    for shown in (None, frozenset(document.doc_id for document in documents)):
        comparison = judged(engine, KNOWING, None, queries(shown))
        assert (comparison.difference, comparison.wins, comparison.losses) == (0, 0, 0)


def test_only_shown_documents_are_ranked_where_clicks_are_the_grades(engine):
    """Documents that no searcher was shown have no clicks; a version that ranks them first loses nothing by that."""
    alone = frozenset(f"a{i:02d}" for i in range(N))
    comparison = judged(engine, KNOWING, None, queries(alone))
    assert (comparison.difference, comparison.wins, comparison.losses) == (0, 0, 0)
    both = alone | {f"b{i:02d}" for i in range(N)}
    assert judged(engine, KNOWING, MISLED, queries(both)).difference > 0.3


def test_each_searches_with_an_engine_of_its_own():
    """Only the analysis of the new version reads word endings of French: `cherché` finds `cherchaient`."""
    documents = [Document(f"d{i:02d}", "", f"ils cherchaient mot{i}x") for i in range(N)]
    corpus = corpus_of("needs", documents)
    french, none = (open_engine("tantivy", corpus, analysis=analysis_by_name(name)) for name in ("2-fr", "2-und"))
    asked = [JudgedQuery(RewriteRequest("cherché"), {"d00": 1})]
    new, old = Contestant("new", None, french), Contestant("old", None, none)
    comparison = judge(new, old, asked, 512, np.random.default_rng(0))
    assert (comparison.difference, comparison.wins) == (1.0, 1)


def test_without_queries_no_version_is_better(engine):
    assert not is_better(judged(engine, KNOWING, None, []))
    assert judged(engine, KNOWING, None, [JudgedQuery(RewriteRequest("typed0"), {"a00": 0})]).n == 0


@pytest.mark.parametrize(("n", "better"), [(1, False), (2, False), (3, False), (29, False), (30, True)])
def test_few_needs_make_no_version_better(engine, n, better):
    """The interval of a single won query is (d, d): a version was once activated because of it."""
    assert is_better(judged(engine, KNOWING, None, queries()[:n])) is better


def test_queries_of_one_need_count_once(engine):
    """Fifty spellings of a single need count as one win."""
    shown = frozenset({"a00", "b00"})
    same = [JudgedQuery(RewriteRequest("typed0" + " " * i), {"a00": 0.5}, shown) for i in range(50)]
    knowing = TableRewriter({query.request.query: ("meant0",) for query in same})
    comparison = judged(engine, knowing, None, same)
    assert (comparison.n, comparison.wins) == (1, 1)
    topic = [JudgedQuery(RewriteRequest(f"typed{i}"), {"a00": 1, "a01": 1}) for i in range(2)]
    assert judged(engine, KNOWING, None, topic).n == 1


def test_later_queries_of_sessions_are_not_judged(engine):
    later = [JudgedQuery(RewriteRequest("typed0", ("typed1",)), {"a00": 1})]
    assert judged(engine, KNOWING, None, later).n == 0


def test_only_the_clauses_that_the_service_searches_are_judged(engine):
    contestants = Contestant("new", KNOWING, engine), Contestant("old", None, engine)
    first = [judge(*contestants, queries(), n, np.random.default_rng(0)) for n in (2, 1)]
    assert first[0].difference > first[1].difference == 0


def test_a_need_is_recognised_in_other_words_for_the_same_terms():
    """Case, spaces and word endings do not make another need. Sessions that reach a judged need later are not trained
    on either."""
    kinds = ["find thing {}", "Find  things {}", "finding thing {} "]
    sessions = [session(100 * k + i, kind.format(i)) for k, kind in enumerate(kinds) for i in range(100)]
    judged_needs = {need_of_query(session.turns[0].query) for session in split_for_comparison(sessions).validation}
    assert 10 <= len(judged_needs) <= 30
    turned = [
        replace(session(1000 + i, "other"), turns=(*_turns(1000 + i, "other"), *_turns(2000 + i, f"find thing {i}")))
        for i in range(100)
    ]
    training = split_for_comparison([*sessions, *turned]).training
    assert judged_needs.isdisjoint(need_of_query(turn.query) for session in training for turn in session.turns)
    assert len(training) > 200


def _turns(i, query):
    return session(i, query).turns


def session(i, query):
    click = Click(f"q{i}", "a00", 1, i + 0.5)
    return Session(
        f"s{i}", "live", (Turn(f"q{i}", 0, query, None, ("a00", "b00"), (click,), float(i)),), f"client {i}"
    )


def test_a_need_is_on_the_same_side_for_every_version():
    sessions = [session(i, f"need {i % 100}") for i in range(400)]
    early, late = split_for_comparison(sessions[:200]), split_for_comparison(sessions)
    judged_queries = {session.turns[0].query for session in late.validation}
    assert {session.turns[0].query for session in early.validation} == judged_queries
    assert judged_queries.isdisjoint(session.turns[0].query for session in late.training)
    assert 10 <= len(judged_queries) <= 30
    assert all(query.relevance == {"a00": 1.0} for query in rated_queries(late.validation))


def test_what_is_judged_by_has_nothing_to_do_with_what_a_stage_stops_by():
    split = split_for_comparison([session(i, f"need {i}") for i in range(2000)])
    again = split_sessions(split.training, 0.1)
    assert 0.07 < len(again.validation) / len(split.training) < 0.13


def judged_topics(n=N):
    return [JudgedInput(f"typed{i}", i, {f"a{i:02d}": 1}, complete=True) for i in range(n)]


def test_where_all_documents_are_judged_the_figures_are_those_of_the_plain_comparison(engine):
    contestants = Contestant("new", KNOWING, engine), Contestant("old", None, engine)
    finding = find(*contestants, judged_topics(), 512, np.random.default_rng(0))
    plain = judged(engine, KNOWING, None, queries())
    assert (finding.difference, finding.ci95, finding.p) == (plain.difference, plain.ci95, plain.p)
    assert (finding.verdict, finding.against, finding.measure) == (Verdict.BETTER, "old", "nDCG@10")
    assert (finding.n_queries, finding.n_needs, finding.unseen, finding.reason) == (N, N, None, "")
    back = find(*contestants[::-1], judged_topics(), 512, np.random.default_rng(0))
    assert (back.verdict, back.harmed_share) == (Verdict.WORSE, 1)


def test_many_queries_of_few_needs_give_no_verdict(engine):
    few = [replace(each, need=each.need % 5) for each in judged_topics()]
    contestants = Contestant("new", KNOWING, engine), Contestant("old", None, engine)
    finding = find(*contestants, few, 512, np.random.default_rng(0))
    assert (finding.verdict, finding.n_needs, finding.n_queries) == (Verdict.CANNOT_SAY, 5, N)


def test_each_of_two_verdicts_has_half_of_the_level(engine):
    """Seven needs won and none lost give p = 2 / 2^7 = .016, six p = .031, which is below .05 alone."""
    for won, expected in ((6, Verdict.CANNOT_SAY), (7, Verdict.BETTER)):
        some = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(won)})
        contestants = Contestant("new", some, engine), Contestant("old", None, engine)
        assert find(*contestants, judged_topics(), 512, np.random.default_rng(0)).verdict is expected


def test_the_service_clauses_and_exact_titles_hold_for_findings_too(engine):
    contestants = Contestant("new", KNOWING, engine), Contestant("old", None, engine)
    assert find(*contestants, judged_topics(), 1, np.random.default_rng(0)).difference == 0
    documents = [Document(f"b{i:02d}", "", f"typed{i} typed{i} other") for i in range(N)]
    documents += [Document(f"a{i:02d}", f"Typed{i}", "meant") for i in range(N)]
    titled = open_engine("rank-bm25", corpus_of("needs", documents))
    contestants = Contestant("new", KNOWING, titled), Contestant("old", None, titled)
    assert find(*contestants, judged_topics(), 512, np.random.default_rng(0)).difference == 0
