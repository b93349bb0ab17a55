"""Connections to the database of a session log, and migrations of its schema.

The differences between SQLite and PostgreSQL are handled here; the tables are in `schema.py`, reading and writing in
`session_log.py`. Alembic runs the migrations without an `alembic.ini`: the scripts are part of the package, and the
connection is passed to them. A lock (SQLite: an immediate transaction; PostgreSQL: an advisory lock) lets several
processes open the same log at the same time.
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
"""Seconds that a writer waits for another writer before it gives up."""

CONNECT_TIMEOUT_S = 10

_SERVER_TIMEOUTS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""Parameters of libpq with which a server that vanishes is noticed within half a minute instead of hours."""

PASSWORD_FILE = "password_file"
"""Parameter of a log's address with the path of a file that holds the password."""

_ADVISORY_LOCK = 0x756E74696C  # "until" in ASCII; other programs on the server are unlikely to use it
_WRITE = "untilclick_write"


def parse_log_url(text: str) -> sa.URL:
    """Parse the address of a log: `sqlite:///FILE`, `postgresql[+psycopg]://...`, or the path of a file.

    `?password_file=FILE` names a file with the password of a server. Raises LogError for any other address, for a
    password that cannot be read, and for an in-memory database, which each connection would have for itself.
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
        raise LogError(f"{url.drivername!r} databases cannot hold a session log; {_ADDRESSES}")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise LogError(f"An in-memory log ({text!r}) is lost when it is closed; {_ADDRESSES}")
    return _with_password(url)


def _with_password(url: sa.URL) -> sa.URL:
    """The address with the password of its password file, if it names one."""
    file = url.query.get(PASSWORD_FILE)
    if file is None:
        return url
    if not isinstance(file, str) or url.password is not None:
        raise LogError(f"The log's address has more than one password; keep one {PASSWORD_FILE}")
    try:
        password = read_secret(Path(file))
    except SecretFileError as error:
        raise LogError(f"The log's {PASSWORD_FILE}: {error}") from None
    return url.difference_update_query([PASSWORD_FILE]).set(password=password)


_ADDRESSES = "give a file's path, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE."


def connect_log(url: sa.URL, *, create: bool, durable: bool = False) -> sa.Engine:
    """Connect to the database of a log, and upgrade it to the newest schema.

    `create` makes a missing SQLite file and its folder. With `durable`, SQLite calls fsync for every transaction, so
    that written transactions survive a power failure, as they always do in PostgreSQL. Raises LogError if the file is
    missing, or if the file or the server cannot be used (LogAwayError if a later attempt may succeed), and
    MissingDependencyError if psycopg is needed and not installed.
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
    """The same engine, for transactions that write.

    In SQLite they take the write lock at their start. A transaction that reads first and writes later would fail at
    once, without waiting for the lock, if another transaction has written in between.
    """
    return engine.execution_options(**{_WRITE: True}, preserve_rowcount=True)


@contextmanager
def log_errors(url: sa.URL) -> Iterator[None]:
    """Raise errors of the database driver as a LogError with one sentence: LogRecordError if the record cannot be
    stored, LogAwayError if the database cannot be used at present."""
    place = url.render_as_string(hide_password=True) if url.host or url.drivername != "sqlite" else url.database
    try:
        yield
    except sa.exc.IntegrityError as error:
        hint = "The log already holds such a record, or lacks the turn that a click names."
        raise LogRecordError(f"{place}: {_first_line(error)}. {hint}") from error
    except sa.exc.DataError as error:
        raise LogRecordError(f"{place}: {_first_line(error)}. A value does not fit its column.") from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError) as error:
        if _at_a_limit(error):
            raise LogRecordError(f"{place}: {_first_line(error)}. A value is too long for the database.") from error
        raise LogAwayError(f"{place}: {_first_line(error)}. {_remedy(url)}") from error
    except sa.exc.TimeoutError as error:
        raise LogAwayError(f"{place}: all connections are in use. {_remedy(url)}") from error
    except sa.exc.DBAPIError as error:
        raise LogError(f"{place}: {_first_line(error)}. {_remedy(url)}") from error
    except sa.exc.SQLAlchemyError as error:
        raise LogError(f"{place}: {error}. {_remedy(url)}") from error


def _at_a_limit(error: sa.exc.DBAPIError) -> bool:
    """Whether PostgreSQL refuses the record because of a program limit (SQLSTATE class 54), such as a value that is
    too long for an index."""
    return str(getattr(error.orig, "sqlstate", None)).startswith("54")


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Create the schema or upgrade it to `revision`; does nothing if the database has that revision.

    Raises LogError if the schema is newer than this build, or if another program has tables with our names.
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
        if current == target:  # another process has migrated while this one waited for the lock
            return
        if current is None:
            _refuse_tables_of_others(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _current_revision(connection: sa.Connection, script: ScriptDirectory) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    revisions = [step.revision for step in script.walk_revisions()]  # newest first
    if revision is not None and revision not in revisions:
        raise LogError(
            f"Session log {connection.engine.url.database} has schema version {revision}; this build reads up to "
            f"{revisions[0]}. Upgrade untilclick, or use another log."
        )
    return revision


def _refuse_tables_of_others(connection: sa.Connection) -> None:
    """Raise LogError if tables with our names exist. Call this under the lock; without it, another process may have
    just made the tables."""
    foreign_tables = sorted(set(sa.inspect(connection).get_table_names()) & set(METADATA.tables))
    if foreign_tables:
        raise LogError(
            f"Database {connection.engine.url.database} has tables {', '.join(foreign_tables)} of another program. "
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
        raise LogError(
            f"Cannot make the folder {path.parent} ({error.strerror}); choose another place for the session log."
        ) from error


def _sqlite_engine(url: sa.URL, *, durable: bool = False) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    sa.event.listen(engine, "connect", partial(_set_pragmas, synchronous="FULL" if durable else "NORMAL"))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_engine(url: sa.URL) -> sa.Engine:
    connect_args = {name: value for name, value in _SERVER_TIMEOUTS.items() if name not in url.query}
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
    """Switch to write-ahead logging. SQLite does not wait for the lock that this needs, so this function does."""
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
    """Begin a transaction. The driver is in autocommit mode, because in its own mode it commits before DDL."""
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0].rstrip(".")


def _remedy(url: sa.URL) -> str:
    if url.drivername == "sqlite":
        return "Check that the file is a session log, that you may write there and that the disk is not full."
    return "Check that the server runs, that host, port, user, password and database are right, and its own log."
