"""The needs that topics state."""

import numpy as np

from untilclick.rewriter.judging.needs import needs_of_topics, share_a_need
from untilclick.search.analysis.by_name import english
from untilclick.search.records import Topic


def topic(query, *doc_ids, need=None):
    return Topic(query, query, dict.fromkeys(doc_ids, 1), need=need)


def test_topics_with_the_same_words_or_documents_state_one_need():
    topics = [
        topic("copy a folder", "copytree"),
        topic("copying folders", "walk"),  # the same words
        topic("duplicate directories", "copytree"),  # the same document
        topic("list files", "listdir", "walk"),  # one of two documents
    ]
    assert needs_of_topics(topics, english()).groups.tolist() == [0, 0, 0, 1]


def test_a_need_that_the_data_names_counts_and_nothing_else():
    topics = [
        topic("tea", "a", need="topic 1"),
        topic("coffee", "b", need="topic 1"),
        topic("tea", "a", need="topic 2"),
    ]
    assert needs_of_topics(topics, english()).groups.tolist() == [0, 0, 1]


def test_topics_that_share_a_need_with_others():
    others = [topic("green tea", "a", "b"), topic("coffee", "c"), topic("cocoa", "x", "y", "z")]
    asked = [
        topic("teas, green", "q"),  # the same words
        topic("espresso", "c", "d"),  # half of the documents
        topic("chocolate", "z", "w"),  # a quarter
        topic("mocha", "c"),
        topic("milk", "m"),
    ]
    expected = np.array([True, True, False, True, False])
    assert (share_a_need(asked, others, english()) == expected).all()
