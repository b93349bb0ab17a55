"""What simulated users type, and the need they have in mind."""

from collections import Counter

import numpy as np
import pytest

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.errors import UntilclickError
from untilclick.search.records import Collection, Corpus, Document, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.naming import part_of
from untilclick.search.users.need import NeedReader
from untilclick.search.users.reformulation import ReformulationShares, TypedWord
from untilclick.search.users.user import SimulatedUser, UserConfig
from untilclick.search.users.vocabulary.lay_words import LayWord

DOCUMENTS = (
    Document("copy", "Copy files", "Duplicate a file with permission permission permission bits"),
    Document("move", "Move files", "Rename a file or a directory"),
    Document("date", "Dates", "Calendar arithmetic"),
)
TOPIC = Topic("t", "Tools to duplicate a file", {"copy": 2, "absent": 1, "move": 0})
INDEX = TermIndex.from_documents(DOCUMENTS)
QUIET = {"misspell_share": 0.0, "lay_share": 0.0, "drop_share": 0.0, "subject_share": 0.0}


class Lay:
    """A vocabulary of two concepts; `bits` is a word of the document."""

    def of(self, word):
        names = {
            "duplicate": (LayWord("clone", 0.3), LayWord("make again", 0.1), LayWord("bits", 0.2)),
            "copy": (LayWord("twin", 0.35),),
        }
        return names.get(word, ())


def user_of(queries="made", vocabulary=None, scripted=None, **settings):
    return SimulatedUser(
        UserConfig(**settings), NeedReader(INDEX), queries, vocabulary=vocabulary, scripted_queries=scripted
    )


def firsts(user, topic=TOPIC, n=2000):
    rng = np.random.default_rng(1)
    return [user.first_query(topic, rng) for _ in range(n)]


def test_the_need_holds_query_words_and_what_marks_the_relevant_documents():
    need = NeedReader(INDEX).need(TOPIC)
    assert need.words == ("tools", "duplicate", "file")
    assert need.vocabulary[0] == "permission"
    assert set(need.vocabulary) == {"permission", "bits", "copy"}
    assert need.rarity["permission"] > need.rarity["file"] > 0


def test_a_need_holds_words_and_no_bigrams():
    """A user typed 書館, which is the end of the word for a library."""
    documents = (
        Document("open", "図書館", "図書館の開館時間を調べる"),
        Document("loan", "貸出期間", "図書館の貸出期間は二週間"),
        Document("card", "利用者カード", "利用者カードの開館時間"),
    )
    index = TermIndex.from_documents(documents, analysis_by_name("2-ja"))
    need = NeedReader(index).need(Topic("t", "開館時間", {"open": 1}))
    assert need.words == ("開館時間",)
    assert need.vocabulary == ("図書館",)
    assert need.rarity["図書館"] > 0


def test_a_need_without_relevant_documents_has_no_vocabulary():
    assert NeedReader(INDEX).need(Topic("t", "some need", {"absent": 1})).vocabulary == ()


def test_a_user_without_noise_types_the_clean_query():
    assert firsts(user_of(**QUIET), n=1)[0].text == "tools to duplicate a file"


def test_real_queries_are_typed_as_they_stand():
    query = firsts(user_of("real", misspell_share=1.0), n=1)[0]
    assert query.text == TOPIC.query
    assert [word.typed for word in query.words] == ["tools", "duplicate", "file"]


def test_the_share_of_misspelt_words_is_as_configured_and_stop_words_are_spared():
    queries = firsts(user_of(**(QUIET | {"misspell_share": 0.35})))
    misspelt = [sum(word.typed != word.meant for word in query.words) for query in queries]
    assert np.mean(misspelt) == pytest.approx(3 * 0.35, abs=0.05)
    assert all({"to", "a"} <= {word.typed for word in query.words} for query in queries)


def test_the_share_of_dropped_words_is_as_configured():
    lengths = [len(query.words) for query in firsts(user_of(**(QUIET | {"drop_share": 0.1})))]
    assert np.mean(lengths) == pytest.approx(4.5, abs=0.08)


def test_one_content_word_always_stays():
    queries = firsts(user_of(**(QUIET | {"drop_share": 1.0})), n=50)
    assert {query.text for query in queries} == {"tools", "duplicate", "file"}


def test_lay_words_stand_for_words_as_often_as_configured_and_none_is_in_the_wanted_document():
    queries = firsts(user_of(vocabulary=Lay(), **(QUIET | {"lay_share": 0.35})), n=4000)
    counts = Counter(query.text for query in queries)
    shares = [counts[f"tools to {word} a file"] / 4000 for word in ("duplicate", "clone", "make again")]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert len(counts) == 3


def test_users_of_a_half_know_its_lay_words_alone():
    words = {}
    for part in ("train", "test", "all"):
        user = user_of(vocabulary=Lay(), lay_part=part, **(QUIET | {"lay_share": 0.9}))
        words[part] = {word.meant for query in firsts(user, n=300) for word in query.words if word.concept}
    assert words["all"] == {"clone", "make again"} == words["train"] | words["test"]
    assert not words["train"] & words["test"]
    assert [part_of("duplic", word) for word in ("clone", "make again")] == ["test", "train"]


