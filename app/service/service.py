"""The service without HTTP: engine, rewriter and session log put together.

A search always answers as long as the engine does: rewriting fails open (`versions/bounded_rewriter.py`), logging
fails soft and waits for no database (`event_log/event_log.py`). Opening the parts from settings is in `opening.py`;
requests and responses are in `http/schemas.py` and `http/routes/`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

from untilclick.app.event_log.event_log import SoftLog
from untilclick.app.observe.metrics import ClickOutcome, Metrics, Stage
from untilclick.app.observe.model_metrics import ModelMetrics
from untilclick.app.service.candidates import Candidate, candidates
from untilclick.app.service.click_tokens import ClickTokenError, ClickTokens, ShownResult
from untilclick.app.service.live_documents import FixedDocumentsError, LiveDocuments
from untilclick.app.service.plan import plan_of
from untilclick.app.service.ranking import Mode, Ranked, interleaved, ranked
from untilclick.app.service.snippets import Piece, Searched, snippet
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.models import FixedModel, Loaded, Models
from untilclick.app.versions.shadow import Shadow, ShadowFigures, ShownList
from untilclick.app.versions.store import Experiment
from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.search.engines.protocol import LiveEngine, SearchEngine
from untilclick.search.errors import UnknownDocumentError, UntilclickError
from untilclick.search.log.stats import LogStats
from untilclick.search.measures.interleaving import Preference, Team, preference
from untilclick.search.records import Click, Document, ScoredDoc, Source, Turn, WeightedQuery

WARM_UP_QUERY = "how to search"
"""Searched once at the start; any words will do."""

MAX_TURNS = 100
"""Queries of a session, which is no person's beyond; each one looks at those before it."""


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
class ExperimentFigures:
    """What is tried on live queries."""

    experiment: Experiment | None
    preference: Preference | None
    """None without an experiment, and where the log could not say it."""
    shadow: ShadowFigures | None
    """Of the latest candidate in this process; None before there was one."""


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
    models: Models = field(default_factory=lambda: FixedModel(None, RewriteLimits()))
    live: LiveEngine | None = None
    """The engine, where its documents may be changed."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    metrics: Metrics = field(default_factory=Metrics)


class SearchService:
    """Searches, clicks and rewrites. May be shared between threads; every method may block."""

    def __init__(self, parts: ServiceParts) -> None:
        self.metrics = parts.metrics
        self.models = parts.models
        self._engine = parts.engine
        self._tokens = parts.tokens
        self._clock = parts.clock
        self._log = parts.log
        self._live = LiveDocuments(parts.live) if parts.live else None
        self._shadow = Shadow(parts.engine)
        self._draw = random.SystemRandom()
        self.metrics.registry.register(ModelMetrics(self.models, lambda: self._shadow.figures))

    @property
    def engine_name(self) -> str:
        """Name of the engine."""
        return self._engine.name

    @property
    def rewriter_version(self) -> str | None:
        """Version of the rewriter that answers; None without one."""
        return self.models.in_use.state.active

    def search(self, command: SearchCommand) -> SearchAnswer:
        """Search, and log what was shown. Raises EngineError where the engine fails."""
        started = perf_counter()
        session_id = command.session_id or str(uuid.uuid4())
        query_id = str(uuid.uuid4())
        with self.metrics.timed(Stage.LOG) as reading:
            history = self._log.history(session_id) if command.session_id else ()
        if len(history) >= MAX_TURNS:
            session_id, history = str(uuid.uuid4()), ()
        plan = plan_of(self.models.in_use, command.mode, session_id)
        with self.metrics.timed(Stage.REWRITE) as rewriting:
            sides = [self._rewrite(side, command, history) for side in plan.sides]
        rewrite = next((side for side in reversed(sides) if side.applied), sides[-1])
        with self.metrics.timed(Stage.SEARCH) as searching:
            found = self._rank(sides, command)
            shown = self._present(rewrite, found.ranking, (session_id, query_id))
            plain = Rewrite.keep(command.query, rewrite.reason)
            original = None if found.plain is None else self._present(plain, found.plain)
        answered = (query_id, len(history), tuple(result.doc_id for result in shown))
        attributes = {
            "mode": command.mode.value,
            "reason": rewrite.reason.value,
            "rewriter_version": plan.version,
            **plan.attributes(_teams_of(found, answered[2])),
        }
        with self.metrics.timed(Stage.LOG) as writing:
            if not self._log.turn(session_id, self._turn(answered, command, rewrite, attributes), command.client_id):
                shown = tuple(replace(result, click_token=None) for result in shown)  # a click would have no query
        if plan.shadow is not None:
            version, candidate = plan.shadow
            self._shadow.run(candidate, version, ShownList(query_id, command.query, history, answered[2]))
        total = (perf_counter() - started) * 1000
        timings = Timings(rewriting.ms, searching.ms, reading.ms + writing.ms, total)
        return SearchAnswer(query_id, session_id, rewrite, plan.version, shown, original, timings)

    def click(self, token: str) -> ShownResult:
        """Log the click that a token stands for; again is harmless. Raises ClickTokenError for a bad token."""
        try:
            shown = self._tokens.read(token)
        except ClickTokenError:
            self.metrics.click(ClickOutcome.REFUSED)
            raise
        with self.metrics.timed(Stage.LOG):
            self._log.click(Click(shown.query_id, shown.doc_id, shown.rank, self._clock()))
        self._shadow.click(shown.query_id, shown.doc_id, shown.rank)
        return shown

    def rewrite(self, query: str, history: Sequence[str] = (), n: int = 1) -> RewriteAnswer:
        """Rewrite without searching or logging, with up to `n` candidates, best first."""
        in_use = self.models.in_use
        with self.metrics.timed(Stage.REWRITE) as timer:
            rewrite = in_use.active.rewriter.rewrite(query, tuple(history))
        self.metrics.rewrite(rewrite.reason.value)
        return RewriteAnswer(rewrite, candidates(rewrite, n), in_use.state.active, timer.ms)

    def document(self, doc_id: str) -> Document:
        """A stored document. Raises UnknownDocumentError."""
        return self._engine.documents([doc_id])[0]

    @property
    def live_documents(self) -> LiveDocuments:
        """What changes documents. Raises FixedDocumentsError where they are one corpus for good."""
        if self._live is None:
            raise FixedDocumentsError("This service searches one corpus for good. Set UNTILCLICK_LIVE_DOCUMENTS.")
        return self._live

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the session log. Raises LogError where the log fails."""
        return self._log.stats(source)

    @property
    def experiment(self) -> Experiment | None:
        """What is being compared."""
        return self.models.in_use.state.experiment

    def experiment_figures(self, experiment: Experiment | None) -> ExperimentFigures:
        """Whom the visitors prefer, and what a candidate does. Raises LogError where the log fails."""
        found = preference(self._log.credits(experiment)) if experiment else None
        return ExperimentFigures(experiment, found, self._shadow.figures)

    def experiment_alone(self, experiment: Experiment | None) -> ExperimentFigures:
        """The same without what the log knows."""
        return ExperimentFigures(experiment, None, self._shadow.figures)

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
        for loaded in self.models.in_use.loaded.values():
            loaded.rewriter.warm_up(WARM_UP_QUERY)
        self._engine.search([WeightedQuery.of(WARM_UP_QUERY)], 1)

    def close(self) -> None:
        """Let go of threads, deliver what waits for the log, for a bounded time, and close it."""
        if self._live:
            self._live.close()
        self._shadow.close()
        self.models.close()
        self._log.close()

    def _rewrite(self, side: Loaded, command: SearchCommand, history: tuple[str, ...]) -> Rewrite:
        if command.mode is Mode.OFF:
            rewrite = Rewrite.keep(command.query, Reason.MODE_OFF)
        else:
            rewrite = side.rewriter.rewrite(command.query, history)
        self.metrics.rewrite(rewrite.reason.value)
        return rewrite

    def _rank(self, sides: Sequence[Rewrite], command: SearchCommand) -> Ranked:
        if len(sides) == 1:
            return ranked(self._engine, sides[0], command.mode, command.k, compare=command.compare)
        return interleaved(self._engine, (sides[0], sides[1]), command.k, self._draw, compare=command.compare)

    def _present(
        self, rewrite: Rewrite, ranking: Sequence[ScoredDoc], shown_as: tuple[str, str] | None = None
    ) -> tuple[Result, ...]:
        """Results with title, snippet and, where shown as part of (session_id, query_id), a click token."""
        searched = Searched(rewrite.query, rewrite.text)
        return tuple(
            Result(
                rank,
                entry.doc_id,
                document.title,
                snippet(document.text, searched),
                entry.score,
                self._tokens.sign(ShownResult(*shown_as, entry.doc_id, rank)) if shown_as else None,
            )
            for rank, (entry, document) in enumerate(self._stored(ranking), start=1)
        )

    def _stored(self, ranking: Sequence[ScoredDoc]) -> list[tuple[ScoredDoc, Document]]:
        """The ranking with its documents, without those that have been deleted since it was made."""
        try:
            return list(zip(ranking, self._engine.documents([entry.doc_id for entry in ranking]), strict=True))
        except UnknownDocumentError:
            found = []
            for entry in ranking:
                with suppress(UnknownDocumentError):
                    found.append((entry, self._engine.documents([entry.doc_id])[0]))
            return found

    def _turn(
        self,
        answered: tuple[str, int, tuple[str, ...]],
        command: SearchCommand,
        rewrite: Rewrite,
        attributes: Mapping[str, str | None],
    ) -> Turn:
        """What is logged of a search, `answered` with query id, step and documents."""
        query_id, step, shown = answered
        return Turn(
            query_id=query_id,
            step=step,
            query=command.query,
            rewrite=rewrite.text if rewrite.applied else None,
            shown=shown,
            clicks=(),
            time=self._clock(),
            attributes=attributes,
        )


def _teams_of(found: Ranked, shown: Sequence[str]) -> Sequence[Team] | None:
    """The teams of the documents that were shown: some may have been deleted since the list was made."""
    if found.teams is None:
        return None
    present = frozenset(shown)
    return [team for entry, team in zip(found.ranking, found.teams, strict=True) if entry.doc_id in present]
