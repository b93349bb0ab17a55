"""Text to terms, in any language."""

from __future__ import annotations

import itertools
import string
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from untilclick.search.analysis.beginnings import beginnings_of
from untilclick.search.analysis.by_name import analysis_by_name, english
from untilclick.search.analysis.normal_form import folded, normalised, text_key
from untilclick.search.analysis.unicode_v2 import UnicodeAnalysis
from untilclick.search.analysis.words import forms, is_plain

ENGLISH = english()
BY_LANGUAGE = [analysis_by_name(f"2-{code}") for code in ("en", "de", "fr", "tr", "ru", "el", "ar", "hi", "ja", "ko")]
ANY_TEXT = st.text(max_size=80)
WORDS = st.sampled_from([
    "Straße", "STRASSE", "crème", "cre\u0300me", "ｆｕｌｌ", "ﬁn", "so\u00adft", "ze\u200bro",
    "İstanbul", "ΟΔΟΣ", "ёлка", "हिन्दी", "図書館", "カタカナ", "ｶﾀｶﾅ", "ภาษา", "ភាសា", "한국어", "C++",
    ".NET", "os.path", "3.11.2", "getItem", "snake_case", "Wi-Fi", "6204-2RS", "128 GB", "🎂",
    "don't",
])  # fmt: skip
MIXED = st.lists(WORDS | ANY_TEXT, max_size=12).map(" ".join)


def meet(language: str, a: str, b: str) -> bool:
    """Whether a query finds a document of one word, both in a language."""
    analysis = analysis_by_name(f"2-{language}")
    query, document = analysis.query(a), analysis.document(b)
    in_body = {*query.body, *query.joined} & set(document.body.split())
    aside = query.aside if query.body or query.aside else query.stop_words
    return bool(in_body or set(aside) & set(document.aside.split()))


@pytest.mark.parametrize(
    ("language", "query", "document"),
    [
        ("fr", "Forêt", "Forêt"),  # decomposed
        ("fr", "foret", "FORÊT"),
        ("fr", "coeur", "cœur"),
        ("en", "find", "ﬁnd"),  # ligature
        ("en", "laptop", "ｌａｐｔｏｐ"),
        ("en", "hyphenation", "hyphen\u00adation"),
        ("en", "zero", "ze\u200bro\ufeff"),
        ("en", "strings", "STRING"),
        ("de", "grusse", "Grüße"),
        ("de", "gruesse", "Grüße"),
        ("de", "fußball", "FUSSBALL"),
        ("de", "bücher", "Buch"),
        ("tr", "ısparta", "ISPARTA"),
        ("tr", "izmir", "İZMİR"),
        ("tr", "gunes", "güneş"),
        ("el", "φίλος", "ΦΙΛΟΣ"),
        ("el", "φιλοσ", "φίλος"),
        ("ru", "вертолет", "вертолёт"),
        ("ru", "книги", "книга"),
        ("pl", "lodz", "Łódź"),
        ("da", "ol", "øl"),
        ("vi", "tieng viet", "tiếng Việt"),
        ("ar", "مدرسه", "مَدْرَسَة"),
        ("he", "ספר", "סֵפֶר"),
        ("fa", "کتابها", "كتاب\u200cها"),
        ("hi", "किताबें", "किताब"),
        ("ja", "ノート", "ﾉｰﾄ"),
        ("ja", "自転車", "折畳自転車の鍵"),
        ("ja", "鍵", "自転車の鍵"),
        ("ja", "茶", "緑茶"),
        ("zh", "自行车", "儿童自行车头盔"),
        ("zh", "茶", "绿茶"),
        ("ko", "자전거", "자전거를"),
        ("ko", "도서관", "시립도서관에서"),
        ("th", "รถ", "รถยนต์"),
        ("th", "หนังสือ", "ร้านหนังสือเก่า"),
        ("km", "សៀវភៅ", "ហាងសៀវភៅថ្មី"),
        ("en", "C++", "c++"),
        ("en", "f#", "F#."),
        ("en", "asp.net", "(ASP.NET)"),
        ("en", "element by id", "getElementById"),
        ("en", "max_items", "maxItems"),
        ("en", "64 mb", "64MB"),
        ("en", "64MB", "64 MB"),
        ("en", "9210RS", "9210-RS"),
        ("en", "9210-RS", "9210RS"),
        ("en", "ebook", "e-book"),
        ("en", "e-book", "ebook"),
        ("en", "USA", "U.S.A."),
        ("en", "🚲", "A 🚲\ufe0f bell"),
        ("en", "👍", "👍🏽"),
        ("en", "the who", "The Who"),
    ],
)
def test_a_query_finds_the_same_word_in_another_spelling(language, query, document):
    assert meet(language, query, document)


