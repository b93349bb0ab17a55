"""Configurations in groups keep the flat names, order and text that users, records and checkpoints have."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass

import pytest

from untilclick.rewriter.config import BaseConfig
from untilclick.rewriter.flat_settings import changed, flat, flat_name, grouped, nested, setting_names
from untilclick.rewriter.language.subword_settings import SubwordPPOConfig
from untilclick.rewriter.offline_config import OfflineConfig, RWFTConfig
from untilclick.rewriter.ppo_config import KLConfig, PPOConfig, RolloutConfig

GROUPED = pytest.mark.parametrize("kind", [PPOConfig, SubwordPPOConfig, OfflineConfig])


def paths(config, above=""):
    """Every attribute of a configuration that holds a setting, by its path."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from paths(value, f"{above}{field.name}.")
        else:
            yield f"{above}{field.name}"


@GROUPED
def test_every_setting_of_a_group_has_one_flat_name(kind):
    assert sorted(paths(kind())) == sorted(kind.SETTINGS.values())


@GROUPED
def test_flat_settings_make_the_same_configuration_again(kind):
    settings = {name: f"value of {name}" for name in setting_names(kind)}
    assert flat(grouped(kind, settings)) == settings
    assert grouped(kind, flat(kind())) == kind()


def test_settings_that_are_not_given_have_the_defaults_of_the_class():
    config = grouped(SubwordPPOConfig, {"kl_target": 0.5})
    assert config.kl == KLConfig(coef=0.02, placement="reward", target=0.5)
    assert config.rollout == SubwordPPOConfig.rollout


def test_nested_settings_hold_whole_groups():
    assert nested(OfflineConfig, {"terms": 2, "kl_coef": "0.3"}) == {
        "terms": 2,
        "rwft": {"patience": 3, "weighting": "return", "temperature": 0.2, "max_weight": 20.0, "kl_coef": "0.3"},
    }


def test_a_changed_configuration_differs_in_the_named_settings_alone():
    config = PPOConfig(kl=KLConfig(target=0.2), rollout=RolloutConfig(terms=7))
    other = changed(config, kl_coef=0.5, iterations=2)
    assert flat(other) == flat(config) | {"kl_coef": 0.5, "iterations": 2}
    assert changed(OfflineConfig(), patience=9) == OfflineConfig(rwft=RWFTConfig(patience=9))


@pytest.mark.parametrize("kind", [PPOConfig, BaseConfig])
def test_an_unknown_setting_is_refused(kind):
    with pytest.raises(TypeError, match="kl_coefficient"):
        grouped(kind, {"kl_coefficient": 1.0})


def test_a_configuration_without_groups_is_flat_already():
    assert flat(BaseConfig(steps=3)) == asdict(BaseConfig(steps=3))
    assert changed(BaseConfig(), steps=3) == BaseConfig(steps=3)
    assert nested(BaseConfig, {"steps": 3}) == {"steps": 3}


def test_the_place_of_an_error_is_named_as_users_name_the_setting():
    assert flat_name(PPOConfig, ("kl", "coef")) == "kl_coef"
    assert flat_name(PPOConfig, ("iterations",)) == "iterations"
    assert flat_name(BaseConfig, ("steps", "int")) == "steps"
    assert flat_name(BaseConfig, ("other",)) == "other"


def test_the_text_of_a_configuration_names_its_settings_flat():
    text = repr(OfflineConfig(rwft=RWFTConfig(kl_coef=0.2)))
    assert text.startswith("OfflineConfig(method='rwft', terms=4, discount=0.7, max_samples=20000, epochs=6, ")
    assert "max_weight=20.0, kl_coef=0.2, expectile=0.7" in text
