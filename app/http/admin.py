"""The admin key, for calls that change what visitors get."""

from __future__ import annotations

import hmac
import logging
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from untilclick.app.http.access import Access
from untilclick.app.settings.groups import KeySettings, SettingsError

_log = logging.getLogger(__name__)

_BEARER = HTTPBearer(auto_error=False, scheme_name="admin key", description="`Authorization: Bearer KEY`.")


def _check(access: Access, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
    """Refuse (401) whoever does not send the key, and everybody where there is none. Compared in constant time."""
    offered = (given.credentials if given else "").encode()
    wanted = _wanted(access.settings.keys).encode()
    if not (hmac.compare_digest(offered, wanted) and wanted):
        detail = "Send the admin key: Authorization: Bearer KEY." if wanted else "No admin key is set."
        raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


def _wanted(keys: KeySettings) -> str:
    """The key, as its file has it now; empty, and logged, where the file cannot be read any more."""
    try:
        return keys.admin_secret
    except SettingsError as error:
        _log.error("%s", error)
        return ""


Admin = Annotated[None, Depends(_check)]
"""A parameter of handlers that need the key."""
