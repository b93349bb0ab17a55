"""Whether a renewal learns words that no document holds, from the few visitors that typed them.

    python -m benchmarks.bench_lay_words --out DIR [--sessions N] [--keys N] [--seed N] [--few] [--encoder NAME]
                                         [--set TABLE.NAME=VALUE ...] [--json FILE]

The documents are a made-up shop. Three visitors each type a word that no document holds, see the ranking of the query
as typed, type what the shop calls it, and click on one of the first five in about 8 of 10 sessions: `hoover` for a
vacuum cleaner, `bill` for an invoice, `wlan box` for a router, and three made-up words, of which no encoder knows
anything. There are 85 sessions of either three, or nine with --few, a session for each visitor. The log is these, and
simulated sessions of other visitors, all with clicks alone: no session names a topic.

Each split key has a folder of versions of its own. `untilclick renew` names the version that is to answer, and that
one is activated; without one, queries are searched as typed. A word finds what was clicked if one of the clicked
documents is among the first five of what is searched. The base of the run folder serves all keys. An interrupted run
goes on with the keys that are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.encoded_corpus import fixed_vectors
from untilclick.search.files.secret_files import create_secret
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn
from untilclick.search.users.simulate import SimulateConfig, simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.command_line import untilclick
from benchmarks.corpora.shop import write_shop
from benchmarks.live_sessions import as_of_a_person

VISITORS = 3
"""Visitors of a word."""
SHOWN, FIRST = 10, 5
"""Documents of a list, and those among which a word finds something."""
CLAUSES = 512
"""Heaviest clauses of a rewritten query that are searched, as in the service."""
CLICK_SHARE = 0.8
"""Share of the sessions that end with a click; if there is one for each visitor, all do."""
START = 1_700_000_000.0


@dataclass(frozen=True)
class LayWord:
    """A query with a word that no document holds."""

    query: str
    meant: str
    """What the shop calls it."""
    sessions: int


WORDS = (
    LayWord("hoover", "vacuum cleaner", 27),
    LayWord("bill", "invoice", 28),
    LayWord("wlan box", "router", 30),
    LayWord("zorgel", "kettle", 27),
    LayWord("blimda", "headphones", 28),
    LayWord("frusk", "stapler", 30),
)
"""The words that people use for something else, and three that were made up."""


@dataclass(frozen=True)
class Outcome:
    """The version of one split key."""

    key: int
    version: str
    use: str
    """What of it answers."""
    said: str
    """What the renewal printed."""
    ranks: dict[str, dict[str, int | None]]
    """System -> query -> rank of the first clicked document, None below the first `SHOWN`."""


def lay_sessions(engine: SearchEngine, seed: int, *, few: bool) -> Iterator[Session]:
    """The sessions of all words."""
    rng = np.random.default_rng([seed, 1])
    for number, word in enumerate(WORDS):
        lists = {query: _shown(engine, [SearchedQuery.typed(query)])[0] for query in (word.query, word.meant)}
        for each in range(VISITORS if few else word.sessions):
            name, time = f"lay-{number}-{each}", START + 1000.0 * (40 * number + each)
            clicks = few or rng.random() < CLICK_SHARE
            clicked = int(min(rng.geometric(0.4), FIRST))
            turns = []
            for step, (query, shown) in enumerate(lists.items()):
                query_id, began = f"{name}-{step}", time + 60.0 * step
                click = Click(query_id, shown[clicked - 1], clicked, began + 5.0) if clicks and step else None
                turns.append(Turn(query_id, step, query, None, shown, (click,) if click else (), began))
            yield Session(name, "live", tuple(turns), f"lay-{number}-{each % VISITORS}")


def clicked_by_query(sessions: Sequence[Session]) -> dict[str, set[str]]:
    """The documents that were clicked after each first query."""
    clicked: dict[str, set[str]] = {}
    for session in sessions:
        clicked.setdefault(session.turns[0].query, set()).update(session.clicked)
    return clicked


def other_sessions(opened: OpenedCollection, n: int, seed: int) -> Iterator[Session]:
    """n simulated sessions of other visitors, as if people had made them."""
    user = SimulatedUser.of(opened.collection, UserConfig(misspellings="train", lay_part="train"), opened.index)
    config = SimulateConfig(visitors=max(n // 20, 1), topic_exponent=0.5)
    topics = opened.collection.topics["train"]
    for session in simulate_sessions(topics, opened.engine, user, n, seed, config):
        yield as_of_a_person(session)


def _shown(engine: SearchEngine, queries: Sequence[SearchedQuery]) -> list[tuple[str, ...]]:
    rankings = rank(engine, queries, SHOWN, clauses=CLAUSES)
    return [tuple(document.doc_id for document in ranking.retrieved) for ranking in rankings]


def ranks_of(clicked: dict[str, set[str]], engine: SearchEngine, rewriter: Rewriter | None) -> dict[str, int | None]:
    """The rank of the first clicked document of each query; without a rewriter, as typed."""
    if rewriter is None:
        searched = [SearchedQuery.typed(query) for query in clicked]
    else:
        searched = [SearchedQuery.of(rewrite) for rewrite in rewriter.rewrite([*map(RewriteRequest, clicked)])]
    lists = zip(clicked.items(), _shown(engine, searched), strict=True)
    return {
        query: next((rank for rank, doc_id in enumerate(shown, start=1) if doc_id in wanted), None)
        for (query, wanted), shown in lists
    }


class Bench:
    """The shop, its log, and the versions made from it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out: Path = options.out
        self.log = self.out / ("few.db" if options.few else "many.db")
        data = self.out / "shop.jsonl"
        if not data.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            write_shop(data, options.seed)
        opened = OpenedCollection.load(str(data))
        self.opened = opened.with_vectors(encode_collection(options.encoder, opened, silently).corpus)
        self.data = str(data)
        sessions = list(lay_sessions(self.opened.engine, options.seed, few=options.few))
        self.clicked = clicked_by_query(sessions)
        if not self.log.exists():
            part = self.log.with_suffix(".part")
            part.unlink(missing_ok=True)
            with SessionLog.open(f"sqlite:///{part}") as log:
                log.append(sessions)
                log.append(other_sessions(self.opened, options.sessions, options.seed))
            part.rename(self.log)

    def outcome(self, key: int) -> Outcome:
        """Make a version with one split key and search, or read what a run before found."""
        path = self.out / f"{self.log.stem}-{key}.json"
        if path.exists():
            return Outcome(**json.loads(path.read_text(encoding="utf-8")))
        outcome = self._renewed(key)
        path.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        return outcome

    def _renewed(self, key: int) -> Outcome:
        """Make a version with one split key, activate it, and search."""
        options, run = self.options, self.out / "run"
        models = self.out / f"models-{self.log.stem}-{key}"
        create_secret(models / "split.key", hashlib.sha256(f"key {options.seed} {key}".encode()).hexdigest())
        settings = [word for setting in options.set for word in ("--set", setting)]
        sources = ["--data", self.data, "--log", f"sqlite:///{self.log}", "--encoder", options.encoder]
        said = untilclick(
            "renew", *sources, "--models", str(models), "--out", str(run), *settings, "--seed", str(options.seed)
        )
        version = json.loads((run / "renewal.json").read_text(encoding="utf-8"))["version"]
        engine, clicked = self.opened.engine, self.clicked
        ranks = {
            "as typed": ranks_of(clicked, engine, None),
            "untrained": ranks_of(clicked, engine, stage_rewriter(run / BASE, self.opened)),
        }
        if version is None:
            return Outcome(key, "none", Use.NOTHING, said.strip(), {**ranks, "after": ranks["as typed"]})
        store = ModelStore(models)
        store.activate(version)
        bundle = store.folder_of(version)
        documents = fixed_vectors(self.opened.collection.corpus.documents)
        ranks["after"] = ranks_of(clicked, engine, open_bundle(bundle, engine, documents))
        return Outcome(key, version, read_manifest(bundle).use, said.strip(), ranks)


