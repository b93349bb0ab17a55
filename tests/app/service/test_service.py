"""The service without HTTP: searches, results, the log, and failures of parts."""

import random
from dataclasses import replace

import pytest

from untilclick.app.service.answers import SearchCommand
from untilclick.app.service.ranking import Listing, Mode, Side, interleaved
from untilclick.app.service.service import MAX_TURNS
from untilclick.rewriter.rewrite import Reason
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.scope import Scope
from untilclick.rewriter.serving.scoped import ScopedRewriter
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.errors import LogError, UnknownDocumentError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.measures.fusion import reciprocal_rank_fusion
from untilclick.search.records import WeightedQuery
from untilclick.search.text.spelling import SpellingCorrector

from tests.app.stand_ins import (
    DOCUMENTS,
    AwayLog,
    BrokenRewriter,
    StuckRewriter,
    TableRewriter,
    make_service,
    wait_until,
)

QUERY = "delete folder"


class DeliveredLog:
    """The session log, once every search and click has been delivered to it."""

    def __init__(self, log, service):
        self._log, self._service = log, service

    def __getattr__(self, name):
        assert self._service._log.drain(60)
        return getattr(self._log, name)


@pytest.fixture
def log(tmp_path, service):
    with SessionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        yield DeliveredLog(log, service)


@pytest.fixture
def engine():
    return open_engine("rank-bm25", corpus_of("toy", DOCUMENTS))


def ids(results):
    return [result.doc_id for result in results]


def ranking(engine, query, k=10):
    return [entry.doc_id for entry in engine.search([query], k)[0]]


def test_off_is_plain_bm25(service, engine):
    answer = service.search(SearchCommand(QUERY, mode=Mode.OFF))
    plain = engine.search([WeightedQuery.of(QUERY)], 10)[0]
    assert [(result.doc_id, result.score) for result in answer.results] == [tuple(entry) for entry in plain]
    assert (answer.rewrite.applied, answer.rewrite.reason) == (False, Reason.MODE_OFF)


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.BLEND, Mode.REPLACE])
def test_modes_search_the_clauses_of_the_rewrite(service, engine, rewriter, mode):
    rewrite = rewriter._one(QUERY)
    weighted_query = rewrite.replace if mode is Mode.REPLACE else rewrite.blend
    answer = service.search(SearchCommand(QUERY, mode=mode))
    assert ids(answer.results) == ranking(engine, weighted_query)
    assert answer.rewrite.applied
    assert "shutil.rmtree" in ids(answer.results)


def test_fuse_fuses_the_two_rankings(service, engine, rewriter):
    queries = [WeightedQuery.of(QUERY), rewriter._one(QUERY).replace]
    fused = reciprocal_rank_fusion(engine.search(queries, 100), 3)
    answer = service.search(SearchCommand(QUERY, mode=Mode.FUSE, k=3))
    assert [(result.doc_id, result.score) for result in answer.results] == [tuple(entry) for entry in fused]


@pytest.mark.parametrize("mode", list(Mode))
def test_compare_adds_the_plain_results_without_tokens(service, engine, mode):
    answer = service.search(SearchCommand(QUERY, mode=mode, compare=True, k=4))
    assert ids(answer.original_results) == ranking(engine, WeightedQuery.of(QUERY), 4)
    assert {result.click_token for result in answer.original_results} == {None}
    assert all(result.click_token for result in answer.results)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_document_whose_title_is_the_query_comes_first_in_every_list(tmp_path, mode):
    """`STR.split` is the title of a document; the rewrite asks for others."""
    rewriter = TableRewriter({"STR.split": ("directory", "remove", "empty")})
    service = make_service(tmp_path, rewriter)
    answer = service.search(SearchCommand("STR.split", mode=mode, compare=True, k=3))
    assert ids(answer.results)[0] == ids(answer.original_results)[0] == "str.split"
    assert len(set(ids(answer.results))) == len(answer.results) <= 3
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert service.click(answer.results[0].click_token).rank == 1
    assert service._log.drain(60)
    with SessionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        assert list(log.session(answer.session_id).turns[0].shown) == ids(answer.results)
    service.close()


def test_the_step_can_be_switched_off(tmp_path, engine):
    rewrite = TableRewriter({"str.split": ("directory", "remove", "empty")})
    service = make_service(tmp_path, rewrite, exact_titles=False)
    answer = service.search(SearchCommand("str.split", mode=Mode.REPLACE))
    assert ids(answer.results) == ranking(engine, rewrite._one("str.split").replace)
    service.close()


