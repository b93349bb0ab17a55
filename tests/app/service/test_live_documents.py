"""Documents changed over HTTP, by one process and by two."""

import re
import threading
import time
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.service.engine import ServiceEngines
from untilclick.app.service.ranking import Ranked
from untilclick.app.service.service import _teams_of
from untilclick.app.settings.service import Settings
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.engines.vectors.document_vectors import KnownVectors
from untilclick.search.engines.vectors.encoded_documents import text_hashes
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import ScoredDoc, WeightedQuery
from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.app.stand_ins import DOCUMENTS, make_service, wait_until
from tests.fake_encoder import FakeEncoder, of_hash

KEY = {"authorization": "Bearer let me in"}
NEW = {"title": "zebra", "text": "The zebra crosses."}


def live_indexes(folder):
    return LiveIndexes(corpus_of("toy", DOCUMENTS), folder / "index")


@pytest.fixture
def clients(tmp_path):
    """Two services on one index, which stand for two processes."""
    services = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        services.append(make_service(tmp_path / name, live=live_indexes(tmp_path)))
    yield [TestClient(create_app(Settings.of(admin_key="let me in"), service)) for service in services]
    for service in services:
        service.close()


@pytest.fixture
def client(clients):
    with clients[0] as client:
        yield client


def ids_for(client, query):
    return [result["doc_id"] for result in client.post("/v1/search", json={"query": query}).json()["results"]]


def test_a_document_is_searchable_when_it_is_put_and_gone_when_it_is_deleted(client):
    assert client.put("/v1/documents/zoo/1", json=NEW, headers=KEY).status_code == 204
    assert ids_for(client, "zebra") == ["zoo/1"]
    assert client.get("/v1/documents/zoo/1").json() == {"doc_id": "zoo/1", **NEW}
    assert client.put("/v1/documents/zoo/1", json={"text": "A lion."}, headers=KEY).status_code == 204
    assert (ids_for(client, "zebra"), ids_for(client, "lion")) == ([], ["zoo/1"])
    assert client.delete("/v1/documents/zoo/1", headers=KEY).status_code == 204
    assert (ids_for(client, "lion"), client.get("/v1/documents/zoo/1").status_code) == ([], 404)
    assert client.delete("/v1/documents/zoo/1", headers=KEY).json()["type"].endswith("no-such-document")


def test_exact_titles_follow_changes_in_this_process_and_in_another(clients):
    """`wood` is the whole title of one document, and a word that another says more often."""
    with clients[0] as first, clients[1] as second:
        for name, title in (("often", "wood wood"), ("named", "Wood")):
            body = {
                "title": title,
                "text": "wood " * 5 if name == "often" else "a long text of many other words " * 9,
            }
            assert first.put(f"/v1/documents/{name}", json=body, headers=KEY).status_code == 204
        assert ids_for(first, "wood") == ["named", "often"]
        wait_until(lambda: ids_for(second, "wood") == ["named", "often"])
        body = {"title": "no longer", "text": "a long text with wood and many other words " * 9}
        assert second.put("/v1/documents/named", json=body, headers=KEY).status_code == 204
        assert ids_for(second, "wood") == ["often", "named"]
        wait_until(lambda: ids_for(first, "wood") == ["often", "named"])


def test_another_process_follows_within_a_second(clients):
    with clients[0] as first, clients[1] as second:
        assert first.put("/v1/documents/z", json=NEW, headers=KEY).status_code == 204
        started = time.monotonic()
        wait_until(lambda: ids_for(second, "zebra") == ["z"])
        assert time.monotonic() - started < 10  # a second, on a machine that is not busy
        assert second.delete("/v1/documents/z", headers=KEY).status_code == 204
        wait_until(lambda: ids_for(first, "zebra") == [])


@pytest.mark.parametrize(("headers", "body", "status"), [({}, NEW, 401), (KEY, {"title": "no text"}, 422)])
def test_who_may_and_what(client, headers, body, status):
    assert client.put("/v1/documents/z", json=body, headers=headers).status_code == status
    assert ids_for(client, "zebra") == []


def test_one_corpus_for_good_is_not_changed(tmp_path):
    service = make_service(tmp_path)
    with TestClient(create_app(Settings.of(admin_key="let me in"), service)) as client:
        for response in (
            client.put("/v1/documents/z", json=NEW, headers=KEY),
            client.delete("/v1/documents/str.split", headers=KEY),
        ):
            assert response.status_code == 409
            assert response.json()["type"] == "urn:untilclick:problem:documents-fixed"
    service.close()


