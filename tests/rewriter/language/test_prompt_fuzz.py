"""What holds for the prompts of any Unicode text."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.rewriter.language.prompts import MAX_PROMPT_TOKENS, render, render_text
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Document
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex

from tests.any_text import analyses, any_text, fuzzed

pytestmark = pytest.mark.slow

TEXT = "directory lighthouse weather Straße crème корабль हिन्दी 図書館 ファイル 한국어 ภาษา 🎂 getItem Wi-Fi 128 GB"


@cache
def model_of(analysis: Analysis) -> tuple[TermVocabulary, SpellingCorrector]:
    """Vocabulary and corrector of the text above."""
    index = TermIndex.from_documents([Document("1", "", TEXT)], analysis)
    return TermVocabulary.from_index(index, 1, 100), SpellingCorrector.from_index(index)


@given(st.lists(any_text, min_size=1, max_size=4), analyses)
@fuzzed(2000)
def test_any_queries_make_a_prompt(queries, analysis):
    vocabulary, spelling = model_of(analysis)
    request = RewriteRequest(queries[-1], tuple(queries[:-1]))
    prompt = render(request, vocabulary, spelling)
    assert prompt.ids[-1] == EOS_ID
    assert len(prompt.ids) <= MAX_PROMPT_TOKENS
    assert all(0 <= token < len(vocabulary) for token in prompt.ids)
    terms = {vocabulary.tokens[token] for token in prompt.query_ids}
    assert terms <= set(analysis.terms(request.query))
    assert bool(render_text(request, vocabulary)) == bool(analysis.terms(request.query))
