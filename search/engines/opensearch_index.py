"""The index of a corpus in an OpenSearch cluster: its name and settings, loading, and the mark of a complete index.

This module analyses the documents and sends ready index terms, separated by spaces; the cluster only splits them. An
analyser of the cluster with the same description could differ in a token, and thus in a ranking. The name of an index
contains everything that decides its content (corpus fingerprint, analysis, k1 and b). A complete index of that name
is therefore always the right one, and old ones may be deleted at any time.

Loading uses `create` operations with the documents' own ids. When the cluster counts all documents, the index is
marked as complete. An interrupted load is therefore continued by the next one, several loads at the same time do not
disturb each other, and no document is stored twice or replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from untilclick.search.analysis.analysis import NO_TERM, Analysis
from untilclick.search.analysis.by_name import is_first
from untilclick.search.analysis.english_v1 import MAX_WORD_LENGTH, STOP_WORDS
from untilclick.search.analysis.english_v1 import TANTIVY_NAME as FIRST_TOKENIZER
from untilclick.search.analysis.normal_form import encodable
from untilclick.search.engines.opensearch_client import cause, cluster_failures, missing_permissions
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

SCHEMA_VERSION = 2
"""Version of the fields and their meaning. Raise it with every change."""

FIRST_SCHEMA_VERSION = 1
"""Version of the indexes of the analysis 1-en, which have no field `aside`."""

BODY, ASIDE, TITLE, TEXT, POSITION, EXACT = "body", "aside", "title", "text", "position", "exact"

LOAD_CHUNK = 500
"""Maximum number of documents in one request."""

LOAD_CHUNK_BYTES = 10 * 2**20
"""Maximum size of one request in bytes, below the 100 MB that clusters accept."""

LOAD_SECONDS = 120
"""Time limit of one request during a load."""

LOAD_RETRIES = 5
"""Number of further attempts after an overloaded cluster refused documents (429), after 1, 2, 4, ... seconds."""

Progress = Callable[[int, int], None]
"""Called with the number of documents that are loaded and the number of all documents."""

Json = dict[str, Any]  # Any: JSON as the client accepts and returns it

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Options of the index of a corpus."""

    prefix: str = "untilclick"
    """Beginning of the name."""
    shards: int = 1
    """Number of shards of a new index."""
    replicas: int = 1
    """Number of copies of each shard of a new index."""
    k1: float = 1.2
    b: float = 0.75


def index_name(corpus: Corpus, analysis: Analysis, options: IndexOptions) -> str:
    """The name of the corpus's index."""
    if is_first(analysis):
        parts: tuple[object, ...] = (FIRST_TOKENIZER, MAX_WORD_LENGTH, STOP_WORDS, options.k1, options.b)
        return f"{options.prefix}-{FIRST_SCHEMA_VERSION}-{_digest(parts)}-{corpus.fingerprint}"
    digest = _digest((analysis.name, options.k1, options.b))
    language = analysis.name.replace("+", "_")  # clusters refuse the sign in a name
    return f"{options.prefix}-{SCHEMA_VERSION}-{language}-{digest}-{corpus.fingerprint}"


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8]


class Loading(NamedTuple):
    """How the index of a corpus is made."""

    analysis: Analysis
    options: IndexOptions
    progress: Progress | None = None


def open_index(client: OpenSearch, address: str, corpus: Corpus, loading: Loading) -> str:
    """Open the index of the corpus and return its name. An index that is missing or incomplete is loaded first.

    `address` is the cluster's address for messages. Raises EngineError if the cluster fails or refuses documents, if
    shards of the index are away, or if the number of documents in the index was changed since it was complete.
    """
    analysis, options, progress = loading
    name = index_name(corpus, analysis, options)
    with cluster_failures(address):
        if not _is_complete(client, name):
            _log.info("Loading %d documents into the index %s", len(corpus.documents), name)
            _create(client, name, index_body(analysis, options))
            _load(client, name, corpus.documents, analysis, progress or _silent)
            _complete(client, name, len(corpus.documents))
        n_indexed, n_away = _count(client, name)
    if n_indexed != len(corpus.documents) and n_away:
        problem = f"The index {name} at {address} answers without {n_away} of its shards"
        raise EngineError(f"{problem}. Try again when the cluster has them back")
    if n_indexed != len(corpus.documents):
        problem = f"The index {name} at {address} holds {n_indexed} documents, the corpus {len(corpus.documents)}"
        raise EngineError(f"{problem}. Delete the index to have it built again")
    return name


