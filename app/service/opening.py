"""Opening a service from its settings: documents, engine, rewriter, session log and keys."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from untilclick.app.event_log.event_log import EventLog, LogLimits
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.click_tokens import ClickTokens, stored_key
from untilclick.app.service.engine import ServiceEngines
from untilclick.app.service.service import SearchService, ServiceParts
from untilclick.app.settings.groups import RewritingSettings
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel, LoadedVersion, Models
from untilclick.app.versions.models import StoredModels
from untilclick.app.versions.store import ModelStore
from untilclick.app.versions.without_encoder import WithoutEncoder
from untilclick.rewriter.caution import Caution
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.search.analysis.guess import AUTO, analysis_of_language
from untilclick.search.analysis.languages import in_words
from untilclick.search.corpora.load import load_corpus
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import EncoderError

TRIED_EXAMPLES = 4
"""Examples of the page that a version must rewrite before it answers."""

_log = logging.getLogger(__name__)


def open_service(settings: Settings, metrics: Metrics) -> SearchService:
    """Open documents, engine, rewriter and log.

    Raises the UntilclickError of the part that cannot be opened: a service that starts is complete.
    """
    settings.keys.check_admin_key()
    search, rewriting, log = settings.search, settings.rewriting, settings.log
    corpus = load_corpus(search.data)
    engines = ServiceEngines(settings, corpus)
    models = _open_models(rewriting, engines, corpus.fingerprint, settings.example_queries[:TRIED_EXAMPLES])
    engines.forget_corpus()
    for loaded in models.in_use.loaded.values():
        _warn(loaded.manifest, rewriting, corpus.fingerprint)
    _warn_of_language(search.language, models.in_use.active)
    tokens = ClickTokens(_keys(settings), settings.keys.token_lifetime_s)
    limits = LogLimits(log.spool_max_bytes, log.history_budget_ms, log.drain_s, log.click_patience_s)
    service = SearchService(
        ServiceParts(
            log=EventLog.open(log.url, log.spool_folder, metrics, limits),
            tokens=tokens,
            models=models,
            live=engines.live,
            vectors=engines.vectors,
            exact_titles=search.exact_titles,
            metrics=metrics,
        )
    )
    service.warm_up()
    _log.info("Documents in %s, searched by %s", in_words(service.corpus_languages), service.engine_name)
    return service


def _open_models(
    settings: RewritingSettings, engines: ServiceEngines, fingerprint: str, trial_queries: Sequence[str]
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
        return FixedModel(None, limits, engines.engine(None))
    opener = _BundleOpener(engines, settings.caution)
    if settings.models is None:
        assert settings.bundle is not None
        manifest = read_manifest(settings.bundle, verify=False)
        engine = engines.engine(manifest.analysis)
        return FixedModel(opener.rewriter(settings.bundle, engine), limits, engine, manifest)
    store = ModelStore(settings.models)
    if settings.bundle is not None:
        _begin_with(settings.bundle, store, fingerprint)
    return StoredModels(store, opener, limits, trial_queries)


class _BundleOpener:
    """A `VersionOpener` of bundles."""

    def __init__(self, engines: ServiceEngines, caution: Caution | None) -> None:
        from untilclick.rewriter.serving.runtime import open_bundle  # noqa: PLC0415  CTranslate2 takes .2 s to load

        self._open = partial(open_bundle, documents=engines.vectors, caution=caution)
        self.engine = engines.engine

    def rewriter(self, folder: Path, engine: SearchEngine) -> Rewriter:
        """See `VersionOpener.rewriter`. A bundle that lacks nothing but its encoder keeps queries as typed."""
        try:
            return self._open(folder, engine)
        except EncoderError as error:
            _log.error("Queries are searched as typed, because the rewriter lacks its sentence encoder: %s", error)
            return WithoutEncoder(read_manifest(folder, verify=False).version, str(error))


def _begin_with(bundle: Path, store: ModelStore, fingerprint: str) -> None:
    """Activate the bundle in a folder without an active version, if it was made from the documents that are searched.

    An image brings a bundle for the documents that it brings; for other documents that bundle is left out.
    """
    if store.state_file.exists():
        return
    try:
        manifest = read_manifest(bundle)
    except EncoderError as error:
        _log.error("Bundle %s is left out, because it lacks its sentence encoder: %s", bundle, error)
        return
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
    if settings.caution and settings.caution not in manifest.blends and not manifest.use.is_scoped:
        _log.warning("Bundle %s knows one caution alone, that of its training; train it again for another", name)
    if settings.budget_ms < manifest.needed_budget_ms:
        _log.warning(
            "Bundle %s is a subword T5's, which may take longer than %g ms: queries would stay as typed; set "
            "UNTILCLICK_REWRITE_BUDGET_MS to %g or so",
            name, settings.budget_ms, manifest.needed_budget_ms,
        )  # fmt: skip


def _warn_of_language(language: str, active: LoadedVersion) -> None:
    """Warn of a setting that a version overrules. Raises AnalysisError for a language that is not known."""
    chosen = None if language == AUTO else analysis_of_language(language, ()).name
    if active.manifest is not None and chosen not in (None, active.engine.analysis.name):
        _log.warning(
            "The language %s is not used: version %s was trained with the analysis %s and searches by it",
            language, active.manifest.version, active.engine.analysis.name,
        )  # fmt: skip


def _keys(settings: Settings) -> list[str]:
    if settings.keys.secret_keys:
        return [key.get_secret_value() for key in settings.keys.secret_keys]
    return [stored_key(settings.key_file)]
