"""Commands and service as users of a secured cluster: what the documented roles allow, and what a refusal says."""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from untilclick.app.cli.main import app
from untilclick.app.http.main import create_app
from untilclick.app.service.engine import open_opensearch
from untilclick.app.settings.service import Settings, variable_of
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import load_corpus
from untilclick.search.errors import EngineError
from untilclick.search.records import WeightedQuery

from tests.app.small_corpus import write_corpus

PAGE = Path(__file__).parents[3] / "docs" / "service.md"
PASSWORD = "Lantern-over-the-42-harbours"
GROUPS = {
    "cluster_permissions": [],
    "index_permissions": [{"index_patterns": ["untilclick-*"], "allowed_actions": ["create_index", "write", "read"]}],
}
"""A role that looks sufficient and is not."""
WIDE_GROUPS = {
    "cluster_permissions": ["cluster_composite_ops"],
    "index_permissions": [{"index_patterns": ["untilclick-*"], "allowed_actions": ["manage", "write", "read"]}],
}
"""The action groups that the page names."""


def documented_roles() -> dict[str, dict[str, Any]]:
    """Name -> role, as the page about the service has them."""
    pattern = r"`PUT _plugins/_security/api/roles/([\w-]+)`\n\n```json\n(.*?)```"
    return {name: json.loads(role) for name, role in re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL)}


ROLES = documented_roles()


def permissions(role: dict[str, Any]) -> list[str]:
    return [*role["cluster_permissions"], *role["index_permissions"][0]["allowed_actions"]]


def without(role: dict[str, Any], permission: str) -> dict[str, Any]:
    """The role without one of its permissions."""
    smaller = copy.deepcopy(role)
    for actions in (smaller["cluster_permissions"], smaller["index_permissions"][0]["allowed_actions"]):
        if permission in actions:
            actions.remove(permission)
    return smaller


def test_the_page_has_both_roles_and_serving_needs_less():
    assert set(ROLES) == {"untilclick-index", "untilclick-serve"}
    index, serve = (set(permissions(ROLES[f"untilclick-{name}"])) for name in ("index", "serve"))
    assert len(serve) < len(index)
    assert serve - index == {"indices:data/read/msearch"}


@pytest.fixture(scope="module")
def secured(secure_cluster):
    """The cluster with the documented roles, and a user for each set of roles."""
    for name, role in ROLES.items():
        secure_cluster.put_role(name, role)
    secure_cluster.put_role("groups", GROUPS)
    secure_cluster.put_role("wide-groups", WIDE_GROUPS)
    secure_cluster.put_role("changing", GROUPS)
    users = {
        "indexer": ["untilclick-index"],
        "reader": ["untilclick-serve"],
        "indexer-and-reader": list(ROLES),
        "stranger": [],
        "with-groups": ["groups"],
        "with-wide-groups": ["wide-groups"],
        "changing": ["changing"],
    }
    for name, roles in users.items():
        secure_cluster.put_user(name, PASSWORD, roles)
    return secure_cluster


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("secured") / "documents.jsonl")


@pytest.fixture(scope="module")
def settings_of(secured, documents) -> Callable[..., dict[str, Any]]:
    """Settings for a user, by name; further settings override them."""

    def settings(user: str, **more: object) -> dict[str, Any]:
        usual = {
            "engine": "opensearch",
            "data": str(documents),
            "opensearch_replicas": 0,
            "opensearch_timeout_ms": 20_000,
        }
        return usual | secured.settings(user, PASSWORD) | more

    return settings


def run(command: str, settings: dict[str, Any]) -> Result:
    """The command with these settings as variables of the environment."""
    own = {"data", "engine"} if command == "index" else set()
    environment = {variable_of(name): str(value) for name, value in settings.items() if name not in own}
    options = ["--data", settings["data"], "--json"] if command == "index" else ["--port", "0"]
    return CliRunner().invoke(app, [command, *options], env=environment)


def new_prefix() -> str:
    return f"untilclick-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def index(settings_of) -> str:
    """The index that the user with the documented role has loaded by the command."""
    outcome = run("index", settings_of("indexer"))
    assert outcome.exit_code == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    assert answer["documents"] == 80
    return answer["index"]


