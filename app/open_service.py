"""Opening the parts of a service from its settings; what is heavy is imported when it is opened."""

from __future__ import annotations

import logging
from pathlib import Path

from app.bounded_rewriter import RewriteLimits
from app.click_tokens import ClickTokens, stored_key
from app.metrics import Metrics
from app.open_engine import open_service_engine
from app.service import SearchService, ServiceParts
from app.settings import Settings
from rewriter.bundle import BundleManifest, read_manifest
from rewriter.rewrite import Rewriter
from search.corpus import load_corpus
from search.engine import SearchEngine
from search.session_log import SessionLog

_log = logging.getLogger(__name__)

SUBWORD_BUDGET_MS = 500.0
"""What rewrites of a subword T5 of t5-small's size take on a CPU, with room; see docs/training.md."""


def open_service(settings: Settings, metrics: Metrics) -> SearchService:
    """Open documents, engine, rewriter and log.

    Raises the UntilclickError of the part that cannot be opened: a service that starts, works.
    """
    corpus = load_corpus(settings.data)
    engine = open_service_engine(settings, corpus)
    rewriter, manifest = _open_rewriter(settings.bundle, engine, corpus.fingerprint)
    if manifest and manifest.kind == "subwords" and settings.rewrite_budget_ms < SUBWORD_BUDGET_MS:
        _log.warning(
            "Bundle %s is a subword T5's, which may take longer than %g ms: queries would stay as typed; set "
            "UNTILCLICK_REWRITE_BUDGET_MS to %g or so",
            settings.bundle, settings.rewrite_budget_ms, SUBWORD_BUDGET_MS,
        )  # fmt: skip
    tokens = ClickTokens(_keys(settings), settings.token_lifetime_s)
    service = SearchService(
        ServiceParts(
            engine=engine,
            log=SessionLog.open(settings.log),
            tokens=tokens,
            rewriter=rewriter,
            manifest=manifest,
            limits=RewriteLimits(
                settings.rewrite_budget_ms, settings.max_rewrite_characters, settings.rewrite_threads
            ),
            metrics=metrics,
        )
    )
    service.warm_up()
    return service


def _open_rewriter(
    bundle: Path | None, engine: SearchEngine, fingerprint: str
) -> tuple[Rewriter | None, BundleManifest | None]:
    if bundle is None:
        return None, None
    from rewriter.runtime import open_bundle

    manifest = read_manifest(bundle)
    if manifest.fingerprint != fingerprint:
        _log.warning("Bundle %s was trained on other documents (%s); it may rewrite badly", bundle, manifest.data)
    return open_bundle(bundle, engine), manifest


def _keys(settings: Settings) -> list[str]:
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    return [stored_key(settings.key_file)]
