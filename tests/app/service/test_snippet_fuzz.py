"""What holds for the snippet of any Unicode text."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.app.service.snippets import Searched, snippet
from untilclick.search.analysis.by_name import FIRST_NAME

from tests.any_text import analyses, any_text, clusters_of, fuzzed

pytestmark = pytest.mark.slow

_SPACE = re.compile(r"\s+")


def collapsed(text: str) -> str:
    """The text as a snippet shows it."""
    return _SPACE.sub(" ", text).strip()


@given(st.lists(any_text, max_size=5), any_text, analyses, st.sampled_from((12, 40, 240)))
@fuzzed(3500)
def test_the_pieces_join_to_a_passage_of_the_text(texts, query, analysis, length):
    text = "".join(texts)
    words = analysis.keywords(text)
    searched = Searched(f"{query} {' '.join(words[:2])}", " ".join(words[-2:]), analysis)
    pieces = snippet(text, searched, length)
    joined = "".join(piece.text for piece in pieces)
    passage = joined.removeprefix("… ").removesuffix(" …")
    assert passage in collapsed(text) or joined in collapsed(text)
    assert all(piece.text for piece in pieces)
    assert all(a.hit != b.hit for a, b in pairwise(pieces))


@given(st.lists(any_text, max_size=8), analyses, st.sampled_from((12, 40)))
@fuzzed(1500)
def test_a_snippet_is_cut_at_the_borders_of_characters(texts, analysis, length):
    text = collapsed("".join(texts).replace("…", ""))
    searched = Searched(" ".join(analysis.keywords(text)[::3]), "", analysis)
    pieces = [piece.text for piece in snippet(text, searched, length)]
    if analysis.name == FIRST_NAME or not pieces:
        return
    pieces[0] = pieces[0].removeprefix("… ")
    pieces[-1] = pieces[-1].removesuffix(" …")
    cuts = [0, *accumulate(map(len, pieces))]
    passages = [match.start() for match in re.finditer(f"(?={re.escape(''.join(pieces))})", text)]
    assert any(clusters_of(text).issuperset(start + cut for cut in cuts) for start in passages)