def test_a_query_names_its_lay_words_by_the_half_they_belong_to():
    user = user_of(vocabulary=Lay(), **(QUIET | {"lay_share": 1.0}))
    attributes = [user.attributes(query) for query in firsts(user, n=50)]
    assert {"kind": "first", "lay_new": "clone"} in attributes
    assert {"kind": "first", "lay_known": "make again"} in attributes
    assert user.attributes(firsts(user_of(**QUIET), n=1)[0]) == {"kind": "first"}


def test_a_user_keeps_its_word_until_the_document_s_own_takes_its_place():
    """The change from the lay word to the document's word is what a log can teach."""
    user = user_of(vocabulary=Lay(), give_up_prob=0.0, max_queries=30, **(QUIET | {"lay_share": 0.95}))
    reached = kept = 0
    for number in range(200):
        rng = np.random.default_rng(number)
        query = user.first_query(TOPIC, rng)
        [lay] = [word for word in query.words if word.concept] or [None]
        while query is not None and lay is not None:
            following = user.next_query(TOPIC, query, rng)
            named = [word for word in following.words if "duplicate" in word] if following else []
            if TypedWord("duplicate", "duplicate") in named and lay in query.words:
                assert following.kind == "substitute"
                reached += 1
                break
            kept += len(named)
            assert set(named) <= {lay}
            query = following
    assert reached > 50
    assert kept > 200


def test_new_words_of_a_reformulation_are_the_user_s_own():
    user = user_of(vocabulary=Lay(), give_up_prob=0.0, **(QUIET | {"lay_share": 1.0}))
    rng = np.random.default_rng(1)
    later = [user.next_query(TOPIC, user.first_query(TOPIC, rng), rng) for _ in range(300)]
    words = {word.meant for query in later for word in query.words}
    assert "twin" in words
    assert "copy" not in words


def test_a_lay_word_of_several_words_has_one_misspelt_word():
    user = user_of(vocabulary=Lay(), **(QUIET | {"lay_share": 1.0, "misspell_share": 1.0}))
    typed = {word.typed for query in firsts(user, n=300) for word in query.words if word.meant == "make again"}
    assert len(typed) > 5
    assert all(text.startswith("make ") and text != "make again" for text in typed)


def test_scripted_queries_come_first_and_in_order_then_the_user_invents():
    user = user_of(scripted={"t": ["Copying!", "copying files"]}, give_up_prob=0.0)
    rng = np.random.default_rng(1)
    first = user.first_query(TOPIC, rng)
    second = user.next_query(TOPIC, first, rng)
    third = user.next_query(TOPIC, second, rng)
    assert [(q.text, q.kind) for q in (first, second)] == [("Copying!", "scripted"), ("copying files", "scripted")]
    assert third.kind != "scripted"
    assert third.text != second.text


def test_patience_ends_with_the_configured_number_of_queries():
    user = user_of(max_queries=3, give_up_prob=0.0)
    rng = np.random.default_rng(1)
    query, steps = user.first_query(TOPIC, rng), []
    while query is not None:
        steps.append(query.step)
        query = user.next_query(TOPIC, query, rng)
    assert steps == [0, 1, 2]


def test_users_give_up_as_often_as_configured():
    user = user_of(give_up_prob=0.25)
    rng = np.random.default_rng(1)
    gone = [user.next_query(TOPIC, user.first_query(TOPIC, rng), rng) is None for _ in range(2000)]
    assert np.mean(gone) == pytest.approx(0.25, abs=0.04)


def test_correcting_a_misspelling_is_the_frequent_way_on():
    user = user_of(give_up_prob=0.0, misspell_share=1.0, shares=ReformulationShares(respell_misspelt=0.5))
    rng = np.random.default_rng(1)
    kinds = [user.next_query(TOPIC, user.first_query(TOPIC, rng), rng).kind for _ in range(1000)]
    assert kinds.count("respell") / 1000 == pytest.approx(0.5, abs=0.06)


def test_a_query_of_no_words_is_typed_as_nothing():
    assert user_of().first_query(Topic("t", "?!", {}), np.random.default_rng(0)).text == ""


def test_users_of_a_collection_need_nothing_else():
    user = SimulatedUser.of(Collection(Corpus("tiny", DOCUMENTS, "0"), {"train": (TOPIC,)}, "real"))
    assert firsts(user, n=1)[0].text == TOPIC.query
    assert user.click_model(2).name == "DBN"


@pytest.mark.parametrize(
    ("setting", "value"), [("misspell_share", 1.5), ("drop_share", -0.1), ("max_queries", 0), ("give_up_prob", 2)]
)
def test_impossible_habits_are_refused_by_name(setting, value):
    with pytest.raises(UntilclickError, match=f"{setting} is {value}"):
        UserConfig(**{setting: value})
