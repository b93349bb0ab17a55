"""Questions on Python's documentation in people's words, each with the documents that answer it.

The 150 questions were written for this project, from the names of the documents and without search results; none is
from a data set. Two judges chose the documents that answer each, without knowing each other's choice: the grade is 2
for a document that both chose, and 1 for one that a single judge chose. `docs/results.md` has their agreement.

75 of them are examples for the search page. The other 75 are a figure of evaluations: nothing is trained on any of
the 150, and no setting is chosen by them, so they are no topics of the collection.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal

from untilclick.search.corpora.load import STDLIB
from untilclick.search.records import Corpus, Topic

ASKED = "asked"
"""The name that evaluations give to these questions, in the place of a split."""

QuestionUse = Literal["examples", "figure"]


def asked_questions(corpus: Corpus, part: QuestionUse = "figure") -> tuple[Topic, ...]:
    """The questions of a part that documents of the corpus answer, in order.

    Empty for any corpus but Python's documentation. Versions of Python differ in what they document: answers that the
    corpus lacks are left out, and so are questions without an answer.
    """
    if corpus.source != STDLIB:
        return ()
    known = {document.doc_id for document in corpus.documents}
    topics = (_of_corpus(topic, known) for name, topic in _questions() if name == part)
    return tuple(topic for topic in topics if topic.relevance)


def asked_examples() -> tuple[str, ...]:
    """The texts of the questions that are examples."""
    return tuple(topic.query for part, topic in _questions() if part == "examples")


def _of_corpus(topic: Topic, known: set[str]) -> Topic:
    grades = {doc_id: grade for doc_id, grade in topic.relevance.items() if doc_id in known}
    return Topic(topic.topic_id, topic.query, grades)


@cache
def _questions() -> tuple[tuple[QuestionUse, Topic], ...]:
    text = (files("untilclick.search") / "corpora" / "asked.jsonl").read_text(encoding="utf-8")
    rows = (json.loads(line) for line in text.splitlines())
    return tuple((row["part"], Topic(row["query_id"], row["text"], row["grades"])) for row in rows)
