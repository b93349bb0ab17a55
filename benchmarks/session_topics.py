"""A test collection of search sessions, with the earlier queries of each query in its `metadata.history`.

    python -m benchmarks.session_topics FOLDER OUT

FOLDER is in BEIR layout. Earlier queries are taken from `rewrites.jsonl` (`query_id`, `context`: conversations as
those of TREC CAsT), or else from the order of the queries that name the same `metadata.session` (TREC Session Track).
OUT has the same documents and judgments, and is a source for `--data`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

Record = dict[str, object]


def histories(folder: Path, queries: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """Query id -> the session's earlier queries, oldest first."""
    conversations = folder / "rewrites.jsonl"
    if conversations.is_file():
        return {str(one["query_id"]): _texts(one["context"]) for one in read_lines(conversations)}
    found: dict[str, tuple[str, ...]] = {}
    typed: defaultdict[str, list[str]] = defaultdict(list)
    for query in queries:
        session = _metadata(query).get("session")
        if session is not None:
            found[str(query["_id"])] = tuple(typed[str(session)])
            typed[str(session)].append(str(query["text"]))
    return found


def with_histories(folder: Path, out: Path) -> Path:
    """Write the collection; returns its folder."""
    queries = read_lines(folder / "queries.jsonl")
    earlier = histories(folder, queries)
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({**one, "metadata": {**_metadata(one), "history": earlier.get(str(one["_id"]), ())}})
        for one in queries
    ]
    (out / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for corpus in folder.glob("corpus.jsonl*"):
        shutil.copyfile(corpus, out / corpus.name)
    (out / "qrels").mkdir(exist_ok=True)
    for judgments in (folder / "qrels").glob("*.tsv"):
        shutil.copyfile(judgments, out / "qrels" / judgments.name)
    return out


def needs(folder: Path) -> dict[str, str]:
    """Query id -> `metadata.topic`, or else the session: queries that must not be parted by a cross-validation."""
    found = {}
    for query in read_lines(folder / "queries.jsonl"):
        metadata = _metadata(query)
        need = metadata.get("topic", metadata.get("session"))
        found[str(query["_id"])] = str(query["_id"]).rpartition("-")[0] if need is None else str(need)
    return found


def read_lines(path: Path) -> list[Record]:
    """The JSON objects of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _metadata(query: Record) -> Mapping[str, object]:
    found = query.get("metadata")
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(with_histories(Path(sys.argv[1]), Path(sys.argv[2])))
