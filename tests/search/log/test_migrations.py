"""Older session logs are upgraded in place; newer ones are refused."""

from __future__ import annotations

import json
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from untilclick.search.errors import LogError
from untilclick.search.log import database
from untilclick.search.log.schema import METADATA, turn_row
from untilclick.search.log.session_log import SessionLog

from tests.search.session_records import BERLIN, KYOTO, typed


@pytest.fixture
def raw(log_url):
    """An engine on the log without any migration."""
    url = database.parse_log_url(log_url)
    engine = database._sqlite_engine(url) if url.drivername == "sqlite" else database._postgres_engine(url)
    yield engine
    engine.dispose()


def _write_revision_1(engine):
    """BERLIN and KYOTO as the first schema had them: no column `rewriter_version`, no clicks."""
    database.migrate(engine, "0001")
    with database.writing(engine).begin() as connection:
        for session in (BERLIN, KYOTO):
            values = {
                "a": session.session_id,
                "b": session.source,
                "c": session.client_id,
                "d": session.turns[0].time,
            }
            connection.execute(sa.text("INSERT INTO sessions VALUES (:a, :b, :c, :d)"), values)
            for turn in session.turns:
                row = turn_row(session.session_id, turn)
                del row["rewriter_version"]
                names = ", ".join(row)
                marks = ", ".join(f":{name}" for name in row)
                connection.execute(sa.text(f"INSERT INTO turns ({names}) VALUES ({marks})"), row)


def test_a_log_of_the_first_schema_keeps_its_data_and_gains_the_version_column(raw, log_url):
    _write_revision_1(raw)
    with SessionLog.open(log_url) as log:
        assert typed(log, "s-berlin") == ("berln wall", "berlin wall")
        assert [turn.attributes for turn in log.session("s-berlin").turns] == [t.attributes for t in BERLIN.turns]
        assert [v.rewriter_version for v in log.stats().by_rewriter_version] == [None, "v1"]
    with raw.connect() as connection:
        versions = dict(connection.execute(sa.text("SELECT query_id, rewriter_version FROM turns")).all())
    assert versions == {"q1": None, "q2": "v2", "q3": "v1"}


def test_migrations_fill_in_batches(raw, log_url, monkeypatch):
    """The page size must not matter, even with one turn a page."""
    from alembic.script import ScriptDirectory

    real = ScriptDirectory.get_revision
    _write_revision_1(raw)

    def shrunk(self, revision):
        script = real(self, revision)
        if script is not None and script.revision == "0002":
            script.module._BATCH = 1
        return script

    monkeypatch.setattr(ScriptDirectory, "get_revision", shrunk)
    with SessionLog.open(log_url) as log, log._engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(rewriter_version) FROM turns")).scalar() == 2


def test_migrations_lead_to_the_schema_that_the_code_uses(log_url):
    with SessionLog.open(log_url) as log, log._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_newer_log_is_refused_and_left_as_it_is(raw, log_url):
    SessionLog.open(log_url).close()
    with database.writing(raw).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LogError, match=r"schema version 9999; this build reads up to 0002\. Upgrade untilclick"):
        SessionLog.open(log_url)


def test_a_failed_migration_leaves_the_older_schema(raw, log_url):
    _write_revision_1(raw)
    with database.writing(raw).begin() as connection:
        connection.execute(sa.text("UPDATE turns SET attributes = 'broken' WHERE query_id = 'q3'"))
    with pytest.raises(json.JSONDecodeError):
        SessionLog.open(log_url)
    with raw.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "0001"
        assert "rewriter_version" not in [column["name"] for column in sa.inspect(connection).get_columns("turns")]


def test_a_schema_that_another_process_makes_meanwhile_is_not_taken_for_another_programs(log_url, monkeypatch):
    """On PostgreSQL a process read the version just before another process committed the new schema, saw the tables
    just after that, and refused them. Tables are now checked under the lock."""
    real = MigrationContext.get_current_revision
    revisions = []

    def late(context):
        revision = real(context)
        revisions.append(revision)
        if len(revisions) == 1:
            context.connection.rollback()
            SessionLog.open(log_url).close()
        return revision

    monkeypatch.setattr(MigrationContext, "get_current_revision", late)
    with SessionLog.open(log_url) as log:
        assert log.stats().sessions == 0
    assert revisions[0] is None
    assert revisions[-1] == "0002"


def test_opening_waits_for_a_migration_in_another_connection(raw, log_url):
    """Threads that open at once all find the newest schema, and only one makes it."""
    _write_revision_1(raw)
    opened = []
    threads = [threading.Thread(target=lambda: opened.append(SessionLog.open(log_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [log.stats().sessions for log in opened] == [2] * 4
    for log in opened:
        log.close()
