"""The steps of a demo after the documents: what each does, with which settings, and what it leaves."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.app.loop.demo.collections import DemoCollections
from untilclick.app.loop.demo.config import DemoConfig
from untilclick.app.loop.evaluation import EvaluationInput, evaluate
from untilclick.app.loop.simulation import fill_log
from untilclick.app.loop.trained_systems import TrainedSystems
from untilclick.app.terminal.progress import Update
from untilclick.app.terminal.terminal import counted
from untilclick.rewriter.data.show import steps
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.evaluation.system_names import ENGINE_ORDER
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.sentences import few_needs
from untilclick.rewriter.proof import final
from untilclick.rewriter.proof.bundle import export_run
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.stages import base, export, ppo, warm_start
from untilclick.rewriter.stages.record import BASE, FINAL, PPO, WARM_START, drop_checkpoint, read_proof, read_stage
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session

SPLIT = "by need"
"""How logs are split: a part of the key of the steps that read them, so that runs of an earlier split begin anew."""


@dataclass(frozen=True)
class Step:
    """One step of a demo."""

    name: str
    title: str
    settings: object
    """Settings that the step's result depends on; their `repr` is part of the step's key."""
    artefact: Path
    """File or folder that the step leaves."""
    run: Callable[[Update], str]
    """Does the work; returns the result in one line, for people."""
    clear: Callable[[], None]
    """Removes the result of a call with other settings; a log is renamed instead."""


class DemoSteps:
    """The steps of a demo over one collection."""

    def __init__(self, config: DemoConfig, collections: DemoCollections) -> None:
        self._config, self._collections = config, collections
        self._judging = JudgingConfig(seed=config.seed)

    def in_order(self) -> list[Step]:
        """All steps; each uses the results of those before it."""
        config, out = self._config, self._config.out
        evaluation = replace(
            config.evaluate,
            data=config.data,
            split=self._collections.split,
            engine=config.engine,
            out=config.evaluation,
            seed=config.seed,
            habits=config.simulation.user,
        )
        return [
            Step(
                "sessions", "Search sessions", (config.simulation, self._collections.notes), config.log,
                self._simulate, self._rename_log,
            ),
            self._step(
                BASE, "Base model", (config.policy, config.base, *self._collections.training.encoder_digests),
                out / BASE, self._train_base,
            ),
            self._step(
                WARM_START, "Warm start", (config.warm_start, SPLIT), out / WARM_START, self._train_warm_start
            ),
            Step(PPO, "PPO", config.ppo, out / PPO, self._train_ppo, self._remove_ppo),
            self._step(FINAL, "Proof", self._judging, out / FINAL, self._prove),
            self._step(
                "evaluation", "Evaluation", replace(evaluation, out=Path()), config.evaluation,
                lambda update: self._evaluate(evaluation, update),
            ),
            self._step("bundle", "Bundle", None, config.bundle, self._export),
        ]  # fmt: skip

    def _step(self, name: str, title: str, settings: object, artefact: Path, run: Callable[[Update], str]) -> Step:
        return Step(name, title, settings, artefact, run, lambda: shutil.rmtree(artefact, ignore_errors=True))

    def _remove_ppo(self) -> None:
        shutil.rmtree(self._config.out / PPO, ignore_errors=True)
        drop_checkpoint(self._config.out)

    def _rename_log(self) -> None:
        """Rename the log: sessions of other settings must not be trained on, but live sessions among them must not be
        lost."""
        log = self._config.log
        if not log.exists():
            return
        name = f"log-until-{time.strftime('%Y%m%d-%H%M%S')}.db"
        for suffix in ("", "-wal", "-shm", ".spool"):
            part = log.with_name(log.name + suffix)
            if part.exists():
                part.rename(log.with_name(name + suffix))

    def _simulate(self, update: Update) -> str:
        opened = self._collections.training
        with SessionLog.open(str(self._config.log)) as log:
            fill_log(log, opened.collection, opened.engine, self._config.simulation, update, opened.index)
            figures = log.stats("simulated").total
        first = 100 * (figures.first_query_click_share or 0.0)
        return f"{figures.sessions:,} simulated; first query clicked: {first:.0f} %"

    def _train_base(self, update: Update) -> str:
        stage = base.BaseStage(self._config.run, self._config.policy, self._config.base)
        folder = base.main(stage, self._collections.training, steps(update))
        return f"{read_stage(folder).figures['vocabulary']:,.0f} words, learned from the documents alone"

    def _train_warm_start(self, update: Update) -> str:
        stage = warm_start.WarmStartStage(self._config.run, self._config.warm_start)
        with self._simulated_sessions() as sessions:
            folder = warm_start.main(stage, self._collections.training, sessions, steps(update))
        examples = counted(read_stage(folder).figures["examples"], "query", "queries")
        return f"{examples} paired with what was clicked"

    def _train_ppo(self, update: Update) -> str:
        stage = ppo.PPOStage(self._config.run, self._config.ppo)
        with self._simulated_sessions() as sessions:
            folder = ppo.main(stage, self._collections.training, sessions, steps(update))
        record = read_stage(folder)
        figures = record.figures
        rollouts = counted(figures["rollouts"], "rewrite", "rewrites")
        tried = f"{rollouts} tried on {counted(figures['queries'], 'query', 'queries')}"
        kept = "" if figures["best_round"] else "; none better, so the warm start's weights were kept"
        blend = f". {record.on_made_queries}" if record.on_made_queries else ""
        return f"{tried}{kept}{blend}"

    def _evaluate(self, config: EvaluateConfig, update: Update) -> str:
        settings = {"sessions trained on": str(self._config.simulation.sessions)}
        systems = TrainedSystems.of(self._config.out)
        inputs = EvaluationInput(self._collections.held_out, None)
        evaluated = evaluate(config, systems, inputs, settings=settings, progress=update)
        results = evaluated.results
        topics = counted(results.n_topics, "held-out topic", "held-out topics")
        return f"{topics} ({results.split}), {len(results.figures.keys() - {ENGINE_ORDER})} systems"

    def _prove(self, update: Update) -> str:
        stage = final.FinalStage(self._config.run, self._judging)
        with self._simulated_sessions() as sessions:
            folder = final.main(stage, self._collections.training, sessions, lambda _name: nullcontext(update))
        proof = read_proof(folder)
        return " ".join(filter(None, (few_needs(proof.evidence), proof.admission.sentences)))

    def _export(self, _update: Update) -> str:
        if read_proof(self._config.out / FINAL).use is Use.NOTHING:
            return "none: queries are searched as typed"
        config = export.ExportConfig(self._config.out / FINAL, self._config.bundle)
        bundle = export_run(config, self._collections.training)
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        return f"version {read_manifest(bundle).version}, {size / 2**20:.1f} MiB, needs no torch"

    @contextmanager
    def _simulated_sessions(self) -> Iterator[Iterable[Session]]:
        """The simulated sessions of the log, without the live sessions that a service may have added."""
        with SessionLog.open(str(self._config.log), create=False) as log:
            yield log.sessions("simulated")
