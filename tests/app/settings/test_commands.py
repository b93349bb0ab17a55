"""Settings of a stage: which source wins, and what an error message names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from untilclick.app.settings.commands import CommandSettings, SettingsFile, nearest, read_settings_file
from untilclick.search.errors import DataError, UntilclickError


@dataclass(frozen=True)
class Stage:
    """A stage with two settings."""

    steps: int = 1
    rate: float = 0.5


def command_settings(file=None, environment=None, overrides=()):
    tables = SettingsFile(Path("some.toml"), {}, {"ppo": file}) if file else None
    return CommandSettings.of(overrides, environment or {}, tables)


def test_set_wins_over_the_environment_over_the_file_over_defaults():
    file, environment, overrides = {"steps": 2}, {"UNTILCLICK_PPO_STEPS": "3"}, ["ppo.steps=4"]
    assert command_settings().stage(Stage, "ppo").steps == 1
    assert command_settings().stage(Stage, "ppo", steps=5) == Stage(5)
    assert command_settings(file).stage(Stage, "ppo", steps=5) == Stage(2)
    assert command_settings(file, environment).stage(Stage, "ppo") == Stage(3)
    assert command_settings(file, environment, overrides).stage(Stage, "ppo") == Stage(4)


def test_other_tables_are_not_read():
    assert command_settings({"steps": 2}, {"UNTILCLICK_BASE_STEPS": "3"}).stage(Stage, "offline") == Stage()


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"file": {"step": 2}}, "some.toml: ppo.step"),
        ({"environment": {"UNTILCLICK_PPO_STEP": "2"}}, "The variable UNTILCLICK_PPO_STEP"),
        ({"overrides": ["ppo.step=2"]}, "--set ppo.step"),
    ],
)
def test_an_unknown_setting_is_named_with_its_source(settings, place):
    with pytest.raises(UntilclickError) as refused:
        command_settings(**settings).stage(Stage, "ppo")
    assert str(refused.value) == f"{place}: ppo has no such setting. Did you mean steps?"


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"file": {"steps": "many"}}, "some.toml: ppo.steps"),
        ({"environment": {"UNTILCLICK_PPO_STEPS": "many"}}, "The variable UNTILCLICK_PPO_STEPS"),
        ({"overrides": ["ppo.steps=many"]}, "--set ppo.steps"),
    ],
)
def test_a_wrong_value_is_named_with_its_source(settings, place):
    with pytest.raises(UntilclickError) as refused:
        command_settings(**settings).stage(Stage, "ppo")
    assert str(refused.value).startswith(f"{place} is 'many': input should be a valid integer")


def test_settings_that_have_no_use_are_unknown():
    with pytest.raises(UntilclickError, match=r"ppo has no such setting\. Choose one of: steps"):
        command_settings({"rate": 1}).stage(Stage, "ppo", ("steps",))


@pytest.mark.parametrize("text", ["ppo.steps", "steps=3", "=3", "nothing.steps=3", "ppo.=3"])
def test_an_override_has_a_table_a_setting_and_a_value(text):
    with pytest.raises(UntilclickError, match=r"is not TABLE\.FIELD=VALUE"):
        command_settings(overrides=[text])


def test_a_settings_file_has_options_and_tables(tmp_path):
    path = tmp_path / "some.toml"
    path.write_text("seed = 3\n[ppo]\nsteps = 2\n", encoding="utf-8")
    file = read_settings_file(path, ("seed",))
    assert (dict(file.options), dict(file.tables)) == ({"seed": 3}, {"ppo": {"steps": 2}})
    with pytest.raises(DataError, match="no option is called 'seed'"):
        read_settings_file(path, ("data",))
    with pytest.raises(DataError, match="cannot be read"):
        read_settings_file(tmp_path / "missing.toml", ())


def test_a_name_without_a_close_one_is_answered_with_all():
    assert nearest("xyz", ("steps", "rate")) == "Choose one of: steps, rate"
