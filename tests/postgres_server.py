"""A PostgreSQL server of our own for the tests: in a temporary folder, on a Unix socket only, stopped at the end.

The server refuses to run as root. Where the tests run as root, its programs run as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa


@dataclass(frozen=True)
class PostgresServer:
    """A running server."""

    socket_folder: Path
    user: str
    programs: Path
    account: str | None
    """The account it runs under, None for our own."""

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.socket_folder} -c fsync=off"
        options += " -c max_connections=40"
        self._control("-l", self.socket_folder / "server.log", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        """As a crash does: connections break, and what was committed is found at the next start."""
        self._control("-m", "immediate", "stop")

    def database(self, name: str) -> ServerDatabase:
        """An empty database that can be cut."""
        return ServerDatabase(self, self.new_database(name))

    def _control(self, *arguments: object) -> None:
        _run(self.account, self.programs / "pg_ctl", "-D", self.socket_folder / "data", "-w", *arguments)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.socket_folder}"

    def new_database(self, name: str) -> str:
        """Create an empty database and return its address."""
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
        finally:
            engine.dispose()
        return self.url(name)


@dataclass(frozen=True)
class ServerDatabase:
    """A database whose server can be stopped."""

    server: PostgresServer
    url: str

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


def server_programs() -> Path:
    """The folder with `initdb` and `pg_ctl`; skips the test where there is none, or no psycopg."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'untilclick[postgres]'")
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        pytest.skip("PostgreSQL server programs not found: pg_config is not on the path")
    found = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
    folder = Path(found.stdout.strip())
    if not (folder / "initdb").exists():
        pytest.skip(f"PostgreSQL server programs not found: no initdb in {folder}")
    return folder


def _account() -> str | None:
    """The account to run the server under, None for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known and shutil.which("runuser"):
            return name
    pytest.skip("Running as root, and there is no runuser or no account postgres or nobody to run PostgreSQL under")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server, yield it, stop it and remove its files."""
    programs, account = server_programs(), _account()
    # Not pytest's tmp_path: only its owner may enter that, and a socket's path must stay below 108 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if account:
            shutil.chown(folder, account)
        data = folder / "data"
        _run(account, programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "-N")
        server = PostgresServer(folder, "tester", programs, account)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(account: str | None, *command: object) -> None:
    words = [str(word) for word in command]
    if account is not None:
        words = ["runuser", "-u", account, "--", *words]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
    if done.returncode:
        pytest.fail(f"{' '.join(words)} failed: {done.stderr or done.stdout}")
