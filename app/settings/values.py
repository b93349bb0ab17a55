"""Types of settings that are read from text: lists, paths and texts that may be empty, keys, rate limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, SecretStr

MIN_KEY_CHARACTERS = 32
"""Length of a key that signs click tokens; 32 hexadecimal digits are 128 bits."""


def separated(text: str) -> list[str]:
    """The items of a text like `a | b`, without white space around them and without empty items."""
    return [part.strip() for part in text.split("|") if part.strip()]


def _items(value: object) -> object:
    """The list in a text, which is JSON or has items separated by `|`; any other value stays as it is."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.lstrip().startswith("[") else separated(value)


def _rate_limits(value: str) -> str:
    if value:
        parse_many(value)
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"a key is shorter than {MIN_KEY_CHARACTERS} characters; make one with `openssl rand -hex 32`"
        )
    return key


def _node_addresses(value: str) -> str:
    """Check the addresses of a cluster. The error does not repeat them: they may contain a password."""
    for url in separated(value) or [""]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write each address as http://HOST:PORT or https://HOST:PORT")
        if parts.username is not None or parts.password is not None:
            raise ValueError("give user and password in settings of their own, not in the address")
    return value


Items = BeforeValidator(_items)
Key = Annotated[SecretStr, AfterValidator(_long_enough)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_none_if_empty)]
OptionalText = Annotated[str | None, BeforeValidator(_none_if_empty)]
OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]
NodeAddresses = Annotated[str, AfterValidator(_node_addresses)]
RateLimitsText = Annotated[str, AfterValidator(_rate_limits)]