def index_body(analysis: Analysis, options: IndexOptions) -> Json:
    """Settings and mapping of a new index.

    `body` and `aside` are indexed but not stored; `title` and `text` are stored but not indexed. `position` is the
    place in the corpus, which breaks ties. `exact` holds texts that `title` and `text` cannot hold, see `source_of`.
    """
    stored = {"type": "keyword", "index": False, "doc_values": False}
    fields: Json = {
        BODY: {"type": "text", "analyzer": "index_terms", "index_options": "freqs"},
        POSITION: {"type": "integer"},
        TITLE: stored,
        TEXT: stored,
        EXACT: stored,
    }
    if not is_first(analysis):
        fields[ASIDE] = {"type": "text", "analyzer": "index_terms", "index_options": "docs"}
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
            "_source": {"excludes": [name for name in (BODY, ASIDE) if name in fields]},
            "properties": fields,
        },
    }


def source_of(document: Document, position: int, analysis: Analysis) -> Json:
    """The fields of a document in the index.

    JSON between programs cannot carry half of a surrogate pair. If a document has one, `title` and `text` have a
    question mark in its place, and `exact` holds the original title and text, escaped.
    """
    terms = analysis.document(document.content)
    source: Json = {BODY: terms.body or NO_TERM, POSITION: position}
    if not is_first(analysis):
        source[ASIDE] = terms.aside or NO_TERM
    source |= {TITLE: encodable(document.title), TEXT: encodable(document.text)}
    if (source[TITLE], source[TEXT]) != (document.title, document.text):
        source[EXACT] = json.dumps([document.title, document.text])
    return source


def document_of(doc_id: str, source: Json) -> Document:
    """The document whose fields `source_of` made."""
    title, text = json.loads(source[EXACT]) if EXACT in source else (source[TITLE], source[TEXT])
    return Document(doc_id, title, text)


def known_ids(client: OpenSearch, name: str, doc_ids: Sequence[str]) -> set[str]:
    """The ids of `doc_ids` that the index holds.

    Ids whose shard is away are left out: the shards of an index that another process has just created are away for a
    moment. Raises EngineError if the user may not read.
    """
    documents = list(_read(client, name, doc_ids, fields=False))
    for document in documents:
        if missing_permissions(document.get("error")):
            raise _unreadable(name, document)
    return {document["_id"] for document in documents if document.get("found")}


def sources(
    client: OpenSearch, name: str, doc_ids: Sequence[str], fields: Sequence[str] | bool
) -> dict[str, Json | None]:
    """doc_id -> its stored fields; None for an id that the index does not hold.

    `fields` names the fields; False requests none, and every stored document then has an empty dict. Raises
    EngineError for a document that the cluster could not read, for instance because its shard is away.
    """
    stored: dict[str, Json | None] = dict.fromkeys(doc_ids)
    for document in _read(client, name, list(stored), fields):
        if "error" in document:
            raise _unreadable(name, document)
        if document.get("found"):
            stored[document["_id"]] = document.get("_source", {})
    return stored


def _read(client: OpenSearch, name: str, doc_ids: Sequence[str], fields: Sequence[str] | bool) -> Iterator[Json]:
    """What the cluster says about each document. Clusters refuse an empty id, so it is left out."""
    requested = [doc_id for doc_id in doc_ids if doc_id]
    for start in range(0, len(requested), LOAD_CHUNK):
        body = {"ids": requested[start : start + LOAD_CHUNK]}
        yield from client.mget(body=body, index=name, params={"_source": _listed(fields)})["docs"]


