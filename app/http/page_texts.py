"""The texts of the pages: a file of messages per language, filled into the HTML files.

`static/messages/LANGUAGE.json` has the form of i18next JSON v4: one object of keys and messages. A placeholder is
`{{name}}`, and a message that depends on a number has a key per plural form of the language: `results_one`,
`results_other`. The HTML files name messages as placeholders. Filling them here instead of in the browser shows the
page in its language from the first paint, and without JavaScript. The scripts get the other messages as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import as_file, files
from pathlib import Path

from untilclick.app.http.page_language import direction

PLACEHOLDER = re.compile(r"\{\{([\w.]+)\}\}")
"""A placeholder in an HTML file or a message."""

MESSAGES = "messages"
"""The name of the placeholder for the messages that the scripts use."""


@dataclass(frozen=True)
class PageContext:
    """What the HTML of a page depends on."""

    title: str
    """Name of the service."""
    language: str
    """Language of the page, which has a file of messages."""
    corpus_language: str | None
    """Language of the documents; None if it is unknown or if there are several."""

    def values(self) -> dict[str, str]:
        """The values of the placeholders that name no message. Those of an unknown language are empty."""
        return {
            "title": self.title,
            "language": self.language,
            "direction": direction(self.language),
            "corpus_language": self.corpus_language or "",
            "corpus_direction": direction(self.corpus_language) if self.corpus_language else "",
        }


def static_folder() -> Path:
    """The folder with HTML, scripts, style sheets and messages."""
    with as_file(files("untilclick.app") / "static") as folder:
        return folder


@cache
def messages(language: str) -> Mapping[str, str]:
    """The messages in a language, by key."""
    content = (static_folder() / "messages" / f"{language}.json").read_text(encoding="utf-8")
    by_key: dict[str, str] = json.loads(content)
    return by_key


@cache
def page_html(file_name: str, context: PageContext) -> str:
    """An HTML file of the static folder with its placeholders filled. Texts are escaped.

    Raises KeyError for a placeholder that names neither a message nor a value.
    """
    template = (static_folder() / file_name).read_text(encoding="utf-8")
    texts, values = messages(context.language), context.values()
    filled = {key: escape(_fill(text, values)) for key, text in texts.items()}
    filled |= {name: escape(value) for name, value in values.items()}
    filled[MESSAGES] = _script_data(texts, set(PLACEHOLDER.findall(template)))
    return PLACEHOLDER.sub(lambda placeholder: filled[placeholder[1]], template)


def _fill(text: str, values: Mapping[str, str]) -> str:
    """A message with the values that are known here; other placeholders stay for the scripts."""
    return PLACEHOLDER.sub(lambda placeholder: values.get(placeholder[1], placeholder[0]), text)


def _script_data(texts: Mapping[str, str], in_html: set[str]) -> str:
    """The messages that the HTML file does not use, as JSON that cannot end a script element."""
    rest = {key: text for key, text in texts.items() if key not in in_html}
    return json.dumps(rest, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
