"""What the service is started with. The environment is an argument, so that a test passes a dict.

Every field's description is what `docs/service.md` says of it. Options of the command line come as keyword arguments
and are stronger than the environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from untilclick.app.observe.request_logs import LogFormat
from untilclick.app.settings.commands import PREFIX
from untilclick.rewriter.serving.term_rewriter import MAX_QUERY_CHARACTERS
from untilclick.search.corpora.load import STDLIB
from untilclick.search.errors import UntilclickError
from untilclick.search.files.secret_files import SecretFileError, read_secret
from untilclick.search.log.database import parse_log_url

STDLIB_EXAMPLES = (
    "delete a directory tree",
    "wait until a thread is finished",
    "seperate string by comma",
    "biggest items of a list",
)
"""Offered on the page where the documents are Python's own and no examples are set."""
MIN_KEY_CHARACTERS = 32
"""Of a key that signs click tokens; as hexadecimal digits that is 128 bits."""


class SettingsError(UntilclickError):
    """A setting that cannot be used; the text names variable, problem and remedy."""


def _items(value: object) -> object:
    """A JSON list, or items separated by `|`, as a list; anything but text as it is."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.lstrip().startswith("[") else _separated(value)


def _separated(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _rate_limits(value: str) -> str:
    if value:
        from limits import parse_many

        parse_many(value)
    return value


def _nothing_if_empty(value: object) -> object:
    return None if value == "" else value


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"a key is shorter than {MIN_KEY_CHARACTERS} characters; make one with `openssl rand -hex 32`"
        )
    return key


Items = BeforeValidator(_items)
Key = Annotated[SecretStr, AfterValidator(_long_enough)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing_if_empty)]
OptionalPath = Annotated[Path | None, BeforeValidator(_nothing_if_empty)]


class Settings(BaseModel):
    """Settings of one service. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(default=STDLIB, description="`stdlib`, a BEIR folder, a JSONL file or `ir_datasets:ID`.")
    engine: Literal["tantivy", "rank-bm25", "opensearch"] = Field("tantivy", description="BM25 engine.")
    index: OptionalPath = Field(default=None, description="Folder that keeps the index; in memory without it.")
    live_documents: bool = Field(
        default=False,
        description="Whether documents may be changed over HTTP; needs an index folder.",
    )
    bundle: OptionalPath = Field(default=None, description="Exported rewriter; without one, queries stay as typed.")
    models: OptionalPath = Field(
        default=None,
        description="Folder of rewriter versions, to be activated and compared; a bundle beside it is the first.",
    )
    admin_key: Annotated[SecretStr | None, BeforeValidator(_nothing_if_empty)] = Field(
        default=None, description="Key for calls that change what visitors get; without one they are refused."
    )
    admin_key_file: OptionalPath = Field(
        default=None, description="File with that key instead; it may be replaced while the service runs."
    )
    log: str = Field(
        "untilclick.db",
        description="Session log: a file, `sqlite:///FILE` or `postgresql+psycopg://...`, "
        "with `?password_file=FILE` where the password is in a file.",
    )
    spool: OptionalPath = Field(
        default=None,
        description="Folder for what waits to be logged, on a disk of the host's own; beside the log by default.",
    )
    spool_max_bytes: int = Field(
        268_435_456, ge=65_536, description="Bytes that may wait in a process; more is not logged, and counted."
    )
    history_budget_ms: float = Field(
        25.0, gt=0, le=10_000, description="Milliseconds for reading a session's earlier queries from the log."
    )
    drain_s: float = Field(
        5.0, ge=0, le=3600, description="Seconds for logging what waits when the service is stopped."
    )
    stop_delay_s: float = Field(
        0.0,
        ge=0,
        le=300,
        description="Seconds for which a process that is told to end (SIGTERM) says that it is not ready and answers "
        "all the same: as long as a proxy needs to notice, and a little more.",
    )
    click_patience_s: int = Field(
        86_400, ge=1, description="Seconds for which a click may wait until its query is logged."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that answer; each counts its own metrics.")
    log_format: LogFormat = Field(
        "quiet", description="The process's own log: `quiet` (warnings alone), `text` or `json`, a line a request."
    )
    otlp_endpoint: str = Field(
        "",
        description="Where OpenTelemetry traces go: `http://collector:4318/v1/traces`; needs the extra `otel`.",
    )
    title: str = Field("untilclick", min_length=1, max_length=60, description="Name on the page.")
    examples: Annotated[tuple[str, ...], Items] = Field(
        default=(), description="Queries offered on the page: a JSON list, or separated by bars."
    )
    secret_keys: Annotated[tuple[Key, ...], Items] = Field(
        default=(),
        description="Keys that sign click tokens, oldest first: the last one signs, all are accepted; "
        f"each of at least {MIN_KEY_CHARACTERS} characters (`openssl rand -hex 32`).",
    )
    secret_file: OptionalPath = Field(
        default=None,
        description="Private file with a key, made when absent; beside the log by default.",
    )
    token_lifetime_s: int = Field(86_400, ge=1, description="Seconds for which a click token is accepted.")
    rewrite_budget_ms: float = Field(
        50.0, gt=0, le=10_000, description="Milliseconds after which the original query is searched instead."
    )
    rewrite_threads: int = Field(default=1, ge=1, le=64, description="Rewrites computed at once in a process.")
    rewrite_clauses: int = Field(
        512, ge=8, description="Heaviest clauses of a rewritten query that are searched; fewer are faster."
    )
    rewrite_failures: int = Field(
        10,
        ge=1,
        description="Rewrites in a row that fail or are late (those late at once are one) until the rewriter pauses.",
    )
    rewrite_pause_s: float = Field(10.0, gt=0, description="Seconds for which it pauses.")
    rewrite_cache: int = Field(2_000, ge=0, description="Rewrites a process keeps, of about 50 kB each; 0: none.")
    rewrite_cache_s: float = Field(60.0, gt=0, description="Seconds for which it keeps them.")
    search_threads: int = Field(8, ge=1, le=256, description="Requests answered at once in a process; others wait.")
    max_k: int = Field(100, ge=1, le=1000, description="Most results a request may ask for.")
    max_rewrite_characters: int = Field(
        MAX_QUERY_CHARACTERS,
        ge=1,
        le=MAX_QUERY_CHARACTERS,
        description=f"Longer queries are searched as typed; {MAX_QUERY_CHARACTERS} at most.",
    )
    max_query_characters: int = Field(4000, ge=1, description="Longer queries are refused (422).")
    rate_limits: Annotated[str, AfterValidator(_rate_limits)] = Field(
        "",
        description="Requests that a client's address may make, such as `10/second;300/minute`, counted by each "
        "process (worker or replica) for itself; no limits without.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses or networks of proxies whose X-Forwarded-For is believed; `*` for all."
    )
    max_body_bytes: int = Field(65_536, ge=1024, description="Larger request bodies are refused (413).")
    opensearch_url: str = Field(
        "http://localhost:9200", description="Address of the cluster, or of several nodes, separated by bars."
    )
    opensearch_index: str = Field(
        "untilclick",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$",
        description="What the names of the indices in the cluster begin with.",
    )
    opensearch_user: OptionalText = Field(default=None, description="User of the cluster, where it asks for one.")
    opensearch_password_file: OptionalPath = Field(default=None, description="File with the user's password.")
    opensearch_ca_file: OptionalPath = Field(
        default=None, description="PEM certificates to trust for https; the usual ones without it."
    )
    opensearch_verify: bool = Field(default=True, description="Whether the cluster's certificate must be trusted.")
    opensearch_connect_timeout_ms: float = Field(
        500.0, gt=0, le=60_000, description="Milliseconds to wait for a connection; there is one try more than nodes."
    )
    opensearch_timeout_ms: float = Field(
        2000.0, gt=0, le=600_000, description="Milliseconds to wait for the cluster's answer to a search."
    )
    opensearch_shards: int = Field(default=1, ge=1, le=1024, description="Shards of an index that is made.")
    opensearch_replicas: int = Field(default=1, ge=0, le=16, description="Replicas of an index that is made.")

    @field_validator("opensearch_url")
    @classmethod
    def _check_addresses(cls, value: str) -> str:
        """Of the cluster's nodes. What is wrong is said without the value: there may be a password in it."""
        for url in _separated(value) or [""]:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("write each address as http://HOST:PORT or https://HOST:PORT")
            if parts.username is not None or parts.password is not None:
                raise ValueError("give user and password in settings of their own, not in the address")
        return value

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **options: object) -> Self:
        """Settings from `UNTILCLICK_*` variables; `options` that are not None come first.

        Variables of other names, and of other commands, are passed over. Raises SettingsError for a bad value.
        """
        found: dict[str, object] = {
            name: environ[variable] for name in cls.model_fields if (variable := variable_of(name)) in environ
        }
        found |= {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate(found)
        except (ValidationError, json.JSONDecodeError) as error:
            raise SettingsError(_sentence(error)) from None

    def to_environment(self) -> dict[str, str]:
        """The variables that give these settings again, for processes started from this one."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {variable_of(name): _text(value) for name, value in given.items() if value is not None}

    @property
    def admin_secret(self) -> str:
        """The admin key; empty where there is none. Raises SettingsError where its file cannot be read."""
        if self.admin_key is not None:
            return self.admin_key.get_secret_value()
        if self.admin_key_file is None:
            return ""
        try:
            return read_secret(self.admin_key_file)
        except SecretFileError as error:
            raise SettingsError(f"UNTILCLICK_ADMIN_KEY_FILE: {error}.") from None

    def check_secrets(self) -> None:
        """Raise SettingsError for a secret that cannot be read, or is given twice."""
        if self.admin_key is not None and self.admin_key_file is not None:
            raise SettingsError("Give UNTILCLICK_ADMIN_KEY or UNTILCLICK_ADMIN_KEY_FILE, not both.")
        _ = self.admin_secret

    @property
    def example_queries(self) -> tuple[str, ...]:
        """What the page offers to try."""
        return self.examples or (STDLIB_EXAMPLES if self.data == STDLIB else ())

    @property
    def opensearch_nodes(self) -> tuple[str, ...]:
        """The addresses of the cluster's nodes."""
        return tuple(_separated(self.opensearch_url))

    @property
    def key_file(self) -> Path:
        """Where the key of click tokens is kept when no keys are set."""
        return self.secret_file or self._beside_log(".key")

    @property
    def spool_folder(self) -> Path:
        """Where events wait for the log."""
        return self.spool or self._beside_log(".spool")

    def _beside_log(self, suffix: str) -> Path:
        url: sa.URL = parse_log_url(self.log)
        if url.drivername == "sqlite" and url.database:
            return Path(f"{url.database}{suffix}")
        return Path(f"untilclick{suffix}")


def variable_of(name: str) -> str:
    """The environment variable of a setting: `max_k` is UNTILCLICK_MAX_K."""
    return PREFIX + name.upper()


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return json.dumps([item.get_secret_value() if isinstance(item, SecretStr) else item for item in value])
    return str(value)


def _sentence(error: ValidationError | json.JSONDecodeError) -> str:
    """What is wrong, without the value: it may be a key."""
    if isinstance(error, json.JSONDecodeError):
        return f"A setting that starts with [ is not a JSON list ({error}); write it as JSON or separate items by |."
    problem = error.errors(include_input=False, include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    return f"{variable_of(name)}: {problem['msg']}. See the settings in docs/service.md."
