"""The page in a real browser: results found by meaning, and how a query was read."""

from __future__ import annotations

import pytest

from untilclick.app.http.page_language import LANGUAGES
from untilclick.app.http.page_texts import messages

from tests.app.page import TABLE, Content, says, search, shot
from tests.app.static.test_page_languages import LOCALES

pytestmark = pytest.mark.browser

OTHER_WORDS = "erase catalogue"
"""No document has these words; one has the word that the rewriter adds, and others have their meaning."""
READER = Content(table={**TABLE, OTHER_WORDS: ("markup",)}, meaning=True)


def marks(page):
    return page.locator(".result .meant").all_text_contents()


@pytest.mark.parametrize("site", [READER], indirect=True)
def test_results_without_a_searched_word_are_marked_and_the_reading_is_explained(open_page, site):
    page = open_page()
    search(page, OTHER_WORDS)
    found = page.locator(".result").count()
    assert 0 < len(marks(page)) < found
    assert set(marks(page)) == {"found by meaning"}
    assert page.locator('.result:has([data-doc="injected"]) .meant').count() == 0
    assert page.get_by_role("button", name="shutil.rmtree found by meaning").count() == 1
    page.click("#why summary")
    assert page.text_content("#readings") == "Searched by your words (30%), other words (20%) and meaning (50%)."
    assert page.is_hidden("#reason"), "it says that the words typed count most"
    shot(page, "found-by-meaning")
    search(page, "separator")
    says(page, "#showing", "Results as typed")
    assert (marks(page), page.is_hidden("#readings")) == ([], True)


@pytest.mark.parametrize("site", [READER], indirect=True)
def test_the_mark_stands_beside_that_of_the_comparison(open_page, site):
    page = open_page(width=390, height=844)
    search(page, OTHER_WORDS)
    page.get_by_role("switch", name="Compare").click()
    rewritten = page.locator('section[aria-label="Rewritten"] .result:has(.meant)')
    assert rewritten.count() == rewritten.locator(".move.new").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, "phone-found-by-meaning")


@pytest.mark.parametrize("site", [READER], indirect=True)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_mark_fits_a_narrow_screen_in_every_language(open_page, site, language):
    page = open_page(width=320, height=800, locale=LOCALES[language])
    search(page, OTHER_WORDS)
    page.click("#why summary")
    assert set(marks(page)) == {messages(language)["results.by_meaning"]}
    assert page.is_visible("#readings")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    shot(page, f"narrow-{language}-found-by-meaning")


def test_a_rewriter_of_words_alone_marks_nothing(open_page):
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    page.click("#why summary")
    assert page.text_content("#readings") == "Searched by words."
    assert marks(page) == []
