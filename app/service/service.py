"""The service without HTTP: it searches, rewrites and logs.

A search is answered as long as the engine works. If the rewriter fails, the query is searched as typed
(`versions/bounded_rewriter.py`); if the log fails, the event waits on the disk (`event_log/event_log.py`).
`opening.py` opens the parts from settings; HTTP requests and responses are in `http/schemas.py` and `http/routes/`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import NamedTuple

from untilclick.app.event_log.event_log import EventLog
from untilclick.app.observe.metrics import ClickOutcome, Metrics, Stage
from untilclick.app.observe.model_metrics import ModelMetrics
from untilclick.app.service.answers import (
    ExperimentFigures,
    Health,
    Result,
    RewriteAnswer,
    SearchAnswer,
    SearchCommand,
    Timings,
)
from untilclick.app.service.candidates import candidates
from untilclick.app.service.click_tokens import ClickTokenError, ClickTokens, ShownResult
from untilclick.app.service.live_documents import FixedDocumentsError, LiveDocuments
from untilclick.app.service.plan import Plan, plan_of
from untilclick.app.service.ranking import Listing, Mode, Ranked, Side, interleaved, ranked
from untilclick.app.service.reading import ReadingsAnswer
from untilclick.app.service.snippets import Searched, snippet
from untilclick.app.versions.in_use import LoadedVersion, Models
from untilclick.app.versions.shadow import Shadow, ShownList
from untilclick.app.versions.store import Experiment
from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.rewriter.serving.readings.ranker import BY_WORDS
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.analysis.languages import UNDETERMINED
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.shared_vectors import SharedVectors
from untilclick.search.errors import UnknownDocumentError, UntilclickError
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.live.live_vectors import LiveVectors
from untilclick.search.log.stats import LogStats
from untilclick.search.measures.interleaving import Team, preference
from untilclick.search.records import Click, Document, ScoredDoc, Source, Turn, WeightedQuery

WARM_UP_QUERY = "how to search"
"""The query that is searched once at the start; any words serve."""

MAX_TURNS = 100
"""Limit of queries per session; the next query begins a new session. People do not reach it, and each query reads all
queries before it."""


class _StoredResult(NamedTuple):
    """An entry of a ranking with its document, which the engine still holds."""

    entry: ScoredDoc
    document: Document


class _Query(NamedTuple):
    """A query's place in its session."""

    session_id: str
    query_id: str
    history: tuple[str, ...]
    """The earlier queries of the session, oldest first."""


