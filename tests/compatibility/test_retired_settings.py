"""Settings of version 0.1.0 that have another name now: `harm_limit` is `caution`, `synonym_share` is `lay_share`.
What names them is still read."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.settings.commands import CommandSettings, SettingsFile
from untilclick.rewriter.config import EnsembleConfig, WarmStartConfig
from untilclick.rewriter.flat_settings import flat, grouped, present
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.errors import UntilclickError
from untilclick.search.users.user import UserConfig

KINDS = {"warm_start": WarmStartConfig, "ppo": PPOConfig, "offline": OfflineConfig}
"""Table -> its configuration."""


@pytest.mark.parametrize("table", KINDS)
def test_a_limit_of_harm_is_read_from_everywhere_as_the_number_it_is(table, caplog):
    file = SettingsFile(Path("settings.toml"), {}, {table: {"harm_limit": 0.07}})
    for settings in (
        CommandSettings(file=file),
        CommandSettings.of([], {f"UNTILCLICK_{table.upper()}_HARM_LIMIT": "0.07"}, None),
        CommandSettings.of([f"{table}.harm_limit=0.07"], {}, None),
    ):
        caplog.clear()
        assert flat(settings.stage(KINDS[table], table, seed=3))["caution"] == 0.07
        assert caplog.text.count("harm_limit is deprecated: give caution") == 1


def test_a_share_of_synonyms_is_read_from_everywhere_as_the_share_of_lay_words(caplog):
    file = SettingsFile(Path("settings.toml"), {}, {"user": {"synonym_share": 0.05}})
    for settings in (
        CommandSettings(file=file),
        CommandSettings.of([], {"UNTILCLICK_USER_SYNONYM_SHARE": "0.05"}, None),
        CommandSettings.of(["user.synonym_share=0.05"], {}, None),
    ):
        caplog.clear()
        assert settings.stage(UserConfig, "user").lay_share == 0.05
        assert caplog.text.count("synonym_share is deprecated: give lay_share") == 1


LATER_DEFAULTS = {WarmStartConfig: {"validate_by": "judgments"}, PPOConfig: {"learn_from": "judgments"}}
"""Settings that version 0.1.0 did not have, with the values that do as it did."""


def test_the_present_name_in_a_stronger_source_wins():
    file = SettingsFile(Path("settings.toml"), {}, {"ppo": {"harm_limit": 0.07}})
    settings = CommandSettings.of(["ppo.caution=cautious"], {}, file)
    assert settings.stage(PPOConfig, "ppo").validation.caution == "cautious"


def test_a_wrong_limit_is_reported_where_it_was_written():
    with pytest.raises(UntilclickError, match=r"^--set ppo\.harm_limit is 'low'"):
        CommandSettings.of(["ppo.harm_limit=low"], {}, None).stage(PPOConfig, "ppo")


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("run/warm_start", WarmStartConfig),
        ("run/ppo", PPOConfig),
        ("records/offline", OfflineConfig),
        ("records/mean", EnsembleConfig),
    ],
)
def test_the_settings_in_a_record_make_the_same_configuration(examples, caplog, record, kind):
    settings = json.loads((examples / record / "stage.json").read_text(encoding="utf-8"))["config"]
    assert settings["harm_limit"] is None
    config = grouped(kind, settings)
    assert flat(config) == LATER_DEFAULTS.get(kind, {}) | present(settings)
    assert flat(config)["caution"] == "balanced"
    assert not caplog.text
    assert flat(grouped(kind, settings | {"harm_limit": 0.07})) == flat(config) | {"caution": 0.07}
    assert "harm_limit is deprecated" in caplog.text


def test_a_mean_takes_the_hidden_option(examples, monkeypatch):
    configs = []
    monkeypatch.setattr("untilclick.app.loop.training.Training.mean", lambda _, config: configs.append(config))
    arguments = ["train", "mean", "--log", "sessions.db", "--out", "mean", "--of", "run", "--of", "run"]
    for more in ([], ["--caution", "cautious"], ["--harm-limit", "0.07"]):
        result = CliRunner().invoke(app, [*arguments, *more])
        assert result.exit_code == 0, result.stderr
    assert [config.caution for config in configs] == ["balanced", "cautious", 0.07]
    assert "--harm-limit" not in CliRunner().invoke(app, ["train", "mean", "--help"]).stdout


@pytest.mark.trlx
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository")
@pytest.mark.parametrize(("limit", "caution"), [(None, "balanced"), (0.07, 0.07)])
def test_options_of_trlx_with_a_limit_of_harm_are_read(trlx_config, ppo_config, expected, limit, caution):
    options = expected("trlx_options")["terms"]
    del options["method"]["caution"]
    options["method"]["harm_limit"] = limit
    config = type(trlx_config(PPOConfig(), Path("run/warm_start"), Path("run/ppo.trlx"))).from_dict(options)
    assert ppo_config(config).validation.caution == caution
