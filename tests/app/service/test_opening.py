"""Opening a service from its settings."""

import json

import pytest

from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.opening import open_service
from untilclick.app.settings.service import Settings
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.serving import runtime
from untilclick.search.corpora.load import load_corpus

from tests.app.toy_bundles import open_toy, toy_bundle


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.jsonl"
    rows = [{"_id": "a", "title": "Trees", "text": "delete a folder"}, {"_id": "b", "text": "wait for a thread"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("same", [True, False])
def test_the_first_bundle_of_a_folder_must_know_the_documents(documents, tmp_path, monkeypatch, caplog, same):
    """An image has a rewriter for the documents in it; for other documents that rewriter would be bad."""
    monkeypatch.setattr(runtime, "open_bundle", lambda folder, *_, **__: open_toy(folder))
    fingerprint = load_corpus(str(documents)).fingerprint if same else "another"
    version = toy_bundle(tmp_path / "bundle", "tree", fingerprint=fingerprint)
    settings = Settings.of(
        data=str(documents), bundle=tmp_path / "bundle", models=tmp_path / "models", log=str(tmp_path / "log.db")
    )
    service = open_service(settings, Metrics())
    try:
        assert service.models.in_use.state.active == (version if same else None)
        assert ("is left out: it was made from other documents" in caplog.text) == (not same)
    finally:
        service.close()


def test_a_folder_in_which_a_version_was_chosen_needs_no_first_bundle(documents, tmp_path, monkeypatch):
    """Once a service did not start because the bundle in its image, unused for long, was of another build."""
    monkeypatch.setattr(runtime, "open_bundle", lambda folder, *_, **__: open_toy(folder))
    store = ModelStore(tmp_path / "models")
    toy_bundle(tmp_path / "made", "tree")
    store.activate(store.add(tmp_path / "made"))
    settings = Settings.of(
        data=str(documents), bundle=tmp_path / "gone", models=tmp_path / "models", log=str(tmp_path / "log.db")
    )
    service = open_service(settings, Metrics())
    try:
        assert service.models.in_use.state.active == store.state.active is not None
    finally:
        service.close()
