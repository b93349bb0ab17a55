"""The service without HTTP: engine, rewriter and session log put together.

A search always answers as long as the engine does: rewriting fails open (`bounded_rewriter`), logging fails soft
and waits for no database (`soft_log`). Opening the parts from settings is in `open_service`; requests and responses
are in `schemas` and `routes`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import perf_counter

from app.bounded_rewriter import BoundedRewriter, RewriteLimits
from app.candidates import Candidate, candidates
from app.click_tokens import ClickTokenError, ClickTokens, ShownResult
from app.metrics import ClickOutcome, Metrics, Stage
from app.snippets import Piece, snippet, term_weights
from app.soft_log import SoftLog
from rewriter.bundle import BundleManifest
from rewriter.rewrite import Reason, Rewrite, Rewriter
from search.engine import SearchEngine
from search.errors import UntilclickError
from search.fusion import reciprocal_rank_fusion
from search.log_stats import LogStats
from search.records import Click, Document, ScoredDoc, Source, Turn, WeightedQuery

FUSION_DEPTH = 100
"""Ranks of each ranking that are fused."""

WARM_UP_QUERY = "how to search"
"""Searched once at the start; any words will do."""


class Mode(StrEnum):
    """How a rewrite is used."""

    AUTO = "auto"
    """What the service thinks best: at present `blend`."""
    OFF = "off"
    """Plain BM25 on the query as typed."""
    BLEND = "blend"
    """Original, feedback and rewrite as weighted clauses of one query."""
    REPLACE = "replace"
    """The rewrite alone."""
    FUSE = "fuse"
    """Reciprocal rank fusion of the rankings of the original and of the rewrite."""


@dataclass(frozen=True, slots=True)
class SearchCommand:
    """One search."""

    query: str
    session_id: str | None = None
    """None begins a session."""
    client_id: str | None = None
    k: int = 10
    mode: Mode = Mode.AUTO
    compare: bool = False
    """Also give the plain results."""


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of a result list."""

    rank: int
    doc_id: str
    title: str
    snippet: tuple[Piece, ...]
    score: float
    click_token: str | None
    """None where the entry is not part of what is logged as shown."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds by stage."""

    rewrite: float
    search: float
    log: float
    total: float


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The answer to one search."""

    query_id: str
    session_id: str
    rewrite: Rewrite
    rewriter_version: str | None
    results: tuple[Result, ...]
    original_results: tuple[Result, ...] | None
    timings: Timings


@dataclass(frozen=True, slots=True)
class RewriteAnswer:
    """The answer to a request for a rewrite alone."""

    rewrite: Rewrite
    candidates: tuple[Candidate, ...]
    rewriter_version: str | None
    ms: float


@dataclass(frozen=True, slots=True)
class Health:
    """Which parts work at this moment."""

    engine: bool
    log: bool
    model: bool
    """Whether there is one; it is not tried, since every search says how rewriting went."""


@dataclass(frozen=True)
class ServiceParts:
    """What a service is made of."""

    engine: SearchEngine
    log: SoftLog
    tokens: ClickTokens
    rewriter: Rewriter | None = None
    manifest: BundleManifest | None = None
    """Of the rewriter's bundle, where it came from one."""
    limits: RewriteLimits = field(default_factory=RewriteLimits)
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    metrics: Metrics = field(default_factory=Metrics)


