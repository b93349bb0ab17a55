"""The training stages with a sentence encoder: all of them read meaning, and with the encoder of their base alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from untilclick.rewriter.config import EnsembleConfig
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.stages.record import load_stage
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.recorded import EncoderRecord

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_meaning import encoded_toys, toy_encoder
from tests.rewriter.toy_stages import run_base, run_mean, run_offline, run_ppo, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics()[:18], each=2))


@pytest.fixture(scope="module")
def encoded(opened, tmp_path_factory):
    return encoded_toys(opened, tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def run(encoded, tmp_path_factory):
    """A run folder after all stages."""
    folder = tmp_path_factory.mktemp("run")
    run_base(encoded, folder, TOY_POLICY, TOY_BASE)
    run_warm_start(encoded, folder, SESSIONS, replace(TOY_WARM_START, epochs=1))
    run_ppo(encoded, folder, SESSIONS, changed(TOY_PPO, iterations=2, validate_every=1))
    run_offline(encoded, folder, SESSIONS, changed(OfflineConfig(), method="rwft", epochs=1))
    return folder


@pytest.mark.parametrize("stage", ["base", "warm_start", "ppo", "offline"])
def test_every_stage_reads_meaning(run, encoded, stage):
    encoder = encoded.encoded.encoder
    policy, _ = load_policy(run / stage, encoder)
    assert policy.memory.meaning == TOY_POLICY.memory_meaning
    assert policy.memory.vectors.shape == (60, encoder.card.dimension)
    assert policy.meant_batch([Prompt((7, 1), (), ("oven",))]).meaning.any()


def test_a_stage_is_not_read_with_another_encoder(run, opened, tmp_path):
    other = encoded_toys(opened, tmp_path, FakeEncoder(digest="e" * 64))
    with pytest.raises(ModelError, match=r"with the sentence encoder fake .* give the same one with --encoder"):
        load_stage(other, run / "warm_start")


def test_a_stage_opens_its_encoder_where_the_documents_are_not_encoded(run, opened, monkeypatch):
    opened_again = []
    monkeypatch.setattr(EncoderRecord, "open", lambda record: opened_again.append(record) or toy_encoder())
    assert load_stage(opened, run / "warm_start").policy.memory.meaning == TOY_POLICY.memory_meaning
    assert [record.digest for record in opened_again] == ["f" * 64]


def test_a_mean_has_one_encoder(run, opened, tmp_path, monkeypatch):
    other = encoded_toys(opened, tmp_path / "vectors", toy_encoder("e" * 64))
    run_base(other, tmp_path / "other", TOY_POLICY, replace(TOY_BASE, steps=1))
    monkeypatch.setattr(EncoderRecord, "open", lambda record: toy_encoder(record.digest))
    members = EnsembleConfig((str(run / "base"), str(tmp_path / "other")))
    with pytest.raises(ModelError, match="different sentence encoders"):
        run_mean(opened, tmp_path / "mean", SESSIONS, members)
