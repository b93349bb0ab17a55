"""The options of PPO in trlX, as YAML and JSON name them: `data/trlx_options.json` has those of version 0.1.0."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from untilclick.rewriter.language.subword_settings import SubwordPPOConfig
from untilclick.rewriter.ppo_config import PPOConfig

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]

CONFIGS = {"terms": PPOConfig(), "subwords": SubwordPPOConfig()}


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_option_keeps_its_name_and_default(trlx_config, expected, kind):
    options = trlx_config(CONFIGS[kind], Path("run/warm_start"), Path("run/ppo.trlx")).to_dict()
    assert json.loads(json.dumps(options, default=str)) == expected("trlx_options")[kind]


def test_options_say_our_settings_again(trlx_config, ppo_config):
    options = trlx_config(CONFIGS["terms"], Path("run/warm_start"), Path("run/ppo.trlx"))
    assert ppo_config(options) == CONFIGS["terms"]
