"""The work of the `train` commands: one stage of a run, with its progress and its figures in the terminal."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.terminal.proof_lines import lines_of_proof
from untilclick.app.terminal.terminal import Terminal
from untilclick.rewriter.config import BaseConfig, EnsembleConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.data.show import steps
from untilclick.rewriter.language.subword_settings import SubwordBaseConfig, SubwordConfig
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.proof import final
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.stages import base, ensemble, offline, ppo, ppo_trlx, subword_base, warm_start
from untilclick.rewriter.stages.input import LogInput
from untilclick.rewriter.stages.ppo import Backend, PPOStage
from untilclick.rewriter.stages.record import read_proof, read_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.languages import in_words
from untilclick.search.corpora.opened import OpenedCollection


class Training:
    """Trains the stages of one run. Each method trains one stage, then prints its folder and its figures; each raises
    what the stage's `main` raises."""

    def __init__(self, run: RunConfig, terminal: Terminal) -> None:
        set_up_torch()
        self._run, self._terminal = run, terminal

    def base(self, policy: PolicyConfig, config: BaseConfig) -> None:
        """Train the base of a `corpus` policy."""
        with self._terminal.progress("Base") as update:
            folder = base.main(base.BaseStage(self._run, policy, config), progress=steps(update))
        self._show(folder)

    def subword_base(
        self, source: Path, settings: SubwordConfig, limits: PolicyConfig, config: SubwordBaseConfig
    ) -> None:
        """Train the base from a pretrained T5, a folder or hub name; `limits` bound its vocabulary of index terms."""
        start = subword_base.SubwordStart(source, settings, limits)
        with self._terminal.progress("Base") as update:
            stage = subword_base.SubwordBaseStage(self._run, start, config)
            folder = subword_base.main(stage, progress=steps(update))
        self._show(folder)

    def warm_start(self, config: WarmStartConfig) -> None:
        """Train on hindsight pairs of the log."""
        with self._terminal.progress("Warm start") as update:
            folder = warm_start.main(warm_start.WarmStartStage(self._run, config), progress=steps(update))
        self._show(folder)

    def ppo(self, config: PPOConfig, *, resume: bool, backend: Backend) -> None:
        """Train on rewards."""
        stage = PPOStage(self._run, config, resume)
        if backend == "trlx":  # trlX shows its own progress
            folder = train_in_trlx(stage)
        else:
            with self._terminal.progress("PPO") as update:
                folder = ppo.main(stage, progress=steps(update))
        if folder is not None:
            self._show(folder)

    def offline(self, config: OfflineConfig) -> None:
        """Train on the actions and returns of the log alone."""
        # trlX, which `ilql` needs, and its libraries print on stdout.
        with redirect_stdout(sys.stderr), self._terminal.progress("Offline") as update:
            folder = offline.main(offline.OfflineStage(self._run, config), progress=steps(update))
        self._show(folder)

    def mean(self, config: EnsembleConfig) -> None:
        """Combine several trained models into one that averages their predictions."""
        with self._terminal.progress("Mean") as update:
            folder = ensemble.main(ensemble.EnsembleStage(self._run, config), progress=steps(update))
        self._show(folder)

    def final(self, *, clauses: int, anyway: bool) -> None:
        """Judge the last stage, and write what may be exported."""
        stage = final.FinalStage(self._run, JudgingConfig(clauses, seed=self._run.seed), asked=anyway)
        with redirect_stdout(sys.stderr):  # what trlX needs prints on stdout as soon as it is installed
            folder = final.main(stage, show=self._terminal.progress)
        proof = read_proof(folder)
        for line in lines_of_proof(proof.evidence, proof.admission):
            self._terminal.line(line)
        self._terminal.line(f"{folder.name} is in {folder}")
        self._terminal.answer({"folder": folder, "stage": folder.name, **asdict(proof)})

    def _show(self, folder: Path) -> None:
        """Print where the model is, and its figures on the validation queries."""
        record = read_stage(folder)
        language = in_words(analysis_by_name(record.analysis).languages)
        self._terminal.line(f"{record.stage} is in {folder}; documents in {language}")
        typed, rewritten = (record.figures.get(name, 0.0) for name in ("validation_ndcg_original", "validation_ndcg"))
        if typed or rewritten:
            self._terminal.line(f"Validation queries: nDCG@10 {typed:.4f} as typed, {rewritten:.4f} rewritten")
        if record.on_made_queries:
            self._terminal.line(record.on_made_queries)
        self._terminal.answer(
            {"folder": folder, "stage": record.stage, "figures": record.figures, "config": record.config}
        )


def train_ppo(
    stage: PPOStage,
    backend: Backend,
    opened: OpenedCollection,
    log: LogInput,
    progress: Progress,
) -> None:
    """Train on rewards in the chosen loop, over a collection and a log that are open already."""
    if backend == "builtin":
        ppo.main(stage, opened, log, progress)
    else:
        train_in_trlx(stage, opened, log)


def train_in_trlx(
    stage: PPOStage, opened: OpenedCollection | None = None, log: LogInput | None = None
) -> Path | None:
    """Train on rewards in trlX's loop. The folder of the stage; None in all processes of `torchrun` but the main one.

    Raises UntilclickError if trlX is not installed.
    """
    ppo_trlx.require_trlx()
    with redirect_stdout(sys.stderr):  # trlX and its libraries print on stdout, which belongs to the answer
        return ppo_trlx.main(ppo_trlx.PPOTrlxStage.of(stage), opened, log)
