"""The settings of the service by group, so that each part of the service takes only the group that it needs.

A setting has a short name in its group and a full name, its `alias`, everywhere else: `OpenSearchSettings.timeout_ms`
is `opensearch_timeout_ms` in a settings file and UNTILCLICK_OPENSEARCH_TIMEOUT_MS in the environment. Without an
alias both names are the same. The description of a setting is also its row in `docs/service.md` and the end of the
error message for a bad value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from untilclick.app.observe.request_logs import LogFormat
from untilclick.app.settings.values import (
    MIN_KEY_CHARACTERS,
    Items,
    Key,
    NodeAddresses,
    OptionalPath,
    OptionalSecret,
    OptionalText,
    RateLimitsText,
    separated,
)
from untilclick.rewriter.caution import Caution
from untilclick.rewriter.serving.term_rewriter import MAX_QUERY_CHARACTERS
from untilclick.search.corpora.load import STDLIB
from untilclick.search.errors import UntilclickError
from untilclick.search.files.secret_files import SecretFileError, read_secret
from untilclick.search.log.database import parse_log_url


class SettingsError(UntilclickError):
    """A setting cannot be used. The text names the variable, the problem and the remedy."""


class Group(BaseModel):
    """A group of settings. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchSettings(Group):
    """The documents and the engine that searches them."""

    data: str = Field(
        default=STDLIB, description="Documents: `stdlib`, a BEIR folder, a JSONL file or `ir_datasets:ID`."
    )
    engine: Literal["tantivy", "rank-bm25", "opensearch"] = Field(default="tantivy", description="BM25 engine.")
    language: str = Field(
        default="auto",
        description="Language of the documents, such as `en`, `de` or `ja`, with options as `de+compounds`; `auto`: "
        "that of the bundle or of the index, or else it is guessed.",
    )
    index: OptionalPath = Field(
        default=None, description="Folder that keeps the index; without it the index is in memory."
    )
    live_documents: bool = Field(
        default=False, description="Whether documents may be changed over HTTP; needs an index folder."
    )
    exact_titles: bool = Field(
        default=True, description="Whether a document comes first if its whole title is the query."
    )
    live_changes: Literal["refuse", "keep", "drop"] = Field(
        default="refuse",
        description="What happens at the start to earlier changes of documents of which it is not clear whether they "
        "still apply: `refuse` to start, `keep` or `drop` them.",
    )
    threads: int = Field(
        default=8,
        alias="search_threads",
        ge=1,
        le=256,
        description="Requests that a process answers at the same time; others wait.",
    )


class RewritingSettings(Group):
    """The rewriter and its limits."""

    bundle: OptionalPath = Field(
        default=None, description="Exported rewriter; without one, queries are searched as typed."
    )
    models: OptionalPath = Field(
        default=None,
        description="Folder of rewriter versions, for activation and comparison; its first version is the bundle, if "
        "one is set.",
    )
    caution: Caution | None = Field(
        default=None,
        description="How much harm is accepted for gain: `balanced`, or `cautious`, which harms fewer queries for a "
        "smaller gain; by default as the bundle's training was told.",
    )
    budget_ms: float = Field(
        default=50.0,
        alias="rewrite_budget_ms",
        gt=0,
        le=10_000,
        description="Time limit of a rewrite in milliseconds; after it the query is searched as typed.",
    )
    max_characters: int = Field(
        default=MAX_QUERY_CHARACTERS,
        alias="max_rewrite_characters",
        ge=1,
        le=MAX_QUERY_CHARACTERS,
        description=f"Longer queries are searched as typed; at most {MAX_QUERY_CHARACTERS}.",
    )
    threads: int = Field(
        default=1,
        alias="rewrite_threads",
        ge=1,
        le=64,
        description="Rewrites that a process computes at the same time.",
    )
    clauses: int = Field(
        default=512,
        alias="rewrite_clauses",
        ge=8,
        description="Number of clauses of a rewritten query that are searched, the heaviest first; fewer are faster.",
    )
    failures: int = Field(
        default=10,
        alias="rewrite_failures",
        ge=1,
        description="Consecutive rewrites that fail or are late before the rewriter pauses; those that are late at "
        "the same time count once.",
    )
    pause_s: float = Field(
        default=10.0, alias="rewrite_pause_s", gt=0, description="Length of the rewriter's pause in seconds."
    )
    cache: int = Field(
        default=2_000,
        alias="rewrite_cache",
        ge=0,
        description="Rewrites that a process keeps, of about 50 kB each; 0 keeps none.",
    )
    cache_s: float = Field(
        default=60.0, alias="rewrite_cache_s", gt=0, description="Seconds for which a process keeps a rewrite."
    )