def test_both_sides_of_an_experiment_begin_with_the_exact_title(engine):
    rewriters = [TableRewriter({"str.split": words}) for words in (("directory", "remove"), ("temporary",))]
    sides = [Side(engine, SearchedQuery.of(rewriter._one("str.split"))) for rewriter in rewriters]
    listing = Listing(Mode.AUTO, 4, titled=["str.split"])
    mixed = interleaved(*sides, listing, random.Random(1))
    assert mixed.ranking[0].doc_id == "str.split"
    assert len(mixed.teams) == len(mixed.ranking) > 1
    assert interleaved(*sides, replace(listing, k=1), random.Random(1)).teams is None


def test_without_compare_there_are_no_plain_results(service):
    assert service.search(SearchCommand(QUERY)).original_results is None


def test_a_search_is_logged_as_it_was_shown(service, log):
    answer = service.search(SearchCommand(QUERY, client_id="someone", compare=True))
    session = log.session(answer.session_id)
    (turn,) = session.turns
    assert (session.source, session.client_id) == ("live", "someone")
    assert (turn.query_id, turn.step, turn.query, turn.rewrite) == (answer.query_id, 0, QUERY, answer.rewrite.text)
    assert list(turn.shown) == ids(answer.results)
    assert turn.attributes == {
        "mode": "auto", "reason": "applied", "readings": "words", "rewriter_version": "table-1",
    }  # fmt: skip


def test_the_log_says_which_model_of_a_version_answered(tmp_path):
    scope = Scope.of([QUERY], english(), SpellingCorrector({}), bytes(16))
    service = make_service(tmp_path, ScopedRewriter(TableRewriter(), TableRewriter({"sort": ("order",)}), scope))
    with SessionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        answers = [service.search(SearchCommand(query)) for query in (QUERY, "sort")]
        sessions = [DeliveredLog(log, service).session(answer.session_id) for answer in answers]
    assert [session.turns[0].attributes["learned"] for session in sessions] == [True, False]
    service.close()


def test_a_session_goes_on_and_the_rewriter_sees_what_was_asked_before(service, log, rewriter):
    first = service.search(SearchCommand("remove files"))
    second = service.search(SearchCommand(QUERY, session_id=first.session_id, mode=Mode.BLEND))
    assert second.session_id == first.session_id
    assert rewriter.asked[-1].history == ("remove files",)
    assert [turn.step for turn in log.session(first.session_id).turns] == [0, 1]


def test_a_new_session_id_of_the_client_begins_a_session(service, log):
    name = "7b0d5c6e-2f0c-4d69-9f5d-0d0f0a3c9f11"
    assert service.search(SearchCommand(QUERY, session_id=name)).session_id == name
    assert log.n_turns(name) == 1


def test_a_session_of_very_many_queries_is_ended(service, log):
    """A program that never ended its session made every delivery and every search slower than the one before."""
    first = service.search(SearchCommand(QUERY))
    for _ in range(MAX_TURNS - 1):
        assert service.search(SearchCommand(QUERY, session_id=first.session_id)).session_id == first.session_id
    other = service.search(SearchCommand(QUERY, session_id=first.session_id)).session_id
    assert other != first.session_id
    assert (log.n_turns(first.session_id), log.n_turns(other)) == (MAX_TURNS, 1)


def test_a_click_is_logged_once(service, log):
    answer = service.search(SearchCommand(QUERY))
    chosen = answer.results[1]
    for _ in range(3):
        shown = service.click(chosen.click_token)
    assert (shown.query_id, shown.doc_id, shown.rank) == (answer.query_id, chosen.doc_id, 2)
    (click,) = log.session(answer.session_id).turns[0].clicks
    assert (click.query_id, click.doc_id, click.rank) == (answer.query_id, chosen.doc_id, 2)
    assert service.stats("live").first_query_click_share == 1.0
    text = service.metrics.text().decode()
    assert 'untilclick_clicks_total{outcome="recorded"} 1.0' in text
    assert 'untilclick_clicks_total{outcome="repeated"} 2.0' in text


