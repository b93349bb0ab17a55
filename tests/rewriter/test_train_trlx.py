"""The trlX script as it is started: one process, two processes, killed and resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from rewriter.stage_record import read_stage
from rewriter.stages import run_base, run_warm_start
from rewriter.trlx_stage import newest_checkpoint, require_trlx
from rewriter.workbench import Workbench
from search.errors import UntilclickError
from search.session_log import SessionLog
from tests.rewriter.toy_learning import (
    TOY_BASE,
    TOY_POLICY,
    TOY_WARM_START,
    toy_documents,
    toy_sessions,
    toy_topics,
)

ROOT = Path(__file__).parents[2]
OPTIONS = {
    "method.samples_per_prompt": 4,
    "method.terms": 3,
    "method.chunk_size": 32,
    "method.num_rollouts": 32,
    "train.batch_size": 32,
    "train.minibatch_size": 32,
    "train.eval_interval": 4,
    "train.checkpoint_interval": 4,
    "train.total_steps": 12,
    "optimizer.kwargs.lr": 3e-3,
}
with_trlx = pytest.mark.skipif(
    find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with documents, a log and a trained warm start."""
    folder = tmp_path_factory.mktemp("trlx")
    lines = [json.dumps({"_id": d.doc_id, "title": d.title, "text": d.text}) for d in toy_documents()]
    (folder / "documents.jsonl").write_text("\n".join(lines), encoding="utf-8")
    bench = Workbench.open(str(folder / "documents.jsonl"), "tantivy")
    with SessionLog.open(str(folder / "log.db")) as log:
        log.append(toy_sessions(toy_topics(), name_topics=False))
        run_base(bench, folder / "run", TOY_POLICY, TOY_BASE)
        run_warm_start(bench, folder / "run", log.sessions(), TOY_WARM_START)
    return folder


@pytest.fixture
def run(made, tmp_path) -> Path:
    """A run folder of its own."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "warm_start").symlink_to(made / "run" / "warm_start")
    return tmp_path / "run"


def start(made: Path, run: Path, processes: int, **options) -> subprocess.Popen:
    """Start the script; on several processes by `torchrun`."""
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", "rewriter.train_trlx"]
    command += ["--data", str(made / "documents.jsonl"), "--log-url", str(made / "log.db"), "--out", str(run)]
    command += [json.dumps({**OPTIONS, **options})]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.Popen(command, cwd=run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=240)[0].decode(errors="replace")
    assert process.returncode == 0, output[-3000:]
    return output


def wait_for(found, process: subprocess.Popen) -> None:
    for _ in range(2400):
        if found():
            return
        assert process.poll() is None, process.communicate()[0].decode(errors="replace")[-3000:]
        time.sleep(0.1)
    raise AssertionError("nothing came within four minutes")


@pytest.mark.trlx
@with_trlx
def test_the_script_trains_on_one_process_with_dotted_overrides(made, run):
    finish(start(made, run, 1, **{"train.seed": 2, "method.init_kl_coef": 0.1}))
    record = read_stage(run / "ppo")
    assert (record.config["seed"], record.config["kl_coef"]) == (2, 0.1)
    assert record.figures["processes"] == 1
    assert not (run / "ppo.trlx").exists()


@pytest.mark.trlx
@with_trlx
def test_two_processes_are_killed_in_the_middle_and_go_on(made, run):
    first = start(made, run, 2, **{"train.total_steps": 4000})
    wait_for(lambda: newest_checkpoint(run / "ppo.trlx") is not None, first)
    wait_for(lambda: any((run / "ppo.trlx").glob("checkpoint_*/hf_model/model.safetensors")), first)
    first.terminate()  # torchrun ends its workers in turn
    first.communicate(timeout=60)
    assert not (run / "ppo").exists()
    done = int(newest_checkpoint(run / "ppo.trlx").name.rpartition("_")[2])
    output = finish(start(made, run, 2, **{"train.total_steps": done + 8}))
    assert f"{done}/{done + 8}" in output
    assert read_stage(run / "ppo").figures["processes"] == 2


@pytest.mark.trlx
@with_trlx
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ('{"method.nonsense": 1}', "method.nonsense in the overrides is no option"),
        ("{", "The overrides are not JSON"),
        ("[]", "no JSON object"),
        ('{"method.scale_reward": "ref"}', "method.scale_reward is 'ref'"),
    ],
)
def test_overrides_that_cannot_be_are_one_sentence(made, run, given, problem):
    command = [sys.executable, "-m", "rewriter.train_trlx", "--log", str(made / "log.db"), "--out", str(run), given]
    command += ["--data", str(made / "documents.jsonl")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=run, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(find_spec("trlx") is not None, reason="trlX is installed")
def test_without_trlx_one_sentence_says_how_to_get_it():
    with pytest.raises(UntilclickError, match="pip install 'untilclick\\[trlx\\]'"):
        require_trlx()


def test_the_newest_checkpoint_is_the_one_of_the_most_steps(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for name in ("checkpoint_08", "checkpoint_12", "best_checkpoint"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint_99").write_text("no folder")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint_12"
