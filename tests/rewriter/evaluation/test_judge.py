"""A version against another, on sessions that neither has learned from."""

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.data.click_judgments import JudgedInput
from untilclick.rewriter.evaluation.judge import LEAST_BY_ERRORS, Contestant, by_standard_errors, judge
from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.rewriter.judging.evidence import LEAST_JUDGED, Verdict
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.records import Document

from tests.app.stand_ins import TableRewriter

N = 30


@pytest.fixture(scope="module")
def engine():
    """For every need two documents with the typed word; the one that ranks last also has the word that was meant."""
    documents = [Document(f"b{i:02d}", "", f"typed{i} typed{i} other") for i in range(N)]
    documents += [Document(f"a{i:02d}", "", f"typed{i} meant{i} and more words here") for i in range(N)]
    return open_engine("rank-bm25", corpus_of("needs", documents))


KNOWING = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(N)})
LEAD = 1 - 1 / np.log2(3)
"""nDCG@10 by which the rewriter that knows what was meant leads on each query."""


def judged_topics(n=N):
    return [JudgedInput(f"typed{i}", i, {f"a{i:02d}": 1}, complete=True) for i in range(n)]


def found(engine, new, old, inputs, clauses=512, **options):
    contestants = Contestant("new", new, engine), Contestant("old", old, engine)
    return judge(*contestants, inputs, clauses, np.random.default_rng(0), **options)


def test_the_version_that_finds_more_is_better_and_the_other_is_worse(engine):
    finding = found(engine, KNOWING, None, judged_topics())
    assert finding.difference == pytest.approx(LEAD)
    plain = compare(
        TopicValues("new", np.full(N, LEAD)), TopicValues("old", np.zeros(N)), "", np.random.default_rng(0)
    )
    assert finding.p == plain.p
    assert (finding.verdict, finding.against, finding.measure) == (Verdict.BETTER, "old", "nDCG@10")
    assert (finding.n_queries, finding.n_needs, finding.unseen, finding.reason) == (N, N, None, "")
    back = found(engine, None, KNOWING, judged_topics())
    assert (back.verdict, back.harmed_share) == (Verdict.WORSE, 1)
    assert found(engine, KNOWING, KNOWING, judged_topics()).difference == 0


def test_an_exact_title_comes_first_for_both_versions_as_in_the_service():
    """Rewrites cannot differ on a query that is a title."""
    documents = [Document(f"b{i:02d}", "", f"typed{i} typed{i} other") for i in range(N)]
    documents += [Document(f"a{i:02d}", f"Typed{i}", "meant") for i in range(N)]
    engine = open_engine("rank-bm25", corpus_of("needs", documents))
    finding = found(engine, KNOWING, None, judged_topics())
    assert (finding.difference, finding.verdict) == (0, Verdict.CANNOT_SAY)


def test_each_searches_with_an_engine_of_its_own():
    """Only the analysis of the new version reads word endings of French: `cherché` finds `cherchaient`."""
    documents = [Document(f"d{i:02d}", "", f"ils cherchaient mot{i}x") for i in range(N)]
    corpus = corpus_of("needs", documents)
    french, none = (open_engine("tantivy", corpus, analysis=analysis_by_name(name)) for name in ("2-fr", "2-und"))
    contestants = Contestant("new", None, french), Contestant("old", None, none)
    asked = [JudgedInput("cherché", 0, {"d00": 1}, complete=True)]
    assert judge(*contestants, asked, 512, np.random.default_rng(0)).difference == 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 3, LEAST_JUDGED - 1])
def test_few_needs_make_no_version_better(engine, n):
    """The interval of a single won query is (d, d): a version was once activated because of it."""
    finding = found(engine, KNOWING, None, judged_topics(n))
    assert (finding.verdict, finding.n_needs) == (Verdict.CANNOT_SAY, n)
    assert f"a verdict takes {LEAST_JUDGED}" in finding.reason


def test_many_queries_of_few_needs_give_no_verdict(engine):
    few = [replace(each, need=each.need % 5) for each in judged_topics()]
    finding = found(engine, KNOWING, None, few)
    assert (finding.verdict, finding.n_needs, finding.n_queries) == (Verdict.CANNOT_SAY, 5, N)


def test_each_of_two_verdicts_has_half_of_the_level(engine):
    """Seven needs won and none lost give p = 2 / 2^7 = .016, six p = .031, which is below .05 alone."""
    for won, expected in ((6, Verdict.CANNOT_SAY), (7, Verdict.BETTER)):
        some = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(won)})
        assert found(engine, some, None, judged_topics()).verdict is expected


@pytest.mark.parametrize(("won", "verdict"), [(1, Verdict.CANNOT_SAY), (3, Verdict.CANNOT_SAY), (5, Verdict.BETTER)])
def test_of_few_needs_a_lead_of_two_standard_errors_decides(engine, won, verdict):
    """Of n needs, w won alike and none lost, the lead is w / n, and its standard error sqrt(w (n - w) / (n - 1)) / n:
    a lead of two standard errors takes w > 4 (n - w) / (n - 1), which is 3.2 of 15 needs, and 3 is not enough."""
    some = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(won)})
    finding = found(engine, some, None, judged_topics(15), decide=by_standard_errors)
    assert finding.verdict is verdict
    if verdict is Verdict.CANNOT_SAY:
        error = LEAD / 15 * np.sqrt(won * (15 - won) / 14)
        lead = f"nDCG@10 differs by {LEAD * won / 15:+.3f} on 15 queries of 15 needs"
        assert finding.reason == f"{lead}, and two standard errors are {2 * error:.3f}"
    else:
        assert finding.reason == ""
    none = TableRewriter({f"typed{i}": (f"meant{i}",) for i in range(won)})
    back = found(engine, None, none, judged_topics(15), decide=by_standard_errors)
    assert (back.verdict is Verdict.WORSE) == (verdict is Verdict.BETTER)


@pytest.mark.parametrize(
    ("n", "verdict"), [(LEAST_BY_ERRORS - 1, Verdict.CANNOT_SAY), (LEAST_BY_ERRORS, Verdict.BETTER)]
)
def test_a_lead_on_a_handful_of_needs_decides_nothing(engine, n, verdict):
    """Of needs that are won alike the standard error is 0."""
    finding = found(engine, KNOWING, None, judged_topics(n), decide=by_standard_errors)
    assert (finding.verdict, finding.n_needs) == (verdict, n)
    if n < LEAST_BY_ERRORS:
        assert finding.reason == f"there are {n} needs to judge by, and a verdict takes {LEAST_BY_ERRORS}"


def test_only_the_clauses_that_the_service_searches_are_judged(engine):
    first = [found(engine, KNOWING, None, judged_topics(), clauses).difference for clauses in (2, 1)]
    assert first[0] > first[1] == 0
