"""Writes a test collection of search sessions with the earlier queries of each query in its `metadata.history`.

    python -m benchmarks.session_topics FOLDER OUT

FOLDER is in BEIR layout. Earlier queries come from `rewrites.jsonl` (`query_id` and `context`, as in TREC CAsT), or
without that file from the order of the queries that have the same `metadata.session` (as in TREC Session Track). OUT
gets the same documents and judgments, and can be given to `--data`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from untilclick.search.records import Collection, Topic

Record = dict[str, object]


def histories(folder: Path, queries: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """Query id -> the earlier queries of its session, oldest first; queries without a session are missing."""
    conversations = folder / "rewrites.jsonl"
    if conversations.is_file():
        return {str(record["query_id"]): _texts(record["context"]) for record in read_lines(conversations)}
    earlier: dict[str, tuple[str, ...]] = {}
    typed: defaultdict[str, list[str]] = defaultdict(list)
    for query in queries:
        session = _metadata(query).get("session")
        if session is not None:
            earlier[str(query["_id"])] = tuple(typed[str(session)])
            typed[str(session)].append(str(query["text"]))
    return earlier


def with_histories(folder: Path, out: Path) -> Path:
    """Write the collection with histories into `out`, and return that folder."""
    queries = read_lines(folder / "queries.jsonl")
    earlier = histories(folder, queries)
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({**query, "metadata": {**_metadata(query), "history": earlier.get(str(query["_id"]), ())}})
        for query in queries
    ]
    (out / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for corpus in folder.glob("corpus.jsonl*"):
        shutil.copyfile(corpus, out / corpus.name)
    (out / "qrels").mkdir(exist_ok=True)
    for judgments in (folder / "qrels").glob("*.tsv"):
        shutil.copyfile(judgments, out / "qrels" / judgments.name)
    return out


def with_earlier_queries(collection: Collection, folder: Path) -> Collection:
    """The collection of a folder, whose topics have the earlier queries of their sessions if the folder has
    sessions."""
    queries = folder / "queries.jsonl"
    earlier = histories(folder, read_lines(queries)) if queries.is_file() else {}
    topics = {split: _remembering(of_split, earlier) for split, of_split in collection.topics.items()}
    return Collection(collection.corpus, topics, collection.queries)


def _remembering(topics: Sequence[Topic], earlier: Mapping[str, tuple[str, ...]]) -> tuple[Topic, ...]:
    return tuple(replace(topic, history=earlier.get(topic.topic_id, topic.history)) for topic in topics)


def needs(folder: Path) -> dict[str, str]:
    """Query id -> need; cross-validation must keep the queries of a need together.

    The need is `metadata.topic`, else `metadata.session`, else the part of the id before its last hyphen.
    """
    need_of = {}
    for query in read_lines(folder / "queries.jsonl"):
        metadata = _metadata(query)
        need = metadata.get("topic", metadata.get("session"))
        need_of[str(query["_id"])] = str(query["_id"]).rpartition("-")[0] if need is None else str(need)
    return need_of


def read_lines(path: Path) -> list[Record]:
    """Read the JSON objects of a file, one per line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _metadata(query: Record) -> Mapping[str, object]:
    metadata = query.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(with_histories(Path(sys.argv[1]), Path(sys.argv[2])))