@pytest.mark.parametrize("query", ["", "   ", "?! ...", "zzzzz"])
def test_queries_without_known_words_give_no_results(service, log, query):
    answer = service.search(SearchCommand(query, compare=True))
    assert (answer.results, answer.original_results) == ((), ())
    assert log.n_turns(answer.session_id) == 1


def test_a_query_of_stop_words_finds_the_documents_with_them_and_is_not_rewritten(service, log):
    answer = service.search(SearchCommand("the of and", compare=True))
    assert set(ids(answer.results)) == {
        document.doc_id for document in DOCUMENTS if {"the", "of", "and"} & set(document.content.lower().split())
    }
    assert ids(answer.original_results) == ids(answer.results)
    assert not answer.rewrite.applied
    assert log.n_turns(answer.session_id) == 1


@pytest.mark.parametrize(("rewriter", "reason"), [(None, Reason.NO_MODEL), (BrokenRewriter(), Reason.ERROR)])
def test_rewriting_fails_open(tmp_path, engine, rewriter, reason):
    service = make_service(tmp_path, rewriter)
    answer = service.search(SearchCommand(QUERY))
    assert (answer.rewrite.applied, answer.rewrite.reason) == (False, reason)
    assert ids(answer.results) == ranking(engine, WeightedQuery.of(QUERY))
    assert f'untilclick_rewrites_total{{reason="{reason.value}"}} 1.0' in service.metrics.text().decode()
    service.close()


def test_a_rewriter_past_its_budget_is_not_waited_for(tmp_path, engine):
    stuck = StuckRewriter()
    service = make_service(tmp_path, stuck, budget_ms=1.0)
    answer = service.search(SearchCommand(QUERY))
    assert answer.rewrite.reason is Reason.OVER_BUDGET
    assert ids(answer.results) == ranking(engine, WeightedQuery.of(QUERY))
    stuck.released.set()
    service.close()


def test_logging_fails_soft(tmp_path, rewriter, caplog):
    """While the database is away, searches and clicks are answered, the session is known, and nothing is lost."""
    log_away = AwayLog(f"sqlite:///{tmp_path / 'log.db'}")
    service = make_service(tmp_path, rewriter, log=log_away)
    first = service.search(SearchCommand("remove files"))
    second = service.search(SearchCommand(QUERY, session_id=first.session_id))
    assert rewriter.asked[-1].history == ("remove files",)
    service.click(second.results[0].click_token)
    wait_until(lambda: service._log._delivery.failing)
    assert not service.health().log
    text = service.metrics.text().decode()
    for operation in ("read", "deliver"):
        assert f'untilclick_log_failures_total{{operation="{operation}"}}' in text
    assert "untilclick_spool_waiting 3.0" in text
    assert "the database is away" in caplog.text
    with pytest.raises(LogError):
        service.stats(None)
    log_away.back = True
    assert [turn.step for turn in DeliveredLog(log_away.get(), service).session(first.session_id).turns] == [0, 1]
    assert service.health().log
    text = service.metrics.text().decode()
    assert "untilclick_spool_waiting 0.0" in text
    assert "untilclick_spool_delivered_total 3.0" in text
    service.close()


def test_a_full_spool_refuses_events_and_searches_go_on(tmp_path):
    log_away = AwayLog(f"sqlite:///{tmp_path / 'log.db'}")
    service = make_service(tmp_path, log=log_away, max_spool_bytes=420)
    first = service.search(SearchCommand(QUERY))
    refused = service.search(SearchCommand(QUERY))
    assert refused.results
    assert {result.click_token for result in refused.results} == {None}, "a click would wait for its query in vain"
    service.click(first.results[0].click_token)
    text = service.metrics.text().decode()
    assert "untilclick_spool_waiting 1.0" in text
    assert "untilclick_spool_refused_total 2.0" in text
    assert 'untilclick_clicks_total{outcome="unlogged"} 1.0' in text
    log_away.back = True
    service.close()
    with SessionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        assert [session.session_id for session in log.sessions()] == [first.session_id]


def test_a_rewrite_alone_is_neither_searched_nor_logged(service):
    answer = service.rewrite(QUERY, ("before",), 2)
    assert len(answer.candidates) == 2
    assert service.rewrite("something else").candidates == ()
    assert service.stats(None).turns == 0


def test_documents_are_read_by_id(service):
    assert service.document("with/slash").text.startswith("A document whose id")
    with pytest.raises(UnknownDocumentError):
        service.document("nobody")
