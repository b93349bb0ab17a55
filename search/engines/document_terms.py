"""The index terms of a corpus. Those of a large corpus are computed in several processes (joblib's loky)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from joblib import Parallel, cpu_count, delayed

from untilclick.search.analysis.analysis import Analysis, DocumentTerms
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.records import Document

MANY = 20_000
"""Number of documents from which on several processes are faster. Each takes about half a second to start."""

MOST_PROCESSES = 4
"""Maximum number of processes. More of them would wait for the one that writes the index."""

BATCH = 500
"""Number of documents that a process gets at a time."""

IDLE_SECONDS = 5
"""Time after which an idle process ends."""


def document_terms(documents: Iterable[Document], analysis: Analysis) -> Iterator[DocumentTerms]:
    """The terms of each document, in order. The documents are read as needed and not kept.

    `MANY` documents or more are analysed in a process for each available CPU, at most `MOST_PROCESSES`.
    """
    documents = iter(documents)
    first = list(islice(documents, MANY))
    texts = (document.content for document in chain(first, documents))
    n_processes = min(cpu_count(), MOST_PROCESSES)
    if len(first) < MANY or n_processes == 1:
        yield from map(analysis.document, texts)
        return
    run = Parallel(n_processes, return_as="generator", batch_size=1, idle_worker_timeout=IDLE_SECONDS)
    for batch in run(delayed(_terms)(analysis.name, batch) for batch in _batches(texts)):
        yield from batch


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    """The texts in lists of `BATCH`."""
    while batch := list(islice(texts, BATCH)):
        yield batch


def _terms(analysis: str, texts: Sequence[str]) -> list[DocumentTerms]:
    """The terms of some texts by the analysis of this name, in a process of its own."""
    return [*map(analysis_by_name(analysis).document, texts)]
