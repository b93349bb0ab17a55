"""The HTTP interface, in process."""

import uuid

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import app_from_environment, create_app
from untilclick.app.http.schemas import SearchParameters, SearchRequest
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel
from untilclick.rewriter.rewrite import Reason
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import EngineError

from tests.app.stand_ins import AwayLog, make_service, wait_until

QUERY = "delete folder"


def assert_problem(response, status, kind=None):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["instance"].endswith(response.headers["x-request-id"])
    assert "Traceback" not in response.text
    if kind:
        assert problem["type"] == f"urn:untilclick:problem:{kind}"
    return problem


def test_a_search_has_the_promised_shape(client):
    body = client.post("/v1/search", json={"query": QUERY, "k": 3}).json()
    assert set(body) == {
        "query_id", "session_id", "query", "rewrite", "readings", "results", "original_results", "timings_ms",
    }  # fmt: skip
    assert body["readings"] == {"asked": "auto", "used": "words", "weights": None, "why": None}
    assert body["query"] == QUERY
    assert body["rewrite"] == {
        "text": "delete folder directory tree remove",
        "terms": [
            {"term": "directory", "weight": 3 / 6},
            {"term": "tree", "weight": 2 / 6},
            {"term": "remove", "weight": 1 / 6},
        ],
        "n_terms": 3,
        "correction": None,
        "context": [],
        "applied": True,
        "reason": "applied",
        "confidence": 0.8,
        "rewriter_version": "table-1",
    }
    assert [result["rank"] for result in body["results"]] == [1, 2, 3]
    assert set(body["results"][0]) == {"rank", "doc_id", "title", "snippet", "score", "found_by", "click_token"}
    assert body["results"][0]["found_by"] == ["words"]
    assert any(piece["hit"] for piece in body["results"][0]["snippet"])
    assert body["original_results"] is None
    assert set(body["timings_ms"]) == {"rewrite", "search", "log", "total"}


def test_get_searches_as_post_does(client):
    by_get = client.get("/v1/search", params={"q": QUERY, "k": 2, "mode": "fuse", "compare": True}).json()
    by_post = client.post("/v1/search", json={"query": QUERY, "k": 2, "mode": "fuse", "compare": True}).json()
    for answer in (by_get, by_post):
        for result in answer["results"]:
            result.pop("click_token")
    assert (by_get["results"], by_get["original_results"]) == (by_post["results"], by_post["original_results"])


@pytest.mark.parametrize("request_", [SearchRequest(query="x", client_id=""), SearchParameters(q="x", client_id="")])
def test_an_empty_client_id_is_none(request_):
    """Once all visitors with an empty `client_id` counted as one visitor."""
    assert request_.command().client_id is None
    assert request_.model_copy(update={"client_id": "c"}).command().client_id == "c"


def test_a_session_goes_on_over_http(client, rewriter):
    first = client.post("/v1/search", json={"query": "remove"}).json()
    client.post("/v1/search", json={"query": QUERY, "session_id": first["session_id"]})
    assert rewriter.asked[-1].history == ("remove",)
    fresh = str(uuid.uuid4())
    assert client.get("/v1/search", params={"q": "x", "session_id": fresh}).json()["session_id"] == fresh


def test_clicks_are_counted_once_and_bad_tokens_refused(client):
    token = client.post("/v1/search", json={"query": QUERY}).json()["results"][0]["click_token"]
    for _ in range(2):
        response = client.post("/v1/click", json={"click_token": token})
        assert (response.status_code, response.content) == (204, b"")
    assert client.get("/v1/sessions/stats").json()["clicks"] == 1
    assert_problem(client.post("/v1/click", json={"click_token": token[:-3] + "AAA"}), 403, "click-token")
    assert_problem(client.post("/v1/click", json={"click_token": "forged"}), 403, "click-token")


def test_an_expired_token_is_refused(tmp_path):
    times = [1000.0]
    service = make_service(tmp_path, clock=lambda: times[0], lifetime_s=10)
    with TestClient(create_app(Settings(), service)) as client:
        token = client.post("/v1/search", json={"query": "thread"}).json()["results"][0]["click_token"]
        times[0] += 11
        problem = assert_problem(client.post("/v1/click", json={"click_token": token}), 403, "click-token")
        assert "expired" in problem["detail"]
    service.close()


def test_rewrites_say_keep_or_rewrite_and_why(client):
    body = client.post("/v1/rewrite", json={"query": QUERY, "history": ["before"], "n": 2}).json()
    assert (body["decision"], body["reason"], len(body["candidates"])) == ("rewrite", "applied", 2)
    rewrite = client.post("/v1/rewrite", json={"query": "sort"}).json()
    assert (rewrite["decision"], rewrite["reason"], rewrite["candidates"]) == ("keep", "gated", [])


def test_documents_are_read(client):
    assert client.get("/v1/documents/str.split").json()["title"] == "str.split"
    assert client.get("/v1/documents/with/slash").json()["doc_id"] == "with/slash"
    assert client.get("/v1/documents/with%2Fslash").json()["doc_id"] == "with/slash"
    assert_problem(client.get("/v1/documents/nobody"), 404, "no-such-document")


