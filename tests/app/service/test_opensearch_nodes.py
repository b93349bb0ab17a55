"""The service over a real cluster of three nodes, one of which is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from starlette.testclient import TestClient

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.search.engines.opensearch_client import Cluster, connect
from untilclick.search.log.session_log import SessionLog

from tests.app.small_corpus import SUBJECTS, write_corpus

pytestmark = pytest.mark.opensearch

QUERIES = [" ".join(words.split()[at : at + 2]) for words in SUBJECTS.values() for at in (0, 4, 8)]
PAUSE_S = 0.02
"""Time between two questions of a thread: the nodes need the processor, too."""


@pytest.fixture
def settings(opensearch_cluster, tmp_path) -> Settings:
    """Each shard on two of the nodes."""
    return Settings.of(
        data=str(write_corpus(tmp_path / "documents.jsonl")),
        engine="opensearch",
        log=f"sqlite:///{tmp_path / 'log.db'}",
        opensearch_url=opensearch_cluster.joined_urls,
        opensearch_index="killed",
        opensearch_shards=3,
        opensearch_replicas=1,
        opensearch_timeout_ms=20_000,
    )


def cluster_manager(urls: tuple[str, ...]) -> int:
    """Number of the node that manages the cluster, once every shard is on two nodes."""
    with closing(connect(Cluster(urls, timeout_ms=60_000))) as client:
        client.cluster.health(params={"wait_for_status": "green", "wait_for_nodes": len(urls)})
        return int(client.cat.cluster_manager(params={"format": "json"})[0]["node"].removeprefix("node-"))


class Load:
    """Threads that search and read documents, and what they got."""

    def __init__(self, client: TestClient, threads: int = 3) -> None:
        self.client = client
        self.expected = [self.answer(query) for query in QUERIES]
        self.answers = 0
        self.wrong: list[object] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(first,)) for first in range(threads)]

    def answer(self, query: str) -> object:
        """Ids and texts of the ranking, and the title of its first document; or the status of a failure."""
        found = self.client.post("/v1/search", json={"query": query})
        if found.status_code != 200:
            return found.status_code, found.text
        results = found.json()["results"]
        first = self.client.get(f"/v1/documents/{results[0]['doc_id']}")
        return [(result["doc_id"], result["title"]) for result in results], first.status_code, first.json()

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def wait(self, for_answers: int, seconds: float = 120.0) -> None:
        """Wait for as many further answers."""
        end, expected = time.monotonic() + seconds, self.answers + for_answers
        while self.answers < expected:
            assert time.monotonic() < end, f"only {self.answers} of {expected} answers"
            time.sleep(PAUSE_S)

    def _ask(self, number: int) -> None:
        while not self._over.is_set():
            number = (number + 1) % len(QUERIES)
            answer = self.answer(QUERIES[number])
            self.answers += 1
            if answer != self.expected[number]:
                self.wrong.append((QUERIES[number], answer))
            time.sleep(PAUSE_S)


@pytest.mark.parametrize("killed", ["cluster manager", "another node"])
def test_a_node_that_is_killed_under_load_costs_no_answer(killed, opensearch_cluster, settings):
    with TestClient(create_app(settings)) as client:
        manager = cluster_manager(opensearch_cluster.urls)
        number = manager if killed == "cluster manager" else manager % 3 + 1
        load = Load(client)
        assert all(status == 200 and ranking for ranking, status, _ in load.expected)
        with load.running():
            load.wait(for_answers=20)
            with opensearch_cluster.without(number):
                load.wait(for_answers=100)
            load.wait(for_answers=20)
        assert load.wrong == []


def test_a_search_and_its_click_are_logged_and_the_document_is_read(settings):
    with TestClient(create_app(settings)) as client:
        answer = client.post("/v1/search", json={"query": "boat anchor"}).json()
        clicked = answer["results"][1]
        assert client.post("/v1/click", json={"click_token": clicked["click_token"]}).is_success
        document = client.get(f"/v1/documents/{clicked['doc_id']}").json()
        assert document["title"] == clicked["title"]
        assert client.get("/readyz").json()["status"] == "ready"
    with SessionLog.open(settings.log.url) as log:
        (session,) = log.sessions()
    assert [turn.query for turn in session.turns] == ["boat anchor"]
    assert [click.doc_id for click in session.turns[0].clicks] == [clicked["doc_id"]]
