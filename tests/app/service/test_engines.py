"""One engine for each analysis in use: activation and roll-back of versions that read text in different ways."""

import gc
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service import live_documents
from untilclick.app.service.engine import ServiceEngines
from untilclick.app.service.opening import open_service
from untilclick.app.settings.service import Settings
from untilclick.app.versions import models
from untilclick.app.versions.store import ORIGINAL, ModelStore
from untilclick.rewriter.serving import runtime
from untilclick.search.corpora.load import load_corpus
from untilclick.search.errors import AnalysisError, EngineError
from untilclick.search.live import live_index
from untilclick.search.records import WeightedQuery

from tests.app.stand_ins import wait_until
from tests.app.toy_bundles import open_toy, toy_bundle

KEY = {"authorization": "Bearer let me in"}
ENGLISH, FRENCH = "2-en", "2-fr"
ROWS = [
    {"_id": "arms", "text": "Two running arms"},
    {"_id": "army", "text": "They chercheraient an army"},
    {"_id": "shop", "text": "A shop of lamps"},
]


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


@pytest.fixture
def add(store, tmp_path, monkeypatch):
    """Adds a version that was trained with an analysis."""
    monkeypatch.setattr(runtime, "open_bundle", lambda folder, *_, **__: open_toy(folder))

    def added(analysis, words="tree"):
        name = f"bundle {analysis} {words}"
        toy_bundle(tmp_path / name, f"{words} {analysis}", analysis=analysis)
        return store.add(tmp_path / name)

    return added


@pytest.fixture
def settings(documents, tmp_path, store):
    def make(**values):
        defaults = {
            "data": str(documents),
            "models": tmp_path / "models",
            "log": str(tmp_path / "log.db"),
            "index": tmp_path / "index",
            "live_documents": True,
            "admin_key": "let me in",
            "rewrite_budget_ms": 5000.0,
        }
        return Settings.of(**defaults | values)

    return make


@pytest.fixture
def serve(settings):
    """Opens services; each stands for a process. Returns a service and its client."""
    opened = []

    def make(**values):
        chosen = settings(**values)
        service = open_service(chosen, Metrics())
        client = TestClient(create_app(chosen, service)).__enter__()
        opened.append((service, client))
        return opened[-1]

    yield make
    for service, client in opened:
        client.__exit__(None, None, None)
        service.close()


def found(client, query, **more):
    results = client.post("/v1/search", json={"query": query, **more}).json()["results"]
    return [result["doc_id"] for result in results]


def activate(client, version):
    answer = client.post(f"/v1/models/{version}/activate", headers=KEY)
    assert answer.status_code == 200, answer.json()


def folders(tmp_path):
    return {path.name.split("-tantivy-2-")[1][:4] for path in live_index.live_folders(tmp_path / "index")}


def test_an_activation_builds_the_index_of_its_analysis_and_a_roll_back_needs_none(add, serve, tmp_path, monkeypatch):
    english, french = add(ENGLISH), add(FRENCH)
    service, client = serve()
    activate(client, english)
    assert (found(client, "run"), found(client, "chercher")) == (["arms"], [])
    assert folders(tmp_path) == {ENGLISH}
    activate(client, french)
    assert (found(client, "run"), found(client, "chercher")) == ([], ["army"])
    assert folders(tmp_path) == {ENGLISH, FRENCH}
    monkeypatch.setattr(ServiceEngines, "_open", None)  # whatever opens an engine fails
    assert client.post("/v1/models/rollback", headers=KEY).json()["active"] == english
    assert (found(client, "run"), found(client, "chercher")) == (["arms"], [])
    assert service.health().engine


@pytest.mark.parametrize("engine", ["tantivy", "rank-bm25"])
@pytest.mark.parametrize("on_disk", [True, False])
def test_documents_that_never_change_are_searched_by_both_analyses(add, serve, engine, on_disk):
    english, french = add(ENGLISH), add(FRENCH)
    more = {} if on_disk else {"index": None}
    _, client = serve(engine=engine, live_documents=False, **more)
    for version, run, chercher in ((english, ["arms"], []), (french, [], ["army"]), (english, ["arms"], [])):
        activate(client, version)
        assert (found(client, "run"), found(client, "chercher")) == (run, chercher)


