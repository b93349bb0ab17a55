"""A cluster: where it is, the client to it, and its failures as `EngineError`.

The client is the blocking one, since engines are called from threads; it keeps its connections open and may be
shared. A request that found its connection closed is sent again by the client itself. Nothing here knows an index.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untilclick.search.errors import EngineError, MissingDependencyError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach a cluster."""

    urls: tuple[str, ...] = ("http://localhost:9200",)
    """Of one node or several, without user and password."""
    user: str | None = None
    """None for a cluster that asks for none."""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """PEM certificates to trust for https; None for the usual ones."""
    verify: bool = True
    """Whether a certificate must be trusted."""
    connect_timeout_ms: float = 500.0
    timeout_ms: float = 2000.0
    """Between two pieces of an answer. Loading waits longer."""
    connections: int = 16
    """Kept open to each node."""

    @property
    def place(self) -> str:
        """For messages."""
        return ", ".join(self.urls)


def connect(cluster: Cluster) -> OpenSearch:
    """A client; nothing is sent yet.

    Raises MissingDependencyError without opensearch-py, EngineError where the CA file cannot be used.
    """
    try:
        from opensearchpy import OpenSearch  # noqa: PLC0415 - optional
        from urllib3 import Timeout  # noqa: PLC0415 - comes with opensearch-py
    except ModuleNotFoundError:
        raise MissingDependencyError.of("opensearch-py", "opensearch") from None
    _quieten()
    options: dict[str, Any] = {}  # Any: handed through to the client
    if cluster.user is not None:
        # The client encodes as Latin-1, clusters expect UTF-8.
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
    if not cluster.verify:
        return {"verify_certs": False, "ssl_show_warn": False}
    if cluster.ca_file is None:
        return {"verify_certs": True}
    try:
        ssl.create_default_context(cafile=str(cluster.ca_file))
    except OSError as error:  # an SSLError is one
        problem = f"{cluster.ca_file}: the certificates cannot be read ({error})"
        raise EngineError(f"{problem}. Give a file of PEM certificates") from error
    return {"verify_certs": True, "ca_certs": str(cluster.ca_file)}


def _quieten() -> None:
    """Keep the client from logging a traceback of each failure, which our error names, unless it was set up to."""
    library = logging.getLogger("opensearch")
    if library.level == logging.NOTSET:
        library.setLevel(logging.ERROR)


@contextmanager
def cluster_failures(place: str) -> Iterator[None]:
    """Turn what the client raises into EngineError, with the remedy. Names no password and no document."""
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
        problem = f"OpenSearch at {place} refuses us ({error.status_code})"
        raise EngineError(f"{problem}. Check user, password and the user's rights") from error
    except SSLError as error:
        problem = f"OpenSearch at {place} offers no trusted TLS ({error.error})"
        raise EngineError(f"{problem}. Check the CA file and that the address is right") from error
    except ConnectionTimeout as error:
        raise EngineError(f"OpenSearch at {place} did not answer in time. Check the cluster's load") from error
    except NoConnection as error:
        raise EngineError(f"OpenSearch at {place} cannot be reached ({error.error}). Check that it runs") from error
    except TransportError as error:
        problem = f"OpenSearch at {place} answered {error.status_code} ({error.error})"
        raise EngineError(f"{problem}. The cluster's log says more") from error
    except OpenSearchException as error:
        raise EngineError(f"What answers at {place} is no OpenSearch ({type(error).__name__})") from error
