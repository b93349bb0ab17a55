"""The messages of the pages: complete in every language, all used, and no text beside them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from untilclick.app.http.page_language import LANGUAGES
from untilclick.app.http.page_texts import PLACEHOLDER, messages, static_folder
from untilclick.rewriter.rewrite import Reason

PLURAL_FORMS = {
    "ar": {"zero", "one", "two", "few", "many", "other"},
    "de": {"one", "other"},
    "en": {"one", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "he": {"one", "two", "other"},
    "ja": {"other"},
    "ru": {"one", "few", "many", "other"},
    "zh": {"other"},
}
"""The plural forms of each language: Unicode CLDR, Language Plural Rules; the browser's own are compared below."""

PLURAL = re.compile(r"_(zero|one|two|few|many|other)$")
NOT_TRANSLATED = re.compile(r"JavaScript|openapi\.json|BM25|Enter|API|\{\{\w+\}\}")
"""Names that stay in Latin letters in every script."""
TEXT_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "aria-description", "label"}
FILES = sorted((static_folder() / "messages").glob("*"))
OTHERS = sorted(LANGUAGES - {"en"})


def base(key):
    """The key of a message without its plural form."""
    return PLURAL.sub("", key)


def forms(language):
    """Key -> the plural forms that its message has."""
    found = {}
    for key in messages(language):
        if form := PLURAL.search(key):
            found.setdefault(base(key), set()).add(form[1])
    return found


def placeholders(text):
    return sorted(PLACEHOLDER.findall(text))


def script():
    return (static_folder() / "app.js").read_text(encoding="utf-8")


def page(name):
    return (static_folder() / name).read_text(encoding="utf-8")


def test_every_language_that_can_be_set_has_a_file():
    assert {path.name for path in FILES} == {f"{language}.json" for language in LANGUAGES}
    assert set(PLURAL_FORMS) == LANGUAGES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_a_flat_object_of_texts_without_doubled_keys(path):
    pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert sorted(set(keys)) == sorted(keys)
    assert all(isinstance(text, str) and text and text == text.strip() for _, text in pairs)
    assert [text for _, text in pairs if "<" in text or "&" in text] == []


@pytest.mark.parametrize("language", OTHERS)
def test_all_languages_have_the_same_messages_in_the_same_order(language):
    assert list(dict.fromkeys(map(base, messages(language)))) == list(dict.fromkeys(map(base, messages("en"))))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_message_with_a_number_has_every_plural_form_of_its_language(language):
    assert forms(language) == dict.fromkeys(forms("en"), PLURAL_FORMS[language])


@pytest.mark.browser
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_browser_knows_the_same_plural_forms(browser, language):
    page = browser.new_page()
    known = page.evaluate(f"new Intl.PluralRules('{language}').resolvedOptions().pluralCategories")
    page.close()
    assert set(known) == PLURAL_FORMS[language]


@pytest.mark.parametrize("language", OTHERS)
def test_all_languages_have_the_same_placeholders(language):
    """A form for a single number, such as "two results", may say it in words."""
    english = {base(key): placeholders(text) for key, text in messages("en").items()}
    for key, text in messages(language).items():
        in_words = PLURAL.search(key) and PLURAL.search(key)[1] in {"zero", "one", "two"}
        assert placeholders(text) in ([english[base(key)], []] if in_words else [english[base(key)]]), key


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_stayed_english(language):
    texts, english = messages(language), messages("en")
    same = [key for key in texts if texts[key] == english.get(key) and len(NOT_TRANSLATED.sub("", texts[key])) > 12]
    assert same == []


@pytest.mark.parametrize("language", ["ar", "he", "ja", "ru", "zh"])
def test_other_scripts_have_no_latin_words(language):
    """Names apart."""
    latin = {
        key: text for key, text in messages(language).items() if re.search("[A-Za-z]", NOT_TRANSLATED.sub("", text))
    }
    assert latin == {}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_reason_has_a_text(language):
    assert {f"reason.{reason.value}" for reason in Reason} == {
        key for key in messages(language) if key[:7] == "reason."
    }


def test_every_message_is_used_once_by_a_page_or_by_the_script():
    """The script does not get the messages that the HTML of its page has."""
    in_html = {name: set(PLACEHOLDER.findall(page(name))) for name in ("index.html", "docs.html")}
    in_script = set(re.findall(r'"([a-z]+(?:\.\w+)?)"', script()))
    in_script |= {f"error.{problem}" for problem in re.findall(r'\d{3}: "(\w+)"', script())}
    in_script |= {f"reason.{reason.value}" for reason in Reason}
    keys = {base(key) for key in messages("en")}
    assert keys - in_html["index.html"] - in_html["docs.html"] - in_script == set()
    assert keys & in_html["index.html"] & in_script == set()


def test_the_script_names_no_message_that_is_missing():
    calls = set(re.findall(r'\b(?:text|pieces|message|column)\("([^"]+)"', script()))
    counted = set(re.findall(r'\bcounted\("([^"]+)"', script()))
    assert len(calls) > 30
    assert calls - set(messages("en")) == set()
    assert counted == set(forms("en"))


class Texts(HTMLParser):
    """Collects what a page shows or reads out."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.texts += [value for name, value in attrs if name in TEXT_ATTRIBUTES]
        if tag == "meta" and attributes.get("name") == "description":
            self.texts.append(attributes["content"])

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_the_html_has_no_text_of_its_own(name):
    parser = Texts()
    parser.feed(page(name))
    assert len(parser.texts) > 5
    assert [text for text in parser.texts if re.search(r"\w", PLACEHOLDER.sub("", text))] == []


def test_the_scripts_have_no_text_of_their_own():
    """Their literals are names: of messages, elements, classes, keys and the like. A text has words or a capital."""
    code = re.sub(r"/\*.*?\*/", "", script() + page("docs.js"), flags=re.DOTALL)
    code = re.sub(r"(?<!:)//.*", "", code)
    literals = re.findall(r'"([^"\n]*)"', code) + re.findall(r"`([^`\n]*)`", code)
    literals = [re.sub(r"\$\{[^}]*\}", "", literal) for literal in literals]
    assert len(literals) > 200
    wordy = [text for text in literals if re.search(r"[A-Za-z]{2,}[.,:;!?]? [A-Za-z]{2,}|^[A-Z][a-z]+", text)]
    assert set(wordy) == {"ArrowDown", "ArrowUp", "Escape", "(prefers-color-scheme: dark)"}
