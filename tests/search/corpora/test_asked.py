"""The questions on Python's documentation in people's words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from untilclick.search.corpora.asked import asked_examples, asked_questions
from untilclick.search.corpora.load import corpus_of, load_corpus
from untilclick.search.records import Document


def test_both_parts_have_75_questions_that_the_documentation_answers():
    corpus = load_corpus("stdlib")
    parts = [asked_questions(corpus, "examples"), asked_questions(corpus, "figure")]
    topics = [topic for part in parts for topic in part]
    assert [len(part) for part in parts] == [75, 75]
    assert len({topic.query for topic in topics}) == 150
    known = {document.doc_id for document in corpus.documents}
    assert all(topic.relevance.keys() <= known for topic in topics)
    grades = Counter(grade for topic in topics for grade in topic.relevance.values())
    assert grades.keys() == {1, 2}
    assert all(2 in topic.relevance.values() for topic in topics)  # both judges agree on an answer of each


def test_examples_are_the_texts_of_their_part():
    topics = asked_questions(load_corpus("stdlib"), "examples")
    assert asked_examples() == tuple(topic.query for topic in topics)


def test_answers_that_a_corpus_lacks_are_left_out():
    corpus = corpus_of("stdlib", [Document("statistics.median", "statistics.median", "Return the median")])
    (topic,) = asked_questions(corpus, "examples")
    assert (topic.query, topic.relevance) == ("middle value of salaries", {"statistics.median": 2})


def test_other_documents_have_no_questions():
    assert asked_questions(replace(load_corpus("stdlib"), source="docs.jsonl")) == ()
