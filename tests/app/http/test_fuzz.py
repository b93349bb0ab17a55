"""Queries as attackers, scripts and broken keyboards send them: a result or a 4xx, never a 5xx.

`FUZZ_EXAMPLES` is the number of examples of each generated kind.
"""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.rewriter.readings import Readings
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine

from tests.app.stand_ins import DOCUMENTS, MeaningRewriter, make_service

words = english().words

FUZZED = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SYNTAX = (
    "title:* AND (", "*", "?", "a*b", '"', '"unclosed', "((((((", "))", "+-!", "a AND OR NOT", "NOT", "field:value",
    "_id:1", "[a TO b]", "{a TO *}", "a^9999999999", "~", "a~2", "/.*/", "\\", "\\\\", "IN [a b]", "a OR 1=1; --",
    "'; DROP TABLE turns; --", "{{7*7}}", "${jndi:ldap://x}", "<script>alert(1)</script>", "%00", "../../etc/passwd",
)  # fmt: skip
HOSTILE = {
    "control characters": "".join(map(chr, range(1, 32))) + "tree\x7f\x80\x9f",
    "right to left": "שלום עולם \u202eeert\u202c مرحبا بالعالم",
    "joined and combined": "e\u0301\u0301\u0301 👩‍👩‍👧‍👦 \ufeff\u200b tree\u00ad",
    "a lone surrogate": "tree \ud800 \udfff",
    "white space only": " \t\r\n\u2028\u3000",
    "no word": "!!! --- ...",
    "one long word": "a" * 500,
    "many words": " ".join(f"w{i}" for i in range(250)),
    "unassigned": "\U000e0001 \uffff \U0010ffff",
} | {f"syntax {text}": text for text in SYNTAX}


class AnyQuery(MeaningRewriter):
    """Rewrites every query, and reads it as documents too."""

    def _one(self, query):
        self.table[query] = ("directory",)
        return super()._one(query)


@pytest.fixture(scope="module", params=["rank-bm25", "tantivy"])
def client(request, tmp_path_factory):
    engine = open_engine(request.param, corpus_of("toy", DOCUMENTS))
    rewriter = AnyQuery(tmp_path_factory.mktemp("vectors"))
    service = make_service(tmp_path_factory.mktemp("fuzz"), rewriter, engine=engine)
    with TestClient(create_app(Settings(), service), raise_server_exceptions=False) as client:
        yield client
    service.close()
    print(f"\n{request.param}: {statuses.total()} requests,", dict(sorted(statuses.items())))


statuses: Counter[int] = Counter()


def sent(client, path, body):
    """The answer to a JSON body, with lone surrogates as escapes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=content, headers={"content-type": "application/json"})
    statuses[response.status_code] += 1
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    return response


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_queries_are_searched_or_refused(client, query):
    for mode, readings in (("auto", "auto"), ("off", "both"), ("fuse", "documents"), ("replace", "both")):
        response = sent(client, "/v1/search", {"query": query, "mode": mode, "readings": readings})
        assert response.status_code in (200, 422)
    assert sent(client, "/v1/rewrite", {"query": "tree", "history": [query]}).status_code in (200, 422)


@pytest.mark.parametrize("query", SYNTAX)
def test_no_syntax_is_interpreted(client, query):
    """Operators are ignored; the words are searched."""
    typed = f"directory {query} tree"
    lists = [
        sent(client, "/v1/search", {"query": text, "mode": "off"}).json()["results"]
        for text in (typed, " ".join(words(typed)))
    ]
    assert lists[0]
    assert [result["doc_id"] for result in lists[0]] == [result["doc_id"] for result in lists[1]]


def test_a_megabyte_is_refused_at_once(client):
    assert sent(client, "/v1/search", {"query": "tree " * 210_000}).status_code == 413
    assert sent(client, "/v1/search", b"{" * 1_100_000).status_code == 413
    assert sent(client, "/v1/search", b"[" * 50_000).status_code in (400, 413, 422)


@FUZZED
@given(
    query=st.text(st.characters(exclude_categories=()), max_size=300),
    k=st.integers(1, 50),
    readings=st.sampled_from(Readings),
)
def test_any_text_is_searched_or_refused(client, query, k, readings):
    response = sent(client, "/v1/search", {"query": query, "k": k, "readings": readings})
    if response.status_code == 200:
        answer = response.json()
        assert answer["query"] == query
        assert len(answer["results"]) <= k


@FUZZED
@given(body=st.binary(max_size=400))
def test_any_bytes_are_a_client_s_error(client, body):
    assert 400 <= sent(client, "/v1/search", body).status_code < 500
    assert 400 <= sent(client, "/v1/click", body).status_code < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@FUZZED
@given(query=JSON, extra=JSON)
def test_any_json_is_searched_or_refused(client, query, extra):
    sent(client, "/v1/search", {"query": query, "k": extra})
    sent(client, "/v1/search", {"query": "tree", "session_id": extra, "client_id": query})
    sent(client, "/v1/search", {"query": "tree", "mode": query, "readings": extra})
    sent(client, "/v1/rewrite", {"query": "tree", "history": extra, "n": query})
    sent(client, "/v1/click", {"click_token": query})
    sent(client, "/v1/search", query)
