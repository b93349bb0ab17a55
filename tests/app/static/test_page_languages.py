"""The page in other languages, in a real browser: Japanese and Arabic as visitors use them, and how each fits."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from untilclick.app.http.page_language import LANGUAGES

from tests.app.page import alter, says, search, shot, titles
from tests.app.static.collections import ARABIC, JAPANESE

pytestmark = pytest.mark.browser

LOCALES = {"ar": "ar-EG", "de": "de-DE", "en": "en-US", "es": "es-ES", "fr": "fr-FR"}
LOCALES |= {"he": "he-IL", "ja": "ja-JP", "ru": "ru-RU", "zh": "zh-CN"}


def box(page, selector):
    return page.locator(selector).first.bounding_box()


def middle(page, selector):
    """The horizontal middle of an element."""
    place = box(page, selector)
    return place["x"] + place["width"] / 2


def edge_of(element):
    """Where the text of an element begins: its right edge if it runs from right to left."""
    return element.evaluate(
        "node => { const range = document.createRange(); range.selectNodeContents(node);"
        "const place = range.getBoundingClientRect();"
        "return Math.round(getComputedStyle(node.closest('li')).direction === 'rtl' ? place.right : place.left); }"
    )


def computed(page, selector, name):
    return page.locator(selector).first.evaluate(f"node => getComputedStyle(node).{name}")


@pytest.mark.parametrize("site", [JAPANESE], indirect=True)
def test_a_japanese_visitor_searches_in_japanese(open_page, site):
    page = open_page(locale="ja-JP")
    assert (page.locator("html").get_attribute("lang"), page.title()) == ("ja", "図書室")
    says(page, ".tagline", "いつもの言葉でどうぞ。")
    assert page.get_by_role("searchbox", name="検索").get_attribute("placeholder") == "文書を検索"
    shot(page, "ja-start")
    search(page, "フォルダ")
    says(page, "#showing", "フォルダ の検索結果")
    says(page, "#showing", "関連語も検索：ディレクトリ、リンク先は削除しません")
    assert page.locator("#status").text_content() == f"{len(titles(page))} 件の検索結果"
    assert page.locator(".result .open[lang=ja]").count() == len(titles(page))
    assert "フォルダ" in "".join(page.locator("mark").all_text_contents())
    page.click("#why summary")
    says(page, "#why", "入力された語が最も重視されます。")
    shot(page, "ja-results")
    page.get_by_role("switch", name="比較").click()
    assert page.get_by_role("region", name="入力どおり").locator(".result").count() > 0
    assert page.get_by_role("region", name="書き換え後").locator(".result").count() > 0
    shot(page, "ja-compare")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    says(page, "#reader-text", "。")
    assert page.get_by_role("button", name="閉じる").is_visible()
    shot(page, "ja-document")
    page.keyboard.press("Escape")
    page.fill("#query", "象")
    page.keyboard.press("Enter")
    says(page, "#message", "見つかりませんでした")
    shot(page, "ja-nothing")


@pytest.mark.parametrize("site", [ARABIC], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_arabic_page_runs_from_right_to_left(open_page, site, scheme):
    page = open_page(locale="ar-EG", scheme=scheme)
    assert (page.locator("html").get_attribute("lang"), page.locator("html").get_attribute("dir")) == ("ar", "rtl")
    says(page, "#n-sessions", "٠")
    assert computed(page, "#query", "direction") == "rtl"
    shot(page, f"ar-start-{scheme}")
    search(page, "حذف مجلد")
    assert middle(page, ".wordmark") > middle(page, "#query") > middle(page, "#search button")
    assert middle(page, "main") > middle(page, "aside")
    says(page, "#showing", "مع كلمات ذات صلة: ملف وصندوق وrmtree")
    assert page.locator(".rank").all_text_contents() == list("١٢٣٤٥")
    page.click("#why summary")
    shot(page, f"ar-results-{scheme}")
    page.get_by_role("switch", name="مقارنة").click()
    knob = box(page, ".knob")
    assert page.locator(".columns > section").nth(0).bounding_box()["x"] > middle(page, ".columns")
    assert knob["width"] > knob["height"]
    shot(page, f"ar-compare-{scheme}")
    page.locator(".result .open").first.click()
    says(page, "#reader-text", "المجلد")
    page.wait_for_timeout(300)
    assert box(page, "#reader")["x"] == 0
    assert middle(page, "#close") < middle(page, "#reader-title")
    shot(page, f"ar-document-{scheme}")


@pytest.mark.parametrize("site", [ARABIC], indirect=True)
def test_every_text_keeps_its_own_direction(open_page, site):
    """A result runs as its snippet does: the number stands where reading begins."""
    page = open_page("/?q=%D8%AD%D8%B0%D9%81", locale="ar-EG")
    latin = page.locator('.result:has([data-doc="pathlib"])')
    arabic = page.locator('.result:has([data-doc="os.rmdir"])')
    english = page.locator('.result:has([data-doc="english"])')
    edges = [
        [edge_of(entry.locator(part)) for part in (".rank", ".open", ".snippet")]
        for entry in (latin, arabic, english)
    ]
    assert edges[0] == edges[1], "a Latin title stands where the Arabic snippet below it begins"
    assert edges[1][0] > edges[1][1]
    assert edges[2][0] < edges[2][1] < 500
    directions = [
        entry.locator(".open").evaluate("node => getComputedStyle(node).direction") for entry in (latin, arabic)
    ]
    assert directions == ["ltr", "rtl"]
    for typed, direction in (("shutil", "ltr"), ("مجلد", "rtl"), ("Ω", "ltr")):
        page.fill("#query", typed)
        assert computed(page, "#query", "direction") == direction


@pytest.mark.parametrize("site", [ARABIC], indirect=True)
def test_the_keyboard_is_enough_from_right_to_left(open_page, site):
    page = open_page(locale="ar")
    page.keyboard.type("حذف مجلد")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.doc") == titles(page)[1]
    with page.expect_response("**/v1/click") as response:
        page.keyboard.press("Enter")
    assert response.value.status == 204
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"


def test_a_number_and_its_unit_stay_together(open_page):
    """Once a Hebrew page showed "ms 8.2"."""
    page = open_page("/?q=thread", locale="he-IL")
    says(page, "#latency-now", "ms")
    page.click("#why summary")
    for part in ("#latency-now", "#timings bdi:has-text('ms')"):
        assert computed(page, part, "direction") == "ltr"
        assert re.fullmatch(r"[\d.]+\sms", page.locator(part).first.text_content())


def test_a_correction_points_the_way_the_page_runs(open_page):
    for locale, shown in (("de", "foldr → folder"), ("he", "foldr ← folder")):
        page = open_page(locale=locale)
        alter(page, lambda answer: {"correction": "delete folder", "terms": [], "n_terms": 0, "applied": True})
        search(page, "delete foldr")
        page.click("#why summary")
        says(page, "#corrected", shown)
        shot(page, f"{locale}-corrected")


@pytest.mark.parametrize(
    ("locale", "sessions", "share", "mean"),
    [
        ("en-US", "1,234,567", "25.6%", "1.50"),
        ("de-DE", "1.234.567", "25,6 %", "1,50"),
        ("de-CH", "1'234'567", "25.6%", "1.50"),
        ("fr-FR", "1 234 567", "25,6 %", "1,50"),
        ("ar-EG", "١٬٢٣٤٬٥٦٧", "٢٥٫٦٪", "١٫٥٠"),
    ],
)
def test_numbers_are_written_as_in_the_visitors_region(open_page, locale, sessions, share, mean):
    page = open_page(locale=locale)
    figures = {"sessions": 1_234_567, "clicks": 0, "queries": 0, "abandonment_share": None, "by_rewriter_version": []}
    figures |= {"first_query_click_share": 0.2556, "mean_queries_until_click": 1.5}
    page.route("**/v1/sessions/stats*", lambda route: route.fulfill(json=figures))
    page.reload()
    says(page, "#n-sessions", re.compile("[^0٠–]"))
    shown = [page.text_content(part) for part in ("#n-sessions", "#first-share", "#mean-queries")]
    assert [re.sub(r"\s", " ", text).strip("\u061c") for text in shown] == [sessions, share, mean]


def test_numbers_choose_the_plural_form(open_page):
    page = open_page(locale="ru-RU")
    versions = [
        {"rewriter_version": f"v{n}", "sessions": n, "clicks": n, "queries": n, "first_query_click_share": 1.0}
        | {"mean_queries_until_click": mean, "abandonment_share": 0.0}
        for n, mean in ((25, 5.0), (22, 1.5), (21, None))
    ]
    figures = versions[0] | {"by_rewriter_version": versions}
    page.route("**/v1/sessions/stats*", lambda route: route.fulfill(json=figures))
    page.reload()
    says(page, "#versions", "v21")
    assert page.locator("#versions .small").all_text_contents() == [
        "25 сессий, 5,00 запроса до клика",
        "22 сессии, 1,50 запроса до клика",
        "21 сессия, кликов пока нет",
    ]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_fits_a_narrow_screen(open_page, site, language):
    """320 pixels are also what a screen of 1280 has at 400 %; 640 is 200 %."""
    for width in (320, 640):
        page = open_page(width=width, height=800, locale=LOCALES[language])
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.wait_for_selector("#examples button")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"narrow-{language}-{width}-start")
        search(page, "delete folder")
        page.click("#why summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"narrow-{language}-{width}-results")
        page.get_by_role("switch").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".columns > section").count() == 2


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_first_load_is_small(browser, site, language):
    """Five requests and less than 48 kB, of which compression saves half. Russian has the largest messages."""
    context = browser.new_context(locale=LOCALES[language])
    page = context.new_page()
    sizes = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(site[0], wait_until="networkidle")
    context.close()
    assert len(sizes) == 5
    assert sum(sizes) < 48_000


HITS = [
    ("caf|e|\u0301 au lait", ["e\u0301"]),
    ("👩‍👩|‍👧| 家族", ["👩‍👩‍👧"]),
    ("a |𠮷田|さん", ["𠮷田"]),
    ("🇫🇷| Fran|ce", [" Fran"]),
    ("|ของ|กิน", ["ของ"]),
    ("المجل|د| كبير", ["د"]),
    ("हि|न्|दी", ["न्दी"]),
    ("no hit", []),
]
"""Snippets whose pieces alternate between no hit and hit, and what is marked."""


def test_a_mark_never_cuts_a_character(open_page):
    page = open_page()

    def answer_with(route):
        answer = route.fetch().json()
        model = answer["results"][0]
        answer["results"] = [
            model
            | {"doc_id": str(i), "title": text.replace("|", "")}
            | {"snippet": [{"text": part, "hit": j % 2 == 1} for j, part in enumerate(text.split("|"))]}
            for i, (text, _) in enumerate(HITS)
        ]
        route.fulfill(json=answer)

    page.route("**/v1/search", answer_with)
    search(page, "delete folder")
    snippets = page.locator(".snippet")
    assert [snippets.nth(i).locator("mark").all_text_contents() for i in range(len(HITS))] == [
        marks for _, marks in HITS
    ]
    assert snippets.all_text_contents() == [text.replace("|", "") for text, _ in HITS]
    shot(page, "marks")


def test_a_result_opens_while_text_in_the_box_is_selected(open_page):
    """Once the slash key, which selects the query, kept every result closed. Selected text of a result still does."""
    page = open_page("/?q=delete+folder")
    page.wait_for_selector(".result")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#reader[open]")
    page.keyboard.press("Escape")
    page.locator("#query").select_text()
    page.locator(".result .open").nth(1).click()
    page.wait_for_selector("#reader[open]")
    page.keyboard.press("Escape")
    page.locator(".result .snippet").first.click(click_count=3)
    page.keyboard.press("Escape")
    assert page.evaluate("String(getSelection()).length") > 10


@pytest.mark.parametrize(
    ("status", "shown", "again"),
    [
        (422, "Der Dienst nimmt diese Anfrage nicht an", 0),
        (429, "Das waren zu viele Anfragen", 1),
        (503, "Die Suchmaschine antwortet zurzeit nicht", 1),
        (500, "Der Dienst antwortete mit Fehler 500", 1),
    ],
)
def test_a_failure_is_explained_in_the_language_of_the_page(browser, site, status, shown, again):
    """Once the words of the validator were shown. A query that is refused is not worth another try."""
    context = browser.new_context(locale="de")
    page = context.new_page()
    page.route("**/v1/search", lambda route: route.fulfill(status=status, json={"detail": "an English sentence"}))
    page.goto(f"{site[0]}/?q=ordner")
    says(page, "#message", shown)
    assert "English" not in page.text_content("#message")
    assert page.get_by_role("button", name="Noch einmal versuchen").count() == again
    context.close()
