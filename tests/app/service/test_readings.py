"""Queries read as words, as documents and as both: what is shown, what the answer says of it, and what is logged."""

import json
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.http.main import create_app
from untilclick.app.loop import single_search
from untilclick.app.loop.single_search import SingleSearch
from untilclick.app.service.answers import SearchCommand
from untilclick.app.service.plan import plan_of
from untilclick.app.service.ranking import Mode
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel, InUse
from untilclick.app.versions.store import Experiment, ModelState
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.rewrite import Reason, Unread
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.corpora.load import corpus_of
from untilclick.search.log.session_log import SessionLog
from untilclick.search.measures.fusion import reciprocal_rank_fusion

from tests.app.stand_ins import DOCUMENTS, MeaningRewriter, TableRewriter, make_service, toy_engine

QUERY = "delete folder"
OTHER_WORDS = "erase catalogue"
"""A query whose words no document has, and whose meaning some have."""


@pytest.fixture(scope="module")
def rewriter(tmp_path_factory):
    return MeaningRewriter(tmp_path_factory.mktemp("vectors"))


@pytest.fixture
def service(tmp_path, rewriter):
    service = make_service(tmp_path, rewriter)
    yield service
    service.close()


@pytest.fixture
def engine():
    return toy_engine()


def entries(results):
    return [(result.doc_id, result.score) for result in results]


def retrieved(engine, query, k=10):
    (ranking,) = rank(engine, [query], k)
    return ranking.retrieved


def answered(service, query, mode=Mode.AUTO, readings=Readings.AUTO, k=10):
    answer = service.search(SearchCommand(query, mode=mode, readings=readings, k=k))
    return answer, answer.readings


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.BLEND, Mode.REPLACE])
@pytest.mark.parametrize("readings", list(Readings))
def test_a_query_is_read_as_it_is_asked(service, engine, rewriter, mode, readings):
    answer, read = answered(service, QUERY, mode, readings)
    form = "replace" if mode is Mode.REPLACE else "blend"
    searched = SearchedQuery.of(rewriter._one(QUERY), form, readings)
    assert entries(answer.results) == retrieved(engine, searched)
    assert (read.asked, read.used) == (readings, "both" if readings is Readings.AUTO else readings.value)
    assert (read.shares, read.why) == (searched.shares, None)


@pytest.mark.parametrize("readings", list(Readings))
def test_fuse_fuses_the_query_as_typed_with_the_reading(service, engine, rewriter, readings):
    replaced = SearchedQuery.of(rewriter._one(QUERY), "replace", readings)
    rankings = [retrieved(engine, query, 100) for query in (SearchedQuery.typed(QUERY), replaced)]
    answer, read = answered(service, QUERY, Mode.FUSE, readings, k=4)
    assert entries(answer.results) == reciprocal_rank_fusion(rankings, 4)
    assert read.used == replaced.used


@pytest.mark.parametrize("readings", list(Readings))
def test_off_ignores_the_reading(service, engine, readings):
    answer, read = answered(service, QUERY, Mode.OFF, readings)
    assert entries(answer.results) == retrieved(engine, SearchedQuery.typed(QUERY))
    assert (read.asked, read.used, read.shares, read.why) == (readings, "none", None, Reason.MODE_OFF)


def test_results_say_which_reading_found_them(service):
    """`erase catalogue` is in no document; the rewriter adds `markup`, which one document has."""
    answer, _ = answered(service, OTHER_WORDS)
    found_by = {result.doc_id: result.found_by for result in answer.results}
    assert {"words"} == found_by["injected"] - {"documents"}
    assert found_by["shutil.rmtree"] == found_by["os.rmdir"] == {"documents"}
    assert {result.found_by for result in answered(service, OTHER_WORDS, Mode.OFF)[0].results} == set()
    typed = service.search(SearchCommand(QUERY, compare=True)).original_results
    assert {result.found_by for result in typed} == {frozenset({"words"})}
    fused = answered(service, "erase catalogue", Mode.FUSE, Readings.DOCUMENTS)[0].results
    assert {result.found_by for result in fused} == {frozenset({"documents"})}


@pytest.mark.parametrize(
    ("readings", "used", "why"),
    [("auto", "words", None), ("words", "words", None)]
    + [(readings, "words", Unread.WORDS_ALONE) for readings in ("documents", "both")],
)
def test_a_rewriter_of_words_alone_says_so(tmp_path, engine, readings, used, why):
    rewriter = TableRewriter()
    service = make_service(tmp_path, rewriter)
    answer, read = answered(service, QUERY, readings=Readings(readings))
    assert entries(answer.results) == retrieved(engine, SearchedQuery.of(rewriter._one(QUERY)))
    assert (read.used, read.why) == (used, why)
    service.close()


