"""The interface against its own OpenAPI document: generated requests of every kind, and all checks of schemathesis.

`CONTRACT_EXAMPLES` is the number of examples for each operation and way of making them.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.app.versions.models import StoredModels
from untilclick.app.versions.store import ModelStore

from tests.app.stand_ins import make_service
from tests.app.toy_bundles import ToyOpener, toy_bundle

schemathesis = pytest.importorskip("schemathesis")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "40"))
KEY = "let me in"


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    from untilclick.app.versions.bounded_rewriter import RewriteLimits

    folder = tmp_path_factory.mktemp("contract")
    toy_bundle(folder / "bundle", "directory tree")
    store = ModelStore(folder / "models")
    store.activate(store.add(folder / "bundle"))
    service = make_service(folder, models=StoredModels(store, ToyOpener(), RewriteLimits(budget_ms=5000.0)))
    app = create_app(Settings.of(admin_key=KEY), service)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)

    @schema.auth()
    class AdminKey:
        def get(self, case, context):
            return KEY

        def set(self, case, data, context):
            case.headers["authorization"] = f"Bearer {data}"

    yield schema
    service.close()
    print(f"\n{answered.total()} requests:", dict(sorted(answered.items())))


answered: Counter[str] = Counter()


def operations():
    """Path and method of every call of the interface."""
    paths = create_app(Settings()).openapi()["paths"]
    return [(path, method) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
@pytest.mark.parametrize(("path", "method"), operations())
def test_every_answer_keeps_the_contract(schema, path, method, mode):
    """Requests that the document allows, and requests that it forbids."""
    cases = schema[path][method.upper()].as_strategy(generation_mode=getattr(schemathesis.GenerationMode, mode))

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def check(case):
        response = case.call_and_validate()
        assert response.status_code < 500
        answered[f"{method.upper()} {path} {response.status_code}"] += 1

    try:
        check()
    except Unsatisfiable:
        assert mode == "NEGATIVE", "nothing can be asked that the document allows"
