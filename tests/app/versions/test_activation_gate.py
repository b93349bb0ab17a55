"""Activation asks the gate: what held-out needs do not speak for answers only if an operator says so."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.models import RefusedVersionError, StoredModels
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Evidence, Finding, Verdict
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.serving.bundle import read_manifest, write_manifest

from tests.app.stand_ins import make_service
from tests.app.toy_bundles import ToyOpener, toy_bundle

KEY = {"authorization": "Bearer let me in"}


@pytest.fixture
def models(tmp_path):
    models = StoredModels(ModelStore(tmp_path / "models"), ToyOpener(), RewriteLimits(budget_ms=5000.0))
    yield models
    models.close()


@pytest.fixture
def add(models, tmp_path):
    """Adds a version with these words and this part of a manifest; returns its name."""

    def added(words, **parts):
        toy_bundle(tmp_path / words, words)
        write_manifest(replace(read_manifest(tmp_path / words), **parts), tmp_path / words)
        return models.store.add(tmp_path / words)

    return added


def evidence(untrained, before=None, against=""):
    def finding(other, verdict):
        return Finding(other, verdict, "nDCG@10", 0.01, (0.0, 0.02), 0.04, 0.1, 90, 80)

    typed, start = finding(AS_TYPED, Verdict.CANNOT_SAY), finding(AS_TYPED, Verdict.CANNOT_SAY)
    split = SplitRecord("00000000", 900, 800, 700, 12, 0, 30)
    against_before = None if before is None else finding(against, before)
    return Evidence(split, typed, finding(UNTRAINED, untrained), start, against_before)


def test_what_nothing_speaks_for_is_refused_with_the_reason(add, models):
    version = add("maybe", evidence=evidence(Verdict.CANNOT_SAY))
    with pytest.raises(RefusedVersionError, match=r"Cannot say whether it is better than the untrained rewriter"):
        models.activate(version)
    assert models.store.state.active is None
    assert models.activate(version, anyway=True).active == version


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"evidence": evidence(Verdict.BETTER)},
        {"evidence": evidence(Verdict.CANNOT_SAY), "use": Use.UNTRAINED},
        {"evidence": evidence(Verdict.WORSE), "asked": True},
    ],
)
def test_what_may_answer_is_activated(add, models, parts):
    version = add("words", **parts)
    assert models.activate(version).active == version


def test_in_place_of_a_version_that_has_learned_only_what_is_better_than_that_answers(add, models):
    first = add("first", evidence=evidence(Verdict.BETTER))
    models.activate(first)
    refused = [
        add("unknown", evidence=evidence(Verdict.BETTER)),
        add("maybe", evidence=evidence(Verdict.BETTER, Verdict.CANNOT_SAY, first)),
        add("worse", evidence=evidence(Verdict.BETTER, Verdict.WORSE, first)),
        add("other", evidence=evidence(Verdict.BETTER, Verdict.BETTER, "another")),
    ]
    for version in refused:
        with pytest.raises(RefusedVersionError):
            models.activate(version)
    better = add("better", evidence=evidence(Verdict.BETTER, Verdict.BETTER, first))
    assert models.activate(better).active == better
    assert models.activate(better).active == better, "again"
    assert models.roll_back().active == first, "it has answered before"


def test_over_http_a_refusal_is_a_problem_that_says_how_to_overrule_it(add, models, tmp_path):
    version = add("maybe", evidence=evidence(Verdict.CANNOT_SAY))
    service = make_service(tmp_path, models=models)
    with TestClient(create_app(Settings.of(admin_key="let me in"), service)) as client:
        refused = client.post(f"/v1/models/{version}/activate", headers=KEY)
        assert refused.status_code == 409
        assert "may be chance" in refused.json()["detail"]
        assert "?anyway=true" in refused.json()["detail"]
        (listed,) = client.get("/v1/models").json()["models"]
        assert (listed["use"], "Cannot say" in listed["judgement"]) == ("learned", True)
        accepted = client.post(f"/v1/models/{version}/activate?anyway=true", headers=KEY)
        assert accepted.json()["active"] == version
    service.close()
