"""Versions in use: trial, activation, following other processes, shadow and experiment."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.service.answers import SearchCommand
from untilclick.app.service.ranking import Mode, takes_part
from untilclick.app.settings.service import Settings
from untilclick.app.versions import models as module
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.models import RefusedVersionError, StoredModels
from untilclick.app.versions.store import ORIGINAL, Experiment, ModelStore, UnknownVersionError
from untilclick.rewriter.rewrite import Reason
from untilclick.search.errors import LogError, ModelError

from tests.app.stand_ins import make_service
from tests.app.toy_bundles import QUERY, ToyOpener, toy_bundle

KEY = {"authorization": "Bearer let me in"}


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


@pytest.fixture
def add(store, tmp_path):
    def added(words):
        toy_bundle(tmp_path / f"bundle {words}", words)
        return store.add(tmp_path / f"bundle {words}")

    return added


@pytest.fixture
def opened(store, monkeypatch):
    """Opens models on the store; each stands for another process."""
    monkeypatch.setattr(module, "FOLLOW_S", 3600.0)
    opened_models = []

    def make():
        opened_models.append(StoredModels(store, ToyOpener(), RewriteLimits(budget_ms=5000.0)))
        return opened_models[-1]

    yield make
    for models in opened_models:
        models.close()


@pytest.fixture
def served(tmp_path, opened):
    """A service with the versions of the store, and a client of it."""
    service = make_service(tmp_path, models=opened())
    with TestClient(create_app(Settings.of(admin_key="let me in"), service), raise_server_exceptions=False) as client:
        yield service, client
    service.close()


def words_of(models):
    return models.in_use.active.rewriter.rewrite(QUERY, ()).terms[0][0]


def test_a_version_answers_once_it_is_active(add, opened):
    first, second = add("tree"), add("directory")
    models = opened()
    assert models.in_use.active.rewriter.rewrite(QUERY, ()).reason is Reason.NO_MODEL
    models.activate(first)
    assert words_of(models) == "tree"
    models.activate(second)
    assert words_of(models) == "directory"
    models.roll_back()
    assert words_of(models) == "tree"
    assert opened().in_use.state.active == first


def test_what_another_process_changes_while_a_version_is_loaded_is_followed(add, opened, store, monkeypatch):
    first, second = add("tree"), add("thread")
    models = opened()
    store.activate(first)
    load = models._load

    def slowly(version):
        if version == first:
            store.activate(second)
        return load(version)

    monkeypatch.setattr(models, "_load", slowly)
    models.follow()
    models.follow()
    assert models.in_use.state.active == second


def test_a_folder_that_cannot_be_used_says_what_to_delete(add, store, opened):
    store.activate(add("tree"))
    store.state_file.write_text("torn")
    with pytest.raises(ModelError, match="To begin without an active version, delete"):
        opened()


def test_what_fails_its_trial_is_refused_and_all_stays(add, opened, store, caplog):
    good, broken, changed = add("tree"), add("broken"), add("directory")
    (store.folder_of(changed) / "words.txt").write_text("other")
    models = opened()
    models.activate(good)
    for version, cause in ((broken, "weights are missing"), (changed, "changed after export")):
        with pytest.raises(RefusedVersionError, match=version) as refused:
            models.activate(version)
        assert cause in caplog.text
        assert str(store.folder_of(version)) not in str(refused.value)
        with pytest.raises(RefusedVersionError):
            models.shadow(version)
        with pytest.raises(RefusedVersionError):
            models.experiment(Experiment("e", good, version, 1.0, 0.0))
    with pytest.raises(UnknownVersionError):
        models.activate("../" + good)
    assert (words_of(models), store.state.active, store.state.shadow) == ("tree", good, None)


def test_other_processes_follow(add, opened, store):
    first, second = add("tree"), add("directory")
    store.activate(first)
    first_process, other = opened(), opened()
    first_process.activate(second)
    assert words_of(other) == "tree"
    other.follow()
    assert words_of(other) == "directory"


def test_a_change_that_cannot_be_followed_leaves_all_as_it_was(add, opened, store, caplog):
    first, second = add("tree"), add("directory")
    store.activate(first)
    models = opened()
    store.activate(second)
    (store.folder_of(second) / "words.txt").write_text("other")
    models.follow()
    assert words_of(models) == "tree"
    assert "not followed" in caplog.text


def test_what_could_not_be_loaded_is_tried_again(add, opened, store, monkeypatch):
    first, second = add("tree"), add("directory")
    store.activate(first)
    models = opened()
    store.activate(second)
    words = store.folder_of(second) / "words.txt"
    words.rename(words.with_suffix(".away"))
    models.follow()
    assert words_of(models) == "tree"
    words.with_suffix(".away").rename(words)
    models.follow()
    assert words_of(models) == "tree", "not at every look"
    monkeypatch.setattr(module, "monotonic", lambda: time.monotonic() + 2 * module.MAX_FOLLOW_AGAIN_S + 7200.0)
    models.follow()
    assert words_of(models) == "directory"


def test_a_version_answers_although_the_candidate_beside_it_cannot_be_loaded(add, opened, store, caplog):
    """A rollback must reach every process."""
    first, second, candidate = add("tree"), add("directory"), add("thread")
    store.activate(first)
    models = opened()
    store.activate(second)
    store.shadow(candidate)
    store.experiment(Experiment("e", ORIGINAL, candidate, 1.0, 0.0))
    (store.folder_of(candidate) / "words.txt").unlink()
    models.follow()
    assert words_of(models) == "directory"
    assert (models.in_use.state.shadow, models.in_use.state.experiment) == (None, None)
    assert f"Version {candidate} cannot be loaded" in caplog.text


def test_the_follower_follows_by_itself(add, opened, store, monkeypatch):
    first, second = add("tree"), add("directory")
    store.activate(first)
    monkeypatch.setattr(module, "FOLLOW_S", 0.01)
    models = StoredModels(store, ToyOpener(), RewriteLimits(budget_ms=5000.0))
    store.activate(second)
    deadline = time.monotonic() + 30
    while models.in_use.state.active != second and time.monotonic() < deadline:
        time.sleep(0.01)
    assert words_of(models) == "directory"
    models.close()


def test_swaps_under_load_lose_no_request(add, served):
    """Hundreds of searches from eight threads while versions change all the time."""
    service, _ = served
    versions = [add("tree"), add("directory")]
    service.models.activate(versions[0])
    ended = threading.Event()

    def search(_):
        answer = service.search(SearchCommand(QUERY))
        return answer.rewrite.reason, answer.rewriter_version, answer.rewrite.terms[0][0]

    def swap():
        i = 0
        while not ended.is_set():
            i += 1
            service.models.activate(versions[i % 2])
        return i

    with ThreadPoolExecutor(9) as pool:
        swaps = pool.submit(swap)
        answers = list(pool.map(search, range(300)))
        ended.set()
    assert swaps.result() > 5
    assert {reason for reason, _, _ in answers} == {Reason.APPLIED}
    assert {(version, word) for _, version, word in answers} <= set(zip(versions, ("tree", "directory"), strict=True))


def test_activation_over_http(add, served):
    _, client = served
    first, second = add("tree"), add("directory")
    assert client.get("/v1/models").json()["active"] is None
    answer = client.post(f"/v1/models/{first}/activate", headers=KEY)
    assert (answer.status_code, answer.json()["active"]) == (200, first)
    answer = client.post(f"/v1/models/{second}/activate", headers=KEY).json()
    assert (answer["active"], answer["previous"]) == (second, [first, None])
    assert {model["version"]: model["active"] for model in answer["models"]} == {first: False, second: True}
    assert client.post("/v1/models/rollback", headers=KEY).json()["active"] == first
    assert client.post("/v1/search", json={"query": QUERY}).json()["rewrite"]["rewriter_version"] == first


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic bGV0"}])
def test_changes_need_the_admin_key(add, served, headers, caplog):
    _, client = served
    version = add("tree")
    for method, path, body in (
        ("post", f"/v1/models/{version}/activate", None),
        ("post", "/v1/models/rollback", None),
        ("put", "/v1/models/shadow", {"version": version}),
        ("put", "/v1/experiments", {"name": "e", "a": "original", "b": version}),
        ("delete", "/v1/experiments", None),
    ):
        answer = client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/v1/models").json()["active"] is None
    assert "let me in" not in caplog.text


def test_without_a_key_nobody_may_change_anything(add, tmp_path, opened):
    version = add("tree")
    service = make_service(tmp_path, models=opened())
    with TestClient(create_app(Settings(), service)) as client:
        for header in ("", "Bearer ", "Bearer None"):
            answer = client.post(f"/v1/models/{version}/activate", headers={"authorization": header})
            assert answer.status_code == 401
    service.close()


def test_the_key_of_a_file_may_change_and_nobody_is_let_in_without_it(add, tmp_path, opened, caplog):
    first, second = add("tree"), add("directory")
    file = tmp_path / "key"
    file.write_text("one\n", encoding="utf-8")
    service = make_service(tmp_path, models=opened())
    with TestClient(create_app(Settings.of(admin_key_file=file), service)) as client:

        def status(version, key):
            return client.post(
                f"/v1/models/{version}/activate", headers={"authorization": f"Bearer {key}"}
            ).status_code

        assert (status(first, "one"), status(second, "")) == (200, 401)
        file.write_text("two", encoding="utf-8")
        assert (status(second, "one"), status(second, "two")) == (401, 200)
        file.unlink()
        assert (status(first, "two"), status(first, "")) == (401, 401)
    service.close()
    assert "UNTILCLICK_ADMIN_KEY_FILE" in caplog.text


def test_what_cannot_be_done_is_a_problem(add, served, client):
    _, stored = served
    assert stored.post(f"/v1/models/{add('broken')}/activate", headers=KEY).status_code == 409
    assert stored.post("/v1/models/nothing/activate", headers=KEY).status_code == 404
    assert stored.post("/v1/models/..%2F..%2Fetc/activate", headers=KEY).status_code == 404
    assert stored.post("/v1/models/rollback", headers=KEY).status_code == 404


def test_a_service_without_a_folder_of_versions_says_so(service):
    with TestClient(create_app(Settings.of(admin_key="let me in"), service)) as client:
        answer = client.post("/v1/models/table-1/activate", headers=KEY)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:untilclick:problem:version-refused")
        assert [model["version"] for model in client.get("/v1/models").json()["models"]] == ["table-1"]


def searched(client, session_id, **more):
    return client.post("/v1/search", json={"query": QUERY, "session_id": session_id, **more}).json()


def sessions_of(name, share, n, *, taking_part):
    experiment = Experiment(name, "a", "b", share, 0.0)
    ids = (f"00000000-0000-4000-8000-{i:012d}" for i in range(10**6))
    return list(islice((session_id for session_id in ids if takes_part(experiment, session_id) == taking_part), n))


def test_an_experiment_credits_clicks_to_who_found_the_document(add, served):
    """Every visitor clicks a document that only the rewrite finds."""
    _, client = served
    version = add("thread")
    plain = {result["doc_id"] for result in searched(client, None)["results"]}
    body = {"name": "e", "a": ORIGINAL, "b": version, "share": 0.5}
    assert client.put("/v1/experiments", json=body, headers=KEY).status_code == 200
    for session_id in sessions_of("e", 0.5, 8, taking_part=True):
        answer = searched(client, session_id)
        assert answer["rewrite"]["rewriter_version"] == f"original+{version}"
        fresh = [result for result in answer["results"] if result["doc_id"] not in plain]
        for _ in range(2):
            client.post("/v1/click", json={"click_token": fresh[0]["click_token"]})
    for session_id in sessions_of("e", 0.5, 3, taking_part=False):
        answer = searched(client, session_id)
        assert answer["rewrite"]["rewriter_version"] is None
        client.post("/v1/click", json={"click_token": answer["results"][0]["click_token"]})
    experiment = client.get("/v1/experiments").json()["experiment"]
    assert experiment["preference"] == {
        "wins_a": 0,
        "wins_b": 8,
        "ties": 0,
        "share_b": 1.0,
        "ci95": [pytest.approx(0.676, abs=1e-3), 1.0],
        "p": pytest.approx(2 / 256),
    }
    ended = client.delete("/v1/experiments", headers=KEY).json()["experiment"]
    assert ended["preference"] == experiment["preference"]
    assert client.get("/v1/experiments").json()["experiment"] is None


def test_the_same_experiment_again_goes_on_and_other_sides_of_its_name_begin_anew(add, served):
    service, client = served
    version = add("thread")
    plain = {result["doc_id"] for result in searched(client, None)["results"]}
    body = {"name": "e", "a": ORIGINAL, "b": version, "share": 1.0}
    begun = client.put("/v1/experiments", json=body, headers=KEY).json()["experiment"]
    answer = searched(client, sessions_of("e", 1.0, 1, taking_part=True)[0])
    fresh = [result for result in answer["results"] if result["doc_id"] not in plain]
    client.post("/v1/click", json={"click_token": fresh[0]["click_token"]})
    again = client.put("/v1/experiments", json=body, headers=KEY).json()["experiment"]
    assert (again["started"], again["preference"]["wins_b"]) == (begun["started"], 1)
    other = Experiment("e", version, ORIGINAL, 1.0, 0.0)
    assert service.models.experiment(other).experiment == other
    assert client.get("/v1/experiments").json()["experiment"]["preference"]["wins_a"] == 0


def test_an_experiment_begins_and_ends_whatever_the_log_does(add, served, monkeypatch):
    service, client = served

    def away(experiment):
        raise LogError("the log is away")

    monkeypatch.setattr(service._log, "credits", away)
    body = {"name": "e", "a": ORIGINAL, "b": add("thread"), "share": 1.0}
    begun = client.put("/v1/experiments", json=body, headers=KEY)
    assert (begun.status_code, begun.json()["experiment"]["preference"]) == (200, None)
    assert client.get("/v1/experiments").status_code == 503
    ended = client.delete("/v1/experiments", headers=KEY)
    assert (ended.status_code, ended.json()["experiment"]["name"]) == (200, "e")
    assert service.experiment is None


def test_versions_are_changed_while_all_who_ask_for_figures_wait(add, served, monkeypatch):
    service, client = served
    version, waiting = add("thread"), threading.Event()
    monkeypatch.setattr(service, "stats", lambda source: waiting.wait(30) and service._log.stats(source))
    with ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(client.get, "/v1/sessions/stats") for _ in range(4)]
        assert client.post(f"/v1/models/{version}/activate", headers=KEY).json()["active"] == version
        assert client.get("/metrics").status_code == 200
        assert not any(request.done() for request in requests)
        waiting.set()
        assert {request.result(30).status_code for request in requests} == {200}


def test_only_mode_auto_takes_part(add, served):
    service, client = served
    version = add("thread")
    service.models.experiment(Experiment("e", ORIGINAL, version, 1.0, 0.0))
    session_id = sessions_of("e", 1.0, 1, taking_part=True)[0]
    for mode in (Mode.OFF, Mode.BLEND):
        assert searched(client, session_id, mode=mode.value)["rewrite"]["rewriter_version"] is None
    assert "+" in searched(client, session_id)["rewrite"]["rewriter_version"]


def test_a_share_of_the_sessions_takes_part():
    experiment = Experiment("e", "a", "b", 0.2, 0.0)
    assert 150 < sum(takes_part(experiment, str(i)) for i in range(1000)) < 250
    assert all(takes_part(Experiment("e", "a", "b", 1.0, 0.0), str(i)) for i in range(100))


def test_a_candidate_in_the_shadow_is_tried_and_not_shown(add, served):
    service, client = served
    version = add("thread")
    before = searched(client, None)["results"]
    assert client.put("/v1/models/shadow", json={"version": version}, headers=KEY).json()["shadow"] == version
    answer = searched(client, None)
    assert [result["doc_id"] for result in answer["results"]] == [result["doc_id"] for result in before]
    assert answer["rewrite"]["rewriter_version"] is None
    service._shadow._pool.submit(lambda: None).result(30)
    for _ in range(2):  # the same click again counts once
        client.post("/v1/click", json={"click_token": answer["results"][0]["click_token"]})
    figures = client.get("/v1/experiments").json()["shadow"]
    assert (figures["version"], figures["queries"], figures["faults"], figures["clicks"]) == (version, 1, 0, 1)
    assert figures["changed_share"] == 1.0
    assert 0 < figures["mean_overlap"] <= 1
    assert figures["mean_reciprocal_rank_shown"] == 1.0
    assert 0 < figures["mean_reciprocal_rank"] <= 1
    assert f'untilclick_shadow_total{{version="{version}",what="queries"}} 1.0' in client.get("/metrics").text


def test_a_candidate_that_fails_harms_nobody(add, served, store):
    service, client = served
    version = add("broken")
    store.shadow(version)
    service.models.follow()
    assert searched(client, None)["results"]
    service._shadow._pool.submit(lambda: None).result(30)
    assert client.get("/v1/experiments").json()["shadow"]["faults"] == 1