class SearchService:
    """Searches, clicks and rewrites. May be shared between threads; every method may block."""

    def __init__(self, parts: ServiceParts) -> None:
        self.metrics = parts.metrics
        self.manifest = parts.manifest
        self._engine = parts.engine
        self._tokens = parts.tokens
        self._clock = parts.clock
        self._log = parts.log
        self._rewriter = BoundedRewriter(parts.rewriter, parts.limits)

    @property
    def engine_name(self) -> str:
        """Name of the engine."""
        return self._engine.name

    @property
    def rewriter_version(self) -> str | None:
        """Version of the rewriter; None without one."""
        return self._rewriter.version

    def search(self, command: SearchCommand) -> SearchAnswer:
        """Search, and log what was shown. Raises EngineError where the engine fails."""
        started = perf_counter()
        session_id = command.session_id or str(uuid.uuid4())
        query_id = str(uuid.uuid4())
        with self.metrics.timed(Stage.LOG) as reading:
            history = self._log.history(session_id) if command.session_id else ()
        with self.metrics.timed(Stage.REWRITE) as rewriting:
            rewrite = self._rewrite(command, history)
        with self.metrics.timed(Stage.SEARCH) as searching:
            ranking, plain = self._rank(rewrite, command)
            shown = self._present(rewrite, ranking, (session_id, query_id))
            original = None if plain is None else self._present(Rewrite.keep(command.query, rewrite.reason), plain)
        with self.metrics.timed(Stage.LOG) as writing:
            self._log.turn(session_id, self._turn(query_id, len(history), command, rewrite, shown), command.client_id)
        total = (perf_counter() - started) * 1000
        timings = Timings(rewriting.ms, searching.ms, reading.ms + writing.ms, total)
        return SearchAnswer(query_id, session_id, rewrite, self.rewriter_version, shown, original, timings)

    def click(self, token: str) -> ShownResult:
        """Log the click that a token stands for; again is harmless. Raises ClickTokenError for a bad token."""
        try:
            shown = self._tokens.read(token)
        except ClickTokenError:
            self.metrics.click(ClickOutcome.REFUSED)
            raise
        with self.metrics.timed(Stage.LOG):
            self._log.click(Click(shown.query_id, shown.doc_id, shown.rank, self._clock()))
        return shown

    def rewrite(self, query: str, history: Sequence[str] = (), n: int = 1) -> RewriteAnswer:
        """Rewrite without searching or logging, with up to `n` candidates, best first."""
        with self.metrics.timed(Stage.REWRITE) as timer:
            rewrite = self._rewriter.rewrite(query, tuple(history))
        self.metrics.rewrite(rewrite.reason.value)
        return RewriteAnswer(rewrite, candidates(rewrite, n), self.rewriter_version, timer.ms)

    def document(self, doc_id: str) -> Document:
        """A stored document. Raises UnknownDocumentError."""
        return self._engine.documents([doc_id])[0]

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the session log. Raises LogError where the log fails."""
        return self._log.stats(source)

    def health(self) -> Health:
        """Try engine and log, and say whether there is a rewriter."""
        try:
            self._engine.search([WeightedQuery.of("ready")], 1)
            engine = True
        except UntilclickError:
            engine = False
        return Health(engine, self._log.answers(), self.rewriter_version is not None)

    def warm_up(self) -> None:
        """Rewrite and search once, so that no visitor pays for what is loaded on first use. Never raises what a
        rewriter raises; neither logged nor counted."""
        self._rewriter.warm_up(WARM_UP_QUERY)
        self._engine.search([WeightedQuery.of(WARM_UP_QUERY)], 1)

    def close(self) -> None:
        """Let go of threads, deliver what waits for the log, for a bounded time, and close it."""
        self._rewriter.close()
        self._log.close()

    def _rewrite(self, command: SearchCommand, history: tuple[str, ...]) -> Rewrite:
        if command.mode is Mode.OFF:
            rewrite = Rewrite.keep(command.query, Reason.MODE_OFF)
        else:
            rewrite = self._rewriter.rewrite(command.query, history)
        self.metrics.rewrite(rewrite.reason.value)
        return rewrite

    def _rank(self, rewrite: Rewrite, command: SearchCommand) -> tuple[list[ScoredDoc], list[ScoredDoc] | None]:
        """The ranking to show and, where it is asked for, the plain one."""
        plain = WeightedQuery.of(command.query)
        if not rewrite.applied:
            ranking = self._engine.search([plain], command.k)[0]
            return ranking, ranking if command.compare else None
        if command.mode is Mode.FUSE:
            depth = max(command.k, FUSION_DEPTH)
            original, replaced = self._engine.search([plain, rewrite.replace], depth)
            fused = reciprocal_rank_fusion([original, replaced], command.k)
            return fused, original[: command.k] if command.compare else None
        query = rewrite.replace if command.mode is Mode.REPLACE else rewrite.blend
        queries = [query, plain] if command.compare else [query]
        rankings = self._engine.search(queries, command.k)
        return rankings[0], rankings[1] if command.compare else None

    def _present(
        self, rewrite: Rewrite, ranking: Sequence[ScoredDoc], shown_as: tuple[str, str] | None = None
    ) -> tuple[Result, ...]:
        """Results with title, snippet and, where shown as part of (session_id, query_id), a click token."""
        documents = self._engine.documents([entry.doc_id for entry in ranking])
        weights = term_weights(rewrite.query, rewrite.text)
        return tuple(
            Result(
                rank,
                entry.doc_id,
                document.title,
                snippet(document.text, weights),
                entry.score,
                self._tokens.sign(ShownResult(*shown_as, entry.doc_id, rank)) if shown_as else None,
            )
            for rank, (entry, document) in enumerate(zip(ranking, documents, strict=True), start=1)
        )

    def _turn(
        self, query_id: str, step: int, command: SearchCommand, rewrite: Rewrite, shown: Iterable[Result]
    ) -> Turn:
        return Turn(
            query_id=query_id,
            step=step,
            query=command.query,
            rewrite=rewrite.text if rewrite.applied else None,
            shown=tuple(result.doc_id for result in shown),
            clicks=(),
            time=self._clock(),
            attributes={
                "mode": command.mode.value,
                "reason": rewrite.reason.value,
                "rewriter_version": self.rewriter_version if command.mode is not Mode.OFF else None,
            },
        )
