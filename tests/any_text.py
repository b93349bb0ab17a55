"""Texts of any Unicode characters, for tests by Hypothesis that look for what breaks an analysis."""

from __future__ import annotations

import unicodedata

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from untilclick.search.analysis.by_name import analysis_by_name

NAMES = (
    "1-en", "2-en", "2-en+accents", "2-de", "2-fr", "2-tr", "2-ru-en", "2-el", "2-ar", "2-he", "2-hi", "2-ja", "2-zh",
    "2-ko", "2-th", "2-und",
)  # fmt: skip
"""Names of analyses, of one language for each kind of script at least."""

MARKS = "\u0301\u0308\u0327\u0345\u0651\u05b7\u093e\u0e33\u0e48\u1039\u17d2\u20e3\u3099\u309a\uff9e\u1dc4\u0f71"
"""Marks that join the character before them, in the order of their classes or not."""

UNSEEN = "\u00ad\u200b\u200d\u200e\u2066\ufe0f\ufeff\u180b\u115f\u0640\U000e0020"
"""Characters without a glyph."""

ODD = "İıßſŉǆﬁﷺ㎏½①ｶﾞＡ각\u1100\u1161\u11a8한日々〇ー・ไทยកាမြန်ལྷᄀ🎂👍🏽🇩🇪𝔘𝒞\u2126ÅΣς\u0149\u1e9e\u03f4\u2160"
"""Letters that change their length or number when they are normalised or folded, and scripts without spaces."""

SIGNS = " \t\n\u3000\u2028.,-_/@:+#&'’\"?!()…"
_CHARACTERS = st.sampled_from(MARKS + UNSEEN + ODD + SIGNS + "abcXYZ019éüñøжЖи\u0438\u0306العربيةעבריתहिन्दी")
_WORDS = st.sampled_from([
    "Straße", "cre\u0300me", "ｆｕｌｌ", "so\u00adft", "İstanbul", "ΟΔΟΣ", "ёлка", "हिन्दी", "図書館", "ｶﾀｶﾅ",
    "ภาษาไทย", "ភាសា", "한국어를", "C++", ".NET", "os.path", "3.11.2", "getItem", "snake_case", "Wi-Fi", "128 GB",
    "the", "directory", "direcotry", "Lighthouse", "wether",
])  # fmt: skip

any_text = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(), max_size=40),  # halves of surrogate pairs, too
    st.text(_CHARACTERS, max_size=40),
    st.lists(_WORDS | st.text(_CHARACTERS, max_size=6), max_size=8).map(" ".join),
    st.lists(_WORDS | st.text(_CHARACTERS, max_size=4), max_size=8).map("".join),
)
"""A text of any characters, among them those above."""

analyses = st.sampled_from(NAMES).map(analysis_by_name)


def fuzzed(n: int) -> settings:
    """The settings of a test that reads n inputs."""
    return settings(max_examples=n, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def clusters_of(text: str) -> set[int]:
    """The places of a text at which it may be cut without a mark losing its letter, its beginning and end among
    them."""
    marks = {i for i, char in enumerate(text) if unicodedata.category(char).startswith("M")}
    return {i for i in range(len(text) + 1) if i not in marks or i == 0 or text[i - 1].isspace()}