def test_put_and_delete_reach_the_active_and_the_previous_version(add, serve):
    english, french = add(ENGLISH), add(FRENCH)
    _, client = serve()
    activate(client, english)
    activate(client, french)
    assert client.put("/v1/documents/new", json={"text": "running chanteraient"}, headers=KEY).status_code == 204
    assert client.delete("/v1/documents/arms", headers=KEY).status_code == 204
    assert (found(client, "chanter"), client.get("/v1/documents/arms").status_code) == (["new"], 404)
    client.post("/v1/models/rollback", headers=KEY)
    assert found(client, "run") == ["new"]


def test_sides_of_an_experiment_and_the_shadow_search_their_own_indexes(add, serve):
    english, french = add(ENGLISH), add(FRENCH)
    service, client = serve()
    activate(client, english)
    body = {"name": "e", "a": ORIGINAL, "b": french, "share": 1.0}
    assert client.put("/v1/experiments", json=body, headers=KEY).status_code == 200
    assert set(found(client, "run chercher")) == {"arms", "army"}
    activate(client, french)
    assert set(found(client, "run chercher")) == {"arms", "army"}, "`original` keeps the analysis of the beginning"
    assert found(client, "run", mode="off") == []
    assert client.delete("/v1/experiments", headers=KEY).status_code == 200
    assert found(client, "run chercher") == ["army"]
    client.put("/v1/models/shadow", json={"version": english}, headers=KEY)
    found(client, "run")
    service._shadow._pool.submit(lambda: None).result(30)
    assert client.get("/v1/experiments").json()["shadow"]["changed_share"] == 1.0


def test_another_process_follows_and_its_changes_reach_all_indexes(add, serve):
    """A process that has not followed an activation yet must change the new index, too."""
    english, french = add(ENGLISH), add(FRENCH)
    _, first = serve()
    activate(first, english)
    service, second = serve()
    service.models._ended.set()  # this process follows when the test says so
    service.models._follower.join()
    activate(first, french)
    assert second.put("/v1/documents/new", json={"text": "chanteraient"}, headers=KEY).status_code == 204
    wait_until(lambda: found(first, "chanter") == ["new"])
    service.models.follow()
    assert found(second, "chanter") == ["new"]


