"""Whether queries that visitors typed, and found in the end, come back after a plain renewal.

    python -m benchmarks.bench_returning --data DIR --out DIR [--queries N] [--sessions N] [--keys N] [--seed N]
                                         [--set TABLE.NAME=VALUE ...] [--json FILE]

A returning query is a training topic's query whose words documents hold, and which does not find a relevant document
among the first ten. Three visitors type it, see the ranking of the query as typed, type words from the beginning of
that document, and click on it. The log is their sessions, and simulated sessions of other topics and visitors, with
clicks alone: no session names a topic.

Each split key has a folder of versions of its own. `untilclick renew` names the version that is to answer, and that
one is activated; without one, queries are searched as typed. A query comes back if the clicked document is among the
first five of what is searched. The base of the run folder serves all keys. An interrupted run goes on with the keys
that are missing.
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
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.bundle import UNTRAINED_FOLDER, read_manifest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.files.secret_files import create_secret
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Topic, Turn
from untilclick.search.users.simulate import SimulateConfig, simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.command_line import untilclick
from benchmarks.live_sessions import as_of_a_person

VISITORS = 3
"""Visitors of a returning query."""
POOL = 60
"""Visitors that the returning queries are divided among."""
SHOWN = 10
"""Documents of a list."""
FIRST = 5
"""A document comes back among so many."""
CLAUSES = 512
"""Heaviest clauses of a rewritten query that are searched, as in the service."""
BEGINNING = 12
"""Words at the beginning of a document that visitors take theirs from: most are its title."""
TRIES = 20
"""Wordings that a visitor tries for a document before another query is taken."""
START = 1_700_000_000.0


@dataclass(frozen=True)
class ReturningQuery:
    """A query that visitors type, and how each of them finds the document in the end."""

    query: str
    doc_id: str
    wordings: tuple[str, ...]
    """One for each visitor."""


@dataclass(frozen=True)
class Outcome:
    """The version of one split key."""

    key: int
    version: str
    use: str
    """What of it answers."""
    said: str
    """What the renewal printed."""
    ranks: dict[str, tuple[int | None, ...]]
    """By system: the rank of each query's document, None below the first `SHOWN`."""


def returning_queries(opened: OpenedCollection, n: int, rng: np.random.Generator) -> list[ReturningQuery]:
    """n queries of training topics with distinct index terms, each for another document."""
    chosen: list[ReturningQuery] = []
    documents: set[str] = set()
    terms: set[str] = set()
    topics = opened.collection.topics["train"]
    for number in rng.permutation(len(topics)):
        topic = topics[number]
        of_topic = terms_of_query(topic.query, opened.analysis)
        doc_id = _missed(topic, opened, documents)
        if doc_id is None or of_topic in terms or not _is_held(topic.query, opened):
            continue
        wordings = [_wording(doc_id, topic.query, opened.engine, rng) for _ in range(VISITORS)]
        if all(wordings):
            chosen.append(ReturningQuery(topic.query, doc_id, tuple(filter(None, wordings))))
            documents.add(doc_id)
            terms.add(of_topic)
        if len(chosen) == n:
            return chosen
    sys.exit(f"Only {len(chosen)} of {n} queries miss a document that its first words find; ask for fewer: --queries")


def _is_held(query: str, opened: OpenedCollection) -> bool:
    """Whether documents hold every word of a query."""
    return bool(opened.analysis.terms(query)) and all(
        opened.spelling.is_known(word) for word in opened.analysis.words(query)
    )


def _missed(topic: Topic, opened: OpenedCollection, taken: set[str]) -> str | None:
    """The most relevant document that the query does not find and that no other query wants."""
    shown = _shown(opened.engine, [SearchedQuery.typed(topic.query)])[0]
    missed = [(-grade, doc_id) for doc_id, grade in topic.relevance.items() if grade > 0]
    return next((doc_id for _, doc_id in sorted(missed) if doc_id not in shown and doc_id not in taken), None)


def _wording(doc_id: str, query: str, engine: SearchEngine, rng: np.random.Generator) -> str | None:
    """Some of the first words of a document that find it; None if none were found."""
    words = engine.documents([doc_id])[0].content.split()[:BEGINNING]
    for _ in range(TRIES):
        kept = rng.random(len(words)) < 0.6
        wording = " ".join(word for word, keep in zip(words, kept, strict=True) if keep)
        if wording and wording != query and doc_id in _shown(engine, [SearchedQuery.typed(wording)])[0]:
            return wording
    return None


def _shown(engine: SearchEngine, queries: Sequence[SearchedQuery]) -> list[tuple[str, ...]]:
    rankings = rank(engine, queries, SHOWN, clauses=CLAUSES)
    return [tuple(document.doc_id for document in ranking.retrieved) for ranking in rankings]


def sessions_of(queries: Sequence[ReturningQuery], engine: SearchEngine) -> Iterator[Session]:
    """The session of each visitor with each query."""
    for number, each in enumerate(queries):
        for visitor, wording in enumerate(each.wordings):
            name = f"returning-{number}-{visitor}"
            time = START + 1000.0 * (VISITORS * number + visitor)
            turns = []
            for step, text in enumerate((each.query, wording)):
                (shown,) = _shown(engine, [SearchedQuery.typed(text)])
                query_id, began = f"{name}-{step}", time + 60.0 * step
                found = step > 0
                click = Click(query_id, each.doc_id, 1 + shown.index(each.doc_id), began + 5.0) if found else None
                turns.append(Turn(query_id, step, text, None, shown, (click,) if click else (), began))
            yield Session(name, "live", tuple(turns), f"visitor-{(VISITORS * number + visitor) % POOL}")


