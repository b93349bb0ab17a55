"""The vocabulary of a site's visitors, by hand."""

from __future__ import annotations

import json
import math

import pytest

from untilclick.rewriter.language import outside_words
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Click, Document, Session, Turn
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.site import vocabulary
from untilclick.search.users.site.vocabulary import SiteVocabulary
from untilclick.search.users.vocabulary.lay_words import LayWord

DOCUMENTS = [
    Document("v1", "Vacuum cleaner", "A strong vacuum cleaner for the house."),
    Document("v2", "Vacuum cleaner, small", "A small vacuum cleaner for the house."),
    Document("k1", "Kettle", "A kettle boils water for the house."),
    Document("k2", "Kettle, small", "A small kettle of steel for the house."),
    Document("r1", "Router", "A router for the house."),
    Document("t1", "Toaster", "A toaster for bread in the house."),
]
INDEX = TermIndex.build(corpus_of("shop", DOCUMENTS))


def session(number: int, query: str, doc_id: str | None, client: str | None) -> Session:
    clicks = (Click(f"q{number}", doc_id, 1, 2.0),) if doc_id else ()
    return Session(f"s{number}", "live", (Turn(f"q{number}", 0, query, None, ("v1",), clicks, 1.0),), client)


OTHERS = [session(100 + i, "kettle small", ("k1", "k2", "r1", "t1")[i % 4], f"other{i}") for i in range(12)]
HOOVER = [session(i, "hoover", ("v1", "v2")[i % 2], f"visitor{i}") for i in range(3)]
OWN = [session(50 + i, "vacuum", "v1", f"own{i}") for i in range(2)]


def test_a_word_that_the_clicked_documents_lack_stands_for_what_marks_them_out():
    of_site = SiteVocabulary.of_log([*OTHERS, *HOOVER, *OWN], INDEX)
    assert {each.word for each in of_site.concepts} == {"vacuum", "cleaner"}
    assert of_site.of("vacuums") == (LayWord("hoover", 3 / 6),)  # three call it so, two vacuum, and Laplace's one
    assert of_site.of("cleaner") == (LayWord("hoover", 3 / 4),)
    assert of_site.of("house") == of_site.of("the") == of_site.of("kettle") == ()
    assert of_site.n_lay_words == 1


@pytest.mark.parametrize(
    "sessions",
    [
        HOOVER[:2],
        [session(i, "hoover", "v1", f"visitor{i % 2}") for i in range(20)],
        [session(i, "hoover", None, f"visitor{i}") for i in range(20)],
        [session(i, "hoover", f"gone{i}", f"visitor{i}") for i in range(20)],
        [],
    ],
    ids=["two sessions", "two visitors", "no clicks", "documents of another corpus", "no session"],
)
def test_a_word_of_fewer_than_three_visitors_is_left_out(sessions):
    assert SiteVocabulary.of_log([*OTHERS, *sessions], INDEX).concepts == ()


def test_sessions_without_client_ids_count_as_no_visitors():
    unnamed = [session(30 + i, "hoover", "v1", None) for i in range(4)]
    assert SiteVocabulary.of_log([*OTHERS, *unnamed, *HOOVER[:2]], INDEX).concepts == ()
    assert SiteVocabulary.of_log([*OTHERS, *unnamed, *HOOVER], INDEX).of("vacuum")


def test_a_form_of_one_visitor_is_not_written():
    """Two forms of one term, the more frequent one by a single visitor."""
    often = [session(20 + i, "hoovers", "v1", "visitor0") for i in range(4)]
    of_site = SiteVocabulary.of_log([*OTHERS, *HOOVER, *often], INDEX)
    assert {lay.text for each in of_site.concepts for lay in each.lay_words} == {"hoover"}
    assert SiteVocabulary.of_log([*OTHERS, *HOOVER[:2], *often], INDEX).concepts == ()


def test_forms_of_a_visitor_each_are_left_out():
    forms = [session(i, word, "v1", f"visitor{i}") for i, word in enumerate(("hoover", "hoovers", "hoovered"))]
    assert SiteVocabulary.of_log([*OTHERS, *forms], INDEX).concepts == ()


def test_a_word_typed_for_everything_stands_for_nothing():
    """`cheap` is in no document, and what its visitors clicked has only `house` in common, as all documents have."""
    cheap = [session(i, "cheap", DOCUMENTS[i % 6].doc_id, f"visitor{i}") for i in range(24)]
    assert SiteVocabulary.of_log([*OTHERS, *cheap], INDEX).concepts == ()


def test_one_visitor_among_many_does_not_decide_what_a_word_stands_for():
    """`steel` is held by what one visitor clicked ten times."""
    sessions = [session(i, "pot", "k2", "often") for i in range(10)] + [
        session(20 + i, "pot", "k1", f"visitor{i}") for i in range(3)
    ]
    others = [session(100 + i, "router", "r1", f"other{i}") for i in range(20)]
    assert {each.word for each in SiteVocabulary.of_log([*others, *sessions], INDEX).concepts} == {"kettle"}


def test_the_limit_is_that_of_words_that_a_version_reads():
    assert vocabulary.LEAST_VISITORS == outside_words.LEAST_VISITORS
    assert pytest.approx(math.log(2)) == vocabulary.LEAST_INFORMATION


def test_another_vocabulary_answers_for_what_the_log_does_not_name():
    class Kettles:
        def of(self, word):
            return (LayWord("boiler", 0.2),)

    of_site = SiteVocabulary.of_log([*OTHERS, *HOOVER], INDEX, Kettles())
    assert [of_site.of(word)[0].text for word in ("vacuum", "kettle")] == ["hoover", "boiler"]


def test_a_record_is_read_again():
    of_site = SiteVocabulary.of_log([*OTHERS, *HOOVER], INDEX)
    again = SiteVocabulary.of_record(json.loads(json.dumps(of_site.record)), english())
    assert (again, again.of("vacuum")) == (of_site, of_site.of("vacuum"))
