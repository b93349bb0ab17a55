"""Languages that the analysis knows: their script, the name of their stemmer, and their stop words.

A language has the stop words of Snowball's list as tantivy ships it. A language without such a list has a short list
of its most frequent function words. English has most of Snowball's list instead of Lucene's 33 words, with which
"how", "what" and "do" of a question would be searched. This module is only a table; `stems.py` loads the libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from untilclick.search.analysis.scripts import Script

UNDETERMINED = "und"
"""The language code of a text in no known language, or in several (ISO 639-2): no stemmer and no stop words."""


@dataclass(frozen=True)
class Language:
    """A language of documents."""

    code: str
    """ISO 639-1."""
    name: str
    """In English, and as Snowball and tantivy name it in lower case."""
    script: Script
    """The script that its words are written in; `bigrams` for scripts without spaces and for Korean."""
    stemmer: str | None = None
    """Name of its Snowball algorithm."""
    stop_list: str | None = None
    """Name of tantivy's list of stop words."""
    stop_words: str = ""
    """Stop words beside or instead of that list, separated by spaces."""


_ENGLISH = (
    "a about ain am an and are aren as at be because been being but by can cannot could couldn did didn do "
    "does doesn doing don for from had hadn has hasn have haven having he her here hers herself him himself "
    "his how i if in into is isn it its itself ll me mightn mustn my myself needn no not of on or ought our "
    "ours ourselves re s shan she should shouldn so some such t than that the their theirs them themselves "
    "then there these they this those to too until ve very was wasn we were weren what when where which while "
    "who whom whose why will with won would wouldn you your yours yourself yourselves"
)
"""Lucene's 33 words with question words, auxiliaries, pronouns and the pieces of contractions (don't) of Snowball's
list. Its prepositions and quantifiers stay searchable: they are in the names of functions; `d` and `m` are in vitamin
D."""

_ARABIC = (
    "من في على إلى الى عن مع هذا هذه ذلك تلك التي الذي الذين ما ماذا لا لم لن هل أن ان إن كان كانت يكون "
    "أو او و ثم قد كل بعد قبل بين عند حتى هو هي هم نحن أنا انا أنت كيف متى أين اين لكن إذا اذا غير منذ أي "
    "اي كما لقد"
)
_GREEK = (
    "ο η το οι τα του της των τον την τους τις και κι σε στο στη στην στον στα στις στους με για από απο "
    "ως προς δεν δε μη μην να θα που πως πώς τι ή είναι ειναι ήταν ηταν έχει εχει ένας μια ένα ενα αυτό "
    "αυτο αυτή αυτός όπως αν αλλά αλλα όταν οταν"
)
_ROMANIAN = (
    "a al ale ai ca că ce cea cei cele cu cum când cand dar de din după dupa este sunt era fi fost eu tu "
    "el ea noi voi ei ele la le lui lor mai mă ne ni nu o pe pentru prin sau se și si ști să sa sunt un "
    "una unei unui unde care în in într intr între intre această aceasta acest acesta"
)
_TURKISH = (
    "ve veya ya da de ile için icin bir bu şu su o mi mı mu mü ne nasıl nasil neden niçin gibi kadar daha "
    "en çok cok ama fakat ancak ki ise değil degil her hem sonra önce once olan olarak var yok ben sen "
    "biz siz onlar"
)
_TAMIL = "ஒரு இந்த அந்த என்று என மற்றும் இது அது உள்ள மேலும் ஆகும் போன்ற அல்லது என்ன எப்படி"
_HINDI = (
    "का की के को में से पर है हैं था थी थे और या यह वह ये वे एक इस उस कि तो ही भी ने नहीं क्या कैसे जो कर "
    "हो होता होती होते लिए साथ तक अपने"
)
_POLISH = (
    "i w we z ze na do od o u po za przez przy pod nad dla nie to ten ta te tego tej tych jest są się sie "
    "jak co czy że ze ale lub oraz a być był była było jako już tak który która które"
)
_CZECH = (
    "a i v ve z ze na do od o u po za pro při pod nad s se si je jsou byl byla bylo být to ten ta ty jak "
    "co že ale nebo který která které jako už tak by"
)
_INDONESIAN = (
    "yang dan di ke dari untuk dengan pada ini itu adalah atau tidak akan juga sebagai dalam oleh apa bagaimana"
)
_PARTICLES = "は が を に で と も の へ や か ね よ な た て だ し れ る"

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("ar", "Arabic", "arabic", "arabic", stop_words=_ARABIC),
        Language("ca", "Catalan", "latin", "catalan"),
        Language("cs", "Czech", "latin", "czech", stop_words=_CZECH),
        Language("da", "Danish", "latin", "danish", "danish"),
        Language("de", "German", "latin", "german", "german"),
        Language("el", "Greek", "greek", "greek", stop_words=_GREEK),
        Language("en", "English", "latin", "english", stop_words=_ENGLISH),
        Language("es", "Spanish", "latin", "spanish", "spanish"),
        Language("et", "Estonian", "latin", "estonian"),
        Language("eu", "Basque", "latin", "basque"),
        Language("fa", "Persian", "arabic", "persian"),
        Language("fi", "Finnish", "latin", "finnish", "finnish"),
        Language("fr", "French", "latin", "french", "french"),
        Language("ga", "Irish", "latin", "irish"),
        Language("he", "Hebrew", "hebrew"),
        Language("hi", "Hindi", "devanagari", "hindi", stop_words=_HINDI),
        Language("hu", "Hungarian", "latin", "hungarian", "hungarian"),
        Language("hy", "Armenian", "armenian", "armenian"),
        Language("id", "Indonesian", "latin", "indonesian", stop_words=_INDONESIAN),
        Language("it", "Italian", "latin", "italian", "italian"),
        Language("ja", "Japanese", "bigrams", stop_words=_PARTICLES),
        Language("km", "Khmer", "bigrams"),
        Language("ko", "Korean", "bigrams"),
        Language("lt", "Lithuanian", "latin", "lithuanian"),
        Language("ne", "Nepali", "devanagari", "nepali"),
        Language("nl", "Dutch", "latin", "dutch", "dutch"),
        Language("no", "Norwegian", "latin", "norwegian", "norwegian"),
        Language("pl", "Polish", "latin", "polish", stop_words=_POLISH),
        Language("pt", "Portuguese", "latin", "portuguese", "portuguese"),
        Language("ro", "Romanian", "latin", "romanian", stop_words=_ROMANIAN),
        Language("ru", "Russian", "cyrillic", "russian", "russian"),
        Language("sr", "Serbian", "cyrillic", "serbian"),
        Language("sv", "Swedish", "latin", "swedish", "swedish"),
        Language("ta", "Tamil", "tamil", "tamil", stop_words=_TAMIL),
        Language("th", "Thai", "bigrams"),
        Language("tr", "Turkish", "latin", "turkish", stop_words=_TURKISH),
        Language("uk", "Ukrainian", "cyrillic"),
        Language("vi", "Vietnamese", "latin"),
        Language("zh", "Chinese", "bigrams"),
        Language(UNDETERMINED, "undetermined", "latin"),
    )
}
"""Code -> language."""


def in_words(codes: Sequence[str]) -> str:
    """The languages in English, such as `German and Russian`; `several languages` if none is known."""
    names = [LANGUAGES[code].name for code in codes if code != UNDETERMINED]
    return " and ".join(names) if names else "several languages"
