"""The connection to an OpenSearch cluster: its address, the client, and its failures as `EngineError`.

The client is the blocking one, because threads call the engines. It keeps its connections open, and threads may share
it. If a connection turns out to be closed, the client sends the request again. This module knows no index.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untilclick.search.errors import EngineError, MissingDependencyError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

_ACTION = re.compile(r"\b(?:indices|cluster):[\w/-]+(?:\[[\w/]+\])?")
"""The name of an action, such as `indices:admin/create` or `indices:data/write/bulk[s]`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The address of a cluster and the settings of the connection."""

    urls: tuple[str, ...] = ("http://localhost:9200",)
    """Addresses of one or more nodes, without user and password."""
    user: str | None = None
    """Name of the user; None for a cluster without users."""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """PEM file of the certificates to trust with https; None means the certificates that the system trusts."""
    verify: bool = True
    """Whether to refuse a certificate that is not trusted."""
    connect_timeout_ms: float = 500.0
    """Time limit for opening a connection."""
    timeout_ms: float = 2000.0
    """Maximum wait between two parts of a response. Loading has a longer limit, see `LOAD_SECONDS`."""
    connections: int = 16
    """Number of connections that stay open to each node."""

    @property
    def address(self) -> str:
        """The addresses as one text, for messages."""
        return ", ".join(self.urls)


def connect(cluster: Cluster) -> OpenSearch:
    """A client of the cluster. It sends nothing before the first request.

    Raises MissingDependencyError if opensearch-py is not installed, and EngineError if the CA file cannot be used.
    """
    try:
        from opensearchpy import OpenSearch  # noqa: PLC0415 - optional
        from urllib3 import Timeout  # noqa: PLC0415 - comes with opensearch-py
    except ModuleNotFoundError:
        raise MissingDependencyError.of("opensearch-py", "opensearch") from None
    _quieten()
    options: dict[str, Any] = {}  # Any: passed on to the client
    if cluster.user is not None:
        # The client encodes the text as Latin-1, but clusters expect UTF-8.
        options["http_auth"] = f"{cluster.user}:{cluster.password}".encode().decode("latin-1")
    if any(url.startswith("https:") for url in cluster.urls):
        options |= _tls(cluster)
    return OpenSearch(
        list(cluster.urls),
        timeout=Timeout(connect=cluster.connect_timeout_ms / 1000, read=cluster.timeout_ms / 1000),
        max_retries=len(cluster.urls),
        pool_maxsize=cluster.connections,
        **options,
    )


def _tls(cluster: Cluster) -> dict[str, Any]:  # Any: as above
    """The client's options for https. Raises EngineError if the CA file cannot be read."""
    if not cluster.verify:
        return {"verify_certs": False, "ssl_show_warn": False}
    if cluster.ca_file is None:
        return {"verify_certs": True}
    try:
        ssl.create_default_context(cafile=str(cluster.ca_file))
    except OSError as error:  # SSLError is a subclass
        problem = f"{cluster.ca_file}: the certificates cannot be read ({error})"
        raise EngineError(f"{problem}. Give a file of PEM certificates") from error
    return {"verify_certs": True, "ca_certs": str(cluster.ca_file)}


def _quieten() -> None:
    """Stop the client from logging a traceback of each failure, unless its logger has a level already.

    The EngineError of `cluster_failures` reports the failure.
    """
    library = logging.getLogger("opensearch")
    if library.level == logging.NOTSET:
        library.setLevel(logging.ERROR)


def missing_permissions(answer: object) -> str:
    """The permissions that a refused user lacks, sorted and separated by commas; empty if the answer names none.

    `answer` is the cluster's answer, or the error of one document or search in it. OpenSearch writes `no permissions
    for [indices:admin/create] and User [...]`, Elasticsearch `action [indices:admin/create] is unauthorized for user
    [...]`. The names of the actions are all that is taken from these texts.
    """
    return ", ".join(sorted(set(_ACTION.findall(str(answer)))))


def cause(error: object) -> str:
    """The cause in the error of one document or search of an answer: permissions that the user lacks, or type and
    reason."""
    if not isinstance(error, dict):
        return str(error)
    if error.get("type") == "security_exception" and (missing := missing_permissions(error)):
        return f"the user lacks the permission {missing}"
    return f"{error.get('type')}, {error.get('reason')}"


@contextmanager
def cluster_failures(address: str) -> Iterator[None]:
    """Turn the exceptions of the client into EngineError with a remedy.

    The text names the address of the cluster and the permissions that the user lacks, but neither password nor
    document.
    """
    from opensearchpy.exceptions import (  # noqa: PLC0415 - optional
        AuthenticationException,
        AuthorizationException,
        ConnectionTimeout,
        OpenSearchException,
        SSLError,
        TransportError,
    )
    from opensearchpy.exceptions import ConnectionError as NoConnection  # noqa: PLC0415 - optional

    try:
        yield
    except (AuthenticationException, AuthorizationException) as error:
        problem = f"OpenSearch at {address} refused the request ({error.status_code})"
        if missing := missing_permissions(error.info):
            remedy = "Add it to a role of the user, or choose another user"
            raise EngineError(f"{problem}: the user lacks the permission {missing}. {remedy}") from error
        raise EngineError(f"{problem}. Check user, password and the user's rights") from error
    except SSLError as error:
        problem = f"OpenSearch at {address} has no trusted certificate ({error.error})"
        raise EngineError(f"{problem}. Check the CA file and the address") from error
    except ConnectionTimeout as error:
        raise EngineError(f"OpenSearch at {address} did not answer in time. Check the cluster's load") from error
    except NoConnection as error:
        raise EngineError(f"OpenSearch at {address} cannot be reached ({error.error}). Check that it runs") from error
    except TransportError as error:
        problem = f"OpenSearch at {address} answered {error.status_code} ({error.error})"
        raise EngineError(f"{problem}. See the log of the cluster") from error
    except OpenSearchException as error:
        problem = f"The server at {address} is not OpenSearch ({type(error).__name__})"
        raise EngineError(f"{problem}. Check the address") from error
