"""Runs a PostgreSQL server for the tests in a temporary folder, reachable by a Unix socket only.

PostgreSQL refuses to run as root. If the tests run as root, the server runs under the account `postgres` or `nobody`.
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
    """A server in a temporary folder."""

    socket_folder: Path
    user: str
    programs: Path
    account: str | None
    """Account that runs the server; None: the account that runs the tests."""

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.socket_folder} -c fsync=off"
        options += " -c max_connections=40"
        self._control("-l", self.socket_folder / "server.log", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        """Stop like a crash: connections break, and committed data is there after the next start."""
        self._control("-m", "immediate", "stop")

    def database(self, name: str) -> ServerDatabase:
        """Create an empty database whose server can be stopped."""
        return ServerDatabase(self, self.new_database(name))

    def _control(self, *arguments: object) -> None:
        _run(self.account, self.programs / "pg_ctl", "-D", self.socket_folder / "data", "-w", *arguments)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.socket_folder}"

    def new_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
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
        """Stop the server, and start it again at the end of the block."""
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


def server_programs() -> Path:
    """The folder with `initdb` and `pg_ctl`; skips the test without these programs or without psycopg."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'untilclick[postgres]'")
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        pytest.skip("PostgreSQL is not installed: pg_config is not on the path")
    result = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
    folder = Path(result.stdout.strip())
    if not (folder / "initdb").exists():
        pytest.skip(f"The PostgreSQL server is not installed: {folder} has no initdb")
    return folder


def _account() -> str | None:
    """Account to run the server; None: the account that runs the tests."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in accounts and shutil.which("runuser"):
            return name
    pytest.skip("PostgreSQL refuses to run as root, and there is no runuser or no account `postgres` or `nobody`")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Run a server until the block ends; then remove its files."""
    programs, account = server_programs(), _account()
    # Only its owner may enter pytest's tmp_path, and the path of a socket must have fewer than 108 characters.
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
