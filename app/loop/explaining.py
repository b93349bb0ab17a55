"""What was learned for queries, base against trained, with what a log holds of them: the work of `untilclick
explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.rewriter.caution import Caution
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import ShowProgress
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.explanation import Explanation, explain
from untilclick.rewriter.serving.log_evidence import LogEvidence, log_evidence
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import (
    BASE,
    FINAL,
    MEMBER_STAGES,
    STAGE_FILE,
    StageRecord,
    analysis_of_run,
    latest_stage,
    read_stage,
)
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.load import load_corpus
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.encoded_corpus import fixed_vectors
from untilclick.search.errors import DataError, ModelError, UntilclickError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Corpus


@dataclass(frozen=True)
class ExplainConfig:
    """Which queries are explained, and by what."""

    queries: Sequence[str]
    history: Sequence[str] = ()
    """Queries typed before each of them, oldest first."""
    model: Path | None = None
    """A run folder or the folder of one stage; None with a bundle."""
    bundle: Path | None = None
    data: str = "stdlib"
    engine: str = "tantivy"
    encoder: str = "auto"
    """Name of the sentence encoder of a run; a bundle brings its own."""
    log: str | None = None
    """Address of a session log; None tells nothing of sessions."""
    caution: Caution | None = None
    """How much harm the rewrites may do for their gain; None: as each training was told."""
    k: int = 10
    """Number of first documents."""
    learned: bool = False
    """Whether stages take words and documents from their models even if their blends take them from the encoder."""


class ExplainedQuery(NamedTuple):
    """One query."""

    explanation: Explanation
    evidence: LogEvidence | None
    """None without a log."""


@dataclass(frozen=True)
class Explained:
    """All queries."""

    queries: Sequence[ExplainedQuery]
    notes: Sequence[str]
    """What a reader has to know of the models, in sentences."""


class _Subject(NamedTuple):
    """What is explained."""

    corpus: Corpus
    engine: SearchEngine
    rewriters: dict[str, Rewriter]
    notes: list[str]


def explain_queries(config: ExplainConfig, show: ShowProgress) -> Explained:
    """Explain queries by the base and the last trained stage of a run folder, by one stage, or by a bundle.

    `show` shows progress. Raises ModelError for a folder without a model, for a model of other documents, and for
    one that lacks its encoder; LogError for a missing log; DataError for a query of which nothing is known.
    """
    if (config.model is None) == (config.bundle is None):
        raise UntilclickError("Name what to explain: either --model DIR, a run or a stage, or --bundle BUNDLE")
    log = None if config.log is None else SessionLog.open(config.log, create=False)  # before anything that takes long
    try:
        subject = _of_bundle(config, show) if config.bundle else _of_run(config, show)
        return _explained(config, subject, log, show)
    finally:
        if log is not None:
            log.close()


def _explained(config: ExplainConfig, subject: _Subject, log: SessionLog | None, show: ShowProgress) -> Explained:
    requests = [RewriteRequest(query, tuple(config.history)) for query in config.queries]
    with show("Ranking"):
        explanations = explain(subject.rewriters, subject.engine, requests, config.k)
    for each in explanations:
        if each.unknown:
            raise DataError(f"{each.query!r} has no word that the documents or the model know; use other words")
    evidence: Sequence[LogEvidence | None] = [None] * len(explanations)
    if log is not None:
        titles = {document.doc_id: document.title for document in subject.corpus.documents}
        with show("Reading the log"):
            evidence = log_evidence(config.queries, log.sessions(), subject.engine.analysis, titles)
    return Explained(list(map(ExplainedQuery, explanations, evidence)), subject.notes)


def _of_bundle(config: ExplainConfig, show: ShowProgress) -> _Subject:
    assert config.bundle is not None
    if config.learned:
        raise UntilclickError("--learned needs the models of a run; name it by --model instead of --bundle")
    manifest = read_manifest(config.bundle, verify=False)
    with show("Opening the collection"):
        corpus = load_corpus(config.data)
        _refuse_others(config.bundle, manifest.fingerprint, corpus)
        engine = open_engine(config.engine, corpus, analysis=analysis_by_name(manifest.analysis))
        rewriter = open_bundle(config.bundle, engine, fixed_vectors(corpus.documents), config.caution)
    return _Subject(corpus, engine, {"bundle": rewriter}, [])


def _of_run(config: ExplainConfig, show: ShowProgress) -> _Subject:
    assert config.model is not None
    set_up_torch()
    folders, notes = _folders(config.model)
    with show("Opening the collection"):
        opened = OpenedCollection.load(config.data, config.engine, analysis=analysis_of_run(config.model))
    corpus = opened.collection.corpus
    records = {name: read_stage(folder) for name, folder in folders.items()}
    for name, record in records.items():
        _refuse_others(folders[name], record.fingerprint, corpus)
    encoded, note = encode_collection(config.encoder, opened, show)
    opened = opened.with_vectors(encoded)
    blends = {name: record.blend_for(config.caution) for name, record in records.items()}
    notes += [*filter(None, [note]), *_about_blends(blends, learned=config.learned)]
    if config.learned:
        blends = {name: replace(blend, recall="policy", documents=None) for name, blend in blends.items()}
    with show("Opening the models"):
        rewriters: dict[str, Rewriter] = {
            name: stage_rewriter(folder, opened, blends[name]) for name, folder in folders.items()
        }
    return _Subject(corpus, opened.engine, rewriters, notes)


def _folders(model: Path) -> tuple[dict[str, Path], list[str]]:
    """The stages to explain by their names: of a run the base and what was learned last, or the one stage whose
    folder `model` is; and notes. Raises ModelError if there is none."""
    last = latest_stage(model)
    if (model / STAGE_FILE).is_file():
        return {read_stage(model).stage: model}, []
    notes = []
    if last.name == FINAL and _is_untrained(read_stage(last)):
        last = latest_stage(model, MEMBER_STAGES)
        notes.append(f"What may be exported is the untrained base; the stage {last.name} is what was learned.")
    return {folder.name: folder for folder in (model / BASE, last) if (folder / STAGE_FILE).is_file()}, notes


def _is_untrained(final: StageRecord) -> bool:
    return final.proof is not None and final.proof.use in (Use.UNTRAINED, Use.NOTHING)


def _about_blends(blends: dict[str, BlendSettings], *, learned: bool) -> list[str]:
    """Whether the blends of trained stages use what was learned."""
    untaught = [
        name
        for name, blend in blends.items()
        if name != BASE and blend.mixture is not None and not blend.learned_share
    ]
    if not untaught:
        return []
    of = f"The blend of {' and '.join(untaught)} takes words and documents from the sentence encoder"
    if learned:
        return [f"{of}; shown is what the models say in its place, which the service does not use."]
    return [f"{of}, and nothing that was learned; --learned shows what the models would say."]


def _refuse_others(folder: Path, fingerprint: str, corpus: Corpus) -> None:
    """Raise ModelError for a model of other documents."""
    if fingerprint != corpus.fingerprint:
        raise ModelError(
            f"{folder} was trained on other documents ({fingerprint}) than {corpus.source} ({corpus.fingerprint}); "
            "name its own by --data"
        )
