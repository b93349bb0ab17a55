"""Runs a real OpenSearch cluster for the tests, of several nodes on this machine's loopback.

The environment variable UNTILCLICK_TEST_OPENSEARCH names a folder with the program `cluster.py`, which has these
commands:

    cluster.py start FOLDER --nodes N [--secure]   start a cluster and write FOLDER/cluster.json
    cluster.py node FOLDER NUMBER                  start one of its nodes again
    cluster.py stop FOLDER                         stop all nodes

The file holds a JSON object with "urls" and "pids", and with --secure also "ca", "user", "password", "admin_cert" and
"admin_key".

Tests that need a cluster have the marker `opensearch`; they are skipped without that variable and without Java.
OpenSearch refuses to run as root, so the program starts the nodes under another account, whose folder is below /tmp.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

VARIABLE = "UNTILCLICK_TEST_OPENSEARCH"
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"
"""Nodes that run for a minute start in half the time without Java's optimising compiler."""


@dataclass(frozen=True)
class OpenSearchCluster:
    """A running cluster."""

    program: Path
    folder: Path
    urls: tuple[str, ...]
    """Addresses of the nodes, the first node first."""

    @property
    def joined_urls(self) -> str:
        """The addresses as the setting `opensearch_url` has them."""
        return "|".join(self.urls)

    def facts(self) -> dict[str, Any]:
        """The contents of cluster.json, with the processes of the nodes as they are now."""
        return json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))

    @contextmanager
    def without(self, number: int) -> Iterator[None]:
        """Kill a node (1-based) by SIGKILL, and start it again at the end of the block."""
        os.kill(self.facts()["pids"][number - 1], signal.SIGKILL)
        try:
            yield
        finally:
            _run(self.program, "node", self.folder, number)


@dataclass(frozen=True)
class SecureCluster(OpenSearchCluster):
    """A running cluster with TLS, users and roles, where a user may do what the own roles allow and nothing else."""

    def administrator(self) -> dict[str, Any]:
        """Settings of the service, by name, for the user who may do everything."""
        facts = self.facts()
        return self.settings(facts["user"], facts["password"])

    def settings(self, user: str, password: str) -> dict[str, Any]:
        """Settings of the service, by name, for a user."""
        password_file = self.folder / f"{user}.password"
        password_file.write_text(password, encoding="utf-8")
        ca_file = Path(self.facts()["ca"])
        return {
            "opensearch_url": self.joined_urls,
            "opensearch_user": user,
            "opensearch_password_file": password_file,
            "opensearch_ca_file": ca_file,
        }

    def put_role(self, name: str, role: dict[str, Any]) -> None:
        """Create or change a role."""
        self._security("PUT", f"roles/{name}", role)

    def put_user(self, name: str, password: str, roles: Sequence[str]) -> None:
        """Create a user with roles that exist."""
        self._security(
            "PUT", f"internalusers/{name}", {"password": password, "opendistro_security_roles": list(roles)}
        )

    def leave_users_without_default_role(self) -> None:
        """Take the role `own_index`, which grants bulk requests, from the users who have it by default: all."""
        self._security("DELETE", "rolesmapping/own_index")

    def _security(self, method: str, path: str, body: object = None) -> None:
        facts = self.facts()
        certificates = {"ca_certs": facts["ca"], "cert_file": facts["admin_cert"], "key_file": facts["admin_key"]}
        with urllib3.PoolManager(**certificates) as pool:
            answer = pool.request(method, f"{self.urls[0]}/_plugins/_security/api/{path}", json=body)
        if answer.status not in {200, 201}:
            pytest.fail(f"{method} {path}: {answer.status} {answer.data.decode()}")


@contextmanager
def running_cluster(nodes: int) -> Iterator[OpenSearchCluster]:
    """Run a cluster until the block ends, then remove its files; skips the test where it cannot run."""
    with _running(nodes) as (program, folder, urls):
        yield OpenSearchCluster(program, folder, urls)


@contextmanager
def running_secure_cluster(nodes: int = 1) -> Iterator[SecureCluster]:
    """Run a cluster with TLS, users and roles, as `running_cluster` does."""
    with _running(nodes, "--secure") as (program, folder, urls):
        cluster = SecureCluster(program, folder, urls)
        cluster.leave_users_without_default_role()
        yield cluster


@contextmanager
def _running(nodes: int, *options: str) -> Iterator[tuple[Path, Path, tuple[str, ...]]]:
    """The program, the folder of the cluster, and the addresses of its nodes."""
    program = _program()
    folder = Path(tempfile.mkdtemp(prefix="opensearch-", dir="/tmp"))
    facts = folder / "cluster.json"
    try:
        _run(program, "start", folder, "--nodes", nodes, *options)
        yield program, folder, tuple(json.loads(facts.read_text(encoding="utf-8"))["urls"])
    finally:
        if facts.exists():
            _run(program, "stop", folder)
        shutil.rmtree(folder, ignore_errors=True)


def _program() -> Path:
    """The program that starts clusters; skips the test without it and without Java."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: it names the folder of a real OpenSearch")
    program = Path(folder).resolve() / "cluster.py"
    if not program.is_file():
        pytest.fail(f"{VARIABLE} is {folder!r}, a folder without cluster.py")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install default-jre-headless")
    return program


def _run(program: Path, *words: object) -> None:
    command = [sys.executable, str(program), *map(str, words)]
    environment = os.environ | {
        "JAVA_TOOL_OPTIONS": f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {JAVA_OPTIONS}".strip()
    }
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env=environment, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed: {done.stderr or done.stdout}")
