"""A pretrained subword T5 through the commands, from `train base --base` to a search with its bundle, at toy size."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app

from tests.app.small_corpus import COMMON, SUBJECTS, write_corpus

TOY = """
sessions = 60
[subword]
length = 10
beams = 3
target_words = 2
[base]
steps = 4
[warm_start]
epochs = 2
[ppo]
iterations = 2
prompts_per_iteration = 8
samples_per_prompt = 4
validate_every = 1
[evaluate]
sessions = 10
resamples = 50
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with documents, a settings file and a T5 as if it had been downloaded."""
    pytest.importorskip("torch")
    from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer

    folder = tmp_path_factory.mktemp("subword")
    write_corpus(folder / "documents.jsonl")
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    words = [word for subject in SUBJECTS.values() for word in subject.split()] + COMMON
    stand_in_t5(T5Shape(rows=620, d_model=32, d_kv=8, d_ff=32, layers=1), 0).save_pretrained(folder / "t5")
    unigram_tokenizer(words, 600).save_pretrained(folder / "t5")
    return folder


@pytest.fixture(scope="module")
def call(workspace):
    """Calls a command in the workspace; returns the result of the call."""

    def called(*arguments):
        environment = {
            "UNTILCLICK_CONFIG": f"{workspace}/toy.toml",
            "UNTILCLICK_DATA": f"{workspace}/documents.jsonl",
        }
        return CliRunner(env=environment).invoke(app, [*(str(argument) for argument in arguments), "--json"])

    return called


def answer(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.slow
def test_the_same_commands_take_a_pretrained_t5_from_base_to_search(workspace, call):
    out, log = workspace / "run", workspace / "log.db"
    answer(call("simulate", "--log", log))
    base = answer(call("train", "base", "--base", workspace / "t5", "--out", out))
    assert base["config"]["steps"] == 4
    warm = answer(call("train", "warm-start", "--log", log, "--out", out))
    assert (warm["config"]["epochs"], warm["config"]["learning_rate"]) == (2, 5e-4)
    ppo = answer(call("train", "ppo", "--log", log, "--out", out))
    assert (ppo["config"]["terms"], ppo["config"]["kl_placement"]) == (10, "reward")
    assert ppo["figures"]["rollouts"] == 2 * 8 * 4
    results = answer(call("evaluate", "--split", "dev", "--model", out, "--out", workspace / "dev"))
    assert {"warm_start", "ppo"} <= results["systems"].keys()
    exported = answer(
        call("export", "--model", out, "--out", workspace / "bundle", "--quantization", "float32", "--anyway")
    )
    assert (exported["kind"], exported["stage"]) == ("subwords", "ppo")
    results = answer(call("search", "violin concert", "--bundle", workspace / "bundle"))
    assert results["rewritten"]
    refused = call("train", "ppo", "--log", log, "--out", out, "--set", "ppo.terms=4")
    assert refused.exit_code == 2
    assert "ppo.terms" in refused.stderr
    assert call("train", "offline", "--log", log, "--out", out).exit_code == 2


def test_a_base_that_is_no_t5_is_refused_in_one_sentence(workspace, call):
    refused = call("train", "base", "--base", workspace / "nothing", "--out", workspace / "other")
    assert refused.exit_code == 2
    assert "not a T5 that can be loaded" in refused.stderr
    assert not (workspace / "other").exists()
