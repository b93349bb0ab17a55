"""A live index that version 0.1.0 kept on disk: one document put, one replaced, one deleted over HTTP."""

from __future__ import annotations

import pytest

ADMIN = {"authorization": "Bearer let me in"}


@pytest.fixture
def client(serving):
    """The service on the old index."""
    with serving(index="live", live_documents=True, admin_key="let me in") as client:
        yield client


def found(client, query):
    """Ids of the results."""
    return [result["doc_id"] for result in client.post("/v1/search", json={"query": query}).json()["results"]]


def test_documents_are_as_they_were_left(client, expected):
    reference = expected("live_index")
    for query, results in reference["results"].items():
        shown = client.post("/v1/search", json={"query": query}).json()["results"]
        assert [result["doc_id"] for result in shown] == [doc_id for doc_id, _ in results]
        assert [result["score"] for result in shown] == pytest.approx([score for _, score in results], rel=1e-5)
    for document in reference["documents"]:
        assert client.get(f"/v1/documents/{document['doc_id']}").json() == document
    assert client.get(f"/v1/documents/{reference['deleted']}").status_code == 404


def test_the_index_is_opened_and_not_built_anew_beside(client, examples):
    (folder,) = (examples / "live").iterdir()
    assert folder.name == "live-tantivy-1-d7f06194-55806b193c646254"


def test_documents_can_be_changed_further(client):
    assert client.put("/v1/documents/new", json={"text": "An aardvark."}, headers=ADMIN).status_code == 204
    assert client.delete("/v1/documents/zoo/zebra", headers=ADMIN).status_code == 204
    assert (found(client, "aardvark"), found(client, "zebra")) == (["new"], [])
