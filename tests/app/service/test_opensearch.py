"""The service with a cluster: settings, the command that loads documents, and a cluster that is away."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from untilclick.app.cli.main import app
from untilclick.app.http.main import create_app
from untilclick.app.service.engine import ServiceEngines, cluster_of, open_opensearch
from untilclick.app.settings.groups import SettingsError
from untilclick.app.settings.service import Settings, variable_of
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import load_corpus
from untilclick.search.records import WeightedQuery

from tests.app.small_corpus import write_corpus
from tests.opensearch_server import free_port, noida, osmem


@pytest.fixture
def documents(tmp_path) -> Path:
    return write_corpus(tmp_path / "documents.jsonl")


def settings_for(url: str, documents: Path, **more: object) -> Settings:
    return Settings.of(
        data=str(documents),
        engine="opensearch",
        log=str(documents.with_name("log.db")),
        opensearch_url=url,
        opensearch_replicas=0,
        opensearch_timeout_ms=20_000,
        **more,
    )


def search(client: TestClient, query: str = "bicycle wheel"):
    return client.post("/v1/search", json={"query": query})


def test_the_service_loads_its_documents_and_searches_them(any_opensearch_urls, documents):
    with TestClient(create_app(settings_for(any_opensearch_urls, documents))) as client:
        results = search(client).json()["results"]
        assert len(results) == 10
        assert client.get("/v1/info").json()["engine"] == "opensearch"
        assert client.get("/readyz").json()["status"] == "ready"
        assert client.get(f"/v1/documents/{results[0]['doc_id']}").json()["title"] == results[0]["title"]
        assert client.get("/v1/documents/unicorn").status_code == 404
        assert search(client, "title:* AND (").json()["results"] == []


def test_each_analysis_has_an_index_of_its_own_loaded_before_it_is_used(any_opensearch_urls, documents):
    """The second one is loaded from the first: the file may have been edited since the start."""
    corpus = load_corpus(str(documents))
    engines = ServiceEngines(settings_for(any_opensearch_urls, documents), corpus)
    english_engine = engines.engine("2-en")
    engines.forget_corpus()
    documents.unlink()
    french = engines.engine("2-fr")
    assert english_engine.index != french.index
    assert engines.engine("2-en") is english_engine
    doc_ids = [document.doc_id for document in corpus.documents]
    assert french.documents(doc_ids) == list(corpus.documents)
    for engine in (english_engine, french):
        assert engine.search([WeightedQuery.of("bicycle")], 5)[0]
        engine.close()


def check_absence(client: TestClient) -> None:
    """Every call that needs the engine gets 503 at once; all others are answered."""
    started = perf_counter()
    for answer in (search(client), client.get("/v1/documents/d000"), client.get("/readyz")):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:untilclick:problem:unavailable"
    assert perf_counter() - started < 3.0
    assert client.get("/healthz").status_code == 200


def test_a_cluster_that_is_away_is_a_503_at_once_and_a_200_when_it_is_back(documents):
    """The server of the test keeps its documents in memory, so that the test must load them again after a restart."""
    port = free_port()
    settings = settings_for(f"http://127.0.0.1:{port}", documents)
    with osmem(port):
        client = TestClient(create_app(settings)).__enter__()
        before = search(client).json()["results"]
    try:
        check_absence(client)
        with osmem(port):
            open_opensearch(settings, load_corpus(settings.search.data), english()).close()
            after = search(client)
        assert after.status_code == 200
        assert [result["doc_id"] for result in after.json()["results"]] == [result["doc_id"] for result in before]
    finally:
        client.__exit__(None, None, None)


@pytest.mark.slow
def test_a_cluster_that_was_started_again_answers_with_what_it_kept(documents, tmp_path):
    port, folder = free_port(), tmp_path / "cluster"
    settings = settings_for(f"http://127.0.0.1:{port}", documents)
    with noida(folder, port):
        client = TestClient(create_app(settings)).__enter__()
        assert search(client).status_code == 200
    try:
        check_absence(client)
        with noida(folder, port):
            assert search(client).status_code == 200
            assert len(search(client).json()["results"]) == 10
    finally:
        client.__exit__(None, None, None)


def test_a_service_does_not_start_without_its_cluster(documents):
    call = ["serve", "--data", str(documents), "--log", str(documents.with_name("log.db")), "--engine", "opensearch"]
    outcome = CliRunner().invoke(
        app, [*call, "--port", "0"], env={variable_of("opensearch_url"): f"http://127.0.0.1:{free_port()}"}
    )
    assert outcome.exit_code == 2
    assert "cannot be reached" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_the_command_loads_documents_and_the_service_finds_them(any_opensearch_urls, documents):
    prefix = "from-command"
    call = ["index", "--data", str(documents), "--json", "--set", f"service.opensearch_index={prefix}"]
    outcome = CliRunner().invoke(app, call, env={variable_of("opensearch_url"): any_opensearch_urls})
    assert outcome.exit_code == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    assert answer["documents"] == 80
    assert answer["index"].startswith(f"{prefix}-")
    settings = settings_for(any_opensearch_urls, documents, opensearch_index=prefix)
    with closing(open_opensearch(settings, load_corpus(settings.search.data), english(), pytest.fail)) as engine:
        assert engine.index == answer["index"]


def test_the_settings_say_how_to_reach_the_cluster(tmp_path):
    (tmp_path / "password").write_text("hush\n", encoding="utf-8")
    settings = Settings.from_environment(
        {
            "UNTILCLICK_OPENSEARCH_URL": "https://one:9200 | https://two:9200",
            "UNTILCLICK_OPENSEARCH_USER": "reader",
            "UNTILCLICK_OPENSEARCH_PASSWORD_FILE": str(tmp_path / "password"),
            "UNTILCLICK_OPENSEARCH_VERIFY": "false",
            "UNTILCLICK_OPENSEARCH_TIMEOUT_MS": "700",
        }
    )
    cluster = cluster_of(settings.opensearch, 9)
    assert cluster.urls == ("https://one:9200", "https://two:9200")
    assert (cluster.user, cluster.password, cluster.verify, cluster.timeout_ms) == ("reader", "hush", False, 700)
    assert Settings.from_environment(settings.to_environment()) == settings


def test_user_and_password_file_belong_together(tmp_path):
    with pytest.raises(SettingsError, match="belong together"):
        cluster_of(Settings.of(opensearch_user="reader").opensearch, 9)
    with pytest.raises(SettingsError, match=r"absent cannot be read \(No such file"):
        cluster_of(Settings.of(opensearch_user="reader", opensearch_password_file=tmp_path / "absent").opensearch, 9)


@pytest.mark.parametrize("url", ["", "|", "localhost:9200", "ftp://host", "https://", "https://me:hush@host:9200"])
def test_a_bad_address_is_refused_without_being_repeated(url):
    with pytest.raises(SettingsError, match="UNTILCLICK_OPENSEARCH_URL") as caught:
        Settings.from_environment({"UNTILCLICK_OPENSEARCH_URL": url})
    assert "hush" not in str(caught.value)


def test_a_bad_prefix_is_refused():
    with pytest.raises(SettingsError, match="UNTILCLICK_OPENSEARCH_INDEX"):
        Settings.from_environment({"UNTILCLICK_OPENSEARCH_INDEX": "Upper/Case*"})
