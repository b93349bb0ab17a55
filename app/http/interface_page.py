"""The interface described for people: one static page made from the OpenAPI document.

The usual viewers load scripts from other hosts, which this service never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]  # Any: a JSON document

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: interface</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/style.css">
</head>
<body class="interface">
<main>
<p><a href="/">Search page</a> · <a href="/openapi.json">openapi.json</a></p>
<h1>{title} <small>{version}</small></h1>
<p>{description}</p>
{operations}
</main>
</body>
</html>
"""


def interface_page(openapi: Json) -> str:
    """The whole page as HTML."""
    info = openapi["info"]
    return _PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=escape(info.get("description", "")),
        operations="\n".join(_operations(openapi)),
    )


def _operations(openapi: Json) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield _operation(openapi, f"{method.upper()} {path}", operation)


def _operation(openapi: Json, name: str, operation: Json) -> str:
    rows = [*_parameters(operation), *_body(openapi, operation)]
    answers = ((str(status), _answer(answer)) for status, answer in operation["responses"].items())
    return "\n".join(
        (
            "<section>",
            f"<h2><code>{escape(name)}</code> {escape(operation.get('summary', ''))}</h2>",
            *_paragraphs(operation.get("description", "")),
            _table(("Name", "Type", "Meaning"), rows),
            _table(("Status", "Answer"), answers),
            "</section>",
        )
    )


def _paragraphs(text: str) -> Iterator[str]:
    for part in text.split("\n\n"):
        yield f"<p>{_prose(part)}</p>"


def _prose(text: str) -> str:
    """Escaped text in which words between backticks are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _parameters(operation: Json) -> Iterator[tuple[str, ...]]:
    for parameter in operation.get("parameters", ()):
        yield parameter["name"], _kind(parameter["schema"]), parameter.get("description", "")


def _body(openapi: Json, operation: Json) -> Iterator[tuple[str, ...]]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name, field in _resolve(openapi, schema).get("properties", {}).items():
        yield name, _kind(field), field.get("description", "")


def _answer(answer: Json) -> str:
    kinds = [_kind(content.get("schema", {})) for content in answer.get("content", {}).values()]
    return " ".join(
        part for part in (answer.get("description", ""), *(f"({kind})" for kind in kinds if kind)) if part
    )


def _resolve(openapi: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Json = openapi["components"]["schemas"][name] if name else schema
    return found


def _kind(schema: Json) -> str:
    """A type in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}".strip()
    return str(schema.get("format") or schema.get("type", ""))


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{_prose(cell)}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
