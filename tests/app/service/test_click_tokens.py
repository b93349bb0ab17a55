"""Click tokens: their content, and every way in which a token can be invalid."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.app.service.click_tokens import ClickTokenError, ClickTokens, ShownResult, stored_key

SHOWN = ShownResult("session", "query", "a document / with ☃", 3)


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_token_gives_back_what_was_signed():
    tokens = ClickTokens(["key"], 60)
    assert tokens.read(tokens.sign(SHOWN)) == SHOWN


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.builds(ShownResult, TEXT, TEXT, TEXT, st.integers(1, 10_000)))
def test_any_result_is_signed_and_read(shown):
    tokens = ClickTokens(["key"], 60)
    assert tokens.read(tokens.sign(shown)) == shown


@given(st.text(max_size=200))
def test_no_made_up_text_is_a_token(text):
    with pytest.raises(ClickTokenError):
        ClickTokens(["key"], 60).read(text)


def test_every_single_altered_character_is_noticed():
    tokens = ClickTokens(["key"], 60)
    token = tokens.sign(SHOWN)
    for i, character in enumerate(token[:-1]):  # the last one holds unused bits
        altered = token[:i] + ("A" if character != "A" else "B") + token[i + 1 :]
        with pytest.raises(ClickTokenError):
            tokens.read(altered)


def test_a_signature_that_is_written_otherwise_is_refused():
    """base64 ignores unused bits, padding and foreign characters."""
    tokens = ClickTokens(["key"], 60)
    token = tokens.sign(SHOWN)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {token[:-1] + character for character in alphabet} - {token}
    for altered in (*others, token + "=", token[:-3] + "!" + token[-3:], token[:-3] + "\n" + token[-3:]):
        with pytest.raises(ClickTokenError):
            tokens.read(altered)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä.ö.ü", "\ud800", "." * 5000, "a" * 100_000])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(ClickTokenError, match="not issued here"):
        ClickTokens(["key"], 60).read(text)


def test_a_token_of_another_key_is_refused():
    with pytest.raises(ClickTokenError):
        ClickTokens(["key"], 60).read(ClickTokens(["other"], 60).sign(SHOWN))


def test_a_token_of_a_host_whose_clock_is_a_little_ahead_is_accepted():
    clock = Clock()
    tokens = ClickTokens(["key"], 60, clock)
    token = tokens.sign(SHOWN)
    clock.now -= 60
    assert tokens.read(token) == SHOWN


def test_a_token_expires_and_one_from_the_future_is_refused():
    clock = Clock()
    tokens = ClickTokens(["key"], 60, clock)
    token = tokens.sign(SHOWN)
    clock.now += 60
    assert tokens.read(token) == SHOWN
    clock.now += 1
    with pytest.raises(ClickTokenError, match="expired"):
        tokens.read(token)
    clock.now -= 122
    with pytest.raises(ClickTokenError):
        tokens.read(token)


def test_keys_rotate_the_last_signs_and_all_are_accepted():
    old, both, new = (ClickTokens(keys, 60) for keys in (["a"], ["a", "b"], ["b"]))
    assert both.read(old.sign(SHOWN)) == SHOWN
    assert new.read(both.sign(SHOWN)) == SHOWN
    with pytest.raises(ClickTokenError):
        new.read(old.sign(SHOWN))


def test_no_key_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="at least one key"):
        ClickTokens([], 60)


def test_the_stored_key_is_private_and_stays(tmp_path):
    path = tmp_path / "folder" / "log.db.key"
    key = stored_key(path)
    assert len(key) >= 32
    assert stored_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["log.db.key"]


def test_processes_that_start_together_get_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(stored_key, [tmp_path / "key"] * 32))
    assert len(keys) == 1


def test_an_unusable_key_file_is_one_sentence(tmp_path):
    (tmp_path / "short").write_text("abc")
    with pytest.raises(ClickTokenError, match="delete the file"):
        stored_key(tmp_path / "short")
    with pytest.raises(ClickTokenError, match="UNTILCLICK_SECRET_FILE"):
        stored_key(tmp_path)
