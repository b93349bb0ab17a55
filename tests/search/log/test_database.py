"""The address of a log."""

import pytest

from untilclick.search.errors import LogError
from untilclick.search.log.database import parse_log_url


def test_the_password_of_a_server_may_stand_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("h:u/s@h\n", encoding="utf-8")
    url = parse_log_url(f"postgresql://me@db/logs?sslmode=require&password_file={tmp_path / 'secret'}")
    assert (url.drivername, url.username, url.host, url.password) == ("postgresql+psycopg", "me", "db", "h:u/s@h")
    assert dict(url.query) == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:word@db/logs?password_file=secret", "more than one password"),
        ("postgresql://me@db/logs?password_file=a&password_file=b", "more than one password"),
        ("postgresql://me@db/logs?password_file=nowhere", "nowhere cannot be read"),
    ],
)
def test_a_password_that_cannot_be_had_is_named_without_its_value(url, message):
    with pytest.raises(LogError, match=message) as raised:
        parse_log_url(url)
    assert "word@" not in str(raised.value)


def test_an_empty_password_file_is_refused(tmp_path):
    (tmp_path / "secret").write_text("\n", encoding="utf-8")
    with pytest.raises(LogError, match="is empty"):
        parse_log_url(f"postgresql://me@db/logs?password_file={tmp_path / 'secret'}")
