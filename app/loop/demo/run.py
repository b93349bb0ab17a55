"""The run of a demo: its steps in order, each once, with a view that shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from untilclick.app.loop.demo.collections import DemoCollections, open_collections
from untilclick.app.loop.demo.config import DemoConfig
from untilclick.app.loop.demo.memory import DemoMemory, StepRecord
from untilclick.app.loop.demo.steps import DemoSteps, Step
from untilclick.app.loop.evaluation import Evaluated, read_evaluated
from untilclick.app.loop.step_key import step_key
from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.terminal.progress import Update
from untilclick.app.terminal.terminal import counted
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.evaluation.results import Results
from untilclick.rewriter.evaluation.verdict import FEW_TOPICS
from untilclick.rewriter.stages.record import FINAL, read_proof
from untilclick.search.analysis.languages import in_words
from untilclick.search.corpora.asked import asked_examples
from untilclick.search.version import program_version

EXAMPLES = 3
"""Number of example queries."""


class View(Protocol):
    """Shows the steps of a demo."""

    def progress(self, label: str) -> AbstractContextManager[Update]:
        """Show the progress of a step until the block ends."""

    def step(self, number: int, total: int, title: str, record: StepRecord, *, fresh: bool) -> None:
        """Show a finished step: finished by this call (`fresh`), or by an earlier one."""

    def note(self, text: str) -> None:
        """Show a remark."""


@dataclass(frozen=True)
class DemoOutcome:
    """The results of a demo."""

    config: DemoConfig
    evaluated: Evaluated
    examples: tuple[str, ...]
    """Queries to try."""
    served: str
    """What of the training is served, and why."""


def run_demo(config: DemoConfig, view: View) -> DemoOutcome:
    """Run the steps that no earlier call has finished; may be interrupted at any time.

    Raises UntilclickError for whatever the user can correct.
    """
    set_up_torch()
    started = time.perf_counter()
    with view.progress("Reading documents"):
        collections = open_collections(config.run, config.index)
        config.out.mkdir(parents=True, exist_ok=True)
    encoded, no_encoder = encode_collection(config.encoder, collections.training, view.progress, config.index)
    collections = collections.with_vectors(encoded)
    planned = DemoSteps(config, collections).in_order()
    corpus = collections.training.collection.corpus
    documents = counted(len(corpus.documents), "document", "documents")
    analysis = collections.training.analysis
    language = in_words(analysis.languages)
    line = f"{documents} of {config.data}, in {language}, searched by {collections.training.engine.name}"
    view.step(1, len(planned) + 1, "Documents", StepRecord("", True, line, time.perf_counter() - started), fresh=True)
    about_topics = (_note_on_few_topics(collections), _note_on_made_queries(collections))
    for note in filter(None, (*collections.notes, *about_topics, no_encoder)):
        view.note(note)
    origin = step_key(corpus.fingerprint, program_version(), (config.engine, config.seed, analysis.name))
    _run_steps(planned, DemoMemory(config.out), origin, view)
    evaluated = read_evaluated(config.evaluation)
    served = read_proof(config.out / FINAL).admission.sentences
    return DemoOutcome(config, evaluated, example_queries(evaluated.results), served)


def _note_on_few_topics(collections: DemoCollections) -> str:
    """A warning, before the user waits, that the figures will say little; empty if there are topics enough."""
    n = len(collections.held_out.collection.topics[collections.split])
    if n >= FEW_TOPICS:
        return ""
    topics = counted(n, "topic", "topics")
    return f"Only {topics} held out to evaluate on: the figures will say little. More documents give more."


def _note_on_made_queries(collections: DemoCollections) -> str:
    """How made queries choose weights, and why the untrained rewriter may answer in the end; empty if people typed
    the queries, and without a sentence encoder."""
    training = collections.training
    if training.encoded is None or training.collection.queries == "real":
        return ""
    return (
        "Simulated users type more words of the documents they want than people do. With a sentence encoder, weights "
        "are therefore chosen where few words are shared as much as where many are, and the untrained ones stay if "
        "queries with few shared words are too rare, or if a choice fails where it was not made. Then the untrained "
        "rewriter may go on answering."
    )


def _run_steps(planned: Sequence[Step], memory: DemoMemory, key: str, view: View) -> None:
    total = len(planned) + 1  # the documents are the first
    for i, step in enumerate(planned):
        key = step_key(key, step.name, step.settings)
        record = memory.started(step.name, key)
        if record is not None and record.finished and step.artefact.exists():
            view.step(i + 2, total, step.title, record, fresh=False)
            continue
        if record is None:  # new settings: the results of this step and of all later ones are out of date
            for later in planned[i:]:
                later.clear()
        memory.save(step.name, StepRecord(key, finished=False))
        started = time.perf_counter()
        with view.progress(step.title) as update:
            line = step.run(update)
        record = StepRecord(key, True, line, round(time.perf_counter() - started, 2))
        memory.save(step.name, record)
        view.step(i + 2, total, step.title, record, fresh=True)


def example_queries(results: Results) -> tuple[str, ...]:
    """Queries to try, EXAMPLES at most: questions in people's words if there are some about the documents, else
    held-out queries as typed, first those that PPO's rewrite ranks better."""
    if results.asked:
        return asked_examples()[:EXAMPLES]
    subject = "ppo" if "ppo" in results.figures else "bm25"

    helped = [
        row.typed
        for row in results.topics
        if row.outcomes[subject].applied
        and row.outcomes[subject].values["nDCG@10"] > row.outcomes["bm25"].values["nDCG@10"]
    ]
    return tuple(dict.fromkeys([*helped, *(row.typed for row in results.topics)]))[:EXAMPLES]
