"""Requests and responses of the HTTP interface; the service itself uses the records of `service/answers.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from untilclick.app.service.answers import Result, RewriteAnswer, SearchAnswer, SearchCommand
from untilclick.app.service.candidates import Candidate
from untilclick.app.service.ranking import Mode
from untilclick.app.service.reading import ReadingsAnswer
from untilclick.rewriter.readings import Reading, Readings, UsedReadings
from untilclick.rewriter.rewrite import Reason, Rewrite, Unread
from untilclick.rewriter.serving.readings.searched_query import Shares
from untilclick.search.log.stats import LogStats, SessionFigures
from untilclick.search.records import Document

MAX_CLIENT_ID, MAX_HISTORY, MAX_CANDIDATES, MAX_DOC_ID = 128, 50, 10, 512
DEFAULT_K = 10
LISTED_TERMS = 20
REASONS = (
    "`not_encoded`: the documents are still being encoded, and until then the query is searched as typed; "
    "`gated`: the rewriter expects no gain."
)
READINGS = "How to read the query: as words, as documents of like meaning, or as both; `off` ignores it."


def _plain_text(value: str) -> str:
    """Refuse characters that a database or a response cannot carry."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be text without NUL characters and without halves of surrogate pairs")
    return value


Text = Annotated[str, AfterValidator(_plain_text), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]


