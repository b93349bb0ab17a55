"""Visitors for the smoke test: searches and clicks, for some seconds, and what the service acknowledged.

Standard library alone, so that it runs in the service's own image. Prints one JSON object: the ids of queries and the
tokens' results that were answered 2xx, and every request that was not.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

VISITORS = 4
QUERIES = (
    "seperate string by comma", "wait until a thread is finished", "biggest items of a list",
    "delete a directory tree", "read file line by line", "parse comand line arguments",
    "random number between two values", "copy nested lists", "open web page in browser",
    "compress files into archive", "current date and time", "send mail over smtp",
    "regular expresion groups", "sort dictionary by value", "temporary directory", "run a shell comand",
)  # fmt: skip


@dataclass
class Answered:
    """What was acknowledged; shared by the visitors."""

    queries: list[str] = field(default_factory=list)
    clicks: list[tuple[str, str]] = field(default_factory=list)
    """Query and document."""
    versions: dict[str, int] = field(default_factory=dict)
    """Searches by the rewriter that answered."""
    failed: list[str] = field(default_factory=list)


def main(url: str, seconds: float, pause: float) -> None:
    """Search and click from several threads, and print what came of it."""
    answered, end = Answered(), time.monotonic() + seconds
    visitors = [
        threading.Thread(target=_visit, args=(url, end, pause, random.Random(i), answered)) for i in range(VISITORS)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(json.dumps(asdict(answered)))


def _visit(url: str, end: float, pause: float, draw: random.Random, answered: Answered) -> None:
    while time.monotonic() < end:
        try:
            found = _call(f"{url}/v1/search", {"query": draw.choice(QUERIES), "k": 5})
            answered.queries.append(found["query_id"])
            version = str(found["rewrite"]["rewriter_version"])
            answered.versions[version] = answered.versions.get(version, 0) + 1
            if found["results"] and draw.random() < 0.7:
                clicked = draw.choice(found["results"])
                _call(f"{url}/v1/click", {"click_token": clicked["click_token"]})
                answered.clicks.append((found["query_id"], clicked["doc_id"]))
        except (HTTPError, URLError, OSError, ValueError) as error:
            answered.failed.append(f"{time.strftime('%H:%M:%S')} {error!r}")
        time.sleep(pause)


def _call(url: str, body: dict[str, object]) -> dict:
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        content = answer.read()
    return json.loads(content) if content else {}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
