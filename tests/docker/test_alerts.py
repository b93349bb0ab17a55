"""docker/observe/alerts.yml: when the rules fire. Prometheus's promtool evaluates them if it is installed."""

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
    """Name of an alert -> its expression, as one line."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: " ".join(rule["expr"].split()) for group in groups for rule in group["rules"]}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("what", [("check", "rules", RULES), ("test", "rules", CASES)])
def test_alerts_fire_when_they_should(what):
    done = subprocess.run(["promtool", *map(str, what)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_has_the_expressions_of_the_rules():
    """The page has expressions for these alerts only, because the others aggregate over replicas."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    expressions = rules()
    for name in ("SearchesFail", "NoReplica", "SearchesSlow", "RewritesLate"):
        assert f"| `{name}` | `{expressions[name]}`" in page


def test_the_alert_fires_without_any_target():
    """`sum` over no series is empty, and an empty value is not below 1."""
    assert rules()["NoReplica"] == '(sum(up{job="untilclick"}) or vector(0)) < 1'


def test_the_share_is_0_if_no_rewrite_was_applied():
    """A process without an applied rewrite has no such series, and the alert once ended a day after its start."""
    share = rules()["RewritesFewer"].split(" < ")[0]
    total = "sum(rate(untilclick_rewrites_total[1d]))"
    applied = 'sum(rate(untilclick_rewrites_total{reason="applied"}[1d]))'
    assert share == f"({applied} or 0 * {total}) / {total}"


def test_faults_at_the_start_of_a_series_are_seen():
    """The series of a candidate begins with its first query, which may fail."""
    faults = 'untilclick_shadow_total{what="faults"}'
    assert f"or sum({faults} unless {faults} offset 10m) > 0" in rules()["CandidateFails"]


def test_the_spool_is_measured_in_bytes():
    """Events with long lists fill the spool before a limit on the number of events is reached."""
    assert rules()["SpoolNearlyFull"] == "max(untilclick_spool_full_share) > .5"
