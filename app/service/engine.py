"""The service's engine from its settings; what is heavy is imported when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from untilclick.app.settings.service import Settings, SettingsError
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.files.secret_files import SecretFileError, read_secret
from untilclick.search.records import Corpus

if TYPE_CHECKING:
    from untilclick.search.engines.opensearch_client import Cluster
    from untilclick.search.engines.opensearch_engine import OpenSearchEngine


def open_service_engine(settings: Settings, corpus: Corpus) -> SearchEngine:
    """The engine over the corpus, indexing where needed. Raises the UntilclickError of what is in the way."""
    if settings.engine == "opensearch":
        return open_opensearch(settings, corpus)
    return open_engine(settings.engine, corpus, settings.index)


def open_opensearch(
    settings: Settings, corpus: Corpus, progress: Callable[[int, int], None] | None = None
) -> OpenSearchEngine:
    """The corpus's index in the cluster of the settings, loaded where it is not complete.

    Raises SettingsError for a password that cannot be read, EngineError where the cluster is away or refuses.
    """
    from untilclick.search.engines.opensearch_engine import OpenSearchEngine
    from untilclick.search.engines.opensearch_index import IndexOptions

    options = IndexOptions(settings.opensearch_index, settings.opensearch_shards, settings.opensearch_replicas)
    return OpenSearchEngine.open(corpus, cluster_of(settings), options, progress)


def cluster_of(settings: Settings) -> Cluster:
    """How the settings say to reach the cluster. Raises SettingsError."""
    from untilclick.search.engines.opensearch_client import Cluster

    return Cluster(
        urls=settings.opensearch_nodes,
        user=settings.opensearch_user,
        password=_password(settings.opensearch_user, settings.opensearch_password_file),
        ca_file=settings.opensearch_ca_file,
        verify=settings.opensearch_verify,
        connect_timeout_ms=settings.opensearch_connect_timeout_ms,
        timeout_ms=settings.opensearch_timeout_ms,
        connections=settings.search_threads + settings.rewrite_threads,
    )


def _password(user: str | None, file: Path | None) -> str:
    if (user is None) != (file is None):
        raise SettingsError("UNTILCLICK_OPENSEARCH_USER and UNTILCLICK_OPENSEARCH_PASSWORD_FILE belong together.")
    if file is None:
        return ""
    try:
        return read_secret(file)
    except SecretFileError as error:
        raise SettingsError(f"UNTILCLICK_OPENSEARCH_PASSWORD_FILE: {error}.") from None