def test_a_version_whose_index_cannot_be_built_is_refused_and_all_stays(add, serve, monkeypatch, caplog):
    english, french = add(ENGLISH), add(FRENCH)
    _, client = serve()
    activate(client, english)

    def full(engines, analysis):
        raise EngineError("No space left on the device")

    monkeypatch.setattr(ServiceEngines, "_open", full)
    answer = client.post(f"/v1/models/{french}/activate", headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:untilclick:problem:version-refused")
    assert "No space left" in caplog.text
    assert found(client, "run") == ["arms"]
    assert client.get("/v1/models").json()["active"] == english


def test_a_version_of_an_analysis_that_this_build_does_not_know_is_refused(add, serve, caplog):
    _, client = serve()
    answer = client.post(f"/v1/models/{add('9-xx')}/activate", headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:untilclick:problem:version-refused")
    assert "9-xx" in caplog.text


def test_no_request_is_lost_while_versions_of_two_analyses_take_turns(add, serve):
    """Every answer comes from one version with its own index: the words that it adds tell which."""
    english, french = add(ENGLISH), add(FRENCH)
    _, client = serve()
    activate(client, english)
    stop, wrong = threading.Event(), []

    def search(number):
        n = 0
        while not stop.is_set():
            answer = client.post("/v1/search", json={"query": "run" if number % 2 else "chercher"})
            version = answer.json()["rewrite"]["rewriter_version"] if answer.status_code == 200 else None
            expected = ["arms"] if (number % 2, version) == (1, english) else []
            expected = ["army"] if (number % 2, version) == (0, french) else expected
            if answer.status_code != 200 or [each["doc_id"] for each in answer.json()["results"]] != expected:
                wrong.append(answer.json())
            n += 1
        return n

    with ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(search, number) for number in range(4)]
        for round_ in range(4):
            activate(client, french)
            assert client.put(f"/v1/documents/p{round_}", json={"text": "lamps"}, headers=KEY).status_code == 204
            client.post("/v1/models/rollback", headers=KEY)
        stop.set()
        assert min(each.result(60) for each in searching) > 0
    assert wrong == []


def test_following_and_searching_go_on_while_an_index_is_built(add, serve, monkeypatch):
    english, french, other = add(ENGLISH), add(FRENCH), add(ENGLISH, "lamp")
    service, client = serve()
    activate(client, english)
    building, go_on = threading.Event(), threading.Event()
    open_now = ServiceEngines._open

    def slowly(engines, analysis):
        building.set()
        assert go_on.wait(60)
        return open_now(engines, analysis)

    monkeypatch.setattr(ServiceEngines, "_open", slowly)
    with ThreadPoolExecutor(1) as pool:
        activation = pool.submit(activate, client, french)
        assert building.wait(60)
        service.models.store.activate(other)  # by another process
        wait_until(lambda: service.rewriter_version == other)
        assert found(client, "run") == ["arms"]
        assert client.put("/v1/documents/new", json={"text": "running"}, headers=KEY).status_code == 204
        go_on.set()
        activation.result(60)
    assert service.rewriter_version == french
    assert found(client, "chercher") == ["army"]
    assert client.get("/v1/documents/new").status_code == 200


def test_an_engine_is_let_go_with_its_last_request(add, serve, monkeypatch):
    """Threads that follow other processes hold all engines while they look, so they wait here. One that looked at
    that moment made this test fail."""
    for module in (models, live_documents):
        monkeypatch.setattr(module, "FOLLOW_S", 3600.0)
    english, french, third = add(ENGLISH), add(FRENCH), add(FRENCH, "lamp")
    service, client = serve()
    activate(client, english)
    in_use = service.models.in_use  # a request that has begun
    gone = weakref.ref(in_use.plain.engine)
    activate(client, french)
    activate(client, third)  # the version before is of the same analysis
    gc.collect()
    assert gone() is not None
    del in_use
    gc.collect()
    assert gone() is None
    assert client.post("/v1/models/rollback", headers=KEY).json()["active"] == french


def test_the_previous_version_is_kept_ready_after_a_restart(add, serve, store, tmp_path):
    english, french = add(ENGLISH), add(FRENCH)
    store.activate(french)
    store.activate(english)
    service, client = serve()
    wait_until(lambda: folders(tmp_path) == {ENGLISH, FRENCH})
    wait_until(lambda: service.models._standby is not None)
    assert client.put("/v1/documents/new", json={"text": "chanteraient"}, headers=KEY).status_code == 204
    client.post("/v1/models/rollback", headers=KEY)
    assert found(client, "chanter") == ["new"]


def test_without_a_version_the_index_on_disk_decides_and_then_the_language(settings, documents):
    corpus = load_corpus(str(documents))
    first = ServiceEngines(settings(language="fr"), corpus)
    assert first.engine(None).analysis.name == FRENCH
    assert ServiceEngines(settings(), corpus).engine(None).analysis.name == FRENCH
    assert ServiceEngines(settings(language="de"), corpus).engine(None).analysis.name == "2-de"
    fixed = {"live_documents": False}
    assert ServiceEngines(settings(language="fr", **fixed), corpus).engine(None).analysis.name == FRENCH
    assert ServiceEngines(settings(**fixed), corpus).engine(None).analysis.name == FRENCH
    with pytest.raises(AnalysisError, match="'xx'"):
        ServiceEngines(settings(language="xx"), corpus).engine(None)


def test_a_language_that_a_version_overrules_is_said(add, serve, store, caplog):
    store.activate(add(FRENCH))
    serve(language="en")
    assert "The language en is not used" in caplog.text


def test_a_further_index_is_built_from_the_documents_of_another(settings, documents):
    corpus = load_corpus(str(documents))
    engines = ServiceEngines(settings(live_documents=False), corpus)
    english = engines.engine(ENGLISH)
    engines.forget_corpus()
    texts = [document.text for document in corpus.documents]
    assert engines._corpus is None
    documents.unlink()
    french = engines.engine(FRENCH)
    assert [document.text for document in french.documents(["arms", "army", "shop"])] == texts
    assert english.search([WeightedQuery.of("run")], 1)[0][0].doc_id == "arms"
