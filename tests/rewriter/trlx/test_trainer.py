"""Our trainer in trlX: one test for each thing that trlX's own PPO does to a T5 and ours must not."""

from __future__ import annotations

import copy
import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.policy.distributions import exact_kl
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.training.ppo.trainer import PPOTrainer
from untilclick.search.errors import DataError

from tests.rewriter.toy_learning import favour_the_end, prompt_of, shaken, toy_policy
from tests.rewriter.toy_trlx import CONFIG, QUERIES, NoReward, equal, rows_of, weights

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_the_kl_to_the_reference_is_0_at_the_start(start, decoding):
    trainer = start(decoding, prepare=shaken)
    trainer.make_experience(32)
    chunk = trainer._chunks[0]
    present = score(trainer._policy, chunk.prompts, chunk.rollouts)
    assert exact_kl(present.distributions, chunk.reference).abs().max() < 1e-6
    assert trainer._round.experience["sampled_kl"] == pytest.approx(0.0, abs=1e-6)
    assert torch.allclose(chunk.reference_log_probs, chunk.rollouts.log_probs, atol=1e-6)


def test_the_kl_has_its_sign_and_drives_the_coefficient_up(start):
    trainer = start(kl_target=1e-4, kl_horizon=100, learning_rate=0.05)
    shaken(trainer._policy, scale=0.1)
    trainer.make_experience(32)
    assert trainer._round.experience["sampled_kl"] > 0.01
    before = trainer.kl.coefficient
    trainer.iter_count = 2
    trainer._close_round()
    assert trainer.kl.coefficient > before


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_the_reward_reads_the_sampled_ids_and_no_end_token(start, decoding):
    trainer = start(decoding, prepare=favour_the_end, terms=4)
    trainer.make_experience(32)
    rollouts = trainer._chunks[-1].rollouts
    rewarded = [
        [trainer.vocabulary.tokens.index(word) for word in text.split()] for text in trainer.reward_fn.outputs
    ]
    sampled = [ids[real].tolist() for ids, real in zip(rollouts.ids, rollouts.terms, strict=True)]
    assert rewarded == sampled
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
            type(part)(*(field[i : i + trainer.mb_size] for field in (part.rows, part.tokens, part.left)))
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
    assert trainer.progress.best.score > 0.8


def test_what_is_saved_loads_as_a_t5_with_no_missing_key(start, tmp_path):
    from transformers import T5ForConditionalGeneration

    trainer = start()
    trainer.learn()
    for folder in ("best_checkpoint", "checkpoint_8/hf_model"):
        path = tmp_path / "checkpoints" / folder
        t5, report = T5ForConditionalGeneration.from_pretrained(path, output_loading_info=True)
        assert not report["missing_keys"]
        assert not report["unexpected_keys"]
        loaded, vocabulary = load_policy(path)
        assert equal(weights(t5), weights(loaded.t5))
        assert isinstance(vocabulary, TermVocabulary)
    assert equal(weights(loaded.t5), weights(trainer.average.module.t5))


