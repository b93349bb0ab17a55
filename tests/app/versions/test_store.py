"""The folder of model versions."""

import fcntl
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from untilclick.app.versions.store import (
    KEPT_PREVIOUS,
    LOCK,
    ORIGINAL,
    STATE,
    BrokenStateError,
    Experiment,
    ModelState,
    ModelStore,
    UnknownVersionError,
)
from untilclick.search.errors import ModelError

from tests.app.toy_bundles import toy_bundle


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


@pytest.fixture
def add(store, tmp_path):
    return lambda words, **more: store.add(_made(tmp_path / f"bundle {words}", words, **more))


def _made(folder, words, **more):
    toy_bundle(folder, words, **more)
    return folder


def test_added_versions_are_listed_the_oldest_first(store, add):
    newer, older = add("tree", created="2026-02-02"), add("directory", created="2026-01-01")
    assert [manifest.version for manifest in store.versions()] == [older, newer]
    assert store.add(store.folder_of(older)) == older
    assert len(store.versions()) == 2


def test_a_state_that_cannot_be_read_is_written_anew_by_activating_and_by_nothing_else(store, add):
    """Once a change of the shadow overwrote a broken state: no version was active, and none to go back to."""
    version = add("tree")
    store.activate(version)
    store.state_file.write_text("torn")
    for change in (store.roll_back, lambda: store.shadow(None), lambda: store.experiment(None)):
        with pytest.raises(ModelError, match="activate a version"):
            change()
    assert store.state_file.read_text() == "torn"
    assert store.activate(version).active == version


def test_what_is_no_whole_bundle_is_not_added(store, tmp_path):
    toy_bundle(tmp_path / "changed", "tree")
    (tmp_path / "changed" / "words.txt").write_text("another")
    with pytest.raises(ModelError, match="changed after export"):
        store.add(tmp_path / "changed")
    with pytest.raises(ModelError):
        store.add(tmp_path / "absent")
    assert store.versions() == []


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../models", "a/b", "a\\b", "nothing", ".lock", "x" * 65, "a\n", "ä"]
)
def test_only_names_of_versions_reach_the_disk(store, add, name):
    add("tree")
    with pytest.raises(UnknownVersionError):
        store.folder_of(name)
    with pytest.raises(UnknownVersionError):
        store.activate(name)
    assert store.state == ModelState()


def test_links_out_of_the_folder_are_no_versions(store, tmp_path):
    version = toy_bundle(tmp_path / "elsewhere", "tree")
    (tmp_path / "models" / version).symlink_to(tmp_path / "elsewhere")
    assert store.versions() == []
    with pytest.raises(UnknownVersionError):
        store.folder_of(version)


def test_activation_and_back(store, add):
    first, second = add("tree"), add("directory")
    store.activate(first)
    store.activate(second)
    assert store.activate(second) == store.state == ModelState(second, (None, first))
    assert store.roll_back() == ModelState(first, (None,))
    assert store.roll_back() == ModelState(None, ())
    with pytest.raises(UnknownVersionError):
        store.roll_back()


def test_a_version_that_comes_to_answer_leaves_the_shadow(store, add):
    first, second = add("tree"), add("directory")
    store.activate(first)
    store.shadow(second)
    assert store.activate(second).shadow is None
    store.shadow(first)
    assert store.roll_back() == ModelState(first, (None,))
    store.shadow(second)
    assert store.activate(None).shadow == second


def test_a_folder_begins_with_a_bundle_and_is_not_set_back_to_it(store, add, tmp_path):
    first, second = _made(tmp_path / "first", "tree"), _made(tmp_path / "second", "directory")
    store.begin_with(first)
    begun = store.state
    assert begun.active is not None
    assert begun.previous == ()
    store.begin_with(second)
    assert (store.state, len(store.versions())) == (begun, 1)
    other = add("thread")
    store.activate(other)
    store.begin_with(first)
    assert store.state.active == other
    store.activate(None)
    store.begin_with(first)
    assert store.state.active is None


def test_not_all_that_ever_answered_is_remembered(store, add):
    versions = [add("tree"), add("directory")]
    for i in range(KEPT_PREVIOUS + 5):
        store.activate(versions[i % 2])
    assert len(store.state.previous) == KEPT_PREVIOUS


def test_shadow_and_experiment_name_versions_that_exist(store, add):
    version = add("tree")
    experiment = Experiment("first", ORIGINAL, version, 0.5, 100.0)
    store.shadow(version)
    store.experiment(experiment)
    assert store.state == ModelState(None, (), version, experiment)
    assert store.state.used == {version}
    with pytest.raises(UnknownVersionError):
        store.shadow("nothing")
    with pytest.raises(UnknownVersionError):
        store.experiment(Experiment("second", "nothing", version, 1.0, 0.0))
    store.experiment(None)
    store.shadow(None)
    assert store.state == ModelState()


def test_changes_of_several_at_once_are_all_there(store, add):
    versions = [add(word) for word in ("tree", "directory", "remove")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.activate(versions[i % 3]), range(12)))
    state = store.state
    assert state.active in versions
    assert all(before != after for before, after in pairwise((*state.previous, state.active)))
    assert len(state.previous) >= 3


def test_every_change_changes_the_stamp(store, add):
    stamps = [store.stamp]
    for version in (add("tree"), add("directory")):
        store.activate(version)
        stamps.append(store.stamp)
    assert len(set(stamps)) == 3


def test_a_state_that_cannot_be_read_says_so_and_is_written_anew(store, add, tmp_path):
    version = add("tree")
    (tmp_path / "models" / STATE).write_text("{broken")
    with pytest.raises(ModelError, match="cannot be read"):
        _ = store.state
    assert store.activate(version).active == version
    assert json.loads((tmp_path / "models" / STATE).read_text())["active"] == version


def test_a_version_that_cannot_be_read_is_not_listed(store, add, tmp_path):
    intact, damaged = add("tree"), add("directory")
    (tmp_path / "models" / damaged / "bundle.json").write_text("{}")
    assert [manifest.version for manifest in store.versions()] == [intact]
    shutil.rmtree(tmp_path / "models" / intact)
    assert store.versions() == []


def test_a_change_waits_for_a_process_that_holds_the_lock(store, add):
    """Earlier versions of the program take the same lock, by flock."""
    version = add("tree")
    with (store.folder_of(version).parent / LOCK).open("w") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        change = pool.submit(store.activate, version)
        with pytest.raises(TimeoutError):
            change.result(timeout=0.2)
        assert store.state == ModelState()
        fcntl.flock(file, fcntl.LOCK_UN)
        assert change.result(timeout=30).active == version


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "null",
        '{"active": null, "previous": []}',
        '{"previous": [3], "experiment": null}',
        '{"previous": "abc", "experiment": null}',
        '{"previous": [], "experiment": {"name": "n"}}',
        '{"previous": [], "experiment": null, "colour": "red"}',
        "\xff",
    ],
)
def test_what_is_no_state_is_a_broken_state(store, content):
    store.state_file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BrokenStateError, match="activate a version to have it written anew"):
        _ = store.state


def test_a_state_is_written_and_read_whole(store, add):
    """Whole numbers are valid for the start and the share."""
    version = add("tree")
    store.activate(version)
    store.experiment(Experiment("first", ORIGINAL, version, 1, 100))
    assert store.state == ModelState(version, (None,), None, Experiment("first", ORIGINAL, version, 1.0, 100.0))
    store.state_file.write_text('{"previous": [null, "a"], "experiment": null}', encoding="utf-8")
    assert store.state == ModelState(previous=(None, "a"))
