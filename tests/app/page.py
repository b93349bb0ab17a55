"""Documents, queries and actions for the tests of the page in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from untilclick.search.records import Document

from tests.app.stand_ins import DOCUMENTS, INJECTED

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
DOTTED = Document("./notes/../c.md", "", "Ampersands, of which no other document speaks.")
EXAMPLES = ("delete folder", "wait until a thread terminates")
TABLE = {
    "delete folder": ("directory", "tree", "remove"),
    "wait until a thread terminates": ("join",),
    INJECTED: ("markup",),
}


@dataclass(frozen=True)
class Content:
    """What a site holds."""

    documents: tuple[Document, ...] = (*DOCUMENTS, DOTTED)
    table: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: TABLE)
    """Query -> the words that the rewriter adds."""
    examples: tuple[str, ...] = EXAMPLES
    corpus_language: str | None = None
    title: str = "untilclick"
    meaning: bool = False
    """Whether the rewriter reads queries as documents, too."""


def search(page, query):
    page.fill("#query", query)
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")


def shot(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(350)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def says(page, selector, text):
    """Wait until an element contains a text. The policy of the page forbids to wait for a JavaScript function."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_contain_text(text)


def alter(page, changes):
    """Change the rewrite in every answer before the page gets it, by the fields that `changes(answer)` returns."""

    def answer_with(route):
        answer = route.fetch().json()
        answer["rewrite"] |= changes(answer)
        route.fulfill(json=answer)

    page.route("**/v1/search", answer_with)


def titles(page, selector=".result .open"):
    return page.locator(selector).evaluate_all("all => all.map(result => result.dataset.doc)")
