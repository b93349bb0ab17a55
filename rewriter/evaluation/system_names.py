"""The names under which systems appear in files, and the titles under which people read them.

A new baseline or kind of model needs an entry here, else tables show its bare name. Which pairs are compared is in
`untilclick.rewriter.evaluation.comparisons`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

BASELINE = "bm25"
"""The system that gains are measured against: BM25 with the query as typed."""

BASELINES: tuple[str, ...] = (
    BASELINE,
    "rm3",
    "spelling",
    "rocchio",
    "session_concatenation",
    "successor",
    "association",
    "bm25_tuned",
    "encoder",
    "bm25_encoder",
)
"""Systems that need no trained rewriter. A gain that one of them reaches too is not the rewriter's own."""

UNTRAINED: tuple[str, ...] = (BASELINE, "rm3", "spelling", "encoder", "bm25_encoder", "base")
"""Systems that learned nothing from sessions or judgments; the strongest of them is what training has to beat."""

UNTRAINED_REWRITER = "base"
"""The rewriter before it has learned from sessions."""

ENGINE_ORDER = "bm25_engine_order"
"""The baseline without the step that puts exact titles first: the engine's own ranking of the query as typed."""

ORACLE = "oracle"
"""The system that reads the judgments and is therefore never called best."""

WORDS_ALONE, DOCUMENTS_ALONE = "words_alone", "documents_alone"
"""The last model of a run with one of its two readings."""

APART: tuple[str, ...] = (WORDS_ALONE, DOCUMENTS_ALONE, ENGINE_ORDER, ORACLE)
"""Rows that do not compete: a model and a baseline without a part of them, and the oracle."""

TRAINED: tuple[str, ...] = ("mean", "ppo", "offline", "warm_start")
"""Models trained on sessions, the one that went through most training first."""


class SystemTitle(NamedTuple):
    """How people read a system."""

    title: str
    """A few words for the first column of a table."""
    note: str
    """What the system does, in one short phrase."""


SYSTEM_TITLES: Mapping[str, SystemTitle] = {
    "bm25": SystemTitle("BM25 as typed", "the query as typed"),
    "bm25_tuned": SystemTitle("BM25, k1 and b chosen", "the query as typed, with k1 and b chosen on training topics"),
    "rm3": SystemTitle("BM25 + RM3", "pseudo-relevance feedback"),
    "rocchio": SystemTitle("BM25 + Rocchio", "pseudo-relevance feedback in the vector space"),
    "spelling": SystemTitle("spelling correction", "misspelt words corrected"),
    "session_concatenation": SystemTitle(
        "session's queries joined", "with the session's earlier queries, at a lower weight"
    ),
    "successor": SystemTitle("next query of the log", "the query that most often came next in the log"),
    "association": SystemTitle("word associations", "words that go with the query's in judged training topics"),
    "encoder": SystemTitle("sentence encoder alone", "documents of like meaning, by a pretrained encoder"),
    "bm25_encoder": SystemTitle("BM25 + encoder", "half and half, scores divided by their maximum"),
    "base": SystemTitle("base, no sessions", "trained on the documents alone, before any session"),
    "warm_start": SystemTitle("warm start", "supervised training on hindsight pairs, from clicks by default"),
    "offline": SystemTitle("offline", "trained on what was tried and clicked, from the log alone"),
    "ppo": SystemTitle("PPO", "reinforcement learning, from judged training topics or from clicks"),
    "mean": SystemTitle("mean of models", "the averaged probabilities of several trained models"),
    "final": SystemTitle("what is served", "what the gate let through: refitted on the whole log, or the base"),
    WORDS_ALONE: SystemTitle("the same, words alone", "the last model, its queries read as words"),
    DOCUMENTS_ALONE: SystemTitle("the same, documents alone", "the last model, without the words that it adds"),
    ENGINE_ORDER: SystemTitle(
        "BM25 without exact titles", "the engine's own order; in all other rows a title that is the query comes first"
    ),
    ORACLE: SystemTitle("oracle (knows the answer)", "head-room: the best single added word; reads the judgments"),
}
"""System name -> how people read it, in the order of tables."""


def title_of(system: str) -> str:
    """How people read a system; its bare name if it has no title."""
    entry = SYSTEM_TITLES.get(system)
    return entry.title if entry else system


def note_of(system: str) -> str:
    """What a system does, in one short phrase; empty if it has no entry."""
    entry = SYSTEM_TITLES.get(system)
    return entry.note if entry else ""
