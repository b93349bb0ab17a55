"""The language of documents."""

from __future__ import annotations

import pytest

from untilclick.search.analysis.guess import analysis_for, analysis_of_language, languages_of
from untilclick.search.errors import AnalysisError
from untilclick.search.records import Document

TEXTS = {
    "en": "The baker opens the door at six and sells bread to people who come early from the station.",
    "de": "Der Bäcker öffnet die Tür um sechs Uhr und verkauft Brot an Leute, die früh vom Bahnhof kommen.",
    "fr": "Le boulanger ouvre la porte à six heures et vend du pain aux gens qui arrivent tôt de la gare.",
    "es": "El panadero abre la puerta a las seis y vende pan a la gente que llega temprano de la estación.",
    "it": "Il fornaio apre la porta alle sei e vende il pane alla gente che arriva presto dalla stazione.",
    "pl": "Piekarz otwiera drzwi o szóstej i sprzedaje chleb ludziom, którzy wcześnie przychodzą z dworca.",
    "tr": "Fırıncı kapıyı saat altıda açar ve istasyondan erken gelen insanlara taze ekmek satar.",
    "ru": "Пекарь открывает дверь в шесть часов и продаёт хлеб людям, которые рано приходят с вокзала.",
    "el": "Ο φούρναρης ανοίγει την πόρτα στις έξι και πουλάει ψωμί στους ανθρώπους που έρχονται νωρίς.",
    "ar": "يفتح الخباز الباب في الساعة السادسة ويبيع الخبز للناس الذين يأتون مبكرا من المحطة.",
    "ja": "パン屋は六時に店を開け、駅から早く来る人々に焼きたてのパンを売ります。",
    "zh": "面包师六点钟开门，把新鲜的面包卖给从车站早早赶来的人们。",
    "ko": "빵집 주인은 여섯 시에 문을 열고 역에서 일찍 오는 사람들에게 빵을 팝니다.",
    "th": "คนทำขนมปังเปิดประตูตอนหกโมงและขายขนมปังให้กับคนที่มาจากสถานีแต่เช้า",
}


def documents(*codes: str, each: int = 4) -> list[Document]:
    return [Document(f"{code}{i}", "", TEXTS[code]) for i in range(each) for code in codes]


@pytest.mark.parametrize("code", TEXTS)
def test_documents_of_one_language_are_recognised(code):
    assert languages_of(documents(code)) == [code]
    assert analysis_for(documents(code)).language == code


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("en", "ru"), {"en", "ru"}),
        (("de", "ja", "ru"), {"de", "ja", "ru"}),
        (("en", "de"), {"und"}),  # no language of the script has most of the letters
        (("en", "de", "ja"), {"und", "ja"}),
    ],
)
def test_each_script_has_one_language_or_none(codes, expected):
    assert set(languages_of(documents(*codes))) == expected


def test_a_few_documents_in_another_language_change_nothing():
    assert languages_of([*documents("en", each=20), *documents("fr", each=2)]) == ["en"]


def test_the_order_of_documents_makes_no_difference():
    mixed = documents("ru", "de")
    assert languages_of(mixed) == languages_of(mixed[::-1])


@pytest.mark.parametrize("text", ["", "42", "🎂", "C++ primer", "USB-C"])
def test_too_little_text_is_taken_for_english(text):
    assert analysis_for([Document("1", "", text)]).name == "2-en"


def test_mixed_languages_do_not_harm_each_other():
    """A word finds itself in whatever language, and no language's stop words are lost."""
    analysis = analysis_for(documents("en", "de"))
    for word in ("opens", "verkauft", "die", "was"):
        assert set(analysis.query(word).body) & set(analysis.document(word).body.split())


@pytest.mark.parametrize(
    ("setting", "name"),
    [("de", "2-de"), ("EN", "2-en"), ("en-ru", "2-en-ru"), ("fr+accents", "2-fr+accents"), ("und", "2-und")],
)
def test_a_setting_names_languages_and_options(setting, name):
    assert analysis_of_language(setting, documents("ja")).name == name
    assert analysis_of_language("auto", documents("ja")).name == "2-ja"


def test_an_unknown_language_is_refused_with_the_known_ones():
    with pytest.raises(AnalysisError, match=r"Language 'xx' is not known\. Choose one of: ar, ca, .*zh, or und"):
        analysis_of_language("xx", [])
