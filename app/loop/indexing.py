"""Documents into an OpenSearch cluster, before a service needs them: the work of `untilclick index`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from untilclick.app.service.engine import open_opensearch
from untilclick.app.settings.service import Settings
from untilclick.app.terminal.terminal import Terminal
from untilclick.search.analysis.guess import analysis_of_language
from untilclick.search.corpora.load import load_corpus


@dataclass(frozen=True)
class Indexed:
    """An index that holds all documents."""

    index: str
    """Its name in the cluster."""
    documents: int
    languages: Sequence[str]
    """Codes of the languages that they are read in."""


def index_documents(settings: Settings, data: str, terminal: Terminal) -> Indexed:
    """Load the documents that the index lacks. Raises DataError, SettingsError, or EngineError if the cluster is away
    or refuses."""
    with terminal.progress("Reading documents"):
        corpus = load_corpus(data)
        analysis = analysis_of_language(settings.search.language, corpus.documents)
    with (
        terminal.progress("Loading documents") as progress,
        contextlib.closing(open_opensearch(settings, corpus, analysis, progress)) as engine,
    ):
        return Indexed(engine.index, len(corpus.documents), analysis.languages)
