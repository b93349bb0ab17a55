"""The page in a real browser: searching, clicking, sessions and figures."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from untilclick.app.service.answers import SearchCommand
from untilclick.app.service.ranking import Mode

from tests.app.page import DOTTED, alter, says, search, shot, titles

pytestmark = pytest.mark.browser


def test_the_start_page_offers_examples_and_figures(open_page):
    page = open_page()
    assert page.evaluate("document.activeElement.id") == "query"
    says(page, "#n-sessions", "0")
    shot(page, "start")
    page.get_by_role("button", name="delete folder").click()
    page.wait_for_selector(".result")
    assert "q=delete+folder" in page.url


def test_a_search_says_what_was_searched_and_why(open_page):
    page = open_page()
    search(page, "delete folder")
    message = page.text_content("#showing")
    assert message.startswith("Showing results for delete folder")
    assert "With related words: directory, tree, remove" in message
    page.click("#why summary")
    assert page.locator("#terms .term").all_text_contents() == ["directory", "tree", "remove"]
    assert page.locator(".result mark").count() > 0
    shot(page, "results")
    search(page, "separator")
    says(page, "#showing", "Results as typed")
    assert "expects no gain" in page.text_content("#reason")


def test_a_click_opens_the_document_and_is_logged(open_page, site):
    page = open_page("/?q=delete+folder")
    with page.expect_response("**/v1/click") as response:
        page.locator(".result .open").nth(1).click()
    assert response.value.status == 204
    chosen = titles(page)[1]
    says(page, "#reader-text", re.compile(".{10}"))
    assert page.is_visible("#reader")
    shot(page, "document")
    stats = site[1].stats("live")
    assert (stats.sessions, stats.clicks, stats.first_query_click_share) == (1, 1, 1.0)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.doc") == chosen
    says(page, "#n-clicks", "1")
    assert page.locator("#session li.clicked").count() == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_slow_document_does_not_replace_one_opened_after_it(open_page, fails):
    """Once the text or the error of the first document appeared under the title of the second."""
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    first = titles(page)[0]
    waiting = []

    def hold(route):
        waiting.append(route)

    page.route(f"**/v1/documents/{first}", hold)
    with page.expect_request(f"**/v1/documents/{first}"):
        page.locator(".result .open").first.click()
    page.keyboard.press("Escape")
    page.locator(".result .open").nth(1).click()
    says(page, "#reader-text", re.compile(".{10}"))
    shown = page.text_content("#reader-text")
    with page.expect_response(f"**/v1/documents/{first}"):
        waiting[0].fulfill(body="no JSON") if fails else waiting[0].continue_()
    page.wait_for_timeout(300)
    assert page.text_content("#reader-text") == shown


def test_a_document_whose_id_has_dots_as_segments_is_opened(open_page):
    """Once the browser resolved such segments and asked for another document."""
    page = open_page("/?q=ampersands")
    page.locator(f'[data-doc="{DOTTED.doc_id}"]').click()
    says(page, "#reader-text", DOTTED.text)


def test_a_document_whose_id_has_a_slash_is_opened(open_page):
    page = open_page("/?q=slash")
    page.locator('[data-doc="with/slash"]').first.click()
    says(page, "#reader-text", "A document whose id has a slash")


def test_searching_instead_goes_on_in_the_session(open_page, site):
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    rewritten = titles(page)
    page.locator("#showing").get_by_role("button", name="exactly as typed").click()
    says(page, "#showing", "exactly as typed.")
    assert titles(page) != rewritten
    assert "mode=off" in page.url
    stats = site[1].stats("live")
    assert (stats.sessions, stats.turns) == (1, 2)
    assert page.locator("#session li").count() == 2
    page.go_back()
    says(page, "#showing", "Showing")
    assert titles(page) == rewritten
    assert site[1].stats("live").turns == 2


def test_figures_by_version_and_the_time_of_searches(open_page, site, tmp_path):
    service = site[1]
    for number in range(8):
        mode = Mode.OFF if number % 2 else Mode.AUTO
        answer = service.search(SearchCommand("delete folder", mode=mode))
        if number % 2 == 0 or number == 1:
            service.click(answer.results[0].click_token)
    assert service.stats(None).clicks == 5
    with closing(sqlite3.connect(tmp_path / "log.db")) as log:  # as if half of them were of an older version
        log.execute("UPDATE turns SET rewriter_version = 'table-0' WHERE rewrite IS NULL")
        log.commit()
    page = open_page()
    says(page, "#versions", "table-0")
    assert [" ".join(text.split()) for text in page.locator("#versions li").all_inner_texts()] == [
        "table-0 25% 4 sessions, 1.00 queries until the click",
        "table-1 100% 4 sessions, 1.00 queries until the click",
    ]
    shot(page, "start-with-figures")
    for query, shown in (
        ("delete folder", "ms"),
        ("split string", "of 2"),
        ("join path", "of 3"),
        ("thread", "of 4"),
    ):
        search(page, query)
        says(page, "#latency", shown)
    assert len(page.locator("#latency polyline").get_attribute("points").split()) == 4
    shot(page, "results-with-figures")


def test_a_reload_and_the_same_query_again_are_no_new_queries(open_page, site):
    """Once each was logged, and counted as one more query until the click."""
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    shown = titles(page)
    page.reload()
    page.wait_for_selector(".result")
    search(page, "delete folder")
    assert titles(page) == shown
    search(page, "thread")
    says(page, "#session ol", "thread")
    page.reload()
    page.go_back()
    says(page, "#showing", "delete folder")
    search(page, "thread")
    says(page, "#showing", "thread")
    assert page.title() == "thread · untilclick"
    assert page.locator("#session li").count() == 2
    assert site[1].stats("live").turns == 2


def test_an_answer_is_kept_for_half_an_hour(open_page, site):
    page = open_page("/?q=thread")
    page.wait_for_selector(".result")
    page.evaluate(
        "sessionStorage.setItem('answers', JSON.stringify("
        "JSON.parse(sessionStorage.getItem('answers'))"
        ".map(answer => ({ ...answer, time: answer.time - 30 * 60 * 1000 }))))"
    )
    page.reload()
    page.wait_for_selector(".result")
    says(page, "#n-sessions", "1")
    assert site[1].stats("live").turns == 2


def test_enter_pressed_twice_is_one_query(open_page, site):
    page = open_page()
    waiting = []

    def hold(route):
        waiting.append(route)

    page.route("**/v1/search", hold)
    page.fill("#query", "delete folder")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_selector("#loading", state="visible")
    assert len(waiting) == 1
    waiting[0].continue_()
    page.wait_for_selector(".result")
    assert site[1].stats("live").turns == 1


def test_an_example_is_a_need_of_its_own_and_the_session_can_be_left(open_page, site):
    page = open_page("/?q=thread")
    page.wait_for_selector(".result")
    page.goto(site[0])
    page.get_by_role("button", name="delete folder").click()
    says(page, "#session ol", re.compile("^delete folder"))
    assert site[1].stats("live").sessions == 2
    page.get_by_role("button", name="Start a new one").click()
    assert page.url == f"{site[0]}/"
    assert page.is_hidden("#session")
    assert page.input_value("#query") == ""
    assert page.evaluate("document.activeElement.id") == "query"
    assert (page.title(), page.locator(".result").count()) == ("untilclick", 0)
    search(page, "delete folder")
    says(page, "#n-sessions", "3")
    assert site[1].stats("live").sessions == 3, "what was asked in another session is asked anew"


def test_words_of_earlier_searches_are_named_and_can_be_left_out(open_page, site):
    page = open_page()
    answers = []

    def once(answer):
        answers.append(answer["session_id"])
        return {"context": ["oven", *"abcdefg"] if len(answers) == 1 else []}

    alter(page, once)
    search(page, "delete folder")
    says(page, "#showing", "With words of your earlier searches: oven, a, b, c, d, e, … Leave them out")
    page.get_by_role("button", name="Leave them out").click()
    says(page, "#showing", re.compile("^(?!.*earlier searches)"))
    page.wait_for_timeout(300)
    assert len(set(answers)) == 2, "the same query in a session of its own"


def test_a_correction_is_named_first(open_page):
    page = open_page()
    alter(page, lambda answer: {"correction": "delete folder", "terms": [], "n_terms": 0, "applied": True})
    search(page, "delete foldr")
    says(page, "#showing", "Search instead for delete foldr")
    page.click("#why summary")
    assert page.text_content("#corrected") == "Words that no document contains were corrected: foldr → folder"
    assert page.is_hidden("#reason")
    shot(page, "why-corrected")


def test_corrected_words_stand_out_without_the_signs_beside_them(open_page):
    page = open_page()
    corrected = {"correction": "Delete (the) Folder, 目録?", "terms": [], "n_terms": 0, "applied": True}
    alter(page, lambda answer: corrected)
    search(page, "Delete (the) Foldr, 目録?")
    says(page, "#showing", "Delete (the) Folder, 目録?")
    assert page.locator("#showing .added").all_text_contents() == ["Folder"]
    page.click("#why summary")
    assert page.text_content("#corrected").endswith(" Foldr → Folder")


def test_words_that_weigh_alike_are_no_headline(open_page):
    """Once the headline named four of two hundred words, though none of them mattered."""
    page = open_page()
    weights = [0.02, *[0.005] * 19]
    terms = [{"term": f"word{i}", "weight": weight} for i, weight in enumerate(weights)]
    alter(page, lambda answer: {"terms": terms[1:] if answer["query"] == "delete folder" else terms, "n_terms": 200})
    search(page, "delete folder")
    says(page, "#showing", "Showing results for delete folder")
    assert "related words" not in page.text_content("#showing")
    page.click("#why summary")
    widths = page.locator("#terms .bar i").evaluate_all("all => all.map(bar => bar.style.width)")
    assert widths == ["100%"] * 6
    search(page, "wait until a thread terminates")
    says(page, "#showing", "With related words: word0, …")


def test_a_rewrite_that_came_too_late_is_not_called_an_unknown_word(open_page, site):
    page = open_page()
    alter(page, lambda answer: {"reason": "over_budget"})
    page.goto(f"{site[0]}/?q=zzzzz")
    says(page, "#message", "Misspelt words were not corrected.")
    search(page, "thread")
    says(page, "#showing", "It could not be rewritten this time.")
    page.unroute("**/v1/search")
    page.locator("#showing").get_by_role("button", name="Search again").click()
    says(page, "#showing", re.compile("^(?!.*this time)"))
    page.go_back()
    page.get_by_role("button", name="Search again").click()
    says(page, "#message", "No document matches these words.")
    assert site[1].stats("live").turns == 4


def test_a_query_without_words_is_told_so(open_page, site):
    page = open_page()
    alter(page, lambda answer: {"reason": "empty_query"})
    page.goto(f"{site[0]}/?q=%3F!")
    says(page, "#message", "“?!” has no word that can be searched for.")


def test_an_address_without_a_query_is_the_start_page(open_page, site):
    page = open_page("/?q=+")
    says(page, "#n-sessions", "0")
    assert page.is_visible("#examples")
    assert site[1].stats("live").turns == 0


def test_figures_of_the_other_source_do_not_stay(open_page):
    page = open_page("/?q=thread")
    says(page, "#n-sessions", "1")
    page.route("**/v1/sessions/stats?source=simulated", lambda route: None)
    page.get_by_role("button", name="Simulated").click()
    assert page.text_content("#n-sessions") == "–"


def test_a_query_after_the_click_begins_a_session(open_page, site):
    page = open_page("/?q=delete+folder")
    with page.expect_response("**/v1/click"):
        page.locator(".result .open").first.click()
    page.wait_for_selector("#session li.clicked")
    page.keyboard.press("Escape")
    search(page, "thread")
    says(page, "#session ol", re.compile("^thread"))
    assert site[1].stats("live").sessions == 2