class LogSettings(Group):
    """The session log, and the spool in which events wait for it."""

    url: str = Field(
        default="untilclick.db",
        alias="log",
        description="Session log: a file, `sqlite:///FILE` or `postgresql+psycopg://...`, with "
        "`?password_file=FILE` if the password is in a file.",
    )
    spool: OptionalPath = Field(
        default=None,
        description="Folder for events that wait for the log, on a local disk of the host; by default "
        "beside the log.",
    )
    spool_max_bytes: int = Field(
        default=268_435_456,
        ge=65_536,
        description="Bytes of events that may wait in a process; further events are counted and not logged.",
    )
    history_budget_ms: float = Field(
        default=25.0,
        gt=0,
        le=10_000,
        description="Time limit in milliseconds for reading the earlier queries of a session from the log.",
    )
    drain_s: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds that a stopped service may take to log the events that wait.",
    )
    click_patience_s: int = Field(
        default=86_400, ge=1, description="Seconds for which a click may wait until its query is logged."
    )

    @property
    def spool_folder(self) -> Path:
        """The folder in which events wait for the log."""
        return self.spool or self.beside(".spool")

    def beside(self, suffix: str) -> Path:
        """The path beside the log that is named like its SQLite file, or else `untilclick`, plus the suffix."""
        url = parse_log_url(self.url)
        if url.drivername == "sqlite" and url.database:
            return Path(f"{url.database}{suffix}")
        return Path(f"untilclick{suffix}")