def _unreadable(name: str, document: Json) -> EngineError:
    """The error about a document that the cluster could not read."""
    problem = f"A document of the index {name} could not be read ({cause(document['error'])})"
    return EngineError(f"{problem}. See the log of the cluster, and the rights of the user")


def _listed(fields: Sequence[str] | bool) -> str:
    """The fields as the parameter of a request: `title,text`, or `false`."""
    return str(fields).lower() if isinstance(fields, bool) else ",".join(fields)


def _silent(done: int, total: int) -> None:
    """Report no progress."""


def _is_complete(client: OpenSearch, name: str) -> bool:
    """Whether an index of this name exists and is marked as complete."""
    mapping = client.indices.get_mapping(index=name, params={"ignore": 404})
    return mapping.get(name, {}).get("mappings", {}).get("_meta", {}).get("complete") is True


def _create(client: OpenSearch, name: str, body: Json) -> None:
    """Create the index, unless an interrupted load or another process has created it."""
    from opensearchpy.exceptions import RequestError  # noqa: PLC0415 - optional

    try:
        client.indices.create(index=name, body=body, params={"request_timeout": LOAD_SECONDS})
    except RequestError as error:
        if error.error != "resource_already_exists_exception":
            raise


def _load(
    client: OpenSearch, name: str, documents: Sequence[Document], analysis: Analysis, progress: Progress
) -> None:
    """Send the documents that the index lacks. Raises EngineError if the cluster refuses documents."""
    from opensearchpy.helpers import streaming_bulk  # noqa: PLC0415 - optional

    outcomes = streaming_bulk(
        client,
        _operations(client, name, documents, analysis, progress),
        chunk_size=LOAD_CHUNK,
        max_chunk_bytes=LOAD_CHUNK_BYTES,
        raise_on_error=False,
        max_retries=LOAD_RETRIES,
        initial_backoff=1,
        max_backoff=30,
        request_timeout=LOAD_SECONDS,
    )
    # 409: another process has created the document in the meantime
    refused = [item["create"] for success, item in outcomes if not success and item["create"]["status"] != 409]
    if refused:
        first = refused[0]
        counts = f"{len(refused)} of {len(documents)} documents were refused"
        problem = f"{counts}, first {first['_id']!r} ({cause(first['error'])})"
        remedy = "Correct them, or load again if the cluster was busy"
        if first["status"] == 403:
            remedy = "Add the permission to a role of the user, then load again"
        raise EngineError(f"Index {name}: {problem}. {remedy}")
    progress(len(documents), len(documents))


def _operations(
    client: OpenSearch, name: str, documents: Sequence[Document], analysis: Analysis, progress: Progress
) -> Iterator[dict[str, object]]:
    """The operations that create the documents which the index lacks."""
    for start in range(0, len(documents), LOAD_CHUNK):
        progress(start, len(documents))
        chunk = documents[start : start + LOAD_CHUNK]
        stored = known_ids(client, name, [document.doc_id for document in chunk])
        for position, document in enumerate(chunk, start):
            if document.doc_id not in stored:
                source = source_of(document, position, analysis)
                yield {"_op_type": "create", "_index": name, "_id": document.doc_id, "_source": source}


def _complete(client: OpenSearch, name: str, expected: int) -> None:
    """Make the documents searchable, and mark the index as complete if it holds as many as expected."""
    client.indices.refresh(index=name, params={"request_timeout": LOAD_SECONDS})
    if _count(client, name)[0] == expected:
        client.indices.put_settings(index=name, body={"index": {"refresh_interval": None}})
        client.indices.put_mapping(index=name, body={"_meta": {"complete": True}})


def _count(client: OpenSearch, name: str) -> tuple[int, int]:
    """Number of documents that searches see, and number of shards that did not answer."""
    answer = client.count(index=name)
    shards = answer["_shards"]
    return int(answer["count"]), int(shards["total"]) - int(shards["successful"])