@pytest.mark.parametrize("unread", [Unread.NOT_ENCODED, Unread.NO_TOKEN])
def test_a_rewriter_that_cannot_read_documents_now_says_why(tmp_path, unread):
    class Words(TableRewriter):
        def _one(self, query):
            return replace(super()._one(query), unread=unread)

    service = make_service(tmp_path, Words())
    for readings, why in (("auto", unread), ("both", unread), ("documents", unread), ("words", None)):
        read = answered(service, QUERY, readings=Readings(readings))[1]
        assert (read.used, read.why) == ("words", why)
    for readings, why in (("auto", unread), ("both", unread), ("words", Reason.GATED)):
        read = answered(service, "sort", readings=Readings(readings))[1]
        assert (read.used, read.why) == ("none", why)
    service.close()


def test_the_reading_is_logged_and_counted(tmp_path, service):
    asked = [Readings.AUTO, Readings.WORDS, Readings.DOCUMENTS]
    sessions = [answered(service, QUERY, readings=readings)[0].session_id for readings in asked]
    sessions.append(answered(service, "sort")[0].session_id)
    assert service._log.drain(60)
    with SessionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        used = [log.session(session_id).turns[0].attributes["readings"] for session_id in sessions]
    assert used == ["both", "words", "documents", "none"]
    text = service.metrics.text().decode()
    assert [f'untilclick_readings_total{{used="{each}"}} 1.0' in text for each in used] == [True] * 4


def test_only_searches_without_a_reading_of_their_own_take_part_in_experiments(engine):
    model = FixedModel(TableRewriter(), RewriteLimits(), engine).in_use
    experiment = Experiment("e", "original", "table-1", 1.0, 0.0)
    in_use = InUse(ModelState(active="table-1", shadow="table-1", experiment=experiment), model.loaded, model.plain)
    for readings in Readings:
        plan = plan_of(in_use, Mode.AUTO, readings, "session")
        taking_part = (plan.experiment, plan.shadow is not None) == (experiment, True)
        assert taking_part == (readings is Readings.AUTO), readings
        assert len(plan.sides) == (2 if taking_part else 1)


def test_the_interface_has_readings_in_requests_and_answers(service):
    with TestClient(create_app(Settings(), service)) as client:
        by_get = client.get("/v1/search", params={"q": OTHER_WORDS, "readings": "documents"}).json()
        by_post = client.post("/v1/search", json={"query": OTHER_WORDS, "readings": "documents"}).json()
        assert [by_get["readings"], by_post["readings"]] == [
            {
                "asked": "documents",
                "used": "documents",
                "weights": {"typed": 0.375, "words": 0.0, "documents": 0.625, "prior": 0.0},
                "why": None,
            }
        ] * 2
        assert {tuple(result["found_by"]) for result in by_get["results"]} == {("documents",)}
        both = client.post("/v1/search", json={"query": QUERY, "readings": "both"}).json()
        assert both["readings"]["weights"] == {"typed": 0.3, "words": 0.2, "documents": 0.5, "prior": 0.0}
        assert ["words", "documents"] in [result["found_by"] for result in both["results"]]
        off = client.get("/v1/search", params={"q": QUERY, "readings": "both", "mode": "off"}).json()
        assert off["readings"] == {"asked": "both", "used": "none", "weights": None, "why": "mode_off"}


@pytest.fixture
def in_the_terminal(monkeypatch, rewriter):
    """Runs `untilclick search` over the small collection with the rewriter."""
    monkeypatch.setattr(single_search, "load_corpus", lambda source: corpus_of(source, DOCUMENTS))
    monkeypatch.setattr(SingleSearch, "open_engine", lambda *_: toy_engine())

    def run(*arguments, rewriter=rewriter):
        monkeypatch.setattr(single_search, "open_bundle", lambda *_: rewriter)
        result = CliRunner().invoke(app, ["search", "--bundle", "bundle", *arguments])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return run


def test_the_terminal_marks_what_no_word_found_and_says_how_the_query_was_read(in_the_terminal):
    lines = in_the_terminal(OTHER_WORDS).splitlines()
    assert any(line.split()[-3:] == ["+", "~", "shutil.rmtree"] for line in lines)
    assert not any("~" in line for line in lines if "Markup" in line)
    assert lines[-1] == "Read as words and documents: typed 30%, words 20%, documents 50%"
    assert "~: found by meaning" in " ".join(lines)
    by_words = in_the_terminal(OTHER_WORDS, "--readings", "words")
    assert "~" not in by_words
    assert by_words.splitlines()[-1] == "Read as words"
    lacking = in_the_terminal(QUERY, "--readings", "both", rewriter=TableRewriter())
    assert lacking.splitlines()[-1] == "Read as words, and not as documents: words_alone"


def test_the_terminal_answers_as_the_service(in_the_terminal, service):
    for readings in Readings:
        in_json = json.loads(in_the_terminal(OTHER_WORDS, "--readings", readings.value, "--json"))
        answer, read = answered(service, OTHER_WORDS, readings=readings)
        expected = [(result.doc_id, set(result.found_by)) for result in answer.results]
        assert [(hit["doc_id"], set(hit["found_by"])) for hit in in_json["rewritten"]] == expected
        shares = read.shares and read.shares._asdict()
        assert in_json["readings"] == {"asked": readings, "used": read.used, "weights": shares, "why": read.why}