class HttpSettings(Group):
    """The address of the service, its processes and their end."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that answer; each counts its own metrics.")
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses or networks of the proxies whose X-Forwarded-For is believed; `*` for all.",
    )
    stop_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="Seconds between SIGTERM and the end, in which a process reports that it is not ready but "
        "answers every request: a little more than a proxy needs to notice.",
    )


class LimitSettings(Group):
    """The limits of requests."""

    max_k: int = Field(default=100, ge=1, le=1000, description="Most results that a request may ask for.")
    max_query_characters: int = Field(default=4000, ge=1, description="Longer queries are refused (422).")
    max_body_bytes: int = Field(default=65_536, ge=1024, description="Larger request bodies are refused (413).")
    rate_limits: RateLimitsText = Field(
        default="",
        description="Requests that an address may make, such as `10/second;300/minute`; each process (worker or "
        "replica) counts for itself. Empty: no limits.",
    )


class KeySettings(Group):
    """The admin key, and the keys that sign click tokens."""

    admin_key: OptionalSecret = Field(
        default=None,
        description="Key for the calls that change versions, experiments and documents; without it they are refused.",
    )
    admin_key_file: OptionalPath = Field(
        default=None,
        description="File with the admin key, in place of it; the file may be replaced while the service runs.",
    )
    secret_keys: Annotated[tuple[Key, ...], Items] = Field(
        default=(),
        description="Keys that sign click tokens, oldest first: the last one signs, all are accepted; "
        f"each of at least {MIN_KEY_CHARACTERS} characters (`openssl rand -hex 32`).",
    )
    secret_file: OptionalPath = Field(
        default=None,
        description="Private file with a key that signs click tokens; it is created if it is missing; by default "
        "beside the log.",
    )
    token_lifetime_s: int = Field(default=86_400, ge=1, description="Seconds for which a click token is accepted.")

    @property
    def admin_secret(self) -> str:
        """The admin key; empty if none is set. Raises SettingsError if its file cannot be read."""
        if self.admin_key is not None:
            return self.admin_key.get_secret_value()
        return _secret_of(self.admin_key_file, "UNTILCLICK_ADMIN_KEY_FILE")

    def check_admin_key(self) -> None:
        """Raise SettingsError if the admin key cannot be read, or is set twice."""
        if self.admin_key is not None and self.admin_key_file is not None:
            raise SettingsError("Give UNTILCLICK_ADMIN_KEY or UNTILCLICK_ADMIN_KEY_FILE, not both.")
        _ = self.admin_secret


PageLanguage = Literal["auto", "ar", "de", "en", "es", "fr", "he", "ja", "ru", "zh"]
"""The languages that `app/static/messages` has, and `auto`."""


class PageSettings(Group):
    """The search page."""

    title: str = Field(default="untilclick", min_length=1, max_length=60, description="Name on the page.")
    examples: Annotated[tuple[str, ...], Items] = Field(
        default=(),
        description="Queries of which the page offers four, drawn at each visit: a JSON list, or separated by bars.",
    )
    language: PageLanguage = Field(
        default="auto",
        alias="page_language",
        description="Language of the page: `ar`, `de`, `en`, `es`, `fr`, `he`, `ja`, `ru` or `zh`; `auto` follows "
        "the visitor's browser.",
    )


class ObservabilitySettings(Group):
    """The log of the process, and traces."""

    log_format: LogFormat = Field(
        default="quiet",
        description="Log of the process: `quiet` (warnings alone), or one line per request as `text` or `json`.",
    )
    otlp_endpoint: str = Field(
        default="",
        description="Address that gets OpenTelemetry traces, such as `http://collector:4318/v1/traces`; needs the "
        "extra `otel`.",
    )


class OpenSearchSettings(Group):
    """The cluster that searches if the engine is `opensearch`."""

    url: NodeAddresses = Field(
        default="http://localhost:9200",
        alias="opensearch_url",
        description="Address of the cluster; addresses of several nodes are separated by bars.",
    )
    index: str = Field(
        default="untilclick",
        alias="opensearch_index",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$",
        description="Prefix of the names of the indices in the cluster.",
    )
    user: OptionalText = Field(
        default=None, alias="opensearch_user", description="User of the cluster, if it requires one."
    )
    password_file: OptionalPath = Field(
        default=None, alias="opensearch_password_file", description="File with the user's password."
    )
    ca_file: OptionalPath = Field(
        default=None,
        alias="opensearch_ca_file",
        description="PEM certificates to trust for https; by default those of the system.",
    )
    verify: bool = Field(
        default=True, alias="opensearch_verify", description="Whether the cluster's certificate is checked."
    )
    connect_timeout_ms: float = Field(
        default=500.0,
        alias="opensearch_connect_timeout_ms",
        gt=0,
        le=60_000,
        description="Milliseconds to wait for a connection; the number of tries is that of the nodes plus one.",
    )
    timeout_ms: float = Field(
        default=2000.0,
        alias="opensearch_timeout_ms",
        gt=0,
        le=600_000,
        description="Milliseconds to wait for the cluster's answer to a search.",
    )
    shards: int = Field(default=1, alias="opensearch_shards", ge=1, le=1024, description="Shards of a new index.")
    replicas: int = Field(default=1, alias="opensearch_replicas", ge=0, le=16, description="Replicas of a new index.")

    @property
    def nodes(self) -> tuple[str, ...]:
        """The addresses of the cluster's nodes."""
        return tuple(separated(self.url))

    @property
    def password(self) -> str:
        """The user's password; empty without a user. Raises SettingsError if its file cannot be read."""
        if (self.user is None) != (self.password_file is None):
            raise SettingsError("UNTILCLICK_OPENSEARCH_USER and UNTILCLICK_OPENSEARCH_PASSWORD_FILE belong together.")
        return _secret_of(self.password_file, "UNTILCLICK_OPENSEARCH_PASSWORD_FILE")


def _secret_of(file: Path | None, variable: str) -> str:
    """The secret in a file; empty without a file."""
    if file is None:
        return ""
    try:
        return read_secret(file)
    except SecretFileError as error:
        raise SettingsError(f"{variable}: {error}.") from None
