"""docker/observe/alerts.yml: when the rules fire. Prometheus's own tool says so where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docker/observe/alerts.yml"
CASES = Path(__file__).with_name("alerts.test.yml")


def rules() -> dict[str, str]:
    """Expressions by the alerts' names, in one line each."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: " ".join(rule["expr"].split()) for group in groups for rule in group["rules"]}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("what", [("check", "rules", RULES), ("test", "rules", CASES)])
def test_alerts_fire_when_they_should(what):
    done = subprocess.run(["promtool", *map(str, what)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_has_the_expressions_of_the_rules():
    """Where it gives one at all; aggregates over replicas are left out there."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    found = rules()
    for name in ("SearchesFail", "NoReplica", "SearchesSlow", "RewritesLate"):
        assert f"| `{name}` | `{found[name]}`" in page


def test_no_target_at_all_is_no_replica():
    """`sum` of nothing is nothing, and nothing is not below 1."""
    assert rules()["NoReplica"] == '(sum(up{job="untilclick"}) or vector(0)) < 1'


def test_no_applied_rewrite_at_all_is_a_share_of_0():
    """A process that never applied one has no such series, and the alert ended a day after its start."""
    share = rules()["RewritesFewer"].split(" < ")[0]
    total = "sum(rate(untilclick_rewrites_total[1d]))"
    applied = 'sum(rate(untilclick_rewrites_total{reason="applied"}[1d]))'
    assert share == f"({applied} or 0 * {total}) / {total}"


def test_faults_that_a_series_begins_with_are_seen():
    """A candidate's series begins with its first query, which may fail."""
    faults = 'untilclick_shadow_total{what="faults"}'
    assert f"or sum({faults} unless {faults} offset 10m) > 0" in rules()["CandidateFails"]


def test_a_full_spool_is_told_by_its_bytes():
    """Events of long lists fill it with fewer than a limit of events would allow."""
    assert rules()["SpoolNearlyFull"] == "max(untilclick_spool_full_share) > .5"
