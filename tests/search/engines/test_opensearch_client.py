"""What is said about a cluster that refuses a request, or a part of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from opensearchpy.exceptions import AuthorizationException

from untilclick.search.analysis.by_name import english
from untilclick.search.engines.opensearch_client import cause, cluster_failures, missing_permissions
from untilclick.search.engines.opensearch_engine import SEARCH_RETRIES, OpenSearchEngine
from untilclick.search.engines.opensearch_index import known_ids, sources
from untilclick.search.errors import EngineError
from untilclick.search.records import ScoredDoc, WeightedQuery


def security_exception(permissions: str) -> dict:
    """An error as the security plugin writes it."""
    reason = f"no permissions for [{permissions}] and User [name=miller, backend_roles=[], requestedTenant=null]"
    return {"type": "security_exception", "reason": reason}


ELASTICSEARCH = (
    "action [indices:admin/create] is unauthorized for user [miller] with effective roles [reader] on indices [a-1], "
    "this action is granted by the index privileges [create_index,manage,all]"
)
REFRESH = {
    "_shards": {"total": 2, "failed": 2, "failures": [{"reason": security_exception("indices:admin/refresh[s]")}] * 2}
}


@pytest.mark.parametrize(
    ("answer", "permissions"),
    [
        ({"error": security_exception("indices:admin/create"), "status": 403}, "indices:admin/create"),
        (
            {"error": security_exception("indices:data/write/index, indices:data/write/bulk[s]")},
            "indices:data/write/bulk[s], indices:data/write/index",
        ),
        ({"error": {"type": "security_exception", "reason": ELASTICSEARCH}}, "indices:admin/create"),
        (REFRESH, "indices:admin/refresh[s]"),
    ],
)
def test_a_refusal_names_the_permissions_that_the_user_lacks(answer, permissions):
    with pytest.raises(EngineError) as caught, cluster_failures("http://search-1:9200"):
        raise AuthorizationException(403, "security_exception", answer)
    refused = "OpenSearch at http://search-1:9200 refused the request (403): the user lacks the permission"
    assert str(caught.value) == f"{refused} {permissions}. Add it to a role of the user, or choose another user"


@pytest.mark.parametrize("answer", ["Unauthorized", None, {}, {"error": "forbidden by the proxy"}])
def test_a_refusal_without_a_reason_says_what_to_check(answer):
    told = r"refused the request \(403\)\. Check user, password and the user's rights"
    with pytest.raises(EngineError, match=told), cluster_failures("http://search-1:9200"):
        raise AuthorizationException(403, "", answer)


def test_only_names_of_actions_are_taken_from_an_answer():
    assert missing_permissions("no permissions for [secret text] and User [name=miller]") == ""
    assert missing_permissions(None) == ""


def test_the_cause_of_an_error_is_the_lacking_permission_or_type_and_reason():
    lacking = cause(security_exception("indices:data/read/search"))
    assert lacking == "the user lacks the permission indices:data/read/search"
    away = {"type": "no_shard_available_action_exception", "reason": "No shard available"}
    assert cause(away) == "no_shard_available_action_exception, No shard available"
    assert cause({"type": "security_exception", "reason": "other"}) == "security_exception, other"
    assert cause("a text") == "a text"


def client_that_answers(*documents: dict):
    """A client whose cluster says this about the documents that are read."""
    return SimpleNamespace(mget=lambda **request: {"docs": list(documents)})


AWAY = {"_id": "b", "error": {"type": "no_shard_available_action_exception", "reason": "No shard available"}}
REFUSED = {"_id": "b", "error": security_exception("indices:data/read/mget[shard]")}
FOUND = {"_id": "a", "found": True, "_source": {}}


@pytest.mark.parametrize(("document", "told"), [(AWAY, "No shard available"), (REFUSED, "lacks the permission")])
def test_a_document_that_could_not_be_read_is_not_called_unknown(document, told):
    """The service answered 404 for documents whose shard was away."""
    with pytest.raises(EngineError, match=f"of the index shelf could not be read .*{told}"):
        sources(client_that_answers(FOUND, document), "shelf", ["a", "b"], fields=False)


def test_a_load_goes_on_while_a_shard_is_not_there_yet_but_not_without_the_right_to_read():
    """A second process that loads finds the index of the first, whose shards may not have started."""
    assert known_ids(client_that_answers(FOUND, AWAY), "shelf", ["a", "b"]) == {"a"}
    with pytest.raises(EngineError, match=r"permission indices:data/read/mget\[shard\]"):
        known_ids(client_that_answers(FOUND, REFUSED), "shelf", ["a", "b"])


LOST = {"status": 500, "error": {"type": "search_phase_execution_exception", "reason": "Partial shards failure"}}
MISTAKE = {"status": 400, "error": {"type": "search_phase_execution_exception", "reason": "all shards failed"}}


def hit(doc_id: str) -> dict:
    return {"status": 200, "hits": {"hits": [{"_id": doc_id, "_score": 1.5}]}}


class Searched:
    """A client whose cluster gives these responses to the searches of one request after the other."""

    def __init__(self, *answers: list[dict]) -> None:
        self.answers = list(answers)

    def msearch(self, body: list[dict], index: str) -> dict:
        responses = self.answers.pop(0)
        assert len(body) == 2 * len(responses)
        return {"responses": responses}


def test_a_search_that_lost_a_node_between_its_steps_is_sent_again():
    """Of some thousand searches while one of three nodes was killed, a few failed although each shard had a copy."""
    client = Searched([hit("a"), LOST, LOST], [LOST, hit("c")], [hit("b")])
    engine = OpenSearchEngine(client, "http://search-1:9200", "shelf", english())
    queries = [WeightedQuery.of(text) for text in ("anchor", "boat", "candle")]
    assert engine.search(queries, 1) == [[ScoredDoc("a", 1.5)], [ScoredDoc("b", 1.5)], [ScoredDoc("c", 1.5)]]
    assert client.answers == []


@pytest.mark.parametrize(("failure", "requests"), [(LOST, 1 + SEARCH_RETRIES), (MISTAKE, 1)])
def test_a_search_whose_shards_stay_away_or_that_is_a_mistake_fails(failure, requests):
    client = Searched(*[[failure]] * 5)
    engine = OpenSearchEngine(client, "http://search-1:9200", "shelf", english())
    with pytest.raises(EngineError, match=f"could not search shelf .{failure['status']}: search_phase_execution"):
        engine.search([WeightedQuery.of("anchor")], 1)
    assert 5 - len(client.answers) == requests
