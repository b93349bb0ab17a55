"""The admin key, which calls that change versions, experiments or documents must send."""

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


def _check(access: Access, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
    """Refuse a request (401) without the key, and every request if no key is set. Compares in constant time."""
    sent = (credentials.credentials if credentials else "").encode()
    key = _admin_key(access.settings.keys).encode()
    if not (hmac.compare_digest(sent, key) and key):
        detail = "Send the admin key: Authorization: Bearer KEY." if key else "No admin key is set."
        raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


def _admin_key(keys: KeySettings) -> str:
    """The key, from its file as it is now. An unreadable file is logged and gives an empty key."""
    try:
        return keys.admin_secret
    except SettingsError as error:
        _log.error("%s", error)
        return ""


Admin = Annotated[None, Depends(_check)]
"""The type of a handler's parameter that makes the handler require the admin key."""
