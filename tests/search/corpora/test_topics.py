"""Topics made from documents."""

from __future__ import annotations

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.topics import FUNCTION_WORDS, MIN_CANDIDATES, topics_from_documents
from untilclick.search.records import Document

term_of = english().term_of
words = english().words

NOUNS = [
    *("apple", "bridge", "candle", "desert", "engine", "forest", "guitar"),
    *("harbour", "island", "jacket", "kettle", "lantern", "mirror", "needle"),
]
VERBS = [
    *("builds", "carries", "drops", "eats", "finds", "grows", "hides"),
    *("imports", "joins", "keeps", "lifts", "moves", "names", "opens"),
]


def documents(n=300):
    """n documents of one distinctive sentence each, a few of them alike."""
    generated = []
    for i in range(n):
        a, b, c = NOUNS[i % 14], VERBS[i // 14 % 14], NOUNS[(i * 5 + i // 14) % 14]
        generated.append(
            Document(
                f"doc{i}", f"{a}.{b}_{i}", f"{b}_{i}(x)\n\nThe {a} {b} some {c} quickly and softly. More follows."
            )
        )
    return generated


def test_each_topic_is_a_few_clean_words_of_its_document():
    by_id = {document.doc_id: document for document in documents()}
    topics = [topic for split in topics_from_documents(list(by_id.values()), 0).values() for topic in split]
    assert len(topics) == len(by_id)
    for topic in topics:
        document = by_id[topic.topic_id]
        typed = topic.query.split()
        assert 2 <= len(typed) <= 5
        assert set(typed) <= set(words(document.content))
        assert not set(typed) & FUNCTION_WORDS
        assert not any(map(english().is_stop_word, typed))
        assert len({term_of(word) for word in typed}) == len(typed)
        assert topic.relevance == {topic.topic_id: 1}


def test_no_document_is_relevant_in_two_splits_and_shares_are_about_80_10_10():
    topics = topics_from_documents(documents(), 0)
    ids = {name: {topic.topic_id for topic in split} for name, split in topics.items()}
    assert not ids["train"] & ids["dev"]
    assert not ids["train"] & ids["test"]
    assert not ids["dev"] & ids["test"]
    assert 0.7 < len(ids["train"]) / 300 < 0.9


def test_documents_that_begin_alike_share_a_split():
    text = "Removes and returns one item from the queue."
    alike = [Document(f"queue{i}.get", f"queue{i}.get", f"get(block)\n\n{text} Note {i}.") for i in range(40)]
    topics = topics_from_documents(documents() + alike, 0)
    holding = [name for name, split in topics.items() if any(topic.topic_id.startswith("queue") for topic in split)]
    assert len(holding) == 1


def test_the_seed_decides_the_wording_and_not_the_split():
    first, again, other = (topics_from_documents(documents(), seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    ids = [
        {name: [topic.topic_id for topic in split] for name, split in topics_by_split.items()}
        for topics_by_split in (first, other)
    ]
    assert ids[0] == ids[1]


def test_the_wording_of_a_topic_does_not_depend_on_the_order_of_documents():
    forth, back = topics_from_documents(documents(), 0), topics_from_documents(documents()[::-1], 0)
    assert {t.topic_id: t.query for s in forth.values() for t in s} == {
        t.topic_id: t.query for s in back.values() for t in s
    }


def test_documents_with_too_little_text_get_no_topic():
    short = [Document("1", "", " ".join(NOUNS[: MIN_CANDIDATES - 1])), Document("2", "", ""), Document("3", "", "!?")]
    assert not any(topics_from_documents(short, 0).values())
    assert topics_from_documents([], 0) == {"train": (), "dev": (), "test": ()}