@dataclass(frozen=True)
class ServiceParts:
    """The parts of a service."""

    log: EventLog
    tokens: ClickTokens
    models: Models
    """The rewriters and their engines."""
    live: LiveIndexes | None = None
    """The indexes of the engines, if their documents may be changed."""
    vectors: SharedVectors | LiveVectors | None = None
    """The documents as vectors; None if no version may need them."""
    exact_titles: bool = True
    """Whether the documents whose title is the query come first."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    metrics: Metrics = field(default_factory=Metrics)


class SearchService:
    """Answers searches, clicks and requests for rewrites. May be shared between threads; every method may block."""

    def __init__(self, parts: ServiceParts) -> None:
        self.metrics = parts.metrics
        self.models = parts.models
        self._exact_titles = parts.exact_titles
        self._tokens = parts.tokens
        self._clock = parts.clock
        self._log = parts.log
        self._live = LiveDocuments(parts.live) if parts.live else None
        self._vectors = parts.vectors
        self._shadow = Shadow()
        self._draw = random.SystemRandom()
        self.metrics.registry.register(ModelMetrics(self.models, lambda: self._shadow.figures, self._to_encode))

    @property
    def engine_name(self) -> str:
        """The engine's name."""
        return self.models.in_use.plain.engine.name

    @property
    def corpus_languages(self) -> Sequence[str]:
        """Codes of all languages of the documents, the main language first; `und` stands for an unknown one."""
        return self.models.in_use.plain.engine.analysis.languages

    @property
    def corpus_language(self) -> str | None:
        """BCP 47 tag of the documents' language; None if it is unknown. The page marks results with it."""
        language = self.models.in_use.plain.engine.analysis.language
        return None if language == UNDETERMINED else language

    @property
    def rewriter_version(self) -> str | None:
        """The active version of the rewriter; None without a rewriter."""
        return self.models.in_use.state.active

    def search(self, command: SearchCommand) -> SearchAnswer:
        """Search, and log the query with the documents shown. Raises EngineError if the engine fails."""
        started = perf_counter()
        with self.metrics.timed(Stage.LOG) as reading:
            query = self._place(command)
        plan = plan_of(self.models.in_use, command.mode, command.readings, query.session_id)
        with self.metrics.timed(Stage.REWRITE) as rewriting:
            sides = [self._rewrite(side, command, query.history) for side in plan.sides]
        shown_side = next((side for side in reversed(range(len(sides))) if sides[side].applied), len(sides) - 1)
        rewrite, engine = sides[shown_side], plan.sides[shown_side].engine
        with self.metrics.timed(Stage.SEARCH) as searching:
            titled = self._titled(plan, command.query)
            listing = Listing(command.mode, command.k, command.compare, titled, command.readings)
            lists = self._rank(plan, sides, listing)
            results = self._present(engine, rewrite, lists, query)
            original = None if lists.plain is None else self._present_plain(plan.plain.engine, rewrite, lists.plain)
            readings = ReadingsAnswer.of(listing.searched(rewrite), rewrite, command.readings)
            searching.note("readings", readings.used.value)
        self.metrics.readings(readings.used.value)
        shown = tuple(result.doc_id for result in results)
        with self.metrics.timed(Stage.LOG) as writing:
            attributes = plan.attributes(_teams_of(lists, shown)) | {"readings": readings.used.value}
            turn = self._turn(query, command, rewrite, shown, attributes)
            if not self._log.turn(query.session_id, turn, command.client_id):
                # the query is not logged, so its results get no click token
                results = tuple(replace(result, click_token=None) for result in results)
        if plan.shadow is not None:
            list_shown = ShownList(query.query_id, command.query, query.history, shown, listing.titled)
            self._shadow.run(plan.shadow.loaded, plan.shadow.version, list_shown)
        total = (perf_counter() - started) * 1000
        timings = Timings(rewriting.ms, searching.ms, reading.ms + writing.ms, total)
        return SearchAnswer(
            query.query_id, query.session_id, rewrite, readings, plan.version, results, original, timings
        )

    def click(self, token: str) -> ShownResult:
        """Log the click on the result that a token stands for; a repeated click changes nothing.

        Raises ClickTokenError for a token that is forged, altered or expired.
        """
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
        """Rewrite a query without searching or logging it, with up to `n` candidates, best first."""
        in_use = self.models.in_use
        with self.metrics.timed(Stage.REWRITE) as timer:
            rewrite = in_use.active.rewriter.rewrite(query, tuple(history))
        self.metrics.rewrite(rewrite.reason.value)
        return RewriteAnswer(
            rewrite, candidates(rewrite, n, in_use.active.engine.analysis), in_use.state.active, timer.ms
        )

    def document(self, doc_id: str) -> Document:
        """The document of an id. Raises UnknownDocumentError."""
        return self.models.in_use.plain.engine.documents([doc_id])[0]

    @property
    def live_documents(self) -> LiveDocuments:
        """Changes of documents. Raises FixedDocumentsError if the documents of this service cannot be changed."""
        if self._live is None:
            raise FixedDocumentsError(
                "The documents of this service cannot be changed. Start it with UNTILCLICK_LIVE_DOCUMENTS=true."
            )
        return self._live

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the session log, of one source or of all. Raises LogError if the log cannot be read."""
        return self._log.stats(source)

    @property
    def experiment(self) -> Experiment | None:
        """The experiment in progress."""
        return self.models.in_use.state.experiment

    def experiment_figures(self, experiment: Experiment | None) -> ExperimentFigures:
        """An experiment with the visitors' preference, and the candidate in the shadow with its figures.

        Raises LogError if the log cannot be read.
        """
        preferred = preference(self._log.credits(experiment)) if experiment else None
        return ExperimentFigures(experiment, preferred, self._shadow.figures)

    def experiment_alone(self, experiment: Experiment | None) -> ExperimentFigures:
        """The same without the preference, for which the log must be read."""
        return ExperimentFigures(experiment, None, self._shadow.figures)

    def health(self) -> Health:
        """Try the engine and the log, and look whether there is a rewriter and its encoder works."""
        active = self.models.in_use.active
        try:
            active.engine.search([WeightedQuery.of("ready")], 1)
            engine = True
        except UntilclickError:
            engine = False
        encoder = active.rewriter.encoder_fault is None
        return Health(engine, self._log.answers(), self.rewriter_version is not None, encoder)

    def warm_up(self) -> None:
        """Rewrite and search once, so that no visitor waits for what is loaded on first use.

        The query is neither logged nor counted, and an error of a rewriter is not raised.
        """
        for loaded in self.models.in_use.loaded.values():
            loaded.rewriter.warm_up(WARM_UP_QUERY)
        for engine in self.models.in_use.engines:
            engine.search([WeightedQuery.of(WARM_UP_QUERY)], 1)

    def close(self) -> None:
        """Release the threads, deliver the events that wait, within a time limit, and close the log."""
        if self._live:
            self._live.close()
        if self._vectors:
            self._vectors.close()
        self._shadow.close()
        self.models.close()
        self._log.close()

    def _to_encode(self) -> int:
        return self._vectors.n_left if self._vectors else 0

    def _place(self, command: SearchCommand) -> _Query:
        """The session of a query and the queries before it; a new session in place of one with too many queries."""
        query_id = str(uuid.uuid4())
        if command.session_id:
            history = self._log.history(command.session_id)
            if len(history) < MAX_TURNS:
                return _Query(command.session_id, query_id, history)
        return _Query(str(uuid.uuid4()), query_id, ())

    def _rewrite(self, side: LoadedVersion, command: SearchCommand, history: tuple[str, ...]) -> Rewrite:
        if command.mode is Mode.OFF:
            rewrite = Rewrite.keep(command.query, Reason.MODE_OFF)
        else:
            rewrite = side.rewriter.rewrite(command.query, history)
        self.metrics.rewrite(rewrite.reason.value)
        return rewrite

    def _rank(self, plan: Plan, rewrites: Sequence[Rewrite], listing: Listing) -> Ranked:
        if len(rewrites) == 1:
            return ranked(plan.sides[0].engine, rewrites[0], listing)
        plain = Side(plan.plain.engine, SearchedQuery.typed(rewrites[0].query)) if listing.compare else None
        a, b = (
            Side(side.engine, listing.searched(rewrite)) for side, rewrite in zip(plan.sides, rewrites, strict=True)
        )
        return interleaved(a, b, listing, self._draw, plain)

    def _titled(self, plan: Plan, query: str) -> tuple[str, ...]:
        """Ids of the documents whose title is the query; none if the engine's order stays as it is."""
        return tuple(plan.plain.engine.with_title(query)) if self._exact_titles else ()

    def _present_plain(
        self, engine: SearchEngine, rewrite: Rewrite, ranking: Sequence[ScoredDoc]
    ) -> tuple[Result, ...]:
        """Results of the query as typed, beside those of its rewrite."""
        by_words = dict.fromkeys((entry.doc_id for entry in ranking), BY_WORDS)
        return self._present(engine, Rewrite.keep(rewrite.query, rewrite.reason), Ranked(ranking, by_words))

    def _present(
        self, engine: SearchEngine, rewrite: Rewrite, lists: Ranked, query: _Query | None = None
    ) -> tuple[Result, ...]:
        """Results with title and snippet; with a click token if they are shown for a query that is logged."""
        searched = Searched(rewrite.query, rewrite.text, engine.analysis)
        return tuple(
            Result(
                rank,
                entry.doc_id,
                document.title,
                snippet(document.text, searched),
                entry.score,
                query and self._tokens.sign(ShownResult(query.session_id, query.query_id, entry.doc_id, rank)),
                lists.found_by[entry.doc_id],
            )
            for rank, (entry, document) in enumerate(_stored(engine, lists.ranking), start=1)
        )

    def _turn(
        self,
        query: _Query,
        command: SearchCommand,
        rewrite: Rewrite,
        shown: tuple[str, ...],
        attributes: Mapping[str, str | None],
    ) -> Turn:
        """The log's record of a search, with the documents shown."""
        return Turn(
            query_id=query.query_id,
            step=len(query.history),
            query=command.query,
            rewrite=rewrite.text if rewrite.applied else None,
            shown=shown,
            clicks=(),
            time=self._clock(),
            attributes={"mode": command.mode.value, "reason": rewrite.reason.value, **_model(rewrite), **attributes},
        )


def _model(rewrite: Rewrite) -> Mapping[str, bool]:
    """Which of its models answered, for versions with several."""
    return {} if rewrite.learned is None else {"learned": rewrite.learned}


def _teams_of(lists: Ranked, shown: Sequence[str]) -> Sequence[Team] | None:
    """The teams of the documents shown: documents deleted since the search are not shown."""
    if lists.teams is None:
        return None
    present = frozenset(shown)
    return [team for entry, team in zip(lists.ranking, lists.teams, strict=True) if entry.doc_id in present]


def _stored(engine: SearchEngine, ranking: Sequence[ScoredDoc]) -> list[_StoredResult]:
    """The ranking with its documents, without those that have been deleted since the search."""
    try:
        documents = engine.documents([entry.doc_id for entry in ranking])
        return [_StoredResult(*pair) for pair in zip(ranking, documents, strict=True)]
    except UnknownDocumentError:
        stored = []
        for entry in ranking:
            with suppress(UnknownDocumentError):
                stored.append(_StoredResult(entry, engine.documents([entry.doc_id])[0]))
        return stored
