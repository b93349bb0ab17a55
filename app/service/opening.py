"""Opening a service from its settings: documents, engine, rewriter, session log and keys."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from untilclick.app.event_log.event_log import EventLog, LogLimits
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.click_tokens import ClickTokens, stored_key
from untilclick.app.service.engine import open_service_engine
from untilclick.app.service.service import SearchService, ServiceParts
from untilclick.app.settings.groups import RewritingSettings
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.models import FixedModel, Models, StoredModels
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.guess import analysis_of_language
from untilclick.search.analysis.languages import UNDETERMINED
from untilclick.search.corpora.load import load_corpus
from untilclick.search.engines import open_live_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.tantivy_index import kept_analysis
from untilclick.search.records import Corpus

_log = logging.getLogger(__name__)


def open_service(settings: Settings, metrics: Metrics) -> SearchService:
    """Open documents, engine, rewriter and log.

    Raises the UntilclickError of the part that cannot be opened: a service that starts is complete.
    """
    settings.keys.check_admin_key()
    search, rewriting, log = settings.search, settings.rewriting, settings.log
    corpus = load_corpus(search.data)
    analysis = _analysis(settings, corpus)
    live = open_live_engine(search.engine, corpus, search.index, analysis) if search.live_documents else None
    engine = live or open_service_engine(settings, corpus, analysis)
    models = _open_models(rewriting, engine, corpus.fingerprint, settings.example_queries)
    for loaded in models.in_use.loaded.values():
        _warn(loaded.manifest, rewriting, corpus.fingerprint)
    tokens = ClickTokens(_keys(settings), settings.keys.token_lifetime_s)
    limits = LogLimits(log.spool_max_bytes, log.history_budget_ms, log.drain_s, log.click_patience_s)
    service = SearchService(
        ServiceParts(
            engine=engine,
            log=EventLog.open(log.url, log.spool_folder, metrics, limits),
            tokens=tokens,
            models=models,
            live=live,
            titles=engine if search.exact_titles else None,
            metrics=metrics,
            corpus_language=None if analysis.language == UNDETERMINED else analysis.language,
        )
    )
    service.warm_up()
    return service


def _analysis(settings: Settings, corpus: Corpus) -> Analysis:
    """The analysis of the live index, whose changes no other index has; else that of the version that answers first;
    without either, that of the setting `language`."""
    search, rewriting = settings.search, settings.rewriting
    if search.live_documents and search.index is not None and (kept := kept_analysis(corpus, search.index)):
        return kept
    bundle = rewriting.bundle
    if rewriting.models is not None and (active := ModelStore(rewriting.models).state.active) is not None:
        bundle = ModelStore(rewriting.models).folder_of(active)
    if bundle is not None and bundle.exists():
        return analysis_by_name(read_manifest(bundle, verify=False).analysis)
    return analysis_of_language(search.language, corpus.documents)


def _open_models(
    settings: RewritingSettings, engine: SearchEngine, fingerprint: str, trial_queries: Sequence[str]
) -> Models:
    """Open the folder of versions, or the one bundle; without either every query is searched as typed."""
    limits = RewriteLimits(
        budget_ms=settings.budget_ms,
        max_characters=settings.max_characters,
        clauses=settings.clauses,
        threads=settings.threads,
        failures=settings.failures,
        pause_s=settings.pause_s,
        cached=settings.cache,
        cache_s=settings.cache_s,
    )
    if settings.models is None and settings.bundle is None:
        return FixedModel(None, limits)
    from untilclick.rewriter.serving.runtime import open_bundle  # noqa: PLC0415  CTranslate2 takes .2 s to load

    if settings.models is None:
        assert settings.bundle is not None
        return FixedModel(open_bundle(settings.bundle, engine), limits, read_manifest(settings.bundle))
    store = ModelStore(settings.models)
    if settings.bundle is not None:
        _begin_with(settings.bundle, store, fingerprint)
    return StoredModels(store, lambda folder: open_bundle(folder, engine), limits, trial_queries)


def _begin_with(bundle: Path, store: ModelStore, fingerprint: str) -> None:
    """Activate the bundle in a folder without an active version, if it was made from the documents that are searched.

    An image brings a bundle for the documents that it brings; for other documents that bundle is left out.
    """
    if store.state_file.exists():
        return
    manifest = read_manifest(bundle)
    if manifest.fingerprint == fingerprint:
        store.begin_with(bundle)
    else:
        _log.warning("Bundle %s is left out: it was made from other documents (%s)", bundle, manifest.data)


def _warn(manifest: BundleManifest | None, settings: RewritingSettings, fingerprint: str) -> None:
    """Warn of a model that was trained on other documents or that is slower than its time limit."""
    if manifest is None:
        return
    name = settings.bundle or manifest.version
    if manifest.fingerprint != fingerprint:
        _log.warning("Bundle %s was trained on other documents (%s); it may rewrite badly", name, manifest.data)
    if settings.budget_ms < manifest.needed_budget_ms:
        _log.warning(
            "Bundle %s is a subword T5's, which may take longer than %g ms: queries would stay as typed; set "
            "UNTILCLICK_REWRITE_BUDGET_MS to %g or so",
            name, settings.budget_ms, manifest.needed_budget_ms,
        )  # fmt: skip


def _keys(settings: Settings) -> list[str]:
    if settings.keys.secret_keys:
        return [key.get_secret_value() for key in settings.keys.secret_keys]
    return [stored_key(settings.key_file)]