@pytest.mark.parametrize(
    ("language", "query", "document"),
    [
        ("ru", "мой", "мои книги"),
        ("ja", "かき", "かぎ"),
        ("hi", "राम", "रीम"),
        ("th", "มา", "ม้า"),
        ("en", "to quokka", "to"),
        ("zh", "车", "行人"),
        ("en", "12 of", "12of"),
    ],
)
def test_other_words_stay_apart(language, query, document):
    assert not meet(language, query, document)


def test_accents_stay_if_the_name_says_so():
    analysis = analysis_by_name("2-fr+accents")
    assert analysis.terms("péché") != analysis.terms("pêche")
    assert analysis.terms("pe\u0301che\u0301") == analysis.terms("péché")
    assert english().terms("péché") == english().terms("pêché")


@pytest.mark.parametrize(
    ("text", "body", "joined", "aside", "stop_words"),
    [
        ("C++ and the GIL", ["c", "gil"], [], ["c++"], ["and", "the"]),
        ("os.path.join()", ["os", "path", "join"], [], ["os.path.join"], []),
        ("Wi-Fi", ["wi", "fi"], ["wifi"], [], []),
        ("5 kg", ["5", "kg"], ["5kg"], [], []),
        ("HTTPServer", ["httpserver", "http", "server"], [], [], []),
        ("python3", ["python3"], [], [], []),
        ("snake_case", ["snake", "case", "snakecas"], [], [], []),
        ("mRNA iPhone", ["mrna", "iphon"], [], [], []),
        ("file.txt?", ["file", "txt"], [], ["file.txt"], []),
        ("end. Next", ["end", "next"], [], [], []),
    ],
)
def test_the_terms_of_a_query(text, body, joined, aside, stop_words):
    terms = ENGLISH.query(text)
    assert [list(part) for part in terms] == [body, joined, aside, stop_words]


def test_a_document_has_joined_forms_and_the_parts_of_names_beside_its_words():
    terms = ENGLISH.document("The Wi-Fi of python3, C++")
    assert sorted(terms.body.split()) == ["3", "c", "fi", "python", "python3", "wi", "wifi"]
    assert terms.aside.split() == ["c++", "of", "the"]


def test_the_words_of_a_document_are_written_or_made():
    words = ENGLISH.document_words("The Wi-Fi of snake_case, python3 and U.S.A., 5 kg in getItem")
    assert set(words.made) == {"wifi", "snakecase", "python", "3", "usa", "5kg"}
    assert {"wi", "fi", "snake", "case", "python3", "getitem", "get", "item"} <= set(words.written)
    assert not set(words.made) & set(words.written)


def test_stop_words_are_indexed_of_the_beginning_of_a_document():
    terms = ENGLISH.document("the cat " * 60 + "of C++")
    assert terms.aside.split() == ["c++", "the"]
    assert ENGLISH.document("cat of").aside == "of"


@pytest.mark.parametrize("unit", ["GB", "gb", "Gb", "kHz", "GiB", "mAh", "µm", "KG"])
def test_a_number_is_joined_with_its_unit_in_any_case(unit):
    joined = ENGLISH.query(f"12 {unit}").joined
    assert len(joined) == 1
    assert {*joined} <= {*ENGLISH.document(f"A part of 12 {unit}, new").body.split()}
    assert len(ENGLISH.document_words(f"12 {unit}").made) == 1


def test_words_are_split_where_the_script_changes():
    assert ENGLISH.words("USBケーブル対応の3Dテレビ") == [
        "usb", "ケー", "ーブ", "ブル", "対応", "の", "3d", "テレ", "レビ",
    ]  # fmt: skip
    assert ENGLISH.words("iPhoneдля 5μm") == ["iphone", "для", "5μm"]


def test_keywords_are_words_as_people_type_them():
    assert analysis_by_name("2-ja").keywords("図書館 の Book") == ["図書館", "の", "book"]
    assert ENGLISH.keywords("How to Copy") == ["how", "to", "copy"]


@pytest.mark.parametrize("name", ["2-xx", "3-en", "2-en-de", "2-en+colours", "2-fr+compounds", "english", "2-"])
def test_an_unknown_name_is_refused_with_what_is_known(name):
    with pytest.raises(Exception, match=r"Analysis|Language|Option|Compounds") as error:
        analysis_by_name(name)
    assert type(error.value).__name__ == "AnalysisError"