def test_figures_are_given_by_source_and_version(client):
    client.post("/v1/search", json={"query": QUERY})
    live = client.get("/v1/sessions/stats", params={"source": "live"}).json()
    assert (live["sessions"], live["queries"], live["first_query_click_share"]) == (1, 1, 0.0)
    assert live["mean_queries_until_click"] is None
    assert [figures["rewriter_version"] for figures in live["by_rewriter_version"]] == ["table-1"]
    assert client.get("/v1/sessions/stats", params={"source": "simulated"}).json()["sessions"] == 0


def test_models_and_info_name_the_rewriter(client):
    assert client.get("/v1/models").json()["active"] == "table-1"
    info = client.get("/v1/info").json()
    assert (info["rewriter_version"], info["engine"]) == ("table-1", "rank-bm25")
    assert info["examples"]
    assert info["readings"] == ["auto", "words", "documents", "both"]


INVALID = [
    ("POST", "/v1/search", {"json": {}}, "query"),
    ("POST", "/v1/search", {"json": {"query": 3}}, "query"),
    ("POST", "/v1/search", {"json": {"query": "x", "k": 0}}, "k"),
    ("POST", "/v1/search", {"json": {"query": "x", "k": 101}}, "k"),
    ("POST", "/v1/search", {"json": {"query": "x", "mode": "magic"}}, "mode"),
    ("POST", "/v1/search", {"json": {"query": "x", "readings": "magic"}}, "readings"),
    ("GET", "/v1/search", {"params": {"q": "x", "readings": ""}}, "readings"),
    ("POST", "/v1/search", {"json": {"query": "x", "session_id": "nobody"}}, "session_id"),
    ("POST", "/v1/search", {"json": {"query": "x", "surprise": 1}}, "surprise"),
    ("POST", "/v1/search", {"json": {"query": "x" * 4001}}, "query"),
    (
        "POST",
        "/v1/search",
        {"content": b'{"query": "\\ud800"}', "headers": {"content-type": "application/json"}},
        "query",
    ),
    ("POST", "/v1/search", {"content": b"{broken", "headers": {"content-type": "application/json"}}, ""),
    ("POST", "/v1/search", {"json": {"query": "x", "client_id": "c" * 129}}, "client_id"),
    ("GET", "/v1/search", {}, "q"),
    ("GET", "/v1/search", {"params": {"q": "a\x00b"}}, "q"),
    ("GET", "/v1/search", {"params": {"q": "x", "k": "many"}}, "k"),
    ("POST", "/v1/click", {"json": {"click_token": ""}}, "click_token"),
    ("POST", "/v1/rewrite", {"json": {"query": "x", "n": 11}}, "n"),
    ("POST", "/v1/rewrite", {"json": {"query": "x", "history": ["y" * 5000]}}, "history.0"),
    ("GET", "/v1/sessions/stats", {"params": {"source": "else"}}, "source"),
]


@pytest.mark.parametrize(("method", "path", "request_", "field"), INVALID)
def test_invalid_requests_name_the_field_and_not_its_value(client, method, path, request_, field):
    problem = assert_problem(client.request(method, path, **request_), 422, "invalid-request")
    assert field in [error["field"] for error in problem["errors"]]
    assert "magic" not in str(problem).replace("'auto'", "")


def test_unknown_paths_and_methods_are_problems(client):
    assert_problem(client.get("/v2/search"), 404)
    assert_problem(client.get("/static/../main.py"), 404)
    assert_problem(client.delete("/v1/search"), 405)


def test_large_bodies_are_refused_announced_or_not(client):
    assert_problem(client.post("/v1/search", content=b"x" * 70_000), 413, "body-too-large")

    def stream():
        for _ in range(70):
            yield b"x" * 1000

    headers = {"content-type": "application/json"}
    assert_problem(client.post("/v1/search", content=stream(), headers=headers), 413, "body-too-large")


def test_a_fault_is_a_problem_without_its_story(client, service, caplog):
    def fail(*args):
        raise RuntimeError("secret path /srv/x")

    service._rank = fail
    response = client.post("/v1/search", json={"query": QUERY})
    assert_problem(response, 500)
    assert "secret" not in response.text
    assert "secret path" in caplog.text


def test_an_engine_that_is_away_is_unavailable_and_not_ready(client, service):
    class Away:
        analysis = english()

        def search(self, queries, k):
            raise EngineError("cluster at 10.0.0.1 is down")

        def with_title(self, title):
            return []

    service.models = FixedModel(None, RewriteLimits(), Away())
    response = client.post("/v1/search", json={"query": QUERY})
    assert_problem(response, 503, "unavailable")
    assert "10.0.0.1" not in response.text
    assert_problem(client.get("/readyz"), 503, "unavailable")
    assert client.get("/healthz").status_code == 200


def test_health_is_told(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "engine": "ok", "log": "ok", "model": "ok"}


