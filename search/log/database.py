"""Connecting to the database of a session log, and bringing its schema up to date.

What differs between SQLite and PostgreSQL is here; what is logged is in `schema.py` and `session_log.py`. Migrations
run by Alembic without an `alembic.ini`: the scripts are package data, the connection is handed in. They run under a
lock (SQLite: an immediate transaction; PostgreSQL: an advisory lock), so that processes may open one log at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from untilclick.search.errors import LogAwayError, LogError, LogRecordError, MissingDependencyError
from untilclick.search.files.secret_files import SecretFileError, read_secret
from untilclick.search.log.schema import METADATA

BUSY_TIMEOUT_S = 30
"""How long a writer waits for another one before it gives up."""

CONNECT_TIMEOUT_S = 10

_SERVER_PATIENCE = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""libpq's: a server that vanishes without a word is noticed within half a minute, not in hours."""

PASSWORD_FILE = "password_file"
"""Name in an address's query."""

_ADVISORY_LOCK = 0x756E74696C  # any constant that other users of the server are unlikely to pick
_WRITE = "untilclick_write"


def parse_log_url(text: str) -> sa.URL:
    """The address of a log: `sqlite:///FILE`, `postgresql[+psycopg]://...`, or simply a file's path.

    The password of a server may stand in a file, `?password_file=FILE`. Raises LogError for anything else, for a
    password that cannot be read, and for an in-memory database: each connection would see its own.
    """
    if "://" not in text:
        url = sa.URL.create("sqlite", database=text)
    else:
        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            raise LogError(f"{text!r} is not a database address; {_ADDRESSES}") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise LogError(f"Session logs cannot be kept in {url.drivername!r}; {_ADDRESSES}")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise LogError(f"An in-memory log ({text!r}) is lost when it is closed; {_ADDRESSES}")
    return _with_password(url)


def _with_password(url: sa.URL) -> sa.URL:
    """The same with the password of the file that the address names, if it names one."""
    file = url.query.get(PASSWORD_FILE)
    if file is None:
        return url
    if not isinstance(file, str) or url.password is not None:
        raise LogError(f"The log's address gives more than one password; keep one {PASSWORD_FILE}")
    try:
        password = read_secret(Path(file))
    except SecretFileError as error:
        raise LogError(f"The log's {PASSWORD_FILE}: {error}") from None
    return url.difference_update_query([PASSWORD_FILE]).set(password=password)


_ADDRESSES = "give a file's path, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE."


def connect_log(url: sa.URL, *, create: bool, durable: bool = False) -> sa.Engine:
    """An engine whose database has the newest schema.

    With `create` a missing SQLite file and its folder are made, else LogError. With `durable` what SQLite has
    written outlives a power failure too, at an fsync per transaction; PostgreSQL's always does. Raises LogError where
    the file or server cannot be used (LogAwayError where that may change), MissingDependencyError without psycopg.
    """
    if url.drivername == "sqlite":
        _prepare_file(url, create=create)
    engine = _sqlite_engine(url, durable=durable) if url.drivername == "sqlite" else _postgres_engine(url)
    try:
        with log_errors(url):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """The same engine for transactions that write.

    SQLite must take the write lock at the start: a transaction that reads first and then writes fails at once,
    without waiting, when another one has written in between.
    """
    return engine.execution_options(**{_WRITE: True}, preserve_rowcount=True)


