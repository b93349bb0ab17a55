"""Versions whose sentence encoder is missing, damaged or fails: queries are searched as typed, and operators told."""

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.observe.metrics import Metrics
from untilclick.app.service.opening import open_service
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import BoundedRewriter, RewriteLimits
from untilclick.app.versions.models import RefusedVersionError
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.rewrite import Reason
from untilclick.rewriter.serving import runtime
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.search.errors import EncoderError, ModelError
from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.app.stand_ins import TableRewriter, make_service
from tests.app.toy_bundles import QUERY, open_toy, toy_bundle
from tests.fake_encoder import FakeEncoder


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a service over two documents, whose bundles are toys."""
    monkeypatch.setattr(runtime, "open_bundle", lambda folder, *_, **__: open_toy(folder))
    data = tmp_path / "documents.jsonl"
    data.write_text('{"_id": "a", "text": "delete a tree"}\n{"_id": "b", "text": "a folder"}\n', encoding="utf-8")

    def made(**values):
        return Settings.of(data=str(data), log=str(tmp_path / "log.db"), **values)

    return made


def lose(file, damage):
    """Make a file missing, or another."""
    if damage == "missing":
        file.unlink()
    else:
        file.write_text("something else")


@pytest.mark.parametrize("damage", ["missing", "changed"])
@pytest.mark.parametrize("kept", [True, False], ids=["in a folder of versions", "one bundle"])
def test_a_service_starts_without_the_encoder_and_says_so(settings, tmp_path, caplog, damage, kept):
    bundle = tmp_path / "bundle"
    version = toy_bundle(bundle, "tree", encoder=True)
    if kept:
        store = ModelStore(tmp_path / "models")
        store.activate(store.add(bundle))
        bundle = tmp_path / "models" / version
    lose(bundle / "encoder" / "model.bin", damage)
    service = open_service(settings(**{"models": tmp_path / "models"} if kept else {"bundle": bundle}), Metrics())
    with TestClient(create_app(Settings(), service)) as client:
        answer = client.post("/v1/search", json={"query": QUERY}).json()
        assert answer["rewrite"]["reason"] == "no_encoder"
        assert {result["doc_id"] for result in answer["results"]} == {"a", "b"}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["model"]) == (200, "degraded", "failing")
        assert ready.json()["note"].startswith("The rewriter's sentence encoder cannot be used")
        assert f'untilclick_rewriter_without_encoder{{version="{version}"}} 1.0' in client.get("/metrics").text
    assert "encoder/model.bin is missing or was changed" in caplog.text
    service.close()


@pytest.mark.parametrize("kept", [True, False])
def test_another_defect_stops_the_start(settings, tmp_path, kept):
    bundle = tmp_path / "bundle"
    toy_bundle(bundle, "tree", encoder=True)
    if kept:
        store = ModelStore(tmp_path / "models")
        store.activate(store.add(bundle))
        bundle = tmp_path / "models" / str(store.state.active)
    (bundle / "encoder" / "model.bin").unlink()
    (bundle / "words.txt").write_text("others")
    with pytest.raises(ModelError, match=r"words\.txt is missing or was changed"):
        open_service(settings(**{"models": tmp_path / "models"} if kept else {"bundle": bundle}), Metrics())


def test_a_first_bundle_without_its_encoder_is_left_out(settings, tmp_path, caplog):
    toy_bundle(tmp_path / "bundle", "tree", encoder=True)
    (tmp_path / "bundle" / "encoder" / "model.bin").unlink()
    service = open_service(settings(bundle=tmp_path / "bundle", models=tmp_path / "models"), Metrics())
    assert service.rewriter_version is None
    assert "is left out, because it lacks its sentence encoder" in caplog.text
    service.close()


def test_a_version_is_activated_again_when_its_encoder_is_back(settings, tmp_path):
    store = ModelStore(tmp_path / "models")
    version = toy_bundle(tmp_path / "bundle", "tree", encoder=True)
    store.activate(store.add(tmp_path / "bundle"))
    weights = tmp_path / "models" / version / "encoder" / "model.bin"
    weights.unlink()
    service = open_service(settings(models=tmp_path / "models"), Metrics())
    with pytest.raises(RefusedVersionError):
        service.models.activate(version, anyway=True)
    weights.write_text("weights")
    service.models.activate(version, anyway=True)
    assert service.rewrite(QUERY).rewrite.applied
    assert service.health().encoder
    service.close()


class FailingEncoder(FakeEncoder):
    """An encoder that fails while `broken`."""

    broken = True

    def encode(self, texts, kind="document"):
        if self.broken:
            raise RuntimeError("out of memory")
        return super().encode(texts, kind)


class ByMeaning(TableRewriter):
    """A rewriter that encodes queries first."""

    def __init__(self, encoder):
        super().__init__()
        self.meaning = Meaning(QueryVectors(encoder), lambda: None, None)

    def rewrite(self, requests):
        self.meaning.vectors([[request.query] for request in requests])
        return super().rewrite(requests)


def test_an_encoder_that_fails_is_told_until_it_works(tmp_path):
    encoder = FailingEncoder()
    service = make_service(tmp_path, ByMeaning(encoder))
    assert service.rewrite(QUERY).rewrite.reason is Reason.NO_ENCODER
    assert not service.health().encoder
    encoder.broken = False
    assert service.rewrite(QUERY).rewrite.applied
    assert service.health().encoder
    service.close()


def test_an_encoder_that_fails_does_not_pass_the_trial():
    rewriter = BoundedRewriter(ByMeaning(FailingEncoder()), RewriteLimits())
    with pytest.raises(ModelError, match="The encoder fake fails: out of memory"):
        rewriter.trial(QUERY)
    rewriter.close()


def test_an_encoder_alone_is_told_from_other_faults(tmp_path):
    toy_bundle(tmp_path / "bundle", "tree", encoder=True)
    (tmp_path / "bundle" / "encoder" / "model.bin").unlink()
    with pytest.raises(EncoderError, match=r"encoder/model\.bin"):
        open_toy(tmp_path / "bundle")
