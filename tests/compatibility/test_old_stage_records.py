"""Records of trained stages, written by version 0.1.0 with the fields of each stage's configuration side by side."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.record import latest_stage, read_stage

FOLDERS = [
    *(f"run/{stage}" for stage in ("base", "warm_start", "ppo")),
    *(f"records/{stage}" for stage in ("offline", "mean", "subword-base", "subword-warm_start", "subword-ppo")),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_record_loads_with_every_value(examples, folder):
    content = json.loads((examples / folder / "stage.json").read_text(encoding="utf-8"))
    record = read_stage(examples / folder)
    assert record.stage == folder.rpartition("/")[2].removeprefix("subword-")
    assert dict(record.config) == content["config"]
    assert dict(record.figures) == content["figures"]
    assert asdict(record.blend) == {**asdict(BlendSettings()), **content["blend"]}  # later settings have defaults
    others = ("data", "fingerprint", "engine", "code_version", "prompt_version")
    assert {name: getattr(record, name) for name in others} == {name: content[name] for name in others}


def test_the_latest_stage_of_a_run_is_found_by_its_folder(examples):
    assert latest_stage(examples / "run") == examples / "run" / "ppo"
    assert latest_stage(examples / "run" / "warm_start") == examples / "run" / "warm_start"
