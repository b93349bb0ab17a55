"""Opening the service's engine from its settings."""

from __future__ import annotations

from collections.abc import Callable

from untilclick.app.settings.groups import OpenSearchSettings
from untilclick.app.settings.service import Settings
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines import open_engine
from untilclick.search.engines.opensearch_client import Cluster
from untilclick.search.engines.opensearch_engine import OpenSearchEngine
from untilclick.search.engines.opensearch_index import IndexOptions
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Corpus


def open_service_engine(settings: Settings, corpus: Corpus, analysis: Analysis) -> SearchEngine:
    """The engine over a corpus, which is indexed if it has not been. Raises SettingsError and EngineError."""
    if settings.search.engine == "opensearch":
        return open_opensearch(settings, corpus, analysis)
    return open_engine(settings.search.engine, corpus, settings.search.index, analysis)


def open_opensearch(
    settings: Settings, corpus: Corpus, analysis: Analysis, progress: Callable[[int, int], None] | None = None
) -> OpenSearchEngine:
    """The index of a corpus in the cluster. Missing documents are loaded; `progress` gets the number loaded and all.

    Raises SettingsError for a password that cannot be read, and EngineError if the cluster is away or refuses.
    """
    cluster = settings.opensearch
    options = IndexOptions(cluster.index, cluster.shards, cluster.replicas)
    connections = settings.search.threads + settings.rewriting.threads
    return OpenSearchEngine.open(corpus, cluster_of(cluster, connections), options, progress, analysis)


def cluster_of(settings: OpenSearchSettings, connections: int) -> Cluster:
    """The address of the cluster and the way to reach it. Raises SettingsError for a password that cannot be read."""
    return Cluster(
        urls=settings.nodes,
        user=settings.user,
        password=settings.password,
        ca_file=settings.ca_file,
        verify=settings.verify,
        connect_timeout_ms=settings.connect_timeout_ms,
        timeout_ms=settings.timeout_ms,
        connections=connections,
    )
