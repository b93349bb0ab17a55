"""A small collection, hand-written rewriters, and a service with them."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from untilclick.app.event_log.event_log import EventLog, LogLimits
from untilclick.app.event_log.reconnecting_log import ReconnectingLog
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.click_tokens import ClickTokens
from untilclick.app.service.service import SearchService, ServiceParts
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite
from untilclick.search.analysis.by_name import english
from untilclick.search.analysis.languages import UNDETERMINED
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import LogAwayError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Document, WeightedQuery

from tests.fake_encoder import FakeEncoder

ROOMY = LogLimits(history_budget_ms=10_000.0, drain_s=30.0, fresh_s=30.0)
"""Limits that a busy machine does not reach."""

INJECTED = "<img src=x onerror=\"document.title='taken over'\">"

DOCUMENTS = (
    Document(
        "shutil.rmtree", "shutil.rmtree", "rmtree(path, ignore_errors=False)\n\nRecursively delete a directory tree."
    ),
    Document("os.rmdir", "os.rmdir", "rmdir(path)\n\nRemove a directory, which must be empty."),
    Document(
        "os.removedirs",
        "os.removedirs",
        "removedirs(name)\n\nRemove a leaf directory and all empty intermediate ones.",
    ),
    Document("pathlib.Path.rmdir", "pathlib.Path.rmdir", "rmdir(self)\n\nRemove this directory. It must be empty."),
    Document(
        "tempfile.mkdtemp",
        "tempfile.mkdtemp",
        "Create a temporary directory. The caller deletes the folder when done.",
    ),
    Document(
        "mailbox.Maildir", "mailbox.Maildir.remove_folder", "Delete the named folder, which must be empty of mail."
    ),
    Document("thread.join", "threading.Thread.join", "Wait until the thread terminates."),
    Document("str.split", "str.split", "Split a string by a separator, for instance a comma."),
    Document("with/slash", "", "A document whose id has a slash, and no title."),
    Document("injected", f"Markup {INJECTED}", f"A text with markup {INJECTED} and <b>bold</b> markup inside."),
)


class TableRewriter:
    """A rewriter that adds the words of a table and keeps every query that is not in it."""

    version = "table-1"

    def __init__(self, table=None):
        self.table = table or {"delete folder": ("directory", "tree", "remove"), INJECTED: ("markup",)}
        self.asked = []

    def rewrite(self, requests):
        self.asked += requests
        return [self._one(request.query) for request in requests]

    def _one(self, query):
        added = self.table.get(query)
        if added is None:
            return Rewrite.keep(query, Reason.GATED, 0.1)
        total = sum(range(1, len(added) + 1))
        terms = tuple((word, (len(added) - i) / total) for i, word in enumerate(added))
        text = " ".join([query, *added])
        blend = WeightedQuery(((query, 1.0), *terms))
        return Rewrite(query, text, terms, None, True, Reason.APPLIED, 0.8, blend, WeightedQuery.of(text))


MEANINGS = (
    {"delete", "remove", "recursively", "erase"},
    {"folder", "directory", "tree", "catalogue"},
    {"thread", "wait", "join"},
    {"string", "split", "comma"},
)
"""Words of the same meaning; no document has `erase` or `catalogue`."""


def of_meanings(text):
    """A vector of how often each meaning is named, and of how much is about none."""
    words = re.findall("[a-z]+", text.lower())
    counts = [sum(word in meaning for word in words) for meaning in MEANINGS]
    return np.array([*counts, 0.1])


class MeaningRewriter(TableRewriter):
    """A rewriter that also reads the queries of its table as documents, by `of_meanings`."""

    version = "meaning-1"

    def __init__(self, folder, table=None, documents=DOCUMENTS):
        super().__init__(table or {"delete folder": ("directory", "tree"), "erase catalogue": ("markup",)})
        self.encoded = EncodedCorpus.of(documents, FakeEncoder(of_meanings), folder)

    def _one(self, query):
        rewrite = super()._one(query)
        if not rewrite.applied:
            return rewrite
        (cosines,) = self.encoded.cosines([query])
        scaled = WeightedQuery(tuple((text, weight / 20) for text, weight in rewrite.blend.clauses))
        return replace(rewrite, documents=DocumentsRead(cosines, 0.5, scaled, 0.3))


class BrokenRewriter:
    """A rewriter that always fails."""

    version = "broken-1"

    def rewrite(self, requests):
        raise RuntimeError("weights are missing")


class StuckRewriter:
    """A rewriter that answers only after `released` is set."""

    version = "stuck-1"

    def __init__(self):
        self.released = threading.Event()

    def rewrite(self, requests):
        self.released.wait(30)
        return [Rewrite.keep(request.query, Reason.GATED) for request in requests]


class AwayLog(ReconnectingLog):
    """A session log whose database is away until `back` is set."""

    def __init__(self, url):
        super().__init__(lambda: SessionLog.open(url))
        self.back = False

    def get(self):
        if not self.back:
            raise LogAwayError("the database is away")
        return super().get()


def wait_until(condition, seconds=60.0):
    """Wait until another thread or process makes a condition true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def toy_engine(analysis=None):
    """An engine over DOCUMENTS."""
    return open_engine("rank-bm25", corpus_of("toy", DOCUMENTS), analysis=analysis)


class Passing:
    """Whatever an object has, except for what a subclass has."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self._wrapped, name)


class InLanguage(Passing):
    """An engine over documents in a language."""

    def __init__(self, engine, language):
        super().__init__(engine)
        self.analysis = Passing(engine.analysis)
        self.analysis.language = language


def make_service(
    folder: Path,
    rewriter=None,
    *,
    budget_ms=5000.0,
    engine=None,
    clock=None,
    lifetime_s=3600,
    log=None,
    max_spool_bytes=1_000_000,
    models=None,
    metrics=None,
    live=None,
    exact_titles=True,
    corpus_language=None,
):
    """A service over DOCUMENTS with a log in `folder`. `live` are `LiveIndexes`, searched by English's analysis."""
    timed = {} if clock is None else {"clock": clock}
    metrics = metrics or Metrics()
    if models is None:
        engine = engine or (live.open(english()) if live else toy_engine())
        spoken = InLanguage(engine, corpus_language or UNDETERMINED)
        models = FixedModel(rewriter, RewriteLimits(budget_ms=budget_ms), spoken)
    return SearchService(
        ServiceParts(
            log=EventLog(
                log or ReconnectingLog.at(f"sqlite:///{folder / 'log.db'}"),
                Spool(folder / "spool", max_spool_bytes),
                metrics,
                ROOMY,
                **timed,
            ),
            tokens=ClickTokens(["a key for tests"], lifetime_s, **timed),
            models=models,
            exact_titles=exact_titles,
            metrics=metrics,
            live=live,
            **timed,
        )
    )