def test_searches_go_on_while_documents_are_deleted(client):
    """A document may be deleted between the search and the reading of its text."""
    stop, failures = threading.Event(), []

    def search():
        while not stop.is_set():
            response = client.post("/v1/search", json={"query": "zebra"})
            if response.status_code != 200:
                failures.append(response.text)

    searching = threading.Thread(target=search)
    searching.start()
    for number in range(15):
        assert client.put(f"/v1/documents/z{number % 3}", json=NEW, headers=KEY).status_code == 204
        assert client.delete(f"/v1/documents/z{number % 3}", headers=KEY).status_code == 204
    stop.set()
    searching.join()
    assert failures == []


def test_a_document_that_is_gone_is_left_out(tmp_path):
    class Forgetful:
        """An engine that loses a document between ranking and reading."""

        def __init__(self, engine):
            self._engine = engine

        def __getattr__(self, name):
            return getattr(self._engine, name)

        def documents(self, doc_ids):
            if "shutil.rmtree" in doc_ids:
                raise UnknownDocumentError("gone")
            return self._engine.documents(doc_ids)

    service = make_service(tmp_path, engine=Forgetful(open_engine("tantivy", corpus_of("toy", DOCUMENTS))))
    with TestClient(create_app(Settings(), service)) as client:
        results = client.post("/v1/search", json={"query": "directory tree string"}).json()["results"]
    assert len(results) > 1
    assert "shutil.rmtree" not in [result["doc_id"] for result in results]
    assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    service.close()


def test_teams_are_those_of_the_documents_that_were_shown():
    ranking = [ScoredDoc(doc_id, 1.0) for doc_id in ("x", "gone", "y")]
    assert _teams_of(Ranked(ranking, {}, teams=("a", "b", "b")), ("x", "y")) == ["a", "b"]
    assert _teams_of(Ranked(ranking, {}), ("x", "y")) is None


@pytest.mark.parametrize(
    ("name", "folder", "message"), [("rank-bm25", "index", "tantivy"), ("tantivy", None, "folder")]
)
def test_what_cannot_be_changed_is_said(tmp_path, name, folder, message):
    settings = Settings.of(engine=name, index=folder and tmp_path / folder, live_documents=True)
    with pytest.raises(EngineError, match=message):
        ServiceEngines(settings, corpus_of("toy", DOCUMENTS))


class MeaningRewriter:
    """A rewriter that reads queries as documents alone. To its encoder, shooting stars and comets are the same."""

    version = "meaning-1"

    def __init__(self, live):
        encoder = FakeEncoder(lambda text: of_hash(re.sub("shooting star|comet", "meteor", text.lower())))
        texts = [document.content for document in DOCUMENTS]
        known = KnownVectors(text_hashes(texts), encoder.encode(texts))
        self.meaning = Meaning(QueryVectors(encoder), live.vectors(encoder, known), None)

    def rewrite(self, requests):
        return [self._one(request.query) for request in requests]

    def _one(self, query):
        scores = self.meaning.scores(self.meaning.vectors([[query]]))[0].documents
        read = None if scores is None else DocumentsRead(scores, 1.0, WeightedQuery(()), 0.0)
        kept = Rewrite.keep(query, Reason.APPLIED)
        return kept if read is None else replace(kept, applied=True, documents=read)


def first_for(client, query):
    """The document found first, by whatever reading."""
    response = client.post("/v1/search", json={"query": query, "k": 1})
    assert response.status_code == 200
    return next((result["doc_id"] for result in response.json()["results"]), None)


def test_a_document_is_found_by_meaning_in_both_processes_until_it_is_deleted(tmp_path):
    """The answers for the query are cached in the meantime."""
    services = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        live = live_indexes(tmp_path)
        services.append(make_service(tmp_path / name, MeaningRewriter(live), live=live))
    apps = [TestClient(create_app(Settings.of(admin_key="let me in"), service)) for service in services]
    with apps[0] as first, apps[1] as second:
        for client in apps:
            wait_until(lambda client=client: first_for(client, "Shooting star") is not None)
        assert first.put("/v1/documents/sky", json={"text": "comet"}, headers=KEY).status_code == 204
        assert first_for(first, "Shooting star") == "sky"
        wait_until(lambda: first_for(second, "Shooting star") == "sky")
        assert second.put("/v1/documents/sky", json={"text": "something else"}, headers=KEY).status_code == 204
        assert first_for(second, "Shooting star") != "sky"
        wait_until(lambda: first_for(first, "Shooting star") != "sky")
        assert first_for(first, "something else") == "sky"
        assert first.delete("/v1/documents/sky", headers=KEY).status_code == 204
        assert first_for(first, "something else") != "sky"
        wait_until(lambda: first_for(second, "something else") != "sky")
        assert "untilclick_documents_to_encode 0.0" in first.get("/metrics").text
    for service in services:
        service.close()