def test_the_saved_tokenizer_has_no_token_outside_the_model(start, tmp_path):
    from transformers import AutoTokenizer

    trainer = start()
    trainer.save_pretrained(str(tmp_path / "saved"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert len(tokenizer) == trainer._policy.vocabulary_size


def test_the_pipeline_leaves_the_callers_prompts_alone_and_passes_metadata_on(start):
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline

    trainer = start()
    records = [{"prompt": "oven", "query_terms": "oven", "position": 3, "session": "s1"}, "moon"]
    before = copy.deepcopy(records)
    pipeline = RewriterPromptPipeline(records, 64, trainer.tokenizer)
    assert records == before
    assert pipeline.metadata == [{"position": 3, "session": "s1"}, {"position": None, "session": None}]
    assert pipeline.reward_arguments([1, 0]) == (["moon", "oven"], {"position": [None, 3], "session": [None, "s1"]})
    assert RewriterPromptPipeline(["moon", {"prompt": "oven", "a": 1}], 64, trainer.tokenizer).reward_arguments(
        [0, 1]
    )[1] == {"a": [None, 1]}
    assert pipeline[0].query_ids == pipeline[0].ids[:1]
    assert [prompt.ids[-1] for prompt in pipeline.prompts] == [EOS_ID, EOS_ID]


@pytest.mark.parametrize("cuts", [{}, {"minibatches": 3, "micro_batches": 3}, {"kl_target": 0.05, "kl_horizon": 50}])
def test_both_backends_do_the_same_to_the_same_policy(start, opened, vocabulary, tmp_path, cuts):
    """Same seed, same prompts, same reward: the weights after some rounds agree, and so does all that is logged."""
    from untilclick.rewriter.data.environment import RewardBatch

    changes = {"iterations": 3, "validate_every": 100, "checkpoint_every": 100, **cuts}
    trainer = start(log_folder=tmp_path / "log", **changes)
    policy = toy_policy(opened)[0]
    prompts = [prompt_of(vocabulary, term) for term in vocabulary.terms if term in QUERIES]
    right = np.array([vocabulary.tokens.index(word) for word in trainer.reward_fn.right])

    class Environment:
        def __len__(self) -> int:
            return len(prompts)

        def rewards(self, rows, ids, mask, rng) -> RewardBatch:
            wanted = np.repeat(right[rows], ids.shape[0] // rows.size)
            return RewardBatch(((ids == wanted[:, None]) & mask).any(1).astype(np.float64))

    ppo_trainer = PPOTrainer(policy, prompts, Environment(), changed(CONFIG, **changes), lambda policy: 0.0)
    ppo_trainer.schedule.step = lambda: None  # a schedule of its own: compare at one learning rate
    for group in ppo_trainer.optimizer.param_groups:
        group["lr"] = CONFIG.update.learning_rate
    trainer.scheduler.step = lambda: None
    for group in trainer.opt.optimizer.param_groups:
        group["lr"] = CONFIG.update.learning_rate
    trainer.rng = trainer.shared_rng  # the built-in trainer has one source of random numbers
    expected = [ppo_trainer.run_round() for _ in range(3)]
    trainer.learn()
    first, second = weights(policy), weights(trainer._policy)
    tolerance = 1e-4 if "micro_batches" in cuts else 1e-5  # Adam enlarges what gradients near 0 differ by
    for name in first:
        assert torch.allclose(first[name], second[name], atol=tolerance), name
    assert ppo_trainer.state.rollouts == trainer.progress.rollouts
    for row, metrics in zip(rows_of(tmp_path / "log"), expected, strict=True):
        assert {"step", "held_out_reward"} >= row.keys() - metrics.keys()
        assert {name for name in metrics.keys() - row.keys() if "seconds" not in name} == set()
        for name in row.keys() & metrics.keys():
            assert row[name] == pytest.approx(metrics[name], abs=1e-4), name


def test_advantages_and_loss_equal_those_of_trlx_where_trlx_is_right(start):
    """Without padding and whitening, `PPOConfig.get_advantages_and_returns` and `PPOConfig.loss` are right."""
    from untilclick.rewriter.training.ppo.experience import AdvantageEstimator
    from untilclick.rewriter.training.ppo.objective import ppo_objective

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
    trlx_loss, _ = method.loss(
        scores.log_probs,
        scores.values,
        rollouts.log_probs,
        rollouts.values,
        advantages,
        returns,
        rollouts.mask.long(),
    )
    loss = ppo_objective(scores, chunk, trainer.settings, trainer.kl.coefficient).loss
    assert float(loss.detach()) == pytest.approx(float(trlx_loss.detach()), abs=1e-5)
    named = list(trainer._policy.parameters())
    gradients = [
        torch.autograd.grad(scalar, named, retain_graph=True, allow_unused=True) for scalar in (loss, trlx_loss)
    ]
    for first, second in zip(*gradients, strict=True):
        assert (first is None) == (second is None)
        assert first is None or torch.allclose(first, second, atol=1e-5)


def test_steps_are_counted_and_metrics_logged_once_a_round(start, monkeypatch):
    trainer = start()
    logged = []
    monkeypatch.setattr(trainer.accelerator, "log", lambda stats, step: logged.append((step, dict(stats))))
    trainer.learn()
    rounds = [step for step, stats in logged if "rollouts/reward_mean" in stats]
    assert rounds == [0, 2, 4, 6]
    assert [step for step, stats in logged if "reward/mean" in stats] == [0, 4, 8]
    assert [step for step, stats in logged if "losses/approx_kl" in stats] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_rows_hold_what_was_evaluated_in_their_round(start, tmp_path):
    trainer = start(log_folder=tmp_path / "log")
    trainer.learn()
    rows = rows_of(tmp_path / "log")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["step"] for row in rows if "held_out_reward" in row] == [2, 4]
    assert rows[-1]["held_out_reward"] <= trainer.progress.best.score
    assert [row["rollouts"] for row in rows] == [32.0, 64.0, 96.0, 128.0]
    assert trainer.progress.rollouts == 128
    assert list((tmp_path / "log" / "tensorboard").iterdir())


def test_skipped_rounds_are_logged_and_counted_as_rounds(start, tmp_path):
    trainer = start(reward=NoReward, log_folder=tmp_path / "log")
    trainer.learn()
    rows = rows_of(tmp_path / "log")
    assert [(row["step"], row["skipped"]) for row in rows] == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)]
    assert trainer.progress.rollouts == 128


