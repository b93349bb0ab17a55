"""The setting `caution` decides which blend of a bundle answers."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import bundle_version, read_manifest, write_manifest

EXAMPLES = Path(__file__).parents[2] / "compatibility" / "data"
DATA = str(EXAMPLES / "documents.jsonl")
BOLD, MILD = BlendSettings(0.0, 0.0, 1.0), BlendSettings(0.98, 0.0, 0.02)
QUERY = "violin"


@pytest.fixture
def bundle(tmp_path):
    """A bundle whose two blends differ much."""
    folder = shutil.copytree(EXAMPLES / "bundle", tmp_path / "bundle")
    blends, manifest = {"balanced": BOLD, "cautious": MILD}, read_manifest(folder)
    version = bundle_version(manifest.checksums, BOLD, blends)
    write_manifest(replace(manifest, version=version, blend=BOLD, blends=blends), folder)
    return folder


@pytest.fixture
def served(tmp_path):
    """Serves a bundle; returns the documents of a search, best first."""

    def served(bundle, **variables):
        environment = {"UNTILCLICK_DATA": DATA, "UNTILCLICK_BUNDLE": str(bundle), **variables}
        log = str(tmp_path / "log.db")
        settings = Settings.from_environment(environment, log=log, rewrite_budget_ms=10_000.0, log_format="json")
        with TestClient(create_app(settings)) as client:
            answer = client.post("/v1/search", json={"query": QUERY}).json()
        return [result["doc_id"] for result in answer["results"]]

    return served


def test_a_service_ranks_by_the_caution_that_is_asked_for(bundle, served):
    bold, mild = (served(bundle, UNTILCLICK_CAUTION=caution) for caution in ("balanced", "cautious"))
    assert bold != mild
    assert served(bundle) == bold


def test_one_search_ranks_as_the_service(bundle, served):
    for caution in ("balanced", "cautious"):
        arguments = ["search", QUERY, "--data", DATA, "--bundle", str(bundle), "--caution", caution, "--json"]
        hits = json.loads(CliRunner().invoke(app, arguments).stdout)["rewritten"]
        assert [hit["doc_id"] for hit in hits] == served(bundle, UNTILCLICK_CAUTION=caution)


def test_a_bundle_with_one_blend_answers_in_it_and_the_log_says_so(served, caplog):
    bundle = EXAMPLES / "bundle"
    assert served(bundle, UNTILCLICK_CAUTION="cautious") == served(bundle)
    assert caplog.text.count("knows one caution alone") == 1
