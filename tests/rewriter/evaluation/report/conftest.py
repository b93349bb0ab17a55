"""A training run's metrics for the tests of the report."""

import json

import pytest


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rounds = [{"step": i, "reward_mean": 0.01 * i, "kl": 0.1, "unknown": 3.0} for i in range(1, 31)]
    rounds[9]["validation"] = 0.05
    path.write_text("".join(json.dumps(row) + "\n" for row in rounds))
    return path