def table(outcomes: Sequence[Outcome]) -> str:
    """Words by systems: under how many keys a clicked document is among the first `FIRST`, and its ranks."""
    systems = list(outcomes[0].ranks)
    lines = [f"{'query':<10}{'meant':<16}" + "".join(f"{name:<24}" for name in systems)]
    for word in WORDS:
        cells = []
        for name in systems:
            ranks = [outcome.ranks[name][word.query] for outcome in outcomes]
            n_found = sum(rank is not None and rank <= FIRST for rank in ranks)
            cells.append(
                f"{n_found} of {len(ranks)}  " + " ".join("-" if rank is None else str(rank) for rank in ranks)
            )
        lines.append(f"{word.query:<10}{word.meant:<16}" + "".join(f"{cell:<24}" for cell in cells))
    return "\n".join(lines)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whether a renewal learns words that no document holds")
    parser.add_argument(
        "--out", type=Path, required=True, help="Folder for the shop, the logs, the run, the versions"
    )
    parser.add_argument("--sessions", type=int, default=2000, help="Simulated sessions of other visitors")
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--few", action="store_true", help="One session for each visitor of a word")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--set", action="append", default=[], help="A setting of `untilclick renew`")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print what each renewal says, and a table of all; write the ranks as JSON if asked to."""
    options = _parsed(argv)
    bench = Bench(options)
    outcomes = []
    for key in range(options.keys):
        outcome = bench.outcome(key)
        outcomes.append(outcome)
        print(f"key {key}: version {outcome.version}, use {outcome.use}\n{outcome.said}\n", flush=True)
    print(table(outcomes))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=1) + "\n", encoding="utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
