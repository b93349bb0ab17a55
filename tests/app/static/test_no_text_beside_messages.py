"""Every text of the page comes from the messages: with all messages in brackets, nothing stands outside them."""

from __future__ import annotations

import re

import pytest

from untilclick.app.http import page_texts

from tests.app.page import alter, says, search

pytestmark = pytest.mark.browser

OF_VISITORS = (
    ".open, .snippet, .id, .term, .rank, #session [dir], #examples li, #reader-title, #versions .version, "
    "bdi:not(.move), strong, .wordmark, script, noscript"
)
"""What is no message: words of documents and queries, names and numbers."""

SHOWN = (
    "() => { const copy = document.body.cloneNode(true);"
    "copy.querySelectorAll(`" + OF_VISITORS + "`).forEach(node => node.remove());"
    "const named = [...copy.querySelectorAll('[aria-label], [placeholder]')]"
    ".flatMap(node => [node.getAttribute('aria-label'), node.getAttribute('placeholder')]).filter(Boolean);"
    "return [copy.textContent, ...named].join('\\n'); }"
)


@pytest.fixture
def bracketed(monkeypatch):
    """Messages like ⟦Search⟧."""
    plain = page_texts.messages
    texts = {key: f"⟦{text}⟧" for key, text in plain("en").items()}
    monkeypatch.setattr(page_texts, "messages", lambda language: texts)
    page_texts.page_html.cache_clear()
    yield
    page_texts.page_html.cache_clear()


def outside_brackets(page, without=""):
    """The words that the page shows or reads out and that are part of no message."""
    page.evaluate("selector => selector && document.querySelector(selector).replaceChildren()", without)
    text = page.evaluate(SHOWN)
    assert text.count("⟦") > 20
    while "⟦" in text:
        text, replaced = re.subn("⟦[^⟦⟧]*⟧", "", text)
        assert replaced, text
    return re.findall(r"[^\W\d_]+", re.sub(r"\d ms", "", text))


def failing(status):
    """Answers with a status, or breaks the connection."""

    def fail(route):
        route.fulfill(status=status, json={"detail": "no message"}) if status else route.abort()

    return fail


def rewrites(changes):
    return lambda answer: changes


@pytest.mark.usefixtures("bracketed")
def test_all_texts_are_messages(open_page, site):
    page = open_page()
    says(page, "#about", "table-1")
    assert outside_brackets(page) == []
    search(page, "delete folder")
    assert outside_brackets(page) == []
    page.get_by_role("switch").click()
    assert page.locator(".move").count() > 0
    assert outside_brackets(page) == []
    page.get_by_role("switch").click()
    page.locator("#showing .link").last.click()
    says(page, "#showing", "⟦exactly")
    assert outside_brackets(page) == []
    with page.expect_response("**/v1/click"):
        page.locator(".result .open").first.click()
    page.keyboard.press("Escape")
    page.wait_for_selector("#session li.clicked")
    assert outside_brackets(page, without="#reader-text") == []


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("delete foldr", {"correction": "delete folder", "applied": True, "context": ["oven"], "n_terms": 0}),
        ("delete folder", {"context": list("abcdefgh"), "n_terms": 70}),
        ("thread", {"reason": "over_budget"}),
        ("thread", {"reason": "gated", "rewriter_version": None}),
        ("zzzz", {"reason": "breaker_open"}),
        ("zzzz", {"reason": "empty_query"}),
        ("zzzz", {"applied": True}),
    ],
)
def test_all_texts_about_a_rewrite_are_messages(open_page, query, changes):
    page = open_page()
    alter(page, rewrites(changes))
    page.fill("#query", query)
    page.keyboard.press("Enter")
    says(page, "#latency", "ms")
    says(page, "#status", "⟦")
    assert outside_brackets(page) == []


@pytest.mark.usefixtures("bracketed")
def test_all_texts_about_failures_and_figures_are_messages(browser, site):
    context = browser.new_context()
    page = context.new_page()
    versions = [
        {"rewriter_version": name, "sessions": n, "clicks": n, "queries": n, "abandonment_share": 0.0}
        | {"first_query_click_share": share, "mean_queries_until_click": share}
        for name, n, share in (("v1", 7, None), (None, 1, 1.0))
    ]
    page.route(
        "**/v1/sessions/stats*", lambda route: route.fulfill(json=versions[0] | {"by_rewriter_version": versions})
    )
    page.goto(f"{site[0]}/?q=thread")
    says(page, "#versions", "v1")
    page.route("**/v1/documents/**", lambda route: route.fulfill(status=404, body=""))
    page.locator(".result .open").first.click()
    says(page, "#reader-text", "⟦")
    assert outside_brackets(page) == []
    page.keyboard.press("Escape")
    for n, status in enumerate((500, 422, None)):
        page.unroute("**/v1/search")
        page.route("**/v1/search", failing(status))
        page.fill("#query", f"failure {n}")
        page.keyboard.press("Enter")
        page.wait_for_selector("#message:not([hidden])")
        page.wait_for_timeout(100)
        assert outside_brackets(page) == []
    context.close()
