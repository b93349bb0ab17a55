"""The engine over a cluster: its index and how it is loaded, its rankings, its failures."""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter

import pytest

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of, load_collection
from untilclick.search.engines import opensearch_engine, opensearch_index
from untilclick.search.engines.opensearch_client import Cluster, connect
from untilclick.search.engines.opensearch_engine import OpenSearchEngine
from untilclick.search.engines.opensearch_index import IndexOptions, index_name
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document, WeightedQuery

from tests.https_front import PASSWORD, USER, https_front
from tests.opensearch_server import free_port, noida, osmem

CRANFIELD = Path(__file__).parents[4] / "shared" / "data" / "cranfield"


@pytest.fixture
def cluster(any_opensearch_urls) -> Cluster:
    return Cluster(tuple(any_opensearch_urls.split("|")), timeout_ms=20_000)


@pytest.fixture
def options() -> IndexOptions:
    """Options of an index that no other test uses."""
    return IndexOptions(prefix=f"test-{uuid.uuid4().hex}", replicas=0)


@pytest.fixture
def client(cluster):
    with closing(connect(cluster)) as client:
        yield client


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(opensearch_index, "LOAD_CHUNK", 3)


def ids(engine: OpenSearchEngine, text: str, k: int = 10) -> list[str]:
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(text)], k)[0]]


def test_an_index_is_loaded_once_and_then_opened(toy_corpus, cluster, options, small_chunks):
    first, second = [], []
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options, lambda *step: first.append(step))) as engine:
        assert engine.index == index_name(toy_corpus, english(), options)
        assert ids(engine, "moon") == ["moon"]
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options, lambda *step: second.append(step))) as engine:
        assert ids(engine, "moon") == ["moon"]
    assert first == [(0, 10), (3, 10), (6, 10), (9, 10), (10, 10)]
    assert second == []


def test_another_corpus_or_parameter_has_an_index_of_its_own(toy_corpus):
    names = {
        index_name(corpus, english(), options)
        for corpus in (toy_corpus, corpus_of("toy", toy_corpus.documents[:5]))
        for options in (IndexOptions(), IndexOptions(k1=0.9), IndexOptions(b=0.4), IndexOptions(prefix="other"))
    }
    assert len(names) == 8
    assert index_name(toy_corpus, english(), IndexOptions(shards=3, replicas=0)) in names


