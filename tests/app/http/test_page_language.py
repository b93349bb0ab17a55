"""The language of the pages: the visitor's, that of the documents, or the one that a setting names."""

from __future__ import annotations

import json
import re

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.http.page_language import LANGUAGES, direction, page_language, preferred_languages
from untilclick.app.http.page_texts import PLACEHOLDER, PageContext, page_html
from untilclick.app.settings.service import Settings

from tests.app.stand_ins import make_service

SCRIPT_DATA = re.compile(r'<script id="messages" type="application/json">(.*?)</script>', re.DOTALL)


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("ja", ["ja"]),
        ("de-CH, fr;q=0.5, en;q=0.7", ["de", "en", "fr"]),
        ("sv,nb,da", ["sv", "nb", "da"]),
        ("FR-ca ; Q=0.3 , AR;q=1.0", ["ar", "fr"]),
        ("es;q=0, zh-Hant-TW;q=0.001", ["zh"]),
        ("ru;q=high, he;q=2, ,;q=1", []),
        ("*, en;q=0.1", ["*", "en"]),
        ("iw-IL", ["he"]),
    ],
)
def test_preferences_are_read_from_the_header(header, languages):
    assert preferred_languages(header) == languages


@pytest.mark.parametrize(
    ("preferred", "corpus_language", "language"),
    [
        (["ja", "en"], "de", "ja"),
        (["sv", "fr"], "de", "fr"),
        (["sv", "nl"], "de-AT", "de"),
        (["sv", "nl"], "fi", "en"),
        (["sv", "nl"], None, "en"),
        (["*"], "ru", "ru"),
        ([], "ar", "ar"),
        ([], None, "en"),
    ],
)
def test_the_visitor_comes_first_then_the_documents_then_english(preferred, corpus_language, language):
    assert page_language(preferred, corpus_language) == language


def test_arabic_and_hebrew_run_from_right_to_left():
    assert {language for language in LANGUAGES if direction(language) == "rtl"} == {"ar", "he"}
    assert [direction(tag) for tag in ("fa-IR", "ur", "iw", "tr", "arn")] == ["rtl", "rtl", "rtl", "ltr", "ltr"]


@pytest.fixture
def client_of(tmp_path):
    """Makes a client of a service with a language of its documents, and settings."""
    services = []

    def client_of(corpus_language=None, **settings):
        services.append(make_service(tmp_path / str(len(services)), corpus_language=corpus_language))
        return TestClient(create_app(Settings.of(**settings), services[-1]))

    yield client_of
    for service in services:
        service.close()


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize(
    ("accepted", "language", "run"), [("ja,en;q=0.8", "ja", "ltr"), ("ar-EG", "ar", "rtl"), ("da", "fr", "ltr")]
)
def test_a_page_declares_its_language_and_direction(client_of, path, accepted, language, run):
    with client_of("fr") as client:
        response = client.get(path, headers={"accept-language": accepted})
        assert f'<html lang="{language}" dir="{run}">' in response.text
        assert response.headers["content-language"] == language
        assert response.headers["vary"] == "accept-language"
        assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_a_setting_fixes_the_language_for_all(client_of):
    with client_of("fr", page_language="he") as client:
        response = client.get("/", headers={"accept-language": "ja"})
        assert '<html lang="he" dir="rtl">' in response.text
        assert "vary" not in response.headers


def test_a_language_without_messages_is_no_setting():
    with pytest.raises(Exception, match=r"UNTILCLICK_PAGE_LANGUAGE: .*'auto', 'ar', 'de'.*follows the visitor"):
        Settings.from_environment({"UNTILCLICK_PAGE_LANGUAGE": "tlh"})


@pytest.mark.parametrize(
    ("corpus_language", "attributes"),
    [
        ("fa-IR", 'data-corpus-language="fa-IR" data-corpus-direction="rtl"'),
        ("de", 'data-corpus-language="de" data-corpus-direction="ltr"'),
        (None, 'data-corpus-language="" data-corpus-direction=""'),
    ],
)
def test_the_page_is_told_the_language_of_the_documents(client_of, corpus_language, attributes):
    with client_of(corpus_language) as client:
        assert attributes in client.get("/").text


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("file_name", ["index.html", "docs.html"])
def test_every_placeholder_of_a_page_is_filled(file_name, language):
    html = page_html(file_name, PageContext("Library", language, None))
    assert PLACEHOLDER.findall(SCRIPT_DATA.sub("", html)) == []
    assert "Library" in html


def test_the_name_of_the_service_stays_text():
    """It is inserted in HTML and in the messages for the script."""
    title = '</script><b title="x">{{results.none}}'
    html = page_html("index.html", PageContext(title, "en", None))
    assert "<b title" not in html
    assert html.count("</script>") == 2
    assert "No results" not in SCRIPT_DATA.sub("", html)
    assert json.loads(SCRIPT_DATA.search(html)[1])["results.none"] == "No results"


@pytest.mark.parametrize("path", ["/static/app.js", "/static/style.css", "/static/swagger/swagger-ui.css"])
def test_static_files_are_compressed(client, path):
    plain = client.get(path, headers={"accept-encoding": "identity"})
    response = client.get(path, headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in response.headers["vary"].lower()
    assert response.text == plain.text
    assert int(response.headers.get("content-length", response.num_bytes_downloaded)) < len(plain.content) / 2
