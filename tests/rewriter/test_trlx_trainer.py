"""Our trainer in trlX: one test for each thing that trlX's own PPO does to a T5 and ours must not."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
import torch

from rewriter.checkpoint import load_policy, save_policy
from rewriter.policy import collate
from rewriter.ppo import exact_kl
from rewriter.ppo_trainer import PPOTrainer
from rewriter.rollout import score
from rewriter.vocabulary import EOS_ID, TermVocabulary
from search.errors import ModelError, UntilclickError
from tests.rewriter.toy_learning import THEMES, TOY_PPO, prompt_of, shaken, toy_policy

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]

QUERIES = [words.split()[0] for words in THEMES.values()] + [words.split()[2] for words in THEMES.values()]
CONFIG = replace(TOY_PPO, iterations=4, validate_every=2, checkpoint_every=2)


class PlantedTexts:
    """A `reward_fn` that pays 1 for a text with the right term of its prompt, and keeps what it was told."""

    def __init__(self, right: list[str]) -> None:
        self.right = right
        self.outputs: list[str] = []
        self.metadata: list[dict] = []

    def __call__(self, samples, prompts, outputs, tokenizer, position, **metadata) -> list[float]:
        self.outputs = list(outputs)
        self.metadata.append({"position": list(position), **metadata})
        return [float(self.right[row] in text.split()) for row, text in zip(position, outputs, strict=True)]


class NoReward(PlantedTexts):
    """Pays every text the same."""

    def __call__(self, samples, prompts, outputs, tokenizer, position, **metadata) -> list[float]:
        return [0.25] * len(outputs)


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """As on a machine without launcher."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start(bench, tmp_path):
    """A function that makes a trainer on twelve prompts of one term, from a saved model; keyword arguments change
    its settings."""
    return _starter(bench, tmp_path)


def _starter(bench, tmp_path):
    from rewriter.trlx_config import trlx_config
    from rewriter.trlx_reward import prompt_record
    from rewriter.trlx_trainer import RewriterPPOTrainer, RewriterPromptPipeline

    def made(decoding="parallel", reward=PlantedTexts, prepare=None, **changes):
        policy, vocabulary = toy_policy(bench, decoding)
        if prepare is not None:
            prepare(policy)
        prompts = [prompt_of(vocabulary, term) for term in vocabulary.terms if term in QUERIES]
        best = policy.first_step_log_probs(collate(prompts, policy.vocabulary_size)).topk(6, dim=-1).indices
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        save_policy(policy, vocabulary, folder)
        config = trlx_config(replace(CONFIG, **changes), folder, tmp_path / "checkpoints")
        right = [vocabulary.tokens[token] for token in best[:, 5].tolist()]
        trainer = RewriterPPOTrainer(config=config, reward_fn=reward(right), stop_sequences=[])
        records = [prompt_record(one, row, vocabulary) for row, one in enumerate(prompts)]
        trainer.add_prompt_pipeline(RewriterPromptPipeline(records, 64, trainer.tokenizer))
        trainer.add_eval_pipeline(RewriterPromptPipeline(records, 64, trainer.tokenizer))
        trainer.iter_count = 0
        return trainer

    return made


def favour_the_end(policy) -> None:
    """Lengths of all kinds: the end token looks like an average term."""
    with torch.no_grad():
        policy.t5.shared.weight[EOS_ID] = policy.t5.shared.weight[5:].mean(0) * 3


