"""Opening the parts of a service from its settings; what is heavy is imported when it is opened."""

from __future__ import annotations

import logging
from pathlib import Path

from untilclick.app.event_log.event_log import LogLimits, SoftLog
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.click_tokens import ClickTokens, stored_key
from untilclick.app.service.engine import open_service_engine
from untilclick.app.service.service import SearchService, ServiceParts
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.models import FixedModel, Models, StoredModels
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.corpora.load import load_corpus
from untilclick.search.engines import open_live_engine
from untilclick.search.engines.protocol import SearchEngine

_log = logging.getLogger(__name__)


def open_service(settings: Settings, metrics: Metrics) -> SearchService:
    """Open documents, engine, rewriter and log.

    Raises the UntilclickError of the part that cannot be opened: a service that starts, works.
    """
    settings.check_secrets()
    corpus = load_corpus(settings.data)
    live = open_live_engine(settings.engine, corpus, settings.index) if settings.live_documents else None
    engine = live or open_service_engine(settings, corpus)
    models = _open_models(settings, engine, corpus.fingerprint)
    for loaded in models.in_use.loaded.values():
        _warn(loaded.manifest, settings, corpus.fingerprint)
    tokens = ClickTokens(_keys(settings), settings.token_lifetime_s)
    service = SearchService(
        ServiceParts(
            engine=engine,
            log=SoftLog.open(settings.log, settings.spool_folder, metrics, _log_limits(settings)),
            tokens=tokens,
            models=models,
            live=live,
            metrics=metrics,
        )
    )
    service.warm_up()
    return service


def _log_limits(settings: Settings) -> LogLimits:
    return LogLimits(
        settings.spool_max_bytes, settings.history_budget_ms, settings.drain_s, settings.click_patience_s
    )


def _open_models(settings: Settings, engine: SearchEngine, fingerprint: str) -> Models:
    limits = RewriteLimits(
        budget_ms=settings.rewrite_budget_ms,
        max_characters=settings.max_rewrite_characters,
        clauses=settings.rewrite_clauses,
        threads=settings.rewrite_threads,
        failures=settings.rewrite_failures,
        pause_s=settings.rewrite_pause_s,
        cached=settings.rewrite_cache,
        cache_s=settings.rewrite_cache_s,
    )
    if settings.models is None and settings.bundle is None:
        return FixedModel(None, limits)
    from untilclick.rewriter.serving.runtime import open_bundle

    if settings.models is None:
        assert settings.bundle is not None
        return FixedModel(open_bundle(settings.bundle, engine), limits, read_manifest(settings.bundle))
    store = ModelStore(settings.models)
    if settings.bundle is not None:
        _begin(store, settings.bundle, fingerprint)
    return StoredModels(store, lambda folder: open_bundle(folder, engine), limits, settings.example_queries)


def _begin(store: ModelStore, bundle: Path, fingerprint: str) -> None:
    """Have the bundle answer first, if it was made from the documents that are searched: the one that comes with an
    image knows the documents that came with it. Where a version was chosen already, it is not looked at."""
    if store.state_file.exists():
        return
    manifest = read_manifest(bundle)
    if manifest.fingerprint == fingerprint:
        store.begin_with(bundle)
    else:
        _log.warning("Bundle %s is left out: it was made from other documents (%s)", bundle, manifest.data)


def _warn(manifest: BundleManifest | None, settings: Settings, fingerprint: str) -> None:
    """Say in the log what makes a model useless here."""
    if manifest is None:
        return
    if manifest.fingerprint != fingerprint:
        name = settings.bundle or manifest.version
        _log.warning("Bundle %s was trained on other documents (%s); it may rewrite badly", name, manifest.data)
    if settings.rewrite_budget_ms < manifest.needed_budget_ms:
        _log.warning(
            "Bundle %s is a subword T5's, which may take longer than %g ms: queries would stay as typed; set "
            "UNTILCLICK_REWRITE_BUDGET_MS to %g or so",
            settings.bundle or manifest.version, settings.rewrite_budget_ms, manifest.needed_budget_ms,
        )  # fmt: skip


def _keys(settings: Settings) -> list[str]:
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    return [stored_key(settings.key_file)]
