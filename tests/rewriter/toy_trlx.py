"""The toy world in trlX: trainers on eleven prompts of one term, and the script started as a user starts it.

trlX is imported inside functions only, so that tests without it can read this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.t5_folder import save_policy
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.log.session_log import SessionLog

from tests.rewriter.toy_learning import (
    THEMES,
    TOY_BASE,
    TOY_POLICY,
    TOY_PPO,
    TOY_WARM_START,
    prompt_of,
    toy_documents,
    toy_policy,
    toy_sessions,
    toy_topics,
)
from tests.rewriter.toy_stages import run_base, run_warm_start

ROOT = Path(__file__).parents[2]
QUERIES = [words.split()[0] for words in THEMES.values()] + [words.split()[2] for words in THEMES.values()]
with_trlx = pytest.mark.skipif(
    find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository"
)
CONFIG = changed(TOY_PPO, iterations=4, validate_every=2, checkpoint_every=2)
OPTIONS = {
    "method.samples_per_prompt": 4,
    "method.terms": 3,
    "method.chunk_size": 32,
    "method.num_rollouts": 32,
    "train.batch_size": 32,
    "train.eval_interval": 4,
    "train.checkpoint_interval": 4,
    "train.total_steps": 12,
    "optimizer.kwargs.lr": 3e-3,
}
"""Options of the script for the toy world; a round is two steps."""


class PlantedTexts:
    """A `reward_fn` that pays 1 for a text with the right term of its prompt, and keeps its arguments."""

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


def starter(opened, folder: Path) -> Callable:
    """A function that makes a trainer on eleven prompts of one term, from a saved model; keyword arguments change
    its settings, `options` those of trlX, by section."""
    from untilclick.rewriter.trlx.config import trlx_config
    from untilclick.rewriter.trlx.prompts import RewriterPromptPipeline
    from untilclick.rewriter.trlx.reward import prompt_record
    from untilclick.rewriter.trlx.trainer import RewriterPPOTrainer

    def made(
        decoding="parallel", reward=PlantedTexts, prepare=None, log_folder=None, options=None, rounds=None, **changes
    ):
        policy, vocabulary = toy_policy(opened, decoding)
        if prepare is not None:
            prepare(policy)
        prompts = [
            replace(prompt_of(vocabulary, term), texts=(term,)) for term in vocabulary.terms if term in QUERIES
        ]
        best = policy.first_step_log_probs(policy.batch(prompts)).topk(6, dim=-1).indices
        model = folder / "model"
        model.mkdir(exist_ok=True)
        save_policy(policy, vocabulary, model)
        config = trlx_config(changed(CONFIG, **changes), model, folder / "checkpoints")
        config = config.evolve(**(options or {}))
        right = [vocabulary.tokens[token] for token in best[:, 5].tolist()]
        trainer = RewriterPPOTrainer(
            config=config,
            reward_fn=reward(right),
            stop_sequences=[],
            log_folder=log_folder and str(log_folder),
            rounds=rounds,
        )
        records = [prompt_record(prompt, row, TermLanguage(vocabulary)) for row, prompt in enumerate(prompts)]
        trainer.add_prompt_pipeline(RewriterPromptPipeline(records, 64, trainer.tokenizer))
        trainer.add_eval_pipeline(RewriterPromptPipeline(records, 64, trainer.tokenizer))
        return trainer

    return made


def in_trlx(test):
    """A test that trains in trlX."""
    return pytest.mark.filterwarnings("ignore")(pytest.mark.trlx(with_trlx(test)))


def weights(module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def equal(first, second) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def rows_of(log_folder: Path) -> list[dict]:
    """The logged rows without times."""
    lines = (log_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: value for name, value in json.loads(line).items() if "seconds" not in name} for line in lines]


# --- the script ---


def make_world(folder: Path) -> None:
    """Documents, a log and a trained warm start in a folder."""
    lines = [json.dumps({"_id": d.doc_id, "title": d.title, "text": d.text}) for d in toy_documents()]
    (folder / "documents.jsonl").write_text("\n".join(lines), encoding="utf-8")
    opened = OpenedCollection.load(str(folder / "documents.jsonl"), "tantivy")
    with SessionLog.open(str(folder / "log.db")) as log:
        log.append(toy_sessions(toy_topics(), name_topics=False))
        run_base(opened, folder / "run", TOY_POLICY, TOY_BASE)
        run_warm_start(opened, folder / "run", log.sessions(), TOY_WARM_START)


def new_run(world: Path, run: Path) -> Path:
    """Make a new run folder with the warm start of the toy world."""
    run.mkdir()
    (run / "warm_start").symlink_to(world / "run" / "warm_start")
    return run


def torchrun(processes: int) -> list[str]:
    """The arguments before the script that start several processes; none for a single process."""
    return ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []


def start_script(
    world: Path, run: Path, options: dict, launcher: list[str] | None = None, environment: dict | None = None
) -> subprocess.Popen:
    """Start the script on the toy world, with these variables; the default keeps all processes on CPUs."""
    command = [sys.executable, *(launcher or []), "-m", "untilclick.rewriter.stages.train_trlx"]
    command += ["--data", str(world / "documents.jsonl"), "--log-url", str(world / "log.db"), "--out", str(run)]
    command += [json.dumps({**OPTIONS, **options})]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ACCELERATE_")}
    device = environment if environment is not None else {"ACCELERATE_USE_CPU": "true"}
    variables |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **device}
    return subprocess.Popen(command, cwd=run, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen) -> str:
    """Wait for the end of a process and return its output; an error fails the test."""
    output = process.communicate(timeout=240)[0].decode(errors="replace")
    assert process.returncode == 0, output[-3000:]
    return output


def kill_once(condition: Callable[[], object], process: subprocess.Popen) -> None:
    """End the processes as soon as a condition holds."""
    for _ in range(2400):
        if condition():
            process.terminate()  # a launcher ends its workers in turn
            process.communicate(timeout=60)
            return
        assert process.poll() is None, process.communicate()[0].decode(errors="replace")[-3000:]
        time.sleep(0.1)
    raise AssertionError("nothing came within four minutes")