def check_service(settings: dict[str, Any], tmp_path: Path) -> None:
    settings = settings | {"log": f"sqlite:///{tmp_path / 'log.db'}"}
    with TestClient(create_app(Settings.of(**settings))) as client:
        results = client.post("/v1/search", json={"query": "boat anchor"}).json()["results"]
        assert len(results) == 10
        assert client.get(f"/v1/documents/{results[0]['doc_id']}").json()["title"] == results[0]["title"]
        assert client.get("/readyz").json()["status"] == "ready"


@pytest.mark.opensearch
def test_who_has_the_role_for_serving_serves_the_index_that_is_there(index, settings_of, tmp_path):
    check_service(settings_of("reader"), tmp_path)


@pytest.mark.opensearch
@pytest.mark.parametrize("user", ["indexer-and-reader", "with-wide-groups"])
def test_who_may_load_and_read_has_a_service_that_loads_its_documents_itself(user, settings_of, tmp_path):
    check_service(settings_of(user, opensearch_index=new_prefix()), tmp_path)


def check_refusal(outcome: Result, permission: str) -> None:
    """A refusal names the permission, and neither the password nor the text of a document."""
    assert outcome.exit_code == 2
    told = " ".join(outcome.stderr.split())
    assert f"refused the request (403): the user lacks the permission {permission}. Add it to a role" in told
    for secret in (PASSWORD, "Traceback", "anchor", "d000"):
        assert secret not in told


@pytest.mark.opensearch
def test_who_has_no_role_is_refused_with_the_name_of_the_right(index, settings_of, tmp_path):
    for command in ("index", "serve"):
        settings = settings_of("stranger", log=f"sqlite:///{tmp_path / 'log.db'}")
        check_refusal(run(command, settings), "indices:admin/mappings/get")


@pytest.mark.opensearch
def test_who_may_serve_may_not_create_another_index(index, settings_of):
    check_refusal(run("index", settings_of("reader", opensearch_index=new_prefix())), "indices:admin/create")


@pytest.mark.opensearch
def test_who_may_create_write_and_read_is_told_what_is_missing(settings_of):
    settings = settings_of("with-groups", opensearch_index=new_prefix())
    check_refusal(run("index", settings), "indices:admin/mappings/get")


@pytest.mark.opensearch
def test_a_prefix_outside_the_pattern_is_refused(settings_of):
    check_refusal(run("index", settings_of("indexer", opensearch_index="elsewhere")), "indices:admin/mappings/get")


@pytest.mark.opensearch
def test_a_wrong_password_is_a_401_and_a_foreign_certificate_is_not_trusted(settings_of, tmp_path):
    (tmp_path / "wrong").write_text("wrong-lantern", encoding="utf-8")
    outcome = run("index", settings_of("indexer", opensearch_password_file=tmp_path / "wrong"))
    assert (outcome.exit_code, "lantern" in outcome.stderr) == (2, False)
    assert "refused the request (401). Check user, password" in " ".join(outcome.stderr.split())
    settings = settings_of("indexer")
    del settings["opensearch_ca_file"]
    outcome = run("index", settings)
    assert outcome.exit_code == 2
    assert "has no trusted certificate" in " ".join(outcome.stderr.split())


@pytest.fixture
def changing_role(secured) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Changes the role of the user `changing`."""
    yield lambda role: secured.put_role("changing", role)
    secured.put_role("changing", GROUPS)


@pytest.mark.opensearch
@pytest.mark.parametrize("permission", permissions(ROLES["untilclick-index"]))
def test_the_role_for_loading_has_no_permission_too_many(permission, changing_role, settings_of):
    changing_role(without(ROLES["untilclick-index"], permission))
    outcome = run("index", settings_of("changing", opensearch_index=new_prefix()))
    assert outcome.exit_code == 2
    assert permission in outcome.stderr


@pytest.mark.opensearch
@pytest.mark.parametrize("permission", permissions(ROLES["untilclick-serve"]))
def test_the_role_for_serving_has_no_permission_too_many(permission, index, changing_role, settings_of):
    changing_role(without(ROLES["untilclick-serve"], permission))
    settings = Settings.of(**settings_of("changing"))
    with pytest.raises(EngineError) as caught:
        search_and_read(settings)
    assert permission in str(caught.value)


def search_and_read(settings: Settings) -> None:
    """The requests of a service whose index is there."""
    with closing(open_opensearch(settings, load_corpus(settings.search.data), english())) as engine:
        results = engine.search([WeightedQuery.of("boat anchor")], 3)[0]
        engine.documents([entry.doc_id for entry in results])