def test_rollouts_are_those_drawn_where_there_are_fewer_prompts_than_a_round_wants(start):
    trainer = start(prompts_per_iteration=24)
    trainer.learn()
    assert trainer.progress.rollouts == 4 * len(trainer.prompts) * 4


def test_total_steps_decides_when_training_ends_whatever_epochs_say(start):
    trainer = start()
    trainer.config.train.epochs = 1
    trainer.learn()
    assert trainer.iter_count == 8
    assert trainer.progress.round == 4


def test_training_ends_after_as_many_stale_evaluations_as_patience_says(start, opened, vocabulary):
    """As the built-in trainer: weights that do not move give no new best."""
    trainer = start(learning_rate=0.0, value_learning_rate=0.0, iterations=50, validate_every=2, patience=3)
    trainer.learn()
    assert trainer.iter_count == 3 * 2 * 2
    assert trainer.progress.round == 6
    assert (trainer.progress.best.step, trainer.progress.best.stale) == (0, 3)


def test_the_learning_rate_rises_over_ten_rounds_whatever_a_round_is_cut_into(start):
    for changes in ({}, {"epochs": 3, "minibatches": 2}):
        trainer = start(iterations=12, **changes)
        trainer.learn()
        steps = changes.get("epochs", 2) * changes.get("minibatches", 1)
        schedule = trainer.scheduler.scheduler
        assert schedule.total_iters == 10 * steps
        assert schedule.last_epoch == 12 * steps
        assert trainer.scheduler.get_last_lr()[0] == pytest.approx(CONFIG.update.learning_rate)


def test_the_schedule_steps_once_a_step_on_any_number_of_processes(start, monkeypatch):
    """accelerate steps it once for each process, since it takes batch sizes for those of one process."""
    from accelerate.state import AcceleratorState

    trainer = start()
    monkeypatch.setitem(AcceleratorState._shared_state, "num_processes", 4)
    trainer.scheduler.step()
    assert trainer.scheduler.scheduler.last_epoch == 1


def test_rounds_are_cut_into_steps_as_the_built_in_trainer_cuts_them(start):
    trainer = start(minibatches=3)
    trainer.make_experience(32)
    assert [len(part.rows) for part in trainer.create_train_dataloader()] == [3, 3, 2]
    assert trainer._round.length == 2 * 3


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_tracker_tensorboard_gets_rounds_steps_and_evaluations(start, tmp_path, optimizer):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = start(options={"train": {"tracker": "tensorboard"}, "optimizer": {"name": optimizer}})
    trainer.learn()
    assert "betas" not in trainer.config.optimizer.kwargs
    events = EventAccumulator(str(tmp_path / "checkpoints.log" / "trlx"))
    events.Reload()
    steps = {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert steps["rollouts/reward_mean"] == [0, 2, 4, 6]
    assert steps["losses/approx_kl"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert steps["reward/mean"] == [0, 4, 8]


def test_evaluation_takes_as_many_prompts_at_a_time_as_a_round_has(start, monkeypatch):
    trainer = start(prompts_per_iteration=4)
    batch, sizes = trainer.average.module.batch, []
    monkeypatch.setattr(trainer.average.module, "batch", lambda prompts: sizes.append(len(prompts)) or batch(prompts))
    earned = trainer._greedy_rewards()
    assert sizes == [4, 4, 3]
    trainer.settings = changed(trainer.settings, prompts_per_iteration=100)
    assert trainer._greedy_rewards() == earned
    assert sizes == [4, 4, 3, 11]


def test_prompts_that_are_cut_are_counted_and_the_reward_gets_them_whole(start, caplog):
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline

    trainer = start()
    texts = ["moon orbit", "moon", "moon orbit star"]
    with caplog.at_level("WARNING", logger="untilclick.rewriter.trlx.prompts"):
        pipeline = RewriterPromptPipeline(texts, 3, trainer.tokenizer)
        assert "1 of 3 prompts are cut: the model reads 3 tokens" in caplog.text
        assert "train.seq_length" in caplog.text
        caplog.clear()
        RewriterPromptPipeline(texts, 4, trainer.tokenizer)
    assert not caplog.records
    assert [len(prompt.ids) for prompt in pipeline.prompts] == [3, 2, 3]
    assert pipeline.reward_arguments([2])[0] == ["moon orbit star"]


def test_nothing_to_evaluate_on_is_said_before_training(start):
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline

    trainer = start()
    with pytest.raises(DataError, match="no prompts to evaluate on"):
        trainer.add_eval_pipeline(RewriterPromptPipeline([], 64, trainer.tokenizer))
    with pytest.raises(DataError, match="0 prompts to train on for 1 processes"):
        trainer.add_prompt_pipeline(RewriterPromptPipeline([], 64, trainer.tokenizer))
