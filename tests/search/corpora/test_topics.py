"""Topics made from documents."""

from __future__ import annotations

from untilclick.search.analysis.by_name import english
from untilclick.search.analysis.query_words import FUNCTION_WORDS
from untilclick.search.corpora.topics import MIN_CANDIDATES, topics_from_documents
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


JAPANESE_NOUNS = ("糸巻", "竹骨", "風車", "吹流し", "帆布", "滑車", "羽根", "重石", "染料", "和紙", "足場", "気流")
JAPANESE_PARTS = ("ナイロン", "カーボン", "アルミ", "ゴム", "ビニール", "シルク", "コルク", "ガラス")


def japanese_documents(n=96):
    """n documents of a title line without spaces and two sentences that end without a space."""
    generated = []
    for i in range(n):
        a, b, c = JAPANESE_NOUNS[i % 12], JAPANESE_NOUNS[(i * 5 + i // 12) % 12], JAPANESE_PARTS[i // 12]
        text = f"{c}製の{a}は丈夫な{b}と一緒に使えます。次の説明は倉庫{i}にあります。"
        generated.append(Document(f"凧{i}", f"{c}の{a}", text))
    return generated


def test_documents_of_a_script_without_spaces_get_topics_of_their_first_sentence():
    by_id = {document.doc_id: document for document in japanese_documents()}
    topics = [topic for split in topics_from_documents(list(by_id.values()), 0).values() for topic in split]
    assert len(topics) > 0.9 * len(by_id)
    for topic in topics:
        typed = topic.query.split()
        sentence = by_id[topic.topic_id].text.split("。")[0]
        assert 2 <= len(typed) <= 5
        assert all(word in sentence for word in typed)


def test_a_line_without_spaces_is_prose_and_not_a_name():
    lines = [f"{noun}製造用{part}接着剤" for noun in JAPANESE_NOUNS for part in JAPANESE_PARTS]
    topics = topics_from_documents([Document(str(i), "", line) for i, line in enumerate(lines)], 0)
    assert sum(map(len, topics.values())) == len(lines)


def test_sentences_end_at_the_full_stops_of_their_script():
    """Without them, the words of a second sentence are in queries."""
    for first, second in (
        ("طائرة حمراء كبيرة خشبية؟ ", "خيط طويل متين جميل"),
        ("लाल पतंग ऊँची उड़ान। ", "लंबी डोर मज़बूत चरखी"),
        ("红色风筝飞过操场上空。", "白色线轴放在仓库里面"),
    ):
        topics = topics_from_documents([Document("1", "", first + second)], 0)
        [topic] = [topic for split in topics.values() for topic in split]
        assert all(word in first for word in topic.query.split())
