"""The engines of a service, opened from its settings: one for each analysis in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import Lock
from weakref import WeakValueDictionary

from untilclick.app.settings.groups import OpenSearchSettings, SearchSettings
from untilclick.app.settings.service import Settings
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.guess import AUTO, analysis_of_language
from untilclick.search.corpora.held_corpus import HeldCorpus
from untilclick.search.engines import open_engine
from untilclick.search.engines.opensearch_client import Cluster
from untilclick.search.engines.opensearch_engine import OpenSearchEngine
from untilclick.search.engines.opensearch_index import IndexOptions
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.tantivy_index import analysis_on_disk
from untilclick.search.engines.vectors.shared_vectors import SharedVectors
from untilclick.search.errors import EngineError
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Corpus


class ServiceEngines:
    """Opens engines over the documents of a service, and gives the same engine again as long as it is in use.

    An engine is released with its last user. Threads may share this object.
    """

    def __init__(self, settings: Settings, corpus: Corpus) -> None:
        """Open the journal of live documents, if the settings ask for them. Raises EngineError."""
        search = settings.search
        self._settings = settings
        self._corpus: Corpus | None = corpus
        self._source, self._fingerprint = corpus.source, corpus.fingerprint
        self._corpus_ids = tuple(document.doc_id for document in corpus.documents)
        self._opened: WeakValueDictionary[str, SearchEngine] = WeakValueDictionary()
        self._opening: defaultdict[str, Lock] = defaultdict(Lock)  # by analysis: a build delays no other engine
        self.live = _live_indexes(search, corpus) if search.live_documents else None
        """The indexes of documents that can change; None if they cannot."""
        self._held = HeldCorpus(corpus)
        self.vectors = self.live.vectors if self.live else SharedVectors(self._held.documents, search.index)
        """The documents as vectors, for all versions."""
        self._default_analysis: str | None = None

    def engine(self, analysis: str | None) -> SearchEngine:
        """The engine over the index by an analysis, which is built first if it is missing.

        None: by the analysis of a service without a version. Raises SettingsError, AnalysisError,
        MissingDependencyError and EngineError.
        """
        name = analysis or self._analysis_without_version()
        if (engine := self._opened.get(name)) is not None:
            return engine
        with self._opening[name]:
            engine = self._opened.get(name)
            if engine is None:
                engine = self._opened[name] = self._open(analysis_by_name(name))
        return engine

    def forget_corpus(self) -> None:
        """Release the documents. A further index is built from those of an engine."""
        self._corpus = None
        self._held.release()
        if self.live is not None:
            self.live.forget_corpus()

    def _open(self, analysis: Analysis) -> SearchEngine:
        """A new engine. Raises as `engine` does."""
        if self.live is not None:
            return self.live.open(analysis)
        engine, corpus = self._settings.search.engine, self._corpus or self._stored_corpus()
        if engine == "opensearch":
            return open_opensearch(self._settings, corpus, analysis)
        return open_engine(engine, corpus, self._settings.search.index, analysis)

    def _stored_corpus(self) -> Corpus:
        """The documents that an engine in use holds."""
        engine = next(iter(self._opened.values()))
        return Corpus(self._source, tuple(engine.documents(self._corpus_ids)), self._fingerprint)

    def _analysis_without_version(self) -> str:
        """Name of the analysis by the setting `language`; `auto` is that of an index on disk, or else a guess."""
        if self._default_analysis is None:
            self._default_analysis = self._chosen_analysis()
        return self._default_analysis

    def _chosen_analysis(self) -> str:
        """See `_analysis_without_version`. Raises AnalysisError for a language that is not known."""
        search = self._settings.search
        if search.language == AUTO:
            if self.live is not None and self.live.analysis is not None:
                return self.live.analysis
            if search.index is not None and (name := analysis_on_disk(search.index, self._fingerprint)) is not None:
                return name
        corpus = self._corpus or self._stored_corpus()
        return analysis_of_language(search.language, corpus.documents).name


def _live_indexes(search: SearchSettings, corpus: Corpus) -> LiveIndexes:
    """The live indexes of a corpus. Raises EngineError for settings that have none."""
    if search.engine != "tantivy":
        raise EngineError(f"Documents of the engine {search.engine!r} cannot be changed. Use tantivy")
    if search.index is None:
        raise EngineError("Documents that can be changed need a folder for their index. Set UNTILCLICK_INDEX")
    return LiveIndexes(corpus, search.index, search.live_changes)


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