def test_the_language_of_a_script_rules_its_words_only():
    analysis = analysis_by_name("2-de-ru")
    assert analysis.terms("die Häuser и книги") == [*analysis_by_name("2-de").terms("Häuser"), "книг"]
    assert analysis_by_name("2-ja").terms("the files") == ["file"]


@pytest.mark.slow
def test_parts_of_compounds_are_indexed_beside_them():
    pytest.importorskip(
        "compound_split", reason="compound-split is not installed: pip install 'untilclick[compounds]'"
    )
    analysis = analysis_by_name("2-de+compounds")
    assert analysis.terms("Waschmaschine") == [analysis.term_of("waschmaschine")] == ["waschmaschin"]
    assert {"wasch", "maschin", "waschmaschin"} <= set(analysis.document("Waschmaschine").body.split())
    assert {"maschin"} <= set(analysis.query("Waschmaschine").joined)
    assert analysis.document("Haus").body == "haus"


def test_a_span_covers_its_word_in_the_text():
    text = "Cafe\u0301s (ﬁne) ＵＳＢ 図書館 C++ 🎂 x\u00ady"
    spans = [(text[span.start : span.end], *span.terms) for span in ENGLISH.spans(text)]
    assert spans == [
        ("Cafe\u0301s", "cafe"), ("ﬁne", "fine"), ("ＵＳＢ", "usb"), ("図書", "図書"), ("書館", "書館"), ("C", "c"),
        ("🎂", "🎂"), ("x\u00ady", "xy"),
    ]  # fmt: skip


@given(MIXED)
@example("e\u200b\u0301 \u1100\u1161\u11a8 \uffa0 \u0378 \ufdfa")
@settings(max_examples=300)
def test_a_normalised_text_is_its_own_normal_form(text):
    once = normalised(text)
    assert normalised(once) == once
    assert text_key(text_key(text)) == text_key(text)
    assert all(folded(folded(word)) == folded(word) for word in once.split())


@given(MIXED)
@settings(max_examples=300)
def test_canonically_equivalent_texts_have_equal_terms(text):
    text = text.encode("utf-8", "replace").decode()
    for analysis in BY_LANGUAGE:
        expected = analysis.query(text), analysis.document(text)
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, text)
            assert (analysis.query(other), analysis.document(other)) == expected


@given(MIXED)
@settings(max_examples=300)
def test_a_word_of_a_document_analyses_to_its_index_term(text):
    for analysis in BY_LANGUAGE:
        body = analysis.document(text).body.split()
        written, made = analysis.document_words(text)
        words = Counter(written) + Counter(made)
        assert sum(
            (Counter({term: n}) for word, n in words.items() if (term := analysis.term_of(word)) is not None),
            Counter(),
        ) == Counter(body)
        for word in words:
            term = analysis.term_of(word)
            query = analysis.query(word)
            assert list(query.body) == ([] if term is None else [term])
            assert not query.joined


@given(MIXED)
@settings(max_examples=300)
def test_no_term_holds_white_space_and_every_span_has_a_term_of_its_text(text):
    for analysis in BY_LANGUAGE:
        terms = analysis.document(text)
        assert all(part.split() == list(filter(None, part.split(" "))) for part in terms)
        indexed = {*terms.body.split(), *terms.aside.split()}
        for span in analysis.spans(text):
            assert 0 <= span.start < span.end <= len(text)
            assert indexed & set(span.terms)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("図書館 の Book!", [(0, 3, "図書館"), (4, 5, "の"), (6, 10, "book")]),
        ("cre\u0300me so\u00adft", [(0, 6, "crème"), (7, 12, "soft")]),
        ("ｶﾞｽ ½", [(0, 3, "ガス"), (4, 5, "1"), (4, 5, "2")]),
        ("getItem C++", [(0, 7, "getitem"), (8, 9, "c")]),
    ],
)
def test_keywords_have_their_places_in_the_text_as_written(text, places):
    assert list(ENGLISH.placed_keywords(text)) == places


@given(MIXED)
@settings(max_examples=300)
def test_placed_keywords_are_the_keywords(text):
    for analysis in BY_LANGUAGE:
        placed = list(analysis.placed_keywords(text))
        assert [each.word for each in placed] == analysis.keywords(text)
        assert all(0 <= each.start < each.end <= len(text) for each in placed)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (":\u0e47\u0e01\u0e32", [(2, 4)]),  # a mark without a letter belongs to the sign before it
        ("\u3042\u3099 \u30ed\u3099", [(0, 2), (3, 5)]),  # voiced marks that no character is composed with
        ("1\u20e3 \u260e\u20e3", [(0, 2), (3, 5)]),
        ("\u65e5\u0301\u672c", [(0, 2), (2, 3)]),
    ],
)
def test_a_word_holds_all_marks_of_its_characters(text, spans):
    assert [(span.start, span.end) for span in ENGLISH.spans(text)] == spans


