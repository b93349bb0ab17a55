"""The clock, the table and the rewards of the comparison of PPOs; the PPOs themselves are tested elsewhere."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from untilclick.rewriter.policy.subword import SubwordVocabulary

from benchmarks.bench_ppo import print_table
from benchmarks.ppo_clock import EndOfRun, LoopClock, RoundClock, peak_memory
from benchmarks.ppo_ground import DistinctWords
from benchmarks.ppo_records import Evaluation, Quality, Run, table_of
from benchmarks.stand_in_t5 import SENTINELS, unigram_tokenizer


def run_of(system: str, seed: int, *rewards: float, seconds: float = 2.0) -> Run:
    evaluations = tuple(Evaluation(i, i * seconds, reward, 0.1 * i) for i, reward in enumerate(rewards))
    n = len(rewards) - 1
    return Run(system, seed, 64, 4, (seconds / 4,) * n, (seconds * 3 / 4,) * n, evaluations, 2**21, 10**9, 1e9, None)


def test_seconds_to_a_reward_lie_between_the_evaluations_around_it():
    run = run_of("builtin", 0, 0.0, 0.2, 0.6)
    assert run.seconds_to(0.0) == 0.0
    assert run.seconds_to(0.1) == pytest.approx(1.0)
    assert run.seconds_to(0.5) == pytest.approx(3.5)
    assert math.isnan(run.seconds_to(0.7))


def test_rows_are_medians_over_seeds_and_the_target_is_a_reward_that_all_have_reached():
    runs = [run_of("builtin", seed, 0.0, 0.5, 0.8, seconds=1.0) for seed in range(3)]
    runs += [run_of("stock", seed, 0.0, 0.1 + 0.1 * seed, 0.4, seconds=2.0 + seed) for seed in range(3)]
    table = table_of(runs)
    builtin, stock = table.rows
    assert table.target == 0.4
    assert (builtin.system, stock.system) == ("builtin", "stock")
    assert builtin.round_seconds == 1.0
    assert stock.round_seconds == 3.0
    assert builtin.rollouts_per_second == 64 / 0.25
    assert stock.samples_per_second == pytest.approx(64 * 4 / 2.25)
    assert builtin.seconds_to_reward == pytest.approx(0.8)
    assert builtin.limit == pytest.approx(1.0)
    assert stock.peak_mebibytes == 2.0


def test_a_system_that_never_rises_does_not_set_the_target_and_has_no_ratio(capsys):
    table = table_of([run_of("builtin", 0, 0.0, 0.3), run_of("stock", 0, 0.1, 0.05)])
    assert table.target == 0.3
    assert math.isnan(table.rows[1].seconds_to_reward)
    print_table(table)
    builtin, stock = capsys.readouterr().out.splitlines()[1:]
    assert builtin.split()[5:7] == ["2.0", "-"]
    assert stock.split()[6] == "never"


def test_all_systems_set_the_target_if_none_rises():
    assert table_of([run_of("builtin", 0, 0.2, 0.1), run_of("stock", 0, 0.3, 0.2)]).target == 0.2


def test_the_median_time_counts_seeds_that_never_reach_the_target_as_the_slowest():
    runs = [run_of("builtin", seed, 0.0, 0.5) for seed in range(3)]
    runs += [run_of("stock", seed, 0.0, 0.6 if seed else 0.0) for seed in range(3)]
    assert table_of(runs).rows[1].seconds_to_reward == pytest.approx(2 * 0.5 / 0.6)


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = run_of("builtin", 1, 0.0, 0.2)
    run.write(tmp_path / "run.json")
    assert Run.read(json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))) == run


def test_a_loop_is_timed_from_rollouts_to_rollouts_and_ends_after_its_last_round():
    clock = RoundClock(lambda: Quality(0.5, 0.1), limit=3, every=2)
    loop = LoopClock(clock)
    drawn = []
    for _ in range(4):
        loop.rollouts(lambda: drawn.append(1))
    with pytest.raises(EndOfRun):
        loop.rollouts(lambda: drawn.append(1))
    assert len(clock.rollout_seconds) == len(clock.update_seconds) == 3
    assert len(drawn) == 4  # an extra round, whose operations are counted
    assert [evaluation.rounds for evaluation in clock.evaluations] == [0, 2, 3]
    assert clock.peak_bytes > 2**20
    assert peak_memory() > 2**20


def test_each_different_word_of_the_corpus_is_rewarded_once():
    vocabulary = SubwordVocabulary(unigram_tokenizer(["tree", "walk", "file"] * 3, 200))
    reward = DistinctWords(vocabulary, frozenset({"tree", "walk"}), 2, 4)
    assert reward(outputs=["tree walk", "tree tree", "file", ""]) == [0.5, 0.25, 0.0, 0.0]
    ids = np.array([vocabulary.prompt("tree walk", 9).ids[:2]])
    gain = reward.rewards(np.array([0]), ids, np.ones_like(ids, dtype=bool), np.random.default_rng(0)).gain
    assert gain.tolist() == [0.5]


def test_the_stand_in_tokenizer_works_like_that_of_a_t5():
    tokenizer = unigram_tokenizer(["remove", "a", "directory", "tree", "recursively"] * 3, 400)
    assert tokenizer("remove tree")["input_ids"][-1] == tokenizer.eos_token_id == 1
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 2)
    assert tokenizer.convert_tokens_to_ids(SENTINELS[-1]) == len(tokenizer) - 1
    assert tokenizer.decode(tokenizer("directory tree")["input_ids"], skip_special_tokens=True) == "directory tree"


def timed(systems: str, folder: Path) -> str:
    """Output of the benchmark for two rounds of some systems."""
    command = [sys.executable, "-m", "benchmarks.bench_ppo", "--ground", "corpus", "--systems", systems]
    command += ["--rounds", "2", "--seeds", "1", "--json", str(folder / "runs.json")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert (folder / "runs.json").stat().st_size > 100
    return done.stdout


@pytest.mark.slow
def test_the_built_in_backend_is_timed_from_start_to_table(tmp_path):
    assert "built-in, one round: draw" in timed("builtin", tmp_path)


@pytest.mark.trlx
@pytest.mark.skipif(find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository")
def test_both_trainers_in_trlx_are_timed_from_start_to_table(tmp_path):
    table = timed("trlx,stock", tmp_path)
    assert all(name in table for name in ("ours in trlX", "trlX's own"))
