"""Visitors for the smoke test: they search and click for some seconds.

It prints one JSON object with the queries and clicks that the service acknowledged with a status 2xx, and with the
requests that failed. It uses only the standard library, so that it runs in the image of the service.
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
class Acknowledged:
    """Requests of all visitors, whose threads share this record."""

    queries: list[str] = field(default_factory=list)
    """Ids of the queries."""
    clicks: list[tuple[str, str]] = field(default_factory=list)
    """Query id and document id of each click."""
    versions: dict[str, int] = field(default_factory=dict)
    """Version of the rewriter -> number of searches."""
    failed: list[str] = field(default_factory=list)
    """Time and error of each failed request."""


def main(url: str, seconds: float, pause: float) -> None:
    """Search and click in several threads, and print the record as JSON."""
    acknowledged, end = Acknowledged(), time.monotonic() + seconds
    visitors = [
        threading.Thread(target=_visit, args=(url, end, pause, random.Random(i), acknowledged))
        for i in range(VISITORS)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(json.dumps(asdict(acknowledged)))


def _visit(url: str, end: float, pause: float, rng: random.Random, acknowledged: Acknowledged) -> None:
    while time.monotonic() < end:
        try:
            response = _call(f"{url}/v1/search", {"query": rng.choice(QUERIES), "k": 5})
            acknowledged.queries.append(response["query_id"])
            version = str(response["rewrite"]["rewriter_version"])
            acknowledged.versions[version] = acknowledged.versions.get(version, 0) + 1
            if response["results"] and rng.random() < 0.7:
                clicked = rng.choice(response["results"])
                _call(f"{url}/v1/click", {"click_token": clicked["click_token"]})
                acknowledged.clicks.append((response["query_id"], clicked["doc_id"]))
        except (HTTPError, URLError, OSError, ValueError) as error:
            acknowledged.failed.append(f"{time.strftime('%H:%M:%S')} {error!r}")
        time.sleep(pause)


def _call(url: str, body: dict[str, object]) -> dict:
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=30) as response:
        content = response.read()
    return json.loads(content) if content else {}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
