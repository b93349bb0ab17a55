"""Traces: a span for a request, and one for each of its stages."""

import importlib
import sys

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.observe.metrics import Metrics
from untilclick.app.observe.tracing import NoTracing, tracing_to
from untilclick.app.settings.service import Settings
from untilclick.search.errors import MissingDependencyError

from tests.app.stand_ins import TableRewriter, make_service

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_search_is_a_span_with_its_stages(tmp_path):
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    otel_tracing = importlib.import_module("untilclick.app.observe.otel_tracing")
    exporter = export.InMemorySpanExporter()
    tracing = otel_tracing.OtelTracing(exporter)
    service = make_service(tmp_path, TableRewriter(), metrics=Metrics(tracing))
    with TestClient(create_app(Settings(), service)) as client:
        client.post("/v1/search", json={"query": "delete folder"}, headers={"traceparent": PARENT})
        client.get("/v1/documents/nothing/here")
        client.get("/wp-login.php")
    service.close()
    tracing._provider.force_flush()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    request = spans["POST /v1/search"]
    assert f"{request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{request.parent.span_id:016x}" == PARENT.split("-")[2]
    assert spans["untilclick.search"].attributes["untilclick.readings"] == "words"
    for stage in ("rewrite", "search", "log"):
        assert spans[f"untilclick.{stage}"].parent.span_id == request.context.span_id
    assert (request.attributes["http.route"], request.attributes["http.response.status_code"]) == ("/v1/search", 200)
    assert spans["GET /v1/documents/{doc_id:path}"].attributes["http.response.status_code"] == 404
    assert "GET unmatched" in spans
    tracing.close()


def test_without_an_address_there_are_no_traces():
    assert isinstance(tracing_to(""), NoTracing)


def test_without_the_extra_an_address_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "untilclick.app.observe.otel_tracing", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'untilclick\[otel\]'"):
        tracing_to("http://collector:4318/v1/traces")
