"""Descriptions of what a user wants, made from the first sentence of the wanted document."""

import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.records import Document, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.describing import FRAMES, MOST_WORDS, Descriptions
from untilclick.search.users.need import NeedReader
from untilclick.search.users.user import SimulatedUser, UserConfig
from untilclick.search.users.vocabulary.lay_words import LayWord

SENTENCES = {
    "rmtree": "Remove a directory with everything in it.",
    "code end": "Return whether it is a name that is in `path`.",
    "copy": "Removes the copy of a file, and its metadata.",
    "third": "Remove an entry from a table.",
    "class": "A class that holds the settings of a parser.",
    "code": "Store the digit-wise 'or' of two operands.",
    "code late": "Return a list of names for `path` and others.",
    "brackets": "Name (identifier) of the current chunk.",
    "this": "This works as the other class does.",
    "given": "Given the header of a message, finds its value.",
    "bare": "Lightweight unbounded cache.",
    "long": "Remove all of the stale temporary files in a folder of the current user at the end of the year.",
    "condition": "Raise an error if the value is not present.",
}
DOCUMENTS = tuple(Document(name, name, f"{sentence} More text follows.") for name, sentence in SENTENCES.items())
DESCRIPTIONS = Descriptions(DOCUMENTS, english())


def topic(name, query="remove directory"):
    return Topic(name, query, {name: 1, "bare": 0})


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        ("rmtree", "remove a directory with everything in it"),
        ("copy", "remove the copy of a file"),
        ("class", "class that holds the settings of a parser"),
        ("code", ""),
        ("code late", "return a list of names"),
        ("code end", "return whether it is a name"),
        ("brackets", "name of the current chunk"),
        ("this", ""),
        ("given", ""),
        ("bare", ""),
        ("long", "remove all of the stale temporary files in a folder"),
        ("condition", "raise an error if the value is not present"),
    ],
)
def test_a_description_is_the_first_clause_as_people_say_it(name, clause):
    assert DESCRIPTIONS.clause(topic(name)) == clause
    assert len(clause.split()) <= MOST_WORDS


def test_a_need_without_a_document_of_the_corpus_has_no_description():
    assert DESCRIPTIONS.clause(Topic("t", "query", {"absent": 1, "rmtree": 0})) == ""
    assert DESCRIPTIONS.clause(Topic("t", "query", {})) == ""


def test_what_begins_with_a_verb_of_the_corpus_may_get_a_frame():
    rng = np.random.default_rng(0)
    assert {DESCRIPTIONS.frame("remove a directory", rng) for _ in range(50)} == set(FRAMES)
    assert {DESCRIPTIONS.frame("class that holds settings", rng) for _ in range(50)} == {""}


class Lay:
    def of(self, word):
        return (LayWord("folder", 0.35),) if word == "directory" else ()


def firsts(n=1000, **settings):
    quiet = {"misspell_share": 0.0, "drop_share": 0.0, "lay_share": 0.0, "subject_share": 0.0}
    user = SimulatedUser(
        UserConfig(**quiet | settings),
        NeedReader(TermIndex.from_documents(DOCUMENTS)),
        vocabulary=Lay(),
        descriptions=DESCRIPTIONS,
    )
    rng = np.random.default_rng(1)
    return user, [user.first_query(topic("rmtree"), rng) for _ in range(n)]


def test_descriptions_are_as_frequent_as_configured_and_keep_their_function_words():
    _, queries = firsts(describe_share=0.3)
    described = [query for query in queries if query.kind == "description"]
    assert len(described) / 1000 == pytest.approx(0.3, abs=0.04)
    assert {query.text for query in described} == {
        f"{frame} remove a directory with everything in it".strip() for frame in FRAMES
    }
    assert {query.text for query in queries if query.kind == "first"} == {"remove directory"}


def test_words_of_a_description_are_misspelt_and_called_by_lay_words_as_others():
    _, queries = firsts(describe_share=1.0, lay_share=0.5)
    assert np.mean(["folder" in query.text.split() for query in queries]) == pytest.approx(0.5, abs=0.05)
    _, queries = firsts(describe_share=1.0, misspell_share=0.5)
    misspelt = [sum(word.typed != word.meant for word in query.words) for query in queries]
    assert np.mean(misspelt) == pytest.approx(1.5, abs=0.12)
    assert all({"a", "with", "in", "it"} <= set(query.text.split()) for query in queries)


def test_a_user_goes_on_from_the_content_words_of_its_description():
    user, [query, *_] = firsts(describe_share=1.0, give_up_prob=0.0)
    assert [word.meant for word in query.words] == ["remove", "directory", "everything"]
    kinds = {user.next_query(topic("rmtree"), query, np.random.default_rng(seed)).kind for seed in range(30)}
    assert {"drop", "substitute"} <= kinds
