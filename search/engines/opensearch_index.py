"""The index of a corpus in a cluster: its settings, how it is filled, and when it is complete.

Documents are analysed here and sent as index terms separated by spaces, into a field that is split at spaces and
nothing else: an analyser of the cluster's own, though of the same description, could differ in a token, and so in a
ranking. An index is named after everything that decides its content (corpus fingerprint, analysis, k1 and b), so one
that is marked complete is always the right one, and stale ones may be deleted at will.

An index is filled with `create` operations under the documents' own ids, and marked complete in the end, when the
cluster has counted its documents. A load that was cut off is therefore continued by the next, several at once do each
other no harm, and no document is ever there twice or replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from untilclick.search.engines.opensearch_client import cluster_failures
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document
from untilclick.search.text.analysis import ANALYZER_NAME, MAX_WORD_LENGTH, STOP_WORDS, terms

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

SCHEMA_VERSION = 1
"""Raised whenever fields or their meaning change."""

BODY, TITLE, TEXT, POSITION, EXACT = "body", "title", "text", "position", "exact"

NO_TERM = "-"
"""The only term of a document without any. Lucene counts a field's documents by their terms, our other engines count
all; no query has this term, since it is no word."""

LOAD_CHUNK = 500
"""Documents sent at once."""

LOAD_CHUNK_BYTES = 10 * 2**20
"""And bytes, below the 100 MB that clusters take."""

LOAD_SECONDS = 120
"""How long one step of a load may take."""

LOAD_RETRIES = 5
"""Of what an overloaded cluster refused (429), after 1, 2, 4, ... seconds."""

Progress = Callable[[int, int], None]
"""Called with the documents done and all."""

Json = dict[str, Any]  # Any: JSON as the client takes and gives it

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How the index of a corpus is made."""

    prefix: str = "untilclick"
    """Its name begins with this."""
    shards: int = 1
    """Of a new index."""
    replicas: int = 1
    """Of a new index."""
    k1: float = 1.2
    b: float = 0.75


def index_name(corpus: Corpus, options: IndexOptions) -> str:
    """Name of the corpus's index."""
    parts = (ANALYZER_NAME, MAX_WORD_LENGTH, STOP_WORDS, options.k1, options.b)
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8]
    return f"{options.prefix}-{SCHEMA_VERSION}-{digest}-{corpus.fingerprint}"


def open_index(
    client: OpenSearch, place: str, corpus: Corpus, options: IndexOptions, progress: Progress | None = None
) -> str:
    """The name of the corpus's complete index, which is made, or filled up, where it is not complete.

    Raises EngineError where the cluster fails, refuses documents, or holds a complete index that was changed since.
    """
    name = index_name(corpus, options)
    with cluster_failures(place):
        if not _is_complete(client, name):
            _log.info("Loading %d documents into the index %s", len(corpus.documents), name)
            _create(client, name, options)
            _load(client, name, corpus.documents, progress or _silent)
            _complete(client, name, len(corpus.documents))
        found = _count(client, name)
    if found != len(corpus.documents):
        problem = f"The index {name} at {place} holds {found} documents, the corpus {len(corpus.documents)}"
        raise EngineError(f"{problem}. Delete the index to have it built anew")
    return name


def index_body(options: IndexOptions) -> Json:
    """Settings and mapping. `body` is indexed only, `title` and `text` are stored only; `position` is the place in
    the corpus, by which ties are broken; `exact` holds what title and text cannot, see `source_of`."""
    stored = {"type": "keyword", "index": False, "doc_values": False}
    return {
        "settings": {
            "number_of_shards": options.shards,
            "number_of_replicas": options.replicas,
            "refresh_interval": "-1",
            "similarity": {"default": {"type": "BM25", "k1": options.k1, "b": options.b}},
            "analysis": {"analyzer": {"index_terms": {"type": "custom", "tokenizer": "whitespace"}}},
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"complete": False},
            "_source": {"excludes": [BODY]},
            "properties": {
                BODY: {"type": "text", "analyzer": "index_terms", "index_options": "freqs"},
                POSITION: {"type": "integer"},
                TITLE: stored,
                TEXT: stored,
                EXACT: stored,
            },
        },
    }


def source_of(document: Document, position: int) -> Json:
    """The document as the cluster takes it. JSON between programs cannot carry half a surrogate pair: where there is
    one, title and text have a question mark, and `exact` both of them escaped."""
    source: Json = {BODY: " ".join(terms(document.content)) or NO_TERM, POSITION: position}
    source |= {TITLE: _encodable(document.title), TEXT: _encodable(document.text)}
    if (source[TITLE], source[TEXT]) != (document.title, document.text):
        source[EXACT] = json.dumps([document.title, document.text])
    return source