def test_letters_of_two_scripts_make_no_joined_form():
    """A document had a term for such a form that none of its words had."""
    assert ENGLISH.words("ab_\u03b3\u03b4 ab-\u03b3\u03b4") == ["ab", "\u03b3\u03b4"] * 2
    assert ENGLISH.query("ab-\u03b3\u03b4").joined == ()


def test_half_a_surrogate_pair_has_a_place():
    assert list(ENGLISH.placed_keywords("\ud83d lamp \udca1 \uff4c")) == [(2, 6, "lamp"), (9, 10, "l")]


@pytest.mark.parametrize(
    ("word", "form"),
    [("\u0439\u0301", "\u0439"), ("\u0438\u0301\u0306", "\u0438"), ("\u0103", "a"), ("\ufdd0", "\ufdd0")],
)
def test_a_breve_stays_on_the_cyrillic_letters_that_it_makes(word, form):
    assert folded(word) == form


@pytest.mark.parametrize("word", ["ーザ", "ー", "ーー", "ーめ", "ラー", "らー"])
def test_a_bigram_with_a_long_vowel_is_one_word(word):
    """The bigrams ユー, ーザ, ザー of ユーザー: the second one was read as the words ー and ザ."""
    assert ENGLISH.words(word) == [word]
    assert ENGLISH.term_of(word) == word


@pytest.mark.parametrize("text", ["5 GB.", "5 GB/s", "(5 GB)", "5 GB, or"])
def test_a_unit_may_be_followed_by_a_sign(text):
    """The last words of a sentence were not indexed as a number with its unit."""
    assert "5gb" in ENGLISH.document(text).body.split()


@settings(max_examples=300)
@given(st.text(string.ascii_letters, min_size=1, max_size=9))
@example("PlainText")
@example("mRNA")
@example("iPhone")
@example("The")
def test_a_plain_word_has_one_form(word):
    if is_plain(word):
        assert forms(word) == ((word,), (), (), (), (), ())


@pytest.mark.parametrize("name", ["1-en", "2-en"])
def test_every_word_begins_as_a_beginning_of_its_term_does(name):
    """Snippets look for the beginnings and analyse no other word."""
    analysis = analysis_by_name(name)
    stems = ["".join(letters) for n in (1, 2) for letters in itertools.product(string.ascii_lowercase, repeat=n)]
    stems += ["ski", "sky", "dye", "idl", "gentl", "ugl", "earl", "onl", "singl", "happ", "generous", "agre"]
    endings = ("", "y", "ying", "ies", "ied", "ly", "ed", "edly", "ing", "s", "es", "er", "ness", "e", "ie")
    for word in (stem + ending for stem in stems for ending in endings):
        term = analysis.term_of(word)
        assert term is None or word.startswith(beginnings_of(term)), (word, term)


def test_threads_that_analyse_new_words_at_once_miss_none():
    """The words are new to all threads, which add them to the same tables."""
    texts = [f"The C++ of{i} and/or Wi-Fi{i} new{i} straße{i} are {i}" * 3 for i in range(400)]
    alone = UnicodeAnalysis("alone", ["en"])
    expected = [(alone.document(text), alone.document_words(text)) for text in texts]
    for _ in range(5):
        shared = UnicodeAnalysis("shared", ["en"])
        with ThreadPoolExecutor(8) as pool:
            documents = list(pool.map(shared.document, texts * 2))
            words = list(pool.map(shared.document_words, texts * 2))
        assert list(zip(documents, words, strict=True)) == expected * 2


@pytest.mark.parametrize("text", ["About “python3” and “IPv6”", "Mp3 of 2023's HTML5Parser", "C++11 — 11 of 3"])
def test_marked_words_are_the_words_that_have_the_terms(text):
    for word in ("3", "6", "11", "2023", "python", "pars", "html"):
        terms = [*ENGLISH.query(word).body, *ENGLISH.query(word).aside]
        expected = [span for span in ENGLISH.spans(text) if set(span.terms) & set(terms)]
        assert list(ENGLISH.spans_of(text, terms)) == expected


def test_stop_words_of_the_beginning_are_indexed_beside_letters_with_accents():
    german = analysis_by_name("2-de")
    assert german.document("Für über uns " + "Wort " * 150 + "oder").aside.split() == ["fur", "uber", "uns"]
