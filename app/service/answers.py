"""The requests to the service and its answers, as plain records without HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.app.service.candidates import Candidate
from untilclick.app.service.ranking import Mode
from untilclick.app.service.reading import ReadingsAnswer
from untilclick.app.service.snippets import Piece
from untilclick.app.versions.shadow import ShadowFigures
from untilclick.app.versions.store import Experiment
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.readings.ranker import FoundBy
from untilclick.search.measures.interleaving import Preference


@dataclass(frozen=True, slots=True)
class SearchCommand:
    """A request for one search."""

    query: str
    """The query as typed."""
    session_id: str | None = None
    """The session that the query continues; None begins a session."""
    client_id: str | None = None
    """A pseudonym of the visitor."""
    k: int = 10
    """Number of results."""
    mode: Mode = Mode.AUTO
    readings: Readings = Readings.AUTO
    """How the query is read; `off` ignores it."""
    compare: bool = False
    """Whether the answer also has the results of the query as typed."""


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of a result list."""

    rank: int
    """1-based."""
    doc_id: str
    title: str
    snippet: tuple[Piece, ...]
    score: float
    click_token: str | None
    """None if the log has no record that this entry was shown, so that it cannot count a click on it."""
    found_by: FoundBy


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds per stage of a search."""

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
    readings: ReadingsAnswer
    rewriter_version: str | None
    """The version that rewrote the query, `A+B` in an experiment; None without a rewriter."""
    results: tuple[Result, ...]
    original_results: tuple[Result, ...] | None
    """The results of the query as typed; None unless the request asks for them."""
    timings: Timings


@dataclass(frozen=True, slots=True)
class RewriteAnswer:
    """The answer to a request for a rewrite without a search."""

    rewrite: Rewrite
    candidates: tuple[Candidate, ...]
    rewriter_version: str | None
    ms: float
    """Milliseconds for rewriting."""


@dataclass(frozen=True, slots=True)
class ExperimentFigures:
    """The experiment, and the candidate in the shadow, with their figures."""

    experiment: Experiment | None
    preference: Preference | None
    """The visitors' preference; None without an experiment and while the log cannot be read."""
    shadow: ShadowFigures | None
    """Figures of the latest candidate in this process; None before the first one."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether each part of the service works now."""

    engine: bool
    log: bool
    model: bool
    """Whether there is a rewriter. It is not tried: the answer to every search tells how rewriting went."""
    encoder: bool = True
    """Whether the rewriter's sentence encoder could be used when it was needed last; True for a rewriter without."""