def document_of(doc_id: str, source: Json) -> Document:
    """The document that `source_of` was given."""
    title, text = json.loads(source[EXACT]) if EXACT in source else (source[TITLE], source[TEXT])
    return Document(doc_id, title, text)


def known_ids(client: OpenSearch, name: str, doc_ids: Sequence[str]) -> set[str]:
    """Those ids that the index holds."""
    found = sources(client, name, doc_ids, fields=False)
    return {doc_id for doc_id, source in found.items() if source is not None}


def sources(
    client: OpenSearch, name: str, doc_ids: Sequence[str], fields: Sequence[str] | bool
) -> dict[str, Json | None]:
    """The stored fields of each document, {} without fields; None for an id that the index does not hold."""
    found: dict[str, Json | None] = dict.fromkeys(doc_ids)
    asked = [doc_id for doc_id in found if doc_id]
    for start in range(0, len(asked), LOAD_CHUNK):
        body = {"ids": asked[start : start + LOAD_CHUNK]}
        answer = client.mget(body=body, index=name, params={"_source": _listed(fields)})
        for one in answer["docs"]:
            if one.get("found"):
                found[one["_id"]] = one.get("_source", {})
    return found


def _listed(fields: Sequence[str] | bool) -> str:
    return str(fields).lower() if isinstance(fields, bool) else ",".join(fields)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _silent(done: int, total: int) -> None:
    pass


def _is_complete(client: OpenSearch, name: str) -> bool:
    mapping = client.indices.get_mapping(index=name, params={"ignore": 404})
    return mapping.get(name, {}).get("mappings", {}).get("_meta", {}).get("complete") is True


def _create(client: OpenSearch, name: str, options: IndexOptions) -> None:
    """Make the index, unless a load that was cut off, or another process, has made it."""
    from opensearchpy.exceptions import RequestError  # noqa: PLC0415 - optional

    try:
        client.indices.create(index=name, body=index_body(options), params={"request_timeout": LOAD_SECONDS})
    except RequestError as error:
        if error.error != "resource_already_exists_exception":
            raise


def _load(client: OpenSearch, name: str, documents: Sequence[Document], progress: Progress) -> None:
    """Send what the index does not hold. Raises EngineError with the first of the documents that were refused."""
    from opensearchpy.helpers import streaming_bulk  # noqa: PLC0415 - optional

    outcomes = streaming_bulk(
        client,
        _operations(client, name, documents, progress),
        chunk_size=LOAD_CHUNK,
        max_chunk_bytes=LOAD_CHUNK_BYTES,
        raise_on_error=False,
        max_retries=LOAD_RETRIES,
        initial_backoff=1,
        max_backoff=30,
        request_timeout=LOAD_SECONDS,
    )
    refused = [item["create"] for done, item in outcomes if not done and item["create"]["status"] != 409]
    if refused:
        first = refused[0]
        reason = first["error"].get("reason") if isinstance(first["error"], dict) else first["error"]
        problem = f"{len(refused)} of {len(documents)} documents were refused, first {first['_id']!r} ({reason})"
        raise EngineError(f"Index {name}: {problem}. Mend them, or load again where the cluster was busy")
    progress(len(documents), len(documents))


def _operations(
    client: OpenSearch, name: str, documents: Sequence[Document], progress: Progress
) -> Iterator[dict[str, object]]:
    for start in range(0, len(documents), LOAD_CHUNK):
        progress(start, len(documents))
        chunk = documents[start : start + LOAD_CHUNK]
        known = known_ids(client, name, [document.doc_id for document in chunk])
        yield from _creates(name, ((i, one) for i, one in enumerate(chunk, start) if one.doc_id not in known))


def _creates(name: str, documents: Iterable[tuple[int, Document]]) -> Iterator[dict[str, object]]:
    for position, document in documents:
        source = source_of(document, position)
        yield {"_op_type": "create", "_index": name, "_id": document.doc_id, "_source": source}


def _complete(client: OpenSearch, name: str, expected: int) -> None:
    """Make everything searchable and, where it is as much as expected, say so in the index."""
    client.indices.refresh(index=name, params={"request_timeout": LOAD_SECONDS})
    if _count(client, name) == expected:
        client.indices.put_settings(index=name, body={"index": {"refresh_interval": None}})
        client.indices.put_mapping(index=name, body={"_meta": {"complete": True}})


def _count(client: OpenSearch, name: str) -> int:
    return int(client.count(index=name)["count"])