def other_sessions(
    opened: OpenedCollection, queries: Sequence[ReturningQuery], n: int, seed: int
) -> Iterator[Session]:
    """n simulated sessions of other topics, as if people had made them."""
    taken = {each.query for each in queries}
    topics = [topic for topic in opened.collection.topics["train"] if topic.query not in taken]
    user = SimulatedUser.of(opened.collection, UserConfig(misspellings="train", lay_part="train"), opened.index)
    config = SimulateConfig(visitors=max(n // 20, 1), topic_exponent=0.5)
    for session in simulate_sessions(topics, opened.engine, user, n, seed, config):
        yield as_of_a_person(session)


def ranks_of(queries: Sequence[ReturningQuery], engine: SearchEngine, bundle: Path | None) -> tuple[int | None, ...]:
    """The rank of each query's document as the bundle's rewriter searches it; without a bundle, as typed."""
    requests = [RewriteRequest(each.query) for each in queries]
    if bundle is None:
        searched = [SearchedQuery.typed(each.query) for each in queries]
    else:
        searched = [SearchedQuery.of(rewrite) for rewrite in open_bundle(bundle, engine).rewrite(requests)]
    lists = _shown(engine, searched)
    return tuple(
        shown.index(each.doc_id) + 1 if each.doc_id in shown else None
        for each, shown in zip(queries, lists, strict=True)
    )


def renewed(
    key: int, options: argparse.Namespace, queries: Sequence[ReturningQuery], engine: SearchEngine
) -> Outcome:
    """Make a version with one split key, activate it, and search."""
    models = options.out / f"models-{key}"
    create_secret(models / "split.key", hashlib.sha256(f"key {options.seed} {key}".encode()).hexdigest())
    settings = [word for setting in options.set for word in ("--set", setting)]
    run, log = options.out / "run", f"sqlite:///{options.out / 'log.db'}"
    arguments = ["--data", options.data, "--log", log, "--models", str(models), "--out", str(run), *settings]
    said = untilclick("renew", *arguments, "--seed", str(options.seed))
    version = json.loads((run / "renewal.json").read_text(encoding="utf-8"))["version"]
    typed = ranks_of(queries, engine, None)
    if version is None:
        return Outcome(key, "none", Use.NOTHING, said.strip(), {"as typed": typed, "active": typed})
    store = ModelStore(models)
    store.activate(version)
    bundle = store.folder_of(version)
    ranks = {"as typed": typed, "active": ranks_of(queries, engine, bundle)}
    if (bundle / UNTRAINED_FOLDER).is_dir():
        ranks["untrained"] = ranks_of(queries, engine, bundle / UNTRAINED_FOLDER)
    return Outcome(key, version, read_manifest(bundle).use, said.strip(), ranks)


def n_first(ranks: Sequence[int | None]) -> int:
    """Number of documents among the first `FIRST`."""
    return sum(rank is not None and rank <= FIRST for rank in ranks)


def summary(outcomes: Sequence[Outcome]) -> str:
    """What came back under every key."""
    active = [outcome.ranks["active"] for outcome in outcomes]
    always = sum(
        all(rank is not None and rank <= FIRST for rank in of_query) for of_query in zip(*active, strict=True)
    )
    return (
        f"{always} of {len(active[0])} queries came back among the first {FIRST} under all {len(active)} keys "
        f"(as typed: {n_first(outcomes[0].ranks['as typed'])})"
    )


def _made_log(opened: OpenedCollection, queries: Sequence[ReturningQuery], options: argparse.Namespace) -> None:
    """Write the log, unless a run before has done so."""
    path = options.out / "log.db"
    if path.exists():
        return
    options.out.mkdir(parents=True, exist_ok=True)
    part = options.out / "log.part.db"
    part.unlink(missing_ok=True)
    with SessionLog.open(f"sqlite:///{part}") as log:
        log.append(sessions_of(queries, opened.engine))
        log.append(other_sessions(opened, queries, options.sessions, options.seed))
    part.rename(path)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whether queries that visitors typed come back after a renewal")
    parser.add_argument("--data", required=True, help="Documents with judged training topics")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the log, the run and the versions")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--sessions", type=int, default=3000, help="Simulated sessions of other topics")
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="A setting of `untilclick renew`")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a block for each key and the sum, and write all ranks as JSON if asked to."""
    options = _parsed(argv)
    opened = OpenedCollection.load(options.data)
    queries = returning_queries(opened, options.queries, np.random.default_rng(options.seed))
    _made_log(opened, queries, options)
    outcomes = []
    for key in range(options.keys):
        path = options.out / f"outcome-{key}.json"
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            outcome = Outcome(**{**saved, "ranks": {name: tuple(ranks) for name, ranks in saved["ranks"].items()}})
        else:
            outcome = renewed(key, options, queries, opened.engine)
            path.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        outcomes.append(outcome)
        first = ", ".join(f"{name} {n_first(ranks)}" for name, ranks in outcome.ranks.items())
        print(f"key {key}: version {outcome.version}, use {outcome.use}\n{outcome.said}")
        print(f"  of {len(queries)} documents among the first {FIRST}: {first}\n", flush=True)
    print(summary(outcomes))
    if options.json:
        record = {"queries": [asdict(each) for each in queries], "outcomes": [asdict(each) for each in outcomes]}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
