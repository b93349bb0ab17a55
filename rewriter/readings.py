"""The names of the ways to read a query: as words, and as documents of like meaning. No numpy.

`serving/readings/` has what they do.
"""

from __future__ import annotations

from enum import StrEnum


class Readings(StrEnum):
    """How a query is read for a ranking."""

    AUTO = "auto"
    """As the rewriter was set on held-out needs: by both readings, if it has both."""
    WORDS = "words"
    """By the words of the rewriter alone."""
    DOCUMENTS = "documents"
    """By the likeness of documents and the query as typed, without other words."""
    BOTH = "both"
    """By the words of the rewriter and the likeness of documents."""


class UsedReadings(StrEnum):
    """How a query was read for a ranking. Answers, logs and metrics contain the value."""

    WORDS = "words"
    """By the words of its rewrite."""
    DOCUMENTS = "documents"
    """By the likeness of documents and the query as typed."""
    BOTH = "both"
    """By the words of its rewrite and the likeness of documents."""
    NONE = "none"
    """By no rewrite: the query is searched as typed."""


class Reading(StrEnum):
    """A way to find documents. Answers contain the value."""

    WORDS = "words"
    """The document is among the first by the words searched."""
    DOCUMENTS = "documents"
    """The document is among the first by likeness to the query."""
    PROMINENCE = "prominence"
    """The document is listed because many documents name it; without that, the sum of the other readings would not
    list it."""
