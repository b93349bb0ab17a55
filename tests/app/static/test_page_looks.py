"""The page in a real browser: comparison, keyboard, small and dark screens, and markup that must stay text."""

from __future__ import annotations

import pytest

from tests.app.page import says, search, shot, titles
from tests.app.stand_ins import INJECTED

pytestmark = pytest.mark.browser


def test_original_and_rewritten_stand_side_by_side(open_page, site):
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    edges = [page.locator(part).bounding_box()["x"] for part in (".wordmark", "#search", "#notice")]
    page.get_by_role("switch", name="Compare").click()
    assert edges == [page.locator(part).bounding_box()["x"] for part in (".wordmark", "#search", "#notice")]
    original, rewritten = (titles(page, f'section[aria-label="{name}"] .open') for name in ("As typed", "Rewritten"))
    assert original != rewritten
    assert "shutil.rmtree" in rewritten
    assert page.locator(".move").count() > 0
    shot(page, "compare")
    assert site[1].stats("live").turns == 1
    page.locator('section[aria-label="As typed"] .open').first.click()
    page.wait_for_selector("#reader[open]")
    assert site[1].stats("live").clicks == 0


def test_long_names_break_where_their_parts_do(open_page):
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    name = page.locator('[data-doc="mailbox.Maildir"]').first
    assert name.evaluate("heading => heading.innerHTML") == "mailbox.<wbr>Maildir.<wbr>remove_<wbr>folder"


def test_the_keyboard_is_enough(open_page, site):
    page = open_page()
    page.keyboard.type("delete folder")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.doc") == titles(page)[1]
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.doc") == titles(page)[0]
    with page.expect_response("**/v1/click") as response:
        page.keyboard.press("Enter")
    assert response.value.status == 204
    page.wait_for_selector("#reader[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    assert page.input_value("#query") == "delete folder"


def test_markup_in_queries_and_documents_stays_text(open_page):
    page = open_page()
    search(page, INJECTED)
    assert INJECTED in page.text_content("#showing")
    assert INJECTED in page.text_content(".result h3")
    page.locator('[data-doc="injected"]').first.click()
    says(page, "#reader-text", "onerror")
    assert "<b>bold</b>" in page.text_content("#reader-text")
    assert page.locator("img").count() == 0
    assert page.locator("main b, dialog b").count() == 0
    assert "taken over" not in page.title().replace(INJECTED, "")
    shot(page, "markup-as-text")


def test_nothing_found_is_said(open_page):
    page = open_page("/?q=zzzzz")
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#message h2") == "Nothing found"
    shot(page, "nothing-found")


def test_a_service_that_is_away_is_said_and_can_be_tried_again(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.goto(site[0])
    page.route("**/v1/search", lambda route: route.abort())
    page.fill("#query", "delete folder")
    page.keyboard.press("Enter")
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#message h2") == "The service cannot be reached"
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".result")
    assert page.is_hidden("#message")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_page, scheme):
    page = open_page(width=390, height=844, scheme=scheme)
    page.wait_for_selector("#examples button")
    shot(page, f"phone-start-{scheme}")
    search(page, "delete folder")
    page.get_by_role("switch", name="Compare").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_role("button", name="Search", exact=True).is_visible()
    left, right = (page.locator(f'section[aria-label="{name}"] .result').nth(1) for name in ("As typed", "Rewritten"))
    assert left.bounding_box()["y"] == right.bounding_box()["y"]
    assert left.bounding_box()["x"] + left.bounding_box()["width"] <= right.bounding_box()["x"]
    assert page.locator(".snippet:visible").count() == 0
    shot(page, f"phone-results-{scheme}")


def test_without_javascript_the_page_says_so_under_the_box(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site[0])
    box, hint = (page.locator(part).bounding_box() for part in ("#search", ".hint"))
    assert 0 < hint["y"] - box["y"] - box["height"] < 40
    assert page.is_hidden("#figures")
    context.close()


def test_dark_follows_the_system(open_page):
    page = open_page("/?q=delete+folder", scheme="dark")
    page.wait_for_selector(".result")
    red = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert red < 60
    shot(page, "results-dark")


def test_controls_have_names(open_page):
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, aside, [role]')]"
        ".filter(e => !e.closest('[hidden]') && !(e.textContent.trim() || e.getAttribute('aria-label')"
        " || e.labels?.length || e.getAttribute('aria-live'))).map(e => e.outerHTML)"
    )
    assert unnamed == []


def test_only_this_host_is_asked(browser, site):
    context = browser.new_context()
    page = context.new_page()
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(site[0])
    search(page, "delete folder")
    page.locator(".result .open").first.click()
    page.wait_for_selector("#reader[open]")
    page.goto(site[0] + "/docs")
    page.wait_for_selector(".opblock")
    assert [url for url in urls if not url.startswith((site[0], "data:"))] == []
    context.close()
