"""A live index that version 0.1.0 kept on disk: one document put, one replaced, one deleted over HTTP."""

from __future__ import annotations

import pytest

from untilclick.search.errors import EngineError

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
    (folder,) = (path for path in (examples / "live").iterdir() if path.is_dir())
    assert folder.name == "live-tantivy-1-d7f06194-55806b193c646254"


def test_documents_can_be_changed_further(client):
    assert client.put("/v1/documents/new", json={"text": "An aardvark."}, headers=ADMIN).status_code == 204
    assert client.delete("/v1/documents/zoo/zebra", headers=ADMIN).status_code == 204
    assert (found(client, "aardvark"), found(client, "zebra")) == (["new"], [])


def test_the_changes_are_in_an_index_of_another_analysis_too(serving, expected, examples):
    reference = expected("live_index")
    with serving(index="live", live_documents=True, language="en") as client:
        assert found(client, "zebra") == ["zoo/zebra"]
        for document in reference["documents"]:
            assert client.get(f"/v1/documents/{document['doc_id']}").json() == document
        assert client.get(f"/v1/documents/{reference['deleted']}").status_code == 404
    assert len([path for path in (examples / "live").iterdir() if path.is_dir()]) == 2


def test_with_the_old_versions_and_their_log_the_index_serves_on(serving, examples):
    """A bundle that names no analysis was trained with that of the old index."""
    with serving(
        index="live", live_documents=True, models="models", log="served.db", admin_key="let me in"
    ) as client:
        active = client.get("/v1/models").json()["active"]
        answer = client.post("/v1/search", json={"query": "zebra"}).json()
        assert answer["rewrite"]["rewriter_version"].split("+")[0] in {active, "original"}
        assert "zoo/zebra" in [result["doc_id"] for result in answer["results"]]
        assert client.put("/v1/documents/new", json={"text": "An aardvark."}, headers=ADMIN).status_code == 204
        assert "new" in found(client, "aardvark")
    assert [path.name for path in (examples / "live").iterdir() if path.is_dir()] == [
        "live-tantivy-1-d7f06194-55806b193c646254"
    ]


def edit(examples):
    """Change the file that the index was made from."""
    path = examples / "documents.jsonl"
    first, *others = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([first.replace('"text": "', '"text": "Edited. '), *others]) + "\n", encoding="utf-8")


def test_after_an_edit_of_the_file_the_service_asks_what_to_do_with_the_changes(serving, examples):
    edit(examples)
    with (
        pytest.raises(EngineError, match=r"UNTILCLICK_LIVE_CHANGES=keep .*UNTILCLICK_LIVE_CHANGES=drop"),
        serving(index="live", live_documents=True),
    ):
        pass


@pytest.mark.parametrize(("choice", "zebras"), [("keep", ["zoo/zebra"]), ("drop", [])])
def test_the_answer_holds_from_then_on(serving, examples, choice, zebras):
    edit(examples)
    with serving(index="live", live_documents=True, live_changes=choice) as client:
        assert (found(client, "zebra"), "d0" in found(client, "edited")[0]) == (zebras, True)
    with serving(index="live", live_documents=True) as client:
        assert found(client, "zebra") == zebras
