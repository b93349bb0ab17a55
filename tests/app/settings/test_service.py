"""Settings of the service: sources, types, and error messages without secrets."""

from pathlib import Path

import pytest

from untilclick.app.settings.groups import SettingsError
from untilclick.app.settings.service import Settings, setting_places, variable_of
from untilclick.search.corpora.asked import asked_examples


def test_defaults_need_no_environment():
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.search.data, settings.rewriting.budget_ms, settings.rewriting.bundle) == ("stdlib", 50.0, None)


def test_variables_are_read_and_foreign_ones_passed_over():
    settings = Settings.from_environment(
        {"UNTILCLICK_DATA": "docs.jsonl", "UNTILCLICK_PORT": "9", "UNTILCLICK_SEED": "3", "PORT": "1"}
    )
    assert (settings.search.data, settings.http.port) == ("docs.jsonl", 9)


def test_options_come_before_the_environment_and_none_is_no_option():
    settings = Settings.from_environment({"UNTILCLICK_PORT": "9", "UNTILCLICK_HOST": "h"}, port=10, host=None)
    assert (settings.http.port, settings.http.host) == (10, "h")


def test_lists_are_json_or_separated_by_bars():
    assert Settings.from_environment({"UNTILCLICK_EXAMPLES": "a b | c"}).page.examples == ("a b", "c")
    assert Settings.from_environment({"UNTILCLICK_EXAMPLES": '["a|b"]'}).page.examples == ("a|b",)


def test_an_empty_path_is_no_path():
    assert Settings.from_environment({"UNTILCLICK_BUNDLE": ""}).rewriting.bundle is None


@pytest.mark.parametrize(
    ("name", "value"), [("port", "70000"), ("engine", "lucene"), ("examples", "[broken"), ("rewrite_budget_ms", "0")]
)
def test_a_bad_value_is_one_sentence(name, value):
    with pytest.raises(SettingsError, match=r"UNTILCLICK_|JSON") as caught:
        Settings.from_environment({variable_of(name): value})
    assert "\n" not in str(caught.value)


def test_a_bad_value_is_answered_with_the_meaning_of_the_setting():
    """The message must not name a file of the repository, which an installed wheel lacks."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"UNTILCLICK_OPENSEARCH_SHARDS": "many"})
    assert str(caught.value) == (
        "UNTILCLICK_OPENSEARCH_SHARDS: Input should be a valid integer, unable to parse string as an integer. "
        "Meaning of the setting: Shards of a new index."
    )


def test_a_setting_is_called_by_its_full_name():
    settings = Settings.of(search_threads=3, log="a.db", opensearch_timeout_ms=7.5)
    assert (settings.search.threads, settings.log.url, settings.opensearch.timeout_ms) == (3, "a.db", 7.5)
    values = settings.by_name()
    assert len(values) == len(setting_places()) == 54
    assert (values["search_threads"], values["log"], values["opensearch_timeout_ms"]) == (3, "a.db", 7.5)


@pytest.mark.parametrize("name", ["nothing", "opensearch", "timeout_ms"])
def test_a_name_that_no_setting_has_is_refused(name):
    """Names of groups and short names are unknown, too."""
    with pytest.raises(SettingsError, match=f"UNTILCLICK_{name.upper()} is not a setting of the service"):
        Settings.of(**{name: {}})


def test_keys_are_never_shown():
    hush, whisper = "hush" * 8, "whisper" * 5
    settings = Settings.from_environment({"UNTILCLICK_SECRET_KEYS": f"{hush}|{whisper}"})
    assert "hush" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"UNTILCLICK_SECRET_KEYS": hush, "UNTILCLICK_PORT": "x"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("keys", ['[""]', "hush", "k" * 31, f"{'k' * 32}|hush", '["", "' + "k" * 32 + '"]'])
def test_a_short_key_is_refused_and_not_shown(keys):
    """Once an empty key was accepted, with which anyone could sign."""
    with pytest.raises(SettingsError, match=r"UNTILCLICK_SECRET_KEYS: .*32 characters; make one with") as caught:
        Settings.from_environment({"UNTILCLICK_SECRET_KEYS": keys})
    assert "hush" not in str(caught.value)
    assert "kkkk" not in str(caught.value)


def test_a_key_of_32_characters_is_long_enough_and_no_keys_are_none():
    assert len(Settings.from_environment({"UNTILCLICK_SECRET_KEYS": "k" * 32}).keys.secret_keys) == 1
    assert Settings.from_environment({"UNTILCLICK_SECRET_KEYS": ""}).keys.secret_keys == ()


def test_settings_survive_the_way_through_the_environment():
    settings = Settings.of(
        data="d",
        bundle=Path("b"),
        examples=("a|b", "c"),
        secret_keys=("k" * 32, "l" * 32),
        workers=3,
        rewrite_budget_ms=7.5,
    )
    assert Settings.from_environment(settings.to_environment()) == settings


def test_examples_are_offered_for_the_standard_library_only():
    assert Settings().example_queries == asked_examples()
    assert Settings.of(data="x.jsonl").example_queries == ()
    assert Settings.of(data="x.jsonl", examples=("q",)).example_queries == ("q",)


def test_the_spool_lies_beside_the_log():
    assert Settings.of(log="runs/a.db").log.spool_folder == Path("runs/a.db.spool")
    assert Settings.of(log="postgresql://h/db").log.spool_folder == Path("untilclick.spool")
    assert Settings.of(log="a.db", spool=Path("k")).log.spool_folder == Path("k")


def test_the_key_lies_beside_the_log():
    assert Settings.of(log="runs/a.db").key_file == Path("runs/a.db.key")
    assert Settings.of(log="sqlite:////x/a.db").key_file == Path("/x/a.db.key")
    assert Settings.of(log="postgresql://h/db").key_file == Path("untilclick.key")
    assert Settings.of(log="a.db", secret_file=Path("k")).key_file == Path("k")


def test_the_admin_key_may_stand_in_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("let me in\n", encoding="utf-8")
    settings = Settings.from_environment({"UNTILCLICK_ADMIN_KEY_FILE": str(file)})
    settings.keys.check_admin_key()
    assert settings.keys.admin_secret == "let me in"
    file.write_text("another", encoding="utf-8")
    assert settings.keys.admin_secret == "another"
    assert "another" not in str(settings.to_environment())


def test_an_admin_key_that_cannot_be_read_or_is_given_twice_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"UNTILCLICK_ADMIN_KEY_FILE: .*absent cannot be read"):
        Settings.of(admin_key_file=tmp_path / "absent").keys.check_admin_key()
    with pytest.raises(SettingsError, match="not both"):
        Settings.of(admin_key="a", admin_key_file=tmp_path / "absent").keys.check_admin_key()
