"""Calls of a running service that change it, with the admin key."""

from __future__ import annotations

import json
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from search.errors import UntilclickError

TIMEOUT_S = 120.0
"""A version is loaded and tried before the answer."""


class ServiceCallError(UntilclickError):
    """The service is away, or refused."""


def activate(service: str, version: str, admin_key: str) -> None:
    """Have a version of its folder answer. Raises ServiceCallError with what the service says."""
    url = f"{service.rstrip('/')}/v1/models/{quote(version, safe='')}/activate"
    request = Request(url, method="POST", headers={"Authorization": f"Bearer {admin_key}"})
    try:
        with urlopen(request, timeout=TIMEOUT_S):
            return
    except HTTPError as error:
        raise ServiceCallError(f"{service} refused to activate {version}: {_detail(error)}") from None
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceCallError(f"{service} does not answer ({reason}); {version} is in its folder, unused") from None


def _detail(error: HTTPError) -> str:
    """The problem document's sentence, or the status."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