def _not_text(value: object) -> object:
    """Refuse texts and booleans, which are not numbers in JSON Schema: pydantic would read "3" as 3 and true as 1."""
    if isinstance(value, str | bool):
        raise ValueError("must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_not_text)]


class RequestBody(BaseModel):
    """The body of a request. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseBody(BaseModel):
    """The body of a response."""

    model_config = ConfigDict(frozen=True)


class SearchRequest(RequestBody):
    """A search."""

    query: Text = Field(description="What the visitor typed.", examples=["wait until a thread is finished"])
    session_id: UUID | None = Field(
        None,
        description="The session of the query: the id in the last answer, or a new UUID made by the client.",
    )
    client_id: Text | None = Field(
        default=None, max_length=MAX_CLIENT_ID, description="A pseudonym of the visitor for the session log."
    )
    k: Whole = Field(default=DEFAULT_K, ge=1, description="Number of results at most.")
    mode: Mode = Field(default=Mode.AUTO, description="The way to use the rewrite; `off` is plain BM25.")
    readings: Readings = Field(default=Readings.AUTO, description=READINGS)
    compare: bool = Field(
        default=False, strict=True, description="Whether to answer with the results of the query as typed, too."
    )

    def command(self) -> SearchCommand:
        """The same for the service. An empty `client_id` counts as none."""
        session_id = None if self.session_id is None else str(self.session_id)
        client_id = self.client_id or None
        return SearchCommand(self.query, session_id, client_id, self.k, self.mode, self.readings, self.compare)


class SearchParameters(RequestBody):
    """A search as the parameters of a link."""

    q: Text = Field(description="What the visitor typed.")
    session_id: UUID | None = Field(default=None, description="The session of the query.")
    client_id: Text | None = Field(default=None, max_length=MAX_CLIENT_ID, description="A pseudonym of the visitor.")
    k: int = Field(default=DEFAULT_K, ge=1, description="Number of results at most.")
    mode: Mode = Field(default=Mode.AUTO, description="The way to use the rewrite; `off` is plain BM25.")
    readings: Readings = Field(default=Readings.AUTO, description=READINGS)
    compare: bool = Field(default=False, description="Whether to answer with the results of the query as typed, too.")

    def command(self) -> SearchCommand:
        """The same for the service. An empty `client_id` counts as none."""
        session_id = None if self.session_id is None else str(self.session_id)
        client_id = self.client_id or None
        return SearchCommand(self.q, session_id, client_id, self.k, self.mode, self.readings, self.compare)


class ClickRequest(RequestBody):
    """A click on a result."""

    click_token: str = Field(min_length=1, description="The token of the clicked result.")


class RewriteRequestBody(RequestBody):
    """A query to rewrite without searching."""

    query: Text = Field(description="What the visitor typed.", examples=["seperate string by comma"])
    history: tuple[Text, ...] = Field(
        default=(), max_length=MAX_HISTORY, description="Earlier queries of the session, oldest first."
    )
    n: Whole = Field(default=1, ge=1, le=MAX_CANDIDATES, description="Number of candidates at most.")


class TermOut(ResponseBody):
    """A word that the rewrite added to the query."""

    term: str
    weight: float = Field(description="Weight in the rewrite, 0..1; the weights of all words sum to 1.")


class RewriteOut(ResponseBody):
    """The rewrite of a query."""

    text: str = Field(
        description="The rewritten query in readable form; the query as typed if no rewrite is applied."
    )
    terms: list[TermOut] = Field(
        description=f"The {LISTED_TERMS} heaviest of the added words; `/v1/rewrite` lists all."
    )
    n_terms: int = Field(description="Number of added words.")
    correction: str | None = Field(
        description="The query with misspelt words replaced; null if no word was replaced."
    )
    context: list[str] = Field(description="Words of earlier queries of the session that were searched, too.")
    applied: bool = Field(description="Whether the rewrite was searched.")
    reason: Reason = Field(description=f"Why the rewrite was or was not applied. {REASONS}")
    confidence: float = Field(description="The confidence that the gate compared with its threshold, 0..1.")
    rewriter_version: str | None = Field(
        description="Version of the rewriter; null without a rewriter; `A+B` if an experiment interleaved two sides."
    )

    @classmethod
    def of(cls, rewrite: Rewrite, version: str | None) -> Self:
        """The response for an answer of the service."""
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


class SharesOut(ResponseBody):
    """The weights of what a ranking is summed from, each part divided by its maximum; the first three sum to 1."""

    typed: float = Field(description="Of BM25's scores for the query as typed.")
    words: float = Field(description="Of BM25's scores for the other words.")
    documents: float = Field(description="Of the likeness of documents in meaning.")
    prior: float = Field(
        description="Of the prominence of documents, which is how many others name them; on top of the other three."
    )

    @classmethod
    def of(cls, shares: Shares) -> Self:
        """The response for an answer of the service, with three decimals."""
        return cls(**{part: round(share, 3) for part, share in shares._asdict().items()})


class ReadingsOut(ResponseBody):
    """How the query was read."""

    asked: Readings = Field(description="What the request asked for.")
    used: UsedReadings = Field(
        description="`words`: by the words of the rewrite; `documents`: by the query as typed and the likeness of "
        "documents in meaning; `both`: by the words of the rewrite and this likeness; `none`: as typed."
    )
    weights: SharesOut | None = Field(
        description="The weights in the sum of the rewrite's ranking; null unless documents were read."
    )
    why: Reason | Unread | None = Field(
        description="Why the query was not read as asked; null if it was. With `auto`, also null if the rewriter "
        "reads words alone."
    )

    @classmethod
    def of(cls, readings: ReadingsAnswer) -> Self:
        """The response for an answer of the service."""
        weights = None if readings.shares is None else SharesOut.of(readings.shares)
        return cls(asked=readings.asked, used=readings.used, weights=weights, why=readings.why)


class SnippetPiece(ResponseBody):
    """A piece of a snippet, plain text."""

    text: str
    hit: bool = Field(description="Whether the piece is a searched word, to be marked.")


class ResultOut(ResponseBody):
    """A result."""

    rank: int = Field(description="1-based.")
    doc_id: str
    title: str = Field(description="May be empty.")
    snippet: list[SnippetPiece] = Field(
        description="The passage with the most searched words, in pieces of plain text."
    )
    score: float = Field(
        description="BM25 score, or the sum of both readings; for a document put first by its title, that of the "
        "first other result. Comparable within one answer only."
    )
    found_by: list[Reading] = Field(
        description="The readings that alone would have listed the document: `words`, or `documents` by its likeness "
        "to the query; both if only their sum does. `prominence` beside them: it would not be listed if many "
        "documents did not name it. Without the readings `documents` or `both`, always `words`."
    )
    click_token: str | None = Field(
        description="The token to send when the result is clicked; null in `original_results`, and if the search was "
        "not logged."
    )

    @classmethod
    def of(cls, result: Result) -> Self:
        """The response for an answer of the service."""
        return cls(
            rank=result.rank,
            doc_id=result.doc_id,
            title=result.title,
            snippet=[SnippetPiece(text=piece.text, hit=piece.hit) for piece in result.snippet],
            score=result.score,
            found_by=[reading for reading in Reading if reading in result.found_by],
            click_token=result.click_token,
        )


class TimingsOut(ResponseBody):
    """Milliseconds by stage."""

    rewrite: float
    search: float
    log: float
    total: float


class SearchResponse(ResponseBody):
    """The answer to one search."""

    query_id: str
    session_id: str = Field(description="The id to send with the visitor's next query for the same need.")
    query: str = Field(description="The query as typed.")
    rewrite: RewriteOut
    readings: ReadingsOut
    results: list[ResultOut]
    original_results: list[ResultOut] | None = Field(
        description="Results of plain BM25 for the query as typed, with `compare`; never logged as shown."
    )
    timings_ms: TimingsOut

    @classmethod
    def of(cls, answer: SearchAnswer) -> Self:
        """The response for an answer of the service."""
        original, timings = answer.original_results, answer.timings
        return cls(
            query_id=answer.query_id,
            session_id=answer.session_id,
            query=answer.rewrite.query,
            rewrite=RewriteOut.of(answer.rewrite, answer.rewriter_version),
            readings=ReadingsOut.of(answer.readings),
            results=[ResultOut.of(result) for result in answer.results],
            original_results=None if original is None else [ResultOut.of(result) for result in original],
            timings_ms=TimingsOut(
                rewrite=round(timings.rewrite, 3),
                search=round(timings.search, 3),
                log=round(timings.log, 3),
                total=round(timings.total, 3),
            ),
        )


class CandidateOut(ResponseBody):
    """A wording of the query."""

    text: str
    terms: list[TermOut]
    score: float = Field(description="The rewriter's confidence times the sum of the words' weights, 0..1.")

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """The response for an answer of the service."""
        return cls(text=candidate.text, terms=_terms(candidate.terms), score=candidate.score)


class RewriteResponse(ResponseBody):
    """The rewriter's answer to a query."""

    query: str
    decision: Literal["keep", "rewrite"]
    reason: Reason = Field(description=f"The reason for the decision. {REASONS}")
    confidence: float = Field(description="The confidence that the gate compared with its threshold, 0..1.")
    rewriter_version: str | None
    candidates: list[CandidateOut] = Field(description="Wordings of the query, best first; empty for `keep`.")
    timing_ms: float

    @classmethod
    def of(cls, answer: RewriteAnswer) -> Self:
        """The response for an answer of the service."""
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


class DocumentIn(RequestBody):
    """The content of a document."""

    title: Text = Field(default="", description="May be empty.")
    text: Text


class DocumentOut(ResponseBody):
    """A stored document."""

    doc_id: str
    title: str = Field(description="May be empty.")
    text: str

    @classmethod
    def of(cls, document: Document) -> Self:
        """The response for a document."""
        return cls(doc_id=document.doc_id, title=document.title, text=document.text)


class FiguresOut(ResponseBody):
    """Figures of a set of sessions."""

    sessions: int
    queries: int
    clicks: int
    first_query_click_share: float | None = Field(
        description="Share of the sessions with a click for their first query; null without sessions."
    )
    mean_queries_until_click: float | None = Field(
        description="Mean number of queries of a session up to the first one with a click; null without a click."
    )
    abandonment_share: float | None = Field(description="Share of sessions without a click; null without sessions.")


class VersionFiguresOut(FiguresOut):
    """Figures of the sessions whose first query one rewriter version answered."""

    rewriter_version: str | None = Field(description="The version; null: no rewriter.")


class StatsResponse(FiguresOut):
    """Figures of the session log."""

    by_rewriter_version: list[VersionFiguresOut]

    @classmethod
    def of(cls, stats: LogStats) -> Self:
        """The response for the figures of the log."""
        versions = [
            VersionFiguresOut(rewriter_version=version.rewriter_version, **_figures(version.figures))
            for version in stats.by_rewriter_version
        ]
        return cls(by_rewriter_version=versions, **_figures(stats.total))


class InfoResponse(ResponseBody):
    """The service's documents, engine and limits, for clients that offer a search box."""

    title: str
    version: str = Field(description="Version of the program.")
    data: str = Field(description="The documents that are searched.")
    engine: str
    rewriter_version: str | None
    modes: list[Mode]
    readings: list[Readings]
    examples: list[str] = Field(description="Queries to try.")
    max_k: int
    max_query_characters: int


class LiveResponse(ResponseBody):
    """Liveness of the process."""

    status: Literal["alive"] = "alive"


class ReadyResponse(ResponseBody):
    """Readiness of the service and state of its parts."""

    status: Literal["ready", "degraded"] = Field(
        description="`degraded`: searches are answered, but the session log or the rewriter does not work."
    )
    engine: Literal["ok"] = "ok"
    log: Literal["ok", "failing"]
    model: Literal["ok", "failing", "absent"] = Field(
        description="`failing`: the rewriter lacks its sentence encoder, so queries are searched as typed."
    )
    note: str | None = Field(None, description="What the rewriter lacks, in a sentence.")


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
