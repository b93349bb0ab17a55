"""A client for the calls that change a running service; they need its admin key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from untilclick.search.errors import UntilclickError
from untilclick.search.files.secret_files import read_secret

TIMEOUT_S = 1800.0
"""Seconds to wait for an answer: the service loads and tries a version before it answers. A version of another
analysis needs another index, which takes minutes to build for a million documents."""


class ServiceCallError(UntilclickError):
    """A service does not answer, or refuses a call."""


@dataclass(frozen=True)
class ServiceClient:
    """A running service, and the file with its admin key. The file is read for each call, since a key may be replaced
    while a long training runs."""

    url: str
    key_file: Path

    def check(self) -> None:
        """Raise SecretFileError for a file that gives no key, and ServiceCallError as `check_call` does."""
        check_call(self.url, read_secret(self.key_file))

    def activate(self, version: str) -> None:
        """Activate a version. Raises SecretFileError for a file that gives no key, and ServiceCallError as the
        function `activate` does."""
        activate(self.url, version, read_secret(self.key_file))


def check_call(service: str, admin_key: str) -> None:
    """Raise ServiceCallError for an address or a key that no call can use; the message never shows the key."""
    try:
        parts = urlsplit(service)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in service):
        raise ServiceCallError(f"{service!r} is not the address of a service; write http://HOST:PORT")
    if not (admin_key.isascii() and admin_key.isprintable()):
        raise ServiceCallError("The admin key must be one line of ASCII characters")


def activate(service: str, version: str, admin_key: str) -> None:
    """Activate a version in the service's folder.

    Raises ServiceCallError with the service's reason if it refuses, and if its answer does not name the version as
    the active one.
    """
    check_call(service, admin_key)
    url = f"{service.rstrip('/')}/v1/models/{quote(version, safe='')}/activate"
    request = Request(url, method="POST", headers={"Authorization": f"Bearer {admin_key}"})
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_S) as answer:
            active = json.load(answer)["active"]
    except HTTPError as error:
        raise ServiceCallError(f"{service} refused to activate {version}: {_detail(error)}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        state = f"{version} is in the folder of versions; GET /v1/models shows whether it is active"
        raise ServiceCallError(f"{service} does not answer ({reason}); {state}") from None
    except (ValueError, KeyError, TypeError):
        raise ServiceCallError(
            f"The program that answers at {service} is not an untilclick service; check the address"
        ) from None
    if active != version:
        raise ServiceCallError(f"{service} still answers with {active}, not with {version}")


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: the key is for the named host alone, and a redirected POST becomes a GET."""

    def redirect_request(self, req: Request, *redirection: object) -> None:
        """Raise ServiceCallError; the new address is the last argument that a handler gets."""
        raise ServiceCallError(f"{req.full_url} redirects to {redirection[-1]}; give that address")


def _detail(error: HTTPError) -> str:
    """The sentence of the problem document, or the status if there is none."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