@contextmanager
def log_errors(url: sa.URL) -> Iterator[None]:
    """Turn the driver's errors into the LogError of their kind, with one sentence."""
    place = url.render_as_string(hide_password=True) if url.host or url.drivername != "sqlite" else url.database
    try:
        yield
    except sa.exc.IntegrityError as error:
        hint = "The log already holds such a record, or lacks the turn that a click names."
        raise LogRecordError(f"{place}: {_first_line(error)}. {hint}") from error
    except sa.exc.DataError as error:
        raise LogRecordError(f"{place}: {_first_line(error)}. A value is none that its column can hold.") from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError) as error:
        if _at_a_limit(error):
            raise LogRecordError(f"{place}: {_first_line(error)}. A value is longer than can be kept.") from error
        raise LogAwayError(f"{place}: {_first_line(error)}. {_remedy(url)}") from error
    except sa.exc.TimeoutError as error:
        raise LogAwayError(f"{place}: all connections are in use. {_remedy(url)}") from error
    except sa.exc.DBAPIError as error:
        raise LogError(f"{place}: {_first_line(error)}. {_remedy(url)}") from error
    except sa.exc.SQLAlchemyError as error:
        raise LogError(f"{place}: {error}. {_remedy(url)}") from error


def _at_a_limit(error: sa.exc.DBAPIError) -> bool:
    """Whether PostgreSQL refuses the record itself: SQLSTATE class 54, such as a value too long for an index."""
    return str(getattr(error.orig, "sqlstate", None)).startswith("54")


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Create the schema, or upgrade it to `revision`; at once done where it is there already.

    Raises LogError for a schema that this build does not know, or for tables of another program under our names.
    """
    config = Config()
    config.set_main_option("script_location", "untilclick.search.log:migrations")
    script = ScriptDirectory.from_config(config)
    target = script.get_current_head() if revision == "head" else revision
    with engine.connect() as connection:
        if _current_revision(connection, script) == target:
            return
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        current = _current_revision(connection, script)
        if current == target:  # another process was quicker
            return
        if current is None:
            _refuse_tables_of_others(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _current_revision(connection: sa.Connection, script: ScriptDirectory) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = [step.revision for step in script.walk_revisions()]
    if revision is not None and revision not in known:
        raise LogError(
            f"Session log {connection.engine.url.database} has schema version {revision}; this build reads up to "
            f"{known[0]}. Upgrade untilclick, or use another log."
        )
    return revision


def _refuse_tables_of_others(connection: sa.Connection) -> None:
    """Only under the lock: without it, the tables may be those that another process has just made."""
    taken = sorted(set(sa.inspect(connection).get_table_names()) & set(METADATA.tables))
    if taken:
        raise LogError(
            f"Database {connection.engine.url.database} has tables {', '.join(taken)} of another program. "
            "Give the session log a database of its own."
        )


def _prepare_file(url: sa.URL, *, create: bool) -> None:
    path = Path(str(url.database))
    if path.is_dir():
        raise LogError(f"{path} is a folder; give the path of the session log's file in it.")
    if not create and not path.exists():
        raise LogError(
            f"There is no session log at {path}. Make one with `untilclick simulate` or `untilclick serve`."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogError(f"Cannot make the folder {path.parent} ({error.strerror}); choose another --log.") from error


def _sqlite_engine(url: sa.URL, *, durable: bool = False) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    sa.event.listen(engine, "connect", partial(_set_pragmas, synchronous="FULL" if durable else "NORMAL"))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_engine(url: sa.URL) -> sa.Engine:
    connect_args = {name: value for name, value in _SERVER_PATIENCE.items() if name not in url.query}
    try:
        return sa.create_engine(url, pool_pre_ping=True, connect_args=connect_args)
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of("psycopg", "postgres") from error


def _set_pragmas(connection: DBAPIConnection, _record: object, synchronous: str) -> None:
    cursor = connection.cursor()
    try:
        _use_wal(cursor)
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _use_wal(cursor: DBAPICursor) -> None:
    """Switch to write-ahead logging. SQLite does not wait for the lock this needs, so wait here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: sa.Connection) -> None:
    """The driver is in autocommit mode (it would commit before DDL); transactions begin here."""
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0].rstrip(".")


def _remedy(url: sa.URL) -> str:
    if url.drivername == "sqlite":
        return "Check that the file is a session log, that you may write there and that the disk is not full."
    return "Check that the server runs, that host, port, user, password and database are right, and its own log."
