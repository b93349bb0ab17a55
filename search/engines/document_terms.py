"""The index terms of a corpus. Those of a large corpus are computed in several processes (joblib's loky)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain, islice
from multiprocessing import current_process

from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor

from untilclick.search.analysis.analysis import Analysis, DocumentTerms
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.records import Document

MANY = 20_000
"""Number of documents from which on several processes are faster. Each takes about half a second to start."""

MOST_PROCESSES = 4
"""Maximum number of processes. More of them would wait for the one that writes the index."""

BATCH = 500
"""Number of documents that a process gets at a time."""

AHEAD = 3
"""Number of batches for each process that are read ahead of the results."""

IDLE_SECONDS = 5
"""Time after which an idle process ends."""


def document_terms(documents: Iterable[Document], analysis: Analysis) -> Iterator[DocumentTerms]:
    """The terms of each document, in order, by an analysis that `analysis_by_name` gives. The documents are read a
    few batches ahead; the first `MANY` of them are read at once, to see whether there are so many.

    `MANY` documents or more are analysed in a process for each available CPU, at most `MOST_PROCESSES`. A daemon
    process, which cannot have children, does it alone.
    """
    texts = (document.content for document in documents)
    first = list(islice(texts, MANY))
    n_processes = min(cpu_count(), MOST_PROCESSES)
    if len(first) < MANY or n_processes == 1 or current_process().daemon:
        yield from map(analysis.document, chain(first, texts))
        return
    executor = get_reusable_executor(max_workers=n_processes, timeout=IDLE_SECONDS)
    pending: deque[Future[list[DocumentTerms]]] = deque()
    for batch in _batches(chain(_consumed(first), texts)):
        pending.append(executor.submit(_terms, analysis.name, batch))
        if len(pending) > AHEAD * n_processes:
            yield from pending.popleft().result()
    while pending:
        yield from pending.popleft().result()


def _consumed(texts: list[str]) -> Iterator[str]:
    """The texts, each of which is released when it is read."""
    texts.reverse()
    while texts:
        yield texts.pop()


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    """The texts in lists of `BATCH`."""
    while batch := list(islice(texts, BATCH)):
        yield batch


def _terms(analysis: str, texts: Sequence[str]) -> list[DocumentTerms]:
    """The terms of some texts by the analysis of this name, in a process of its own."""
    return [*map(analysis_by_name(analysis).document, texts)]
