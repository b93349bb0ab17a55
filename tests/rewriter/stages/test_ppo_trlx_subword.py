"""The stage `ppo` of a subword T5 in trlX's loop."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.stages.record import read_stage
from untilclick.rewriter.stages.subword_base import SubwordStart

from tests.rewriter.toy_learning import toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_subword_base, run_warm_start
from tests.rewriter.toy_subword_stages import BASE, PPO, SETTINGS, WARM_START, pretrained

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]


def test_ppo_in_trlx_writes_the_stage_of_a_subword_t5(opened, tmp_path, monkeypatch):
    from untilclick.rewriter.stages import ppo_trlx
    from untilclick.rewriter.trlx.config import trlx_config

    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    sessions = tuple(toy_sessions(toy_topics(), each=1))
    run_subword_base(opened, tmp_path, SubwordStart(pretrained(tmp_path / "t5"), SETTINGS), BASE)
    run_warm_start(opened, tmp_path, sessions, WARM_START)
    settings = changed(PPO, iterations=4, validate_every=2)
    config = trlx_config(settings, tmp_path / "warm_start", tmp_path / "ppo.trlx")
    folder = ppo_trlx.main(ppo_trlx.PPOTrlxStage(RunConfig(tmp_path), config), opened, sessions)
    assert folder == tmp_path / "ppo"
    model = open_rewriter(folder)
    assert (model.policy.decoding, model.language.settings) == ("tokens", SETTINGS)
    record = read_stage(folder)
    assert record.config["terms"] == SETTINGS.length
    assert record.figures["rollouts"] == 4 * PPO.rollout.prompts_per_iteration * PPO.rollout.samples_per_prompt
    assert not (tmp_path / "ppo.trlx").exists()
