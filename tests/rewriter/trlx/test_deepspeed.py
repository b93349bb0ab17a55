"""DeepSpeed's ZeRO with the configurations that are shipped, on CPUs: the same training, cut up."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.rewriter.stages.record import read_stage
from untilclick.rewriter.trlx.checkpoint import newest_checkpoint
from untilclick.rewriter.trlx.deepspeed import configure
from untilclick.search.errors import UntilclickError

from tests.rewriter.toy_trlx import ROOT, finish, kill_once, new_run, rows_of, start_script, torchrun

with_deepspeed = pytest.mark.skipif(
    find_spec("trlx") is None or find_spec("deepspeed") is None,
    reason="trlX or DeepSpeed is not installed; they come with the extra `trlx` and trlX's repository",
)
ON_CPU = {"DS_ACCELERATOR": "cpu"}
QUICK = {"method.average_decay": 0.0, "scheduler.kwargs.total_iters": 1}
"""Options with which twelve steps learn enough that the best weights differ from those of the start."""


@dataclass
class Plugin:
    """Stands in for accelerate's DeepSpeed plugin."""

    zero_stage: int = 1
    deepspeed_config: dict = field(default_factory=dict)


def launched(stage: str, processes: int) -> list[str]:
    """`accelerate launch` with a configuration that is shipped."""
    config = ROOT / "rewriter" / "configs" / f"{stage}.yaml"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(config)]
    return [*launcher, "--num_processes", str(processes), "--main_process_port", "0"]


@pytest.fixture(scope="module")
def world(world, tmp_path_factory) -> Path:
    """The toy world with a muddled memory, so that there is something to learn in twelve steps."""
    folder = shutil.copytree(world, tmp_path_factory.mktemp("muddled") / "world")
    policy, vocabulary = load_policy(folder / "run" / "warm_start")
    assert policy.memory is not None
    with torch.no_grad():
        policy.memory.keys.copy_(torch.randn(policy.memory.keys.shape, generator=torch.Generator().manual_seed(0)))
    save_policy(policy, vocabulary, folder / "run" / "warm_start")
    return folder


@pytest.fixture(scope="module")
def plain(world, tmp_path_factory) -> dict[int, Path]:
    """Runs without DeepSpeed, by number of processes."""
    folder, runs = tmp_path_factory.mktemp("plain"), {}
    for processes in (1, 2):
        runs[processes] = new_run(world, folder / str(processes))
        finish(start_script(world, runs[processes], QUICK, torchrun(processes)))
    return runs


def assert_same_rows(first: Path, second: Path) -> None:
    """Both runs logged the same losses, KL, gradient norms and rewards, up to rounding."""
    first_rows, second_rows = rows_of(first / "ppo.log"), rows_of(second / "ppo.log")
    assert [row.keys() for row in first_rows] == [row.keys() for row in second_rows]
    for row, expected in zip(first_rows, second_rows, strict=True):
        assert row == pytest.approx(expected, abs=1e-3, rel=1e-3, nan_ok=True)


@pytest.mark.trlx
@with_deepspeed
@pytest.mark.parametrize(("stage", "processes", "minibatch"), [("zero1", 1, 16), ("zero1", 2, 32), ("zero2", 2, 16)])
def test_training_under_zero_is_training_without_it(world, plain, tmp_path, stage, processes, minibatch):
    """Micro-batches change nothing, and the result is a T5 without a missing key."""
    from transformers import T5ForConditionalGeneration

    run = new_run(world, tmp_path / "run")
    options = {**QUICK, "train.minibatch_size": minibatch}
    finish(start_script(world, run, options, launched(stage, processes), ON_CPU))
    assert read_stage(run / "ppo").figures["processes"] == processes
    assert_same_rows(run, plain[processes])
    trained, expected = (load_file(folder / "ppo" / "model.safetensors") for folder in (run, plain[processes]))
    start = load_file(run / "warm_start" / "model.safetensors")
    assert max(float((trained[name] - start[name]).abs().max()) for name in trained) > 0.005
    for name, weight in expected.items():
        assert torch.allclose(trained[name], weight, atol=5e-4), name
    report = T5ForConditionalGeneration.from_pretrained(run / "ppo", output_loading_info=True)[1]
    assert not report["missing_keys"]
    load_policy(run / "ppo")


@pytest.mark.trlx
@with_deepspeed
@pytest.mark.parametrize(("stage", "processes"), [("zero1", 1), ("zero2", 2)])
def test_a_killed_run_under_zero_goes_on_as_if_nothing_had_happened(world, plain, tmp_path, stage, processes):
    """The run resumes under the same ZeRO stage; without DeepSpeed its checkpoint is refused."""
    run = new_run(world, tmp_path / "run")
    first = start_script(world, run, {**QUICK, "train.total_steps": 4000}, launched(stage, processes), ON_CPU)
    kill_once(lambda: newest_checkpoint(run / "ppo.trlx"), first)
    for later in (run / "ppo.trlx").glob("checkpoint_*"):
        if later.name != "checkpoint_0004":
            shutil.rmtree(later)
    without = start_script(world, run, QUICK, torchrun(processes))
    said = without.communicate(timeout=120)[0].decode()
    assert without.returncode != 0
    assert f"was written under ZeRO stage {stage[-1]}, and now it is 0" in said
    output = finish(start_script(world, run, QUICK, launched(stage, processes), ON_CPU))
    assert "4/12" in output
    assert read_stage(run / "ppo").figures["rollouts"] == 6 * 32
    assert_same_rows(run, plain[processes])


def test_deepspeed_is_told_what_it_cannot_know():
    plugin = Plugin(2, {"gradient_accumulation_steps": "auto"})
    configure(plugin, 16, 0.5)
    expected = {"gradient_accumulation_steps": 1, "train_micro_batch_size_per_gpu": 16, "gradient_clipping": 0.5}
    assert plugin.deepspeed_config == expected


def test_stage_3_and_accumulation_of_deepspeeds_own_are_refused():
    with pytest.raises(UntilclickError, match="ZeRO stage 3 splits the weights"):
        configure(Plugin(3), 16, 1.0)
    with pytest.raises(UntilclickError, match="gradient_accumulation_steps of DeepSpeed is 4; leave it at 1"):
        configure(Plugin(1, {"gradient_accumulation_steps": 4}), 16, 1.0)