def test_an_interrupted_load_continues_where_it_stopped(toy_corpus, cluster, options, client, small_chunks):
    def cut_off(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OpenSearchEngine.open(toy_corpus, cluster, options, cut_off)
    name = index_name(toy_corpus, english(), options)
    client.indices.refresh(index=name)
    sent = client.count(index=name)["count"]
    assert 0 < sent < 10
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
        assert [len(ids(engine, title)) > 0 for title in ("moon", "stars", "cat")] == [True] * 3
    assert client.count(index=name)["count"] == 10
    versions = client.mget(index=name, body={"ids": [document.doc_id for document in toy_corpus.documents]})["docs"]
    assert {stored["_version"] for stored in versions} == {1}


def test_processes_may_load_the_same_documents_at_once(cluster, options, small_chunks):
    corpus = corpus_of("many", (Document(f"d{i}", "", f"word{i} same") for i in range(200)))
    engines: list[OpenSearchEngine] = []
    loads = [
        threading.Thread(target=lambda: engines.append(OpenSearchEngine.open(corpus, cluster, options)))
        for _ in range(4)
    ]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    assert len(engines) == 4
    assert ids(engines[0], "same", 200) == [f"d{i}" for i in range(200)]
    for engine in engines:
        engine.close()


def test_documents_that_the_cluster_refuses_are_reported(toy_corpus, cluster, options, monkeypatch):
    source_of = opensearch_index.source_of

    def broken(document: Document, position: int, analysis: Analysis):
        source = source_of(document, position, analysis)
        return source | {"position": "nowhere"} if position in (2, 5) else source

    with monkeypatch.context() as patch:
        patch.setattr(opensearch_index, "source_of", broken)
        with pytest.raises(EngineError, match=r"2 of 10 documents were refused, first 'bread' \(.*\)\. Correct them"):
            OpenSearchEngine.open(toy_corpus, cluster, options)
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
        assert ids(engine, "bread") == ["bread"]


def test_an_index_that_was_changed_is_not_opened(toy_corpus, cluster, options, client):
    OpenSearchEngine.open(toy_corpus, cluster, options).close()
    client.delete(index=index_name(toy_corpus, english(), options), id="moon", params={"refresh": "true"})
    with pytest.raises(EngineError, match=r"holds 9 documents, the corpus 10\. Delete the index"):
        OpenSearchEngine.open(toy_corpus, cluster, options)


def test_the_cluster_has_the_index_terms_and_parameters_that_were_asked_for(toy_corpus, cluster, client, options):
    options = IndexOptions(prefix=options.prefix, replicas=0, shards=2, k1=0.9, b=0.4)
    OpenSearchEngine.open(toy_corpus, cluster, options).close()
    name = index_name(toy_corpus, english(), options)
    settings = client.indices.get_settings(index=name)[name]["settings"]["index"]
    assert settings["similarity"]["default"] == {"type": "BM25", "k1": "0.9", "b": "0.4"}
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == ("2", "0")
    terms = english().document(toy_corpus.documents[2].content)
    for field, text in (("body", terms.body), ("aside", terms.aside)):
        analysis = client.indices.analyze(index=name, body={"field": field, "text": text})
        assert [token["token"] for token in analysis["tokens"]] == text.split()


def test_documents_without_terms_count_as_documents(cluster, client, options):
    """Lucene left the two empty documents of Cranfield out of number and mean length, and tantivy did not: the top
    ten of 2 of 100 queries differed."""
    corpus = corpus_of("empty", (Document("full", "", "cat"), Document("empty", "", ""), Document("stop", "", "the")))
    with closing(OpenSearchEngine.open(corpus, cluster, options)) as engine:
        assert ids(engine, "cat - the") == ["full"]
        query = {"query": {"exists": {"field": "body"}}}
        assert client.count(index=engine.index, body=query)["count"] == 3


def test_rankings_deeper_than_a_window_are_put_together(cluster, options, monkeypatch):
    corpus = corpus_of("deep", (Document(f"d{i}", "", "equal " * (i + 1)) for i in range(30)))
    with closing(OpenSearchEngine.open(corpus, cluster, options)) as engine:
        whole = engine.search([WeightedQuery.of("equal")], 30)[0]
        calls = []
        monkeypatch.setattr(opensearch_engine, "WINDOW", 7)
        monkeypatch.setattr(
            engine, "_hits", lambda requests, hits=engine._hits: calls.append(requests) or hits(requests)
        )
        deep = engine.search([WeightedQuery.of("equal")], 30)[0]
    assert [request["size"] for (request,) in calls] == [7, 7, 7, 7, 2]
    assert [request.get("search_after") is None for (request,) in calls] == [True] + [False] * 4
    assert {entry.doc_id for entry in deep} <= {entry.doc_id for entry in whole}


def test_a_large_batch_is_sent_in_parts(toy_corpus, cluster, options, monkeypatch):
    monkeypatch.setattr(opensearch_engine, "SEARCHES_AT_ONCE", 2)
    queries = [WeightedQuery.of(text) for text in ("moon", "zzzz", "cat", "tea", "stars", "nothing-known", "bread")]
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
        rankings = engine.search(queries, 1)
    assert [[entry.doc_id for entry in ranking] for ranking in rankings] == [
        ["moon"], [], ["cat"], ["tea"], ["stars"], [], ["bread"],
    ]  # fmt: skip


def test_a_cluster_that_is_away_is_reported_at_once_and_used_again_when_it_is_back(toy_corpus, options):
    port = free_port()
    cluster = Cluster((f"http://127.0.0.1:{port}",))
    with osmem(port):
        engine = OpenSearchEngine.open(toy_corpus, cluster, options)
        assert ids(engine, "moon") == ["moon"]
    started = perf_counter()
    with pytest.raises(EngineError, match=r"cannot be reached .*Check that it runs"):
        ids(engine, "moon")
    with pytest.raises(EngineError, match="cannot be reached"):
        engine.documents(["moon"])
    assert perf_counter() - started < 2.0
    with osmem(port):
        with pytest.raises(EngineError, match=r"index_not_found_exception"):
            ids(engine, "moon")
        OpenSearchEngine.open(toy_corpus, cluster, options).close()
        assert ids(engine, "moon") == ["moon"]
    engine.close()


def test_a_cluster_that_does_not_answer_fails_after_the_time_limit(toy_corpus, options):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster((f"http://127.0.0.1:{silent.getsockname()[1]}",), timeout_ms=200)
        started = perf_counter()
        with pytest.raises(EngineError, match="did not answer in time"):
            OpenSearchEngine.open(toy_corpus, cluster, options)
        assert perf_counter() - started < 2.0


@pytest.mark.slow
def test_a_load_goes_on_when_the_cluster_is_back(toy_corpus, options, tmp_path, small_chunks):
    port, folder = free_port(), tmp_path / "cluster"
    cluster = Cluster((f"http://127.0.0.1:{port}",), timeout_ms=20_000)
    with ExitStack() as server:
        server.enter_context(noida(folder, port))
        with pytest.raises(EngineError, match="cannot be reached"):
            OpenSearchEngine.open(toy_corpus, cluster, options, lambda done, _: server.close() if done >= 6 else None)
    with noida(folder, port), closing(connect(cluster)) as client:
        name = index_name(toy_corpus, english(), options)
        assert 0 < client.count(index=name)["count"] < 10
        with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
            assert ids(engine, "moon") == ["moon"]
        assert client.count(index=name)["count"] == 10


def test_a_server_that_is_not_a_cluster_is_reported(toy_corpus):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>Welcome</p>")

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with pytest.raises(EngineError, match="is not OpenSearch"):
                OpenSearchEngine.open(toy_corpus, Cluster((f"http://127.0.0.1:{server.server_address[1]}",)))
        finally:
            server.shutdown()
            thread.join()


def test_one_node_of_several_may_be_away(toy_corpus, opensearch_url, options):
    cluster = Cluster((f"http://127.0.0.1:{free_port()}", opensearch_url))
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
        assert [ids(engine, "moon") for _ in range(5)] == [["moon"]] * 5


def test_a_password_is_never_shown(toy_corpus, options, caplog):
    cluster = Cluster((f"http://127.0.0.1:{free_port()}",), user="reader", password="hush-hush")
    assert "hush" not in repr(cluster)
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as caught:
        OpenSearchEngine.open(toy_corpus, cluster, options)
    assert "hush" not in str(caught.value) + caplog.text
    assert "aHVzaC1odXNo" not in caplog.text


def test_user_and_password_are_sent_as_utf_8():
    with closing(connect(Cluster(user="lesend", password="Grüße"))) as client:
        headers = client.transport.get_connection().headers
    assert headers["authorization"] == "Basic bGVzZW5kOkdyw7zDn2U="


def test_a_ca_file_without_certificates_is_reported(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate", encoding="ascii")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(EngineError, match=r"the certificates cannot be read .*PEM"):
            connect(Cluster(("https://localhost:9200",), ca_file=tmp_path / name))


@pytest.fixture
def https(opensearch_url, tmp_path):
    """Address and CA file of a cluster behind TLS and a password."""
    with https_front(opensearch_url, tmp_path) as front:
        yield front


def test_a_cluster_behind_tls_and_a_password_is_searched(https, toy_corpus, options):
    cluster = Cluster((https[0],), USER, PASSWORD, ca_file=https[1])
    with closing(OpenSearchEngine.open(toy_corpus, cluster, options)) as engine:
        assert ids(engine, "moon") == ["moon"]


def test_a_certificate_that_is_not_trusted_is_refused_unless_it_need_not_be(https, toy_corpus, options):
    with pytest.raises(EngineError, match=r"no trusted certificate .*Check the CA file"):
        OpenSearchEngine.open(toy_corpus, Cluster((https[0],), USER, PASSWORD), options)
    with closing(
        OpenSearchEngine.open(toy_corpus, Cluster((https[0],), USER, PASSWORD, verify=False), options)
    ) as engine:
        assert ids(engine, "moon") == ["moon"]


@pytest.mark.parametrize("user", [USER, None])
def test_a_wrong_or_missing_password_is_reported(https, toy_corpus, options, user):
    cluster = Cluster((https[0],), user, "wrong-hush", ca_file=https[1])
    with pytest.raises(EngineError, match=r"refused the request \(401\)\. Check user, password") as caught:
        OpenSearchEngine.open(toy_corpus, cluster, options)
    assert "hush" not in str(caught.value)


@pytest.fixture(scope="module")
def cranfield() -> tuple[Corpus, list[WeightedQuery]]:
    """The documents and the first hundred queries."""
    if not CRANFIELD.is_dir():
        pytest.skip(f"{CRANFIELD} is not on this machine")
    collection = load_collection(str(CRANFIELD))
    topics = [topic for split in sorted(collection.topics) for topic in collection.topics[split]]
    return collection.corpus, [WeightedQuery.of(topic.query) for topic in topics[:100]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_scores_as_lucene_does_ranks_as_tantivy(cranfield):
    corpus, queries = cranfield
    local = TantivyEngine.open(corpus)
    expected = local.search(queries, 10)
    with noida() as url, closing(OpenSearchEngine.open(corpus, Cluster((url,), timeout_ms=60_000))) as engine:
        rankings = engine.search(queries, 10)
        same = sum(
            [entry.doc_id for entry in remote] == [entry.doc_id for entry in here]
            for remote, here in zip(rankings, expected, strict=True)
        )
        print(f"the same top 10 on {same} of {len(queries)} queries")
        assert len(queries) == 100
        assert same >= 99
        for query in queries[:3]:
            terms, ours = engine.feedback_terms(query, 20), local.feedback_terms(query, 20)
            assert [word for word, _ in terms] == [word for word, _ in ours]
            assert [weight for _, weight in terms] == pytest.approx([weight for _, weight in ours], rel=1e-4)
            relevant = [entry.doc_id for entry in local.search([query], 400)[0][::57]]
            assert engine.rank_of(query, relevant) == local.rank_of(query, relevant)
