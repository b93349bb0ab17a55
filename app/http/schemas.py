"""Requests and responses of the HTTP interface. The service behind them knows none of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from untilclick.app.service.answers import Result, RewriteAnswer, SearchAnswer, SearchCommand
from untilclick.app.service.candidates import Candidate
from untilclick.app.service.ranking import Mode
from untilclick.rewriter.rewrite import Reason, Rewrite
from untilclick.search.log.stats import LogStats, SessionFigures
from untilclick.search.records import Document

MAX_CLIENT_ID, MAX_HISTORY, MAX_CANDIDATES, MAX_DOC_ID = 128, 50, 10, 512
DEFAULT_K = 10
LISTED_TERMS = 20


def _plain_text(value: str) -> str:
    """Refuse what no database and no response can carry."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be text without NUL characters and without halves of surrogate pairs")
    return value


Text = Annotated[str, AfterValidator(_plain_text), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]


def _no_text(value: object) -> object:
    """Refuse what JSON Schema calls no number: pydantic would read "3", and take true for 1."""
    if isinstance(value, str | bool):
        raise ValueError("must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_no_text)]


class Body(BaseModel):
    """What a client sends; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True)


class SearchRequest(Body):
    """One search of a session."""

    query: Text = Field(description="What the visitor typed.", examples=["wait until a thread is finished"])
    session_id: UUID | None = Field(
        None,
        description="The session this query belongs to: from an earlier answer, or a fresh UUID of the client's.",
    )
    client_id: Text | None = Field(
        default=None, max_length=MAX_CLIENT_ID, description="A pseudonym of the visitor's, kept in the session log."
    )
    k: Whole = Field(default=DEFAULT_K, ge=1, description="How many results to give at most.")
    mode: Mode = Field(default=Mode.AUTO, description="How the rewrite is used; `off` is plain BM25.")
    compare: bool = Field(default=False, strict=True, description="Also give the results of the query as typed.")

    def command(self) -> SearchCommand:
        """What the service is told. An empty `client_id` is none."""
        session_id = None if self.session_id is None else str(self.session_id)
        return SearchCommand(self.query, session_id, self.client_id or None, self.k, self.mode, self.compare)


class SearchParameters(Body):
    """The same as parameters of a link."""

    q: Text = Field(description="What the visitor typed.")
    session_id: UUID | None = Field(default=None, description="The session this query belongs to.")
    client_id: Text | None = Field(
        default=None, max_length=MAX_CLIENT_ID, description="A pseudonym of the visitor's."
    )
    k: int = Field(default=DEFAULT_K, ge=1, description="How many results to give at most.")
    mode: Mode = Field(default=Mode.AUTO, description="How the rewrite is used; `off` is plain BM25.")
    compare: bool = Field(default=False, description="Also give the results of the query as typed.")

    def command(self) -> SearchCommand:
        """What the service is told. An empty `client_id` is none."""
        session_id = None if self.session_id is None else str(self.session_id)
        return SearchCommand(self.q, session_id, self.client_id or None, self.k, self.mode, self.compare)


class ClickRequest(Body):
    """A click on a result."""

    click_token: str = Field(min_length=1, description="The token of the result that was clicked.")


class RewriteRequestBody(Body):
    """A query to rewrite without searching."""

    query: Text = Field(description="What the visitor typed.", examples=["seperate string by comma"])
    history: tuple[Text, ...] = Field(
        default=(), max_length=MAX_HISTORY, description="Earlier queries of the session, oldest first."
    )
    n: Whole = Field(default=1, ge=1, le=MAX_CANDIDATES, description="How many candidates to give at most.")


class TermOut(Answer):
    """A word that was added to the query."""

    term: str
    weight: float = Field(description="Share of the rewrite, 0..1; the weights of a rewrite sum to 1.")


class RewriteOut(Answer):
    """What was searched instead of the query as typed."""

    text: str = Field(
        description="The rewritten query for a person to read; the query itself when nothing is applied."
    )
    terms: list[TermOut] = Field(description=f"The heaviest {LISTED_TERMS} words added; `/v1/rewrite` gives all.")
    n_terms: int = Field(description="How many words were added.")
    correction: str | None = Field(description="The query with misspelt words replaced; null where no word was.")
    context: list[str] = Field(description="Words of the session's earlier queries that are searched as well.")
    applied: bool = Field(description="Whether the results are those of the rewrite.")
    reason: Reason = Field(description="Why the rewrite was or was not applied.")
    confidence: float = Field(description="What the gate compared with its threshold, 0..1.")
    rewriter_version: str | None = Field(
        description="Version of the rewriter; null without one; `A+B` where an experiment interleaves two sides."
    )

    @classmethod
    def of(cls, rewrite: Rewrite, version: str | None) -> Self:
        """From the service's answer."""
        return cls(
            text=rewrite.text,
            terms=_terms(rewrite.terms[:LISTED_TERMS]),
            n_terms=len(rewrite.terms),
            correction=rewrite.correction,
            context=list(rewrite.context),
            applied=rewrite.applied,
            reason=rewrite.reason,
            confidence=rewrite.confidence,
            rewriter_version=version,
        )


class SnippetPiece(Answer):
    """Consecutive plain text of a snippet."""

    text: str
    hit: bool = Field(description="True for a word that was searched: mark it.")


class ResultOut(Answer):
    """One result."""

    rank: int = Field(description="1-based.")
    doc_id: str
    title: str = Field(description="May be empty.")
    snippet: list[SnippetPiece] = Field(description="The best passage, in pieces of plain text.")
    score: float = Field(description="Comparable within one answer only.")
    click_token: str | None = Field(description="To be sent when the result is clicked; null in `original_results`.")

    @classmethod
    def of(cls, result: Result) -> Self:
        """From the service's answer."""
        return cls(
            rank=result.rank,
            doc_id=result.doc_id,
            title=result.title,
            snippet=[SnippetPiece(text=piece.text, hit=piece.hit) for piece in result.snippet],
            score=result.score,
            click_token=result.click_token,
        )


class TimingsOut(Answer):
    """Milliseconds by stage."""

    rewrite: float
    search: float
    log: float
    total: float


class SearchResponse(Answer):
    """The answer to one search."""

    query_id: str
    session_id: str = Field(description="To be sent with the next query of the same need.")
    query: str = Field(description="As typed.")
    rewrite: RewriteOut
    results: list[ResultOut]
    original_results: list[ResultOut] | None = Field(
        description="Plain BM25 on the query as typed, with `compare`; never logged as shown."
    )
    timings_ms: TimingsOut

    @classmethod
    def of(cls, answer: SearchAnswer) -> Self:
        """From the service's answer."""
        original, timings = answer.original_results, answer.timings
        return cls(
            query_id=answer.query_id,
            session_id=answer.session_id,
            query=answer.rewrite.query,
            rewrite=RewriteOut.of(answer.rewrite, answer.rewriter_version),
            results=[ResultOut.of(result) for result in answer.results],
            original_results=None if original is None else [ResultOut.of(result) for result in original],
            timings_ms=TimingsOut(
                rewrite=round(timings.rewrite, 3),
                search=round(timings.search, 3),
                log=round(timings.log, 3),
                total=round(timings.total, 3),
            ),
        )


class CandidateOut(Answer):
    """One way to say the query."""

    text: str
    terms: list[TermOut]
    score: float = Field(description="The rewriter's confidence times the share of the rewrite kept, 0..1.")

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """From the service's answer."""
        return cls(text=candidate.text, terms=_terms(candidate.terms), score=candidate.score)


class RewriteResponse(Answer):
    """What the rewriter makes of a query."""

    query: str
    decision: Literal["keep", "rewrite"]
    reason: Reason = Field(description="Why.")
    confidence: float = Field(description="What the gate compared with its threshold, 0..1.")
    rewriter_version: str | None
    candidates: list[CandidateOut] = Field(description="Best first; empty for `keep`.")
    timing_ms: float

    @classmethod
    def of(cls, answer: RewriteAnswer) -> Self:
        """From the service's answer."""
        rewrite = answer.rewrite
        return cls(
            query=rewrite.query,
            decision="rewrite" if rewrite.applied else "keep",
            reason=rewrite.reason,
            confidence=rewrite.confidence,
            rewriter_version=answer.rewriter_version,
            candidates=[CandidateOut.of(candidate) for candidate in answer.candidates],
            timing_ms=round(answer.ms, 3),
        )


class DocumentIn(Body):
    """What a document shall say."""

    title: Text = Field(default="", description="May be empty.")
    text: Text


class DocumentOut(Answer):
    """A stored document."""

    doc_id: str
    title: str = Field(description="May be empty.")
    text: str

    @classmethod
    def of(cls, document: Document) -> Self:
        """From a record."""
        return cls(doc_id=document.doc_id, title=document.title, text=document.text)


class FiguresOut(Answer):
    """How well a set of sessions was served."""

    sessions: int
    queries: int
    clicks: int
    first_query_click_share: float | None = Field(
        description="Share of sessions whose first query got a click; null without sessions."
    )
    mean_queries_until_click: float | None = Field(
        description="Queries up to and including the first one clicked; null without a click."
    )
    abandonment_share: float | None = Field(description="Share of sessions without a click; null without sessions.")


class VersionFiguresOut(FiguresOut):
    """The figures of sessions that one rewriter version answered first."""

    rewriter_version: str | None = Field(description="null: no rewriter.")


class StatsResponse(FiguresOut):
    """The figures of the session log."""

    by_rewriter_version: list[VersionFiguresOut]

    @classmethod
    def of(cls, stats: LogStats) -> Self:
        """From the log's own figures."""
        versions = [
            VersionFiguresOut(rewriter_version=one.rewriter_version, **_figures(one.figures))
            for one in stats.by_rewriter_version
        ]
        return cls(by_rewriter_version=versions, **_figures(stats.total))


class InfoResponse(Answer):
    """What a client needs to know to offer a search box."""

    title: str
    version: str = Field(description="Version of the program.")
    data: str = Field(description="The documents searched.")
    engine: str
    rewriter_version: str | None
    modes: list[Mode]
    examples: list[str] = Field(description="Queries worth trying.")
    max_k: int
    max_query_characters: int


class LiveResponse(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyResponse(Answer):
    """Whether the parts of the service work."""

    status: Literal["ready", "degraded"] = Field(
        description="`degraded`: searches are answered, but the session log is away."
    )
    engine: Literal["ok"] = "ok"
    log: Literal["ok", "failing"]
    model: Literal["ok", "absent"]


def _terms(pairs: tuple[tuple[str, float], ...]) -> list[TermOut]:
    return [TermOut(term=term, weight=weight) for term, weight in pairs]


def _figures(figures: SessionFigures) -> dict[str, Any]:  # Any: whole numbers, shares and None
    return {
        "sessions": figures.sessions,
        "queries": figures.turns,
        "clicks": figures.clicks,
        "first_query_click_share": figures.first_query_click_share,
        "mean_queries_until_click": figures.mean_queries_until_click,
        "abandonment_share": figures.abandonment_share,
    }
