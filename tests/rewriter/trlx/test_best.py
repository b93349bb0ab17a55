"""Which weights a training in trlX keeps: the last that cannot be told from the best, whatever interrupts it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import LastOfBest
from untilclick.rewriter.trlx.best import BEST_FOLDER, BestFolder, Evaluation, saved_evaluation, write_best
from untilclick.rewriter.trlx.checkpoint import MARKER, Progress, read, write
from untilclick.rewriter.trlx.processes import Processes

from tests.rewriter.toy_learning import toy_policy
from tests.rewriter.toy_trlx import PlantedTexts, equal, in_trlx, weights

NEEDS = np.arange(11)
"""Those of the prompts of a trainer in the toy world."""
BEST = np.linspace(0.2, 0.8, NEEDS.size)
LEVEL = BEST - 0.1 * (-1.0) ** NEEDS  # better on some needs and worse on others, on the whole a little worse
WORSE = BEST - 0.05
REWARDS = {0: WORSE - 0.2, 2: BEST, 4: LEVEL, 6: WORSE, 8: WORSE}
"""Optimiser steps -> rewards of the evaluation prompts."""
EACH_ROUND = {"checkpoint_every": 1, "validate_every": 1}


def scored(rewards: np.ndarray) -> Scored:
    return Scored(float(rewards.mean()), rewards, NEEDS)


def judged(trainer, needs=NEEDS):
    """The trainer, whose evaluations return `REWARDS` of prompts with these needs."""
    trainer.eval_pipeline.needs = needs

    def of_present_step() -> list[float]:
        return REWARDS[trainer.iter_count].tolist()

    trainer._greedy_rewards = of_present_step
    return trainer


# --- without trlX ---


@pytest.mark.parametrize(
    ("rewards", "step", "written"),
    [
        (BEST + 0.01, 4, True),
        (BEST, 4, False),
        (BEST, 6, True),
        (LEVEL, 4, False),
        (LEVEL, 6, True),
        (WORSE, 6, False),
    ],
)
def test_weights_that_are_newer_than_the_checkpoint_stay_unless_these_are_preferred(
    opened, tmp_path, rewards, step, written
):
    """The folder holds weights of step 6, which are level with the best."""
    policy, vocabulary = toy_policy(opened)
    later = Evaluation(float(LEVEL.mean()), 6, tuple(BEST.tolist()))
    write_best(tmp_path / BEST_FOLDER, policy, vocabulary, later)
    folder = BestFolder(tmp_path, main=True)
    highest = folder.read(Processes(SimpleNamespace(num_processes=1)))
    assert highest == Evaluation(pytest.approx(BEST.mean()), 6)
    best = LastOfBest()
    assert best.takes(scored(rewards), step)
    folder.keep(policy, vocabulary, scored(rewards), best)
    expected = Evaluation(pytest.approx(rewards.mean()), step, tuple(rewards.tolist())) if written else later
    assert saved_evaluation(tmp_path / BEST_FOLDER) == expected


def test_a_run_that_came_further_than_before_keeps_its_own_best(opened, tmp_path):
    policy, vocabulary = toy_policy(opened)
    write_best(tmp_path / BEST_FOLDER, policy, vocabulary, Evaluation(float(BEST.mean()), 6, tuple(BEST.tolist())))
    folder, best = BestFolder(tmp_path, main=True), LastOfBest()
    folder.read(Processes(SimpleNamespace(num_processes=1)))
    for step, rewards in ((4, BEST + 0.01), (5, LEVEL + 0.01)):
        assert best.takes(scored(rewards), step)
        folder.keep(policy, vocabulary, scored(rewards), best)
    assert saved_evaluation(tmp_path / BEST_FOLDER).step == 5


def test_progress_is_stored_with_the_rewards_of_the_best_evaluation():
    progress = Progress(step=4, order=(3, 1))
    progress.best.takes(scored(BEST), 2)
    again = Progress.of(progress.content())
    assert again == progress
    assert again.best.values.tolist() == BEST.tolist()
    earlier = {name: value for name, value in progress.content().items() if name != "best_rewards"}
    assert Progress.of(earlier) == progress
    assert Progress.of(earlier).best.values is None


# --- in trlX ---


@in_trlx
@pytest.mark.parametrize(("needs", "step"), [(NEEDS, 4), (None, 2)])
def test_of_weights_that_cannot_be_told_apart_those_that_learned_longest_are_kept(start, tmp_path, needs, step):
    """Without needs only the best are the best."""
    trainer = judged(start(**EACH_ROUND), needs)
    trainer.learn()
    best, checkpoints = trainer.progress.best, tmp_path / "checkpoints"
    assert (best.score, best.step, best.stale) == (pytest.approx(BEST.mean()), step, 3)
    rewards = tuple(BEST.tolist()) if needs is not None else None
    kept = Evaluation(pytest.approx(REWARDS[step].mean()), step, rewards)
    assert saved_evaluation(checkpoints / BEST_FOLDER) == kept
    of_step = weights(load_policy(checkpoints / f"checkpoint_{step}" / "hf_model")[0])
    assert equal(of_step, weights(load_policy(checkpoints / BEST_FOLDER)[0]))


@in_trlx
@pytest.mark.parametrize("at", [2, 4, 6])
def test_a_resumed_run_keeps_the_weights_of_one_that_was_not_interrupted(start, tmp_path, at):
    whole, best = judged(start(**EACH_ROUND)), tmp_path / "checkpoints" / BEST_FOLDER
    whole.learn()
    evaluation, kept = saved_evaluation(best), weights(load_policy(best)[0])
    resumed = judged(start(**EACH_ROUND))
    resumed.load(str(tmp_path / "checkpoints" / f"checkpoint_{at}"))
    resumed.learn()
    assert resumed.progress == whole.progress
    assert resumed.progress.best.values.tolist() == whole.progress.best.values.tolist()
    assert saved_evaluation(best) == evaluation
    assert evaluation.step == 4
    assert equal(kept, weights(load_policy(best)[0]))


@in_trlx
def test_a_checkpoint_of_an_earlier_build_loads_and_only_better_weights_are_kept(start, tmp_path):
    """It has no rewards of the single prompts, so that nothing is level with its best."""
    trainer, checkpoint = judged(start(**EACH_ROUND)), tmp_path / "checkpoints" / "checkpoint_4"
    trainer.learn()
    content = read(checkpoint / MARKER)
    assert len(content["progress"].pop("best_rewards")) == NEEDS.size
    write(content, checkpoint / MARKER)
    best = tmp_path / "checkpoints" / BEST_FOLDER
    write_best(best, trainer.average.module, trainer.vocabulary, Evaluation(float(BEST.mean()), 2))
    (best / "of the first run").touch()
    resumed = judged(start(**EACH_ROUND))
    resumed.load(str(checkpoint))
    resumed.learn()
    assert (resumed.progress.best.step, resumed.progress.best.stale) == (2, 3)
    assert (best / "of the first run").exists()


@in_trlx
def test_processes_put_their_rewards_together_in_the_order_of_the_prompts(start):
    class ByPosition(PlantedTexts):
        """Pays more for later prompts."""

        def __call__(self, samples, prompts, outputs, tokenizer, position, **metadata) -> list[float]:
            return [1.0 + row for row in position]

    trainer, shares = start(reward=ByPosition), []
    expected = trainer._score()
    for rank in range(2):
        trainer.accelerator = SimpleNamespace(
            num_processes=2, process_index=rank, device="cpu", reduce=lambda share, _: shares.append(share) or share
        )
        trainer._processes = Processes(trainer.accelerator)
        trainer._score()
    assert sum(shares).tolist() == expected.values.tolist() == [1.0 + row for row in range(11)]
    assert expected.mean == 6.0
    assert [int(share.count_nonzero()) for share in shares] == [6, 5]


@in_trlx
def test_needs_are_known_if_all_prompts_have_one(start):
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline

    def needs(*numbers):
        records = [{"prompt": "oven", "need": number} for number in numbers]
        return RewriterPromptPipeline(records, 64, start().tokenizer).needs

    assert needs(3, 3, 5).tolist() == [3, 3, 5]
    assert needs(3, None) is None
    assert needs("a kitchen", "a garden") is None