def weights(module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def equal(first, second) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_the_kl_to_the_reference_is_0_at_the_start(start, decoding):
    trainer = start(decoding, prepare=shaken)
    trainer.make_experience(32)
    chunk = trainer._chunks[0]
    present = score(trainer._policy, chunk.prompts, chunk.rollouts)
    assert exact_kl(present.distributions, chunk.reference).abs().max() < 1e-6
    assert trainer.progress.kl_due == pytest.approx(0.0, abs=1e-6)
    assert torch.allclose(chunk.reference_log_probs, chunk.rollouts.log_probs, atol=1e-6)


def test_the_kl_has_its_sign_and_drives_the_coefficient_up(start):
    trainer = start(kl_target=1e-4, kl_horizon=100, learning_rate=0.05)
    shaken(trainer._policy, scale=0.1)
    trainer.make_experience(32)
    assert trainer.progress.kl_due > 0.01
    before = trainer.kl.coefficient
    trainer.make_experience(32)
    assert trainer.kl.coefficient > before


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_the_reward_reads_the_sampled_ids_and_no_end_token(start, decoding):
    trainer = start(decoding, prepare=favour_the_end, terms=4)
    trainer.make_experience(32)
    rollouts = trainer._chunks[-1].rollouts
    told = [[trainer.vocabulary.tokens.index(word) for word in text.split()] for text in trainer.reward_fn.outputs]
    kept = [ids[real].tolist() for ids, real in zip(rollouts.ids, rollouts.terms, strict=True)]
    assert told == kept
    assert not any("</s>" in text or "<pad>" in text for text in trainer.reward_fn.outputs)


def test_an_ended_sequence_has_one_end_token_and_a_truncated_one_none(start):
    trainer = start("autoregressive", prepare=favour_the_end, terms=4)
    trainer.make_experience(32)
    rollouts = trainer._chunks[-1].rollouts
    ends = ((rollouts.ids == EOS_ID) & rollouts.mask).sum(1)
    lengths = rollouts.mask.sum(1)
    assert set(ends.tolist()) == {0, 1}
    assert (lengths[ends == 0] == 4).all()
    last = rollouts.ids[torch.arange(len(lengths)), lengths - 1]
    assert (last[ends == 1] == EOS_ID).all()


def test_the_score_is_on_the_last_sampled_token(start):
    trainer = start("autoregressive", prepare=favour_the_end, terms=4, gamma=0.0, gae_lambda=0.0)
    trainer.make_experience(32)
    chunk = trainer._chunks[-1]
    mask, last = chunk.rollouts.mask, chunk.rollouts.mask.sum(1) - 1
    rows = torch.arange(mask.shape[0])
    assert chunk.returns[rows, last].tolist() == pytest.approx(chunk.rewards.gain.tolist(), abs=1e-6)
    elsewhere = chunk.returns.clone()
    elsewhere[rows, last] = 0
    assert elsewhere.abs().max() < 1e-6
    assert not mask.all()


def test_advantages_are_whitened_over_real_tokens(start):
    trainer = start("autoregressive", prepare=favour_the_end, terms=4)
    trainer.make_experience(32)
    chunk = trainer._chunks[-1]
    mask = chunk.rollouts.mask
    assert not mask.all()
    assert float(chunk.advantages[mask].mean()) == pytest.approx(0, abs=1e-5)
    assert float(chunk.advantages[mask].std()) == pytest.approx(1, abs=0.02)
    assert (chunk.advantages[~mask] == 0).all()


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_the_sampler_is_the_policy_of_the_loss(start, decoding):
    trainer = start(decoding, prepare=favour_the_end)
    trainer.make_experience(32)
    _, stats = trainer.loss(trainer.create_train_dataloader()[0])
    assert stats["losses/approx_kl"] == pytest.approx(0, abs=1e-6)
    assert stats["losses/clip_share"] == 0


def test_micro_batches_are_averaged_not_summed(start):
    gradients = {}
    for micro_batches in (1, 4):
        torch.manual_seed(0)
        trainer = start("autoregressive", prepare=favour_the_end, micro_batches=micro_batches)
        trainer.make_experience(32)
        part = trainer.create_train_dataloader()[0]
        pieces = [
            type(part)(part.rows[i : i + trainer.mb_size], part.tokens[i : i + trainer.mb_size])
            for i in range(0, len(part.rows), trainer.mb_size)
        ]
        assert len(pieces) == micro_batches
        trainer.opt.zero_grad()
        for piece in pieces:
            trainer.accelerator.backward(trainer.loss(piece)[0])
        gradients[micro_batches] = {
            name: weight.grad.clone()
            for name, weight in trainer._policy.named_parameters()
            if weight.grad is not None
        }
    for name, gradient in gradients[1].items():
        assert torch.allclose(gradient, gradients[4][name], atol=1e-6, rtol=1e-4), name


def test_gradients_are_clipped(start):
    trainer = start(max_grad_norm=1e-3)
    trainer.make_experience(32)
    trainer.accelerator.backward(trainer.loss(trainer.create_train_dataloader()[0])[0])
    trainer.opt.step()
    norms = [float(w.grad.norm()) for w in trainer._policy.parameters() if w.grad is not None]
    assert math.hypot(*norms) == pytest.approx(1e-3, rel=1e-3)


def test_a_round_without_reward_variance_is_skipped_and_moves_nothing(start):
    trainer = start(reward=NoReward)
    before = weights(trainer._policy)
    trainer.learn()
    assert trainer.iter_count == 0
    assert equal(before, weights(trainer._policy))


def test_a_planted_term_is_found(start):
    trainer = start(iterations=30, learning_rate=4e-3, kl_coef=0.0, samples_per_prompt=8, terms=2)
    trainer.learn()
    assert trainer.progress.best > 0.8


def test_what_is_saved_loads_as_a_t5_with_no_missing_key(start, tmp_path):
    from transformers import T5ForConditionalGeneration

    trainer = start()
    trainer.learn()
    for folder in ("best_checkpoint", "checkpoint_8/hf_model"):
        path = tmp_path / "checkpoints" / folder
        t5, report = T5ForConditionalGeneration.from_pretrained(path, output_loading_info=True)
        assert not report["missing_keys"]
        assert not report["unexpected_keys"]
        ours, vocabulary = load_policy(path)
        assert equal(weights(t5), weights(ours.t5))
        assert isinstance(vocabulary, TermVocabulary)
    assert equal(weights(ours.t5), weights(trainer.average.policy.t5))


def test_the_saved_tokenizer_has_no_token_outside_the_model(start, tmp_path):
    from transformers import AutoTokenizer

    trainer = start()
    trainer.save_pretrained(str(tmp_path / "saved"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert len(tokenizer) == trainer._policy.vocabulary_size


def test_a_resumed_run_continues_bit_for_bit(start, tmp_path):
    changes = {"kl_target": 0.05, "kl_horizon": 200}
    whole = start(**changes)
    whole.learn()
    resumed = start(**changes)
    shaken(resumed._policy)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_4"))
    best = resumed.progress.best
    assert resumed.progress.step == 4
    resumed.learn()
    assert resumed.iter_count == whole.iter_count == 8
    assert resumed.progress.best >= best > -math.inf
    assert resumed.kl.coefficient == whole.kl.coefficient
    assert resumed.scheduler.scheduler.last_epoch == whole.scheduler.scheduler.last_epoch
    assert equal(weights(resumed._policy), weights(whole._policy))
    assert equal(weights(resumed.average.policy), weights(whole.average.policy))
    ours, theirs = (one.opt.optimizer.state_dict()["state"] for one in (resumed, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key]["exp_avg"], theirs[key]["exp_avg"]) for key in theirs)


def test_a_worse_evaluation_after_a_resume_leaves_the_best_weights(start, tmp_path):
    trainer = start()
    trainer.learn()
    kept = weights(load_policy(tmp_path / "checkpoints" / "best_checkpoint")[0])
    resumed = start(iterations=5)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_8"))
    resumed.progress.best = 2.0
    resumed.learn()
    assert equal(kept, weights(load_policy(tmp_path / "checkpoints" / "best_checkpoint")[0]))


def test_a_checkpoint_of_other_settings_is_refused(start, tmp_path):
    trainer = start()
    trainer.save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match="other settings"):
        start(clip_range=0.3).load(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match="not a checkpoint"):
        start().load(str(tmp_path / "nowhere"))


def test_options_that_this_trainer_lacks_are_refused(bench, tmp_path):
    from rewriter.trlx_config import ppo_config, trlx_config

    config = trlx_config(CONFIG, tmp_path, tmp_path)
    config.method.scale_reward = "ref"
    with pytest.raises(UntilclickError, match="scale_reward is 'ref'"):
        ppo_config(config)
    config = trlx_config(CONFIG, tmp_path, tmp_path)
    config.train.batch_size = 30
    with pytest.raises(UntilclickError, match="batch_size is 30: give a multiple"):
        ppo_config(config)


def test_our_settings_survive_the_way_through_a_trlx_configuration(tmp_path):
    from rewriter.trlx_config import ppo_config, trlx_config

    settings = replace(CONFIG, minibatches=2, micro_batches=2, epochs=3, kl_target=0.1, iterations=7)
    assert ppo_config(trlx_config(settings, tmp_path, tmp_path)) == settings


def test_the_pipeline_leaves_the_callers_prompts_alone_and_passes_metadata_on(start):
    from rewriter.trlx_trainer import RewriterPromptPipeline

    trainer = start()
    records = [{"prompt": "oven", "query_terms": "oven", "position": 3, "session": "s1"}, "moon"]
    kept = copy.deepcopy(records)
    pipeline = RewriterPromptPipeline(records, 64, trainer.tokenizer)
    assert records == kept
    assert pipeline.metadata == [{"position": 3, "session": "s1"}, {}]
    assert pipeline[0].query_ids == pipeline[0].ids[:1]
    assert [one.ids[-1] for one in pipeline.prompts] == [EOS_ID, EOS_ID]


def test_both_backends_do_the_same_to_the_same_policy(start, bench, vocabulary):
    """Same seed, same prompts, same reward: the weights after some rounds agree."""
    from rewriter.environment import RewardBatch

    changes = {"iterations": 3, "validate_every": 100, "checkpoint_every": 100}
    trainer = start(**changes)
    policy = toy_policy(bench)[0]
    prompts = [prompt_of(vocabulary, term) for term in vocabulary.terms if term in QUERIES]
    right = np.array([vocabulary.tokens.index(word) for word in trainer.reward_fn.right])

    class Environment:
        def __len__(self) -> int:
            return len(prompts)

        def rewards(self, rows, ids, mask, rng) -> RewardBatch:
            wanted = np.repeat(right[rows], ids.shape[0] // rows.size)
            return RewardBatch(((ids == wanted[:, None]) & mask).any(1).astype(np.float64))

    ours = PPOTrainer(policy, prompts, Environment(), replace(CONFIG, **changes), lambda policy: 0.0)
    ours.schedule.step = lambda: None  # a schedule of its own: compare at one learning rate
    for group in ours.optimizer.param_groups:
        group["lr"] = CONFIG.learning_rate
    trainer.scheduler.step = lambda: None
    for group in trainer.opt.optimizer.param_groups:
        group["lr"] = CONFIG.learning_rate
    for _ in range(3):
        ours.step()
    trainer.learn()
    first, second = weights(policy), weights(trainer._policy)
    for name in first:
        assert torch.allclose(first[name], second[name], atol=1e-5), name
    assert ours.state.rollouts == trainer.progress.rollouts


def test_advantages_and_loss_equal_those_of_trlx_where_trlx_is_right(start):
    """Without padding and whitening, `PPOConfig.get_advantages_and_returns` and `PPOConfig.loss` are right."""
    from rewriter.experience import AdvantageEstimator
    from rewriter.objective import ppo_objective

    trainer = start(
        whiten_advantages=False, center_groups=False, kl_placement="reward", gae_lambda=0.9, gamma=0.95, terms=3
    )
    shaken(trainer._policy, scale=0.05)
    trainer.make_experience(32)
    chunk, method = trainer._chunks[0], trainer.config.method
    rollouts = chunk.rollouts
    rewards = -trainer.kl.coefficient * (rollouts.log_probs - chunk.reference_log_probs)
    rewards[:, -1] += torch.from_numpy(chunk.rewards.gain).float()
    advantages, returns = method.get_advantages_and_returns(rollouts.values, rewards, 3, use_whitening=False)
    estimated = AdvantageEstimator(trainer.settings, trainer.kl.coefficient)(
        rollouts, chunk.reference_log_probs, torch.from_numpy(chunk.rewards.gain).float()
    )
    assert torch.allclose(estimated[0], advantages, atol=1e-5)
    assert torch.allclose(estimated[1], returns, atol=1e-5)
    shaken(trainer._policy, seed=3, scale=0.01)
    scores = score(trainer._policy, chunk.prompts, rollouts)
    theirs, _ = method.loss(
        scores.log_probs,
        scores.values,
        rollouts.log_probs,
        rollouts.values,
        advantages,
        returns,
        rollouts.mask.long(),
    )
    ours = ppo_objective(scores, chunk, trainer.settings, trainer.kl.coefficient).loss
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-5)
    named = list(trainer._policy.parameters())
    gradients = [torch.autograd.grad(loss, named, retain_graph=True, allow_unused=True) for loss in (ours, theirs)]
    for first, second in zip(*gradients, strict=True):
        assert (first is None) == (second is None)
        assert first is None or torch.allclose(first, second, atol=1e-5)


def test_steps_are_counted_and_metrics_logged_once_a_round(start, monkeypatch):
    trainer = start()
    logged = []
    monkeypatch.setattr(trainer.accelerator, "log", lambda stats, step: logged.append((step, dict(stats))))
    trainer.learn()
    rounds = [step for step, stats in logged if "rollouts/reward_mean" in stats]
    assert rounds[:4] == [0, 2, 4, 6]
    assert all(later > earlier for earlier, later in pairwise(rounds[:4]))
