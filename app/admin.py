"""The admin key, for calls that change what visitors get."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.service_access import Access

_BEARER = HTTPBearer(auto_error=False, scheme_name="admin key", description="`Authorization: Bearer KEY`.")


def _check(access: Access, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
    """Refuse (401) whoever does not send the key, and everybody where there is none. Compared in constant time."""
    key = access.settings.admin_key
    offered = (given.credentials if given else "").encode()
    wanted = (key.get_secret_value() if key else "").encode()
    if not (hmac.compare_digest(offered, wanted) and wanted):
        detail = "Send the admin key: Authorization: Bearer KEY." if wanted else "No admin key is set."
        raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


Admin = Annotated[None, Depends(_check)]
"""A parameter of handlers that need the key."""
