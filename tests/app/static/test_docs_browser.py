"""The page of the programming interface in a real browser."""

from __future__ import annotations

import pytest

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings

from tests.app.page import says, shot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_call_is_described(open_page, scheme):
    """The policy of all pages forbids scripts from other hosts and inside the page."""
    page = open_page("/docs", scheme=scheme)
    page.wait_for_selector(".opblock")
    paths = create_app(Settings()).openapi()["paths"]
    calls = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    described = [
        " ".join(block.locator(f".opblock-summary-{part}").inner_text() for part in ("method", "path"))
        for block in page.locator(".opblock").all()
    ]
    assert sorted(text.replace("\u200b", "") for text in described) == sorted(calls)
    assert page.title() == "untilclick: interface"
    red = page.evaluate("parseInt(getComputedStyle(document.querySelector('h1, h2')).color.match(/\\d+/)[0])")
    assert (red > 128) == (scheme == "dark")
    shot(page, f"docs-{scheme}")


def test_a_call_can_be_tried(open_page):
    page = open_page("/docs")
    call = page.locator("#operations-search-get_search_v1_search_get")
    call.locator(".opblock-summary-control").click()
    says(page, "#operations-search-get_search_v1_search_get .opblock-description", "POST /v1/search")
    call.get_by_role("button", name="Try it out").click()
    call.get_by_placeholder("q", exact=True).fill("delete folder")
    with page.expect_response("**/v1/search?*") as response:
        call.get_by_role("button", name="Execute").click()
    assert response.value.json()["query"] == "delete folder"
    says(page, "#operations-search-get_search_v1_search_get .live-responses-table", "shutil.rmtree")


def test_a_phone_is_wide_enough_for_it(open_page):
    page = open_page("/docs", width=390, height=844)
    page.wait_for_selector(".opblock")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, "phone-docs")