def test_without_its_database_the_service_is_degraded_and_answers(tmp_path):
    log = AwayLog(f"sqlite:///{tmp_path / 'log.db'}")
    service = make_service(tmp_path, log=log)
    with TestClient(create_app(Settings(), service)) as client:
        answer = client.post("/v1/search", json={"query": QUERY}).json()
        assert client.post("/v1/click", json={"click_token": answer["results"][0]["click_token"]}).status_code == 204
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["log"]) == (200, "degraded", "failing")
        assert_problem(client.get("/v1/sessions/stats"), 503, "unavailable")
        log.back = True
        wait_until(lambda: client.get("/readyz").json()["status"] == "ready")
        assert client.get("/v1/sessions/stats").json()["clicks"] == 1
    service.close()


def test_requests_carry_an_id(client):
    assert client.get("/healthz", headers={"x-request-id": "mine-1.a"}).headers["x-request-id"] == "mine-1.a"
    for bad in ("x" * 65, "a b", "é".encode("latin-1")):
        assert uuid.UUID(client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"])


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/docs", "/static/swagger/swagger-ui-bundle.js", "/v1/info", "/nowhere"]
)
def test_every_answer_is_guarded(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/static/style.css", "/docs", "/static/docs.js"])
def test_the_page_needs_no_other_host(client, path):
    text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text
    assert "https://" not in text
    assert "innerHTML" not in text


def test_metrics_count_requests_by_route(client):
    client.post("/v1/search", json={"query": QUERY})
    client.get("/v1/documents/str.split")
    client.get("/anything")
    text = client.get("/metrics").text
    assert 'untilclick_requests_total{method="POST",route="/v1/search",status="200"} 1.0' in text
    assert 'route="/v1/documents/{doc_id:path}"' in text
    assert 'route="unmatched",status="404"' in text
    assert 'untilclick_stage_seconds_count{stage="rewrite"} 1.0' in text


def test_metrics_tell_what_the_rewriter_does(client):
    for _ in range(3):
        client.post("/v1/search", json={"query": QUERY})
    text = client.get("/metrics").text
    assert 'untilclick_rewriter{version="table-1"} 1.0' in text
    assert 'untilclick_rewriter_resting{version="table-1"} 0.0' in text
    assert 'untilclick_rewrite_cache_total{found="hit",version="table-1"} 2.0' in text
    assert 'untilclick_rewrite_cache_total{found="miss",version="table-1"} 1.0' in text
    assert "untilclick_shadow_total" not in text


def test_two_applications_count_apart(tmp_path):
    (tmp_path / "other").mkdir()
    first, second = make_service(tmp_path), make_service(tmp_path / "other")
    with TestClient(create_app(Settings(), first)) as a, TestClient(create_app(Settings(), second)) as b:
        a.post("/v1/search", json={"query": QUERY})
        assert 'route="/v1/search",status="200"' in a.get("/metrics").text
        assert 'route="/v1/search",status="200"' not in b.get("/metrics").text
    first.close()
    second.close()


def test_the_service_is_opened_from_settings_and_closed(tmp_path, monkeypatch):
    data = tmp_path / "docs.jsonl"
    data.write_text('{"_id": "a", "title": "Cats", "text": "A cat sleeps."}\n')
    monkeypatch.setenv("UNTILCLICK_DATA", str(data))
    monkeypatch.setenv("UNTILCLICK_LOG", str(tmp_path / "log.db"))
    with TestClient(app_from_environment()) as client:
        body = client.post("/v1/search", json={"query": "cats"}).json()
        assert [result["doc_id"] for result in body["results"]] == ["a"]
        assert body["rewrite"]["reason"] == "no_model"
        assert client.get("/readyz").json()["model"] == "absent"
    assert (tmp_path / "log.db.key").exists()


def test_every_operation_is_described_with_its_problems(client):
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for status, response in operation["responses"].items():
                if status[0] in "45":
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
    assert document["paths"]["/v1/search"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]


def test_the_description_names_every_reason_and_says_what_waits_for_the_encoder(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["Reason"]["enum"] == [reason.value for reason in Reason]
    for body in ("RewriteOut", "RewriteResponse"):
        assert "documents are still being encoded" in schemas[body]["properties"]["reason"]["description"]


SWAGGER = ("/static/swagger/swagger-ui-bundle.js", "/static/swagger/swagger-ui.css")


@pytest.mark.parametrize("path", SWAGGER)
def test_the_files_of_swagger_ui_are_served_from_here(client, path):
    """A browser asks each time whether a file has changed, and loads the megabytes only once."""
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert client.get(path, headers={"if-none-match": response.headers["etag"]}).status_code == 304
    assert path in client.get("/docs").text


@pytest.mark.parametrize("name", ["__init__.py", "favicon-32x32.png", "../main.py", "", "nothing.js"])
def test_no_other_file_of_its_package_is(client, name):
    assert_problem(client.get(f"/static/swagger/{name}"), 404)


def test_all_files_of_the_pages_are_counted_as_one_route(client):
    for path in ("/static/app.js", *SWAGGER):
        client.get(path)
    assert 'route="/static",status="200"} 3.0' in client.get("/metrics").text
