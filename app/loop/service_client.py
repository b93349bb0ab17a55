"""Calls of a running service that change it, with the admin key."""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from untilclick.search.errors import UntilclickError

TIMEOUT_S = 120.0
"""A version is loaded and tried before the answer."""


class ServiceCallError(UntilclickError):
    """The service is away, or refused."""


def check_call(service: str, admin_key: str) -> None:
    """Raise ServiceCallError for an address or a key that no call can be made with; the key is never in the text."""
    try:
        parts = urlsplit(service)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(one.isspace() for one in service):
        raise ServiceCallError(f"{service!r} is no address of a service; write http://HOST:PORT")
    if not (admin_key.isascii() and admin_key.isprintable()):
        raise ServiceCallError("The admin key must be one line of ASCII characters")


def activate(service: str, version: str, admin_key: str) -> None:
    """Have a version of its folder answer. Raises ServiceCallError with what the service says, or where it does not
    say that the version answers."""
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
        unknown = f"{version} is in its folder, perhaps unused: GET /v1/models tells"
        raise ServiceCallError(f"{service} does not answer ({reason}); {unknown}") from None
    except (ValueError, KeyError, TypeError):
        raise ServiceCallError(f"What answers at {service} is no service of this kind; is it the address?") from None
    if active != version:
        raise ServiceCallError(f"{service} answers with {active} still, not with {version}")


class _NoRedirects(HTTPRedirectHandler):
    """The key is for the host that was named, and a POST that is redirected becomes a GET."""

    def redirect_request(self, req: Request, *redirection: object) -> None:
        """Refuse; the new address is last of what a handler is told."""
        raise ServiceCallError(f"{req.full_url} redirects to {redirection[-1]}; give that address")


def _detail(error: HTTPError) -> str:
    """The problem document's sentence, or the status."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
