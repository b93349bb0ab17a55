"""docs/service.md names every endpoint, setting, metric, reason and kind of problem."""

import re
from pathlib import Path

import pytest

from untilclick.app.http.main import create_app
from untilclick.app.observe.metrics import Metrics
from untilclick.app.observe.model_metrics import ModelMetrics
from untilclick.app.settings.service import Settings, setting_places, variable_of
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel
from untilclick.app.versions.shadow import ShadowFigures
from untilclick.rewriter.readings import Readings, UsedReadings
from untilclick.rewriter.rewrite import Reason, Unread

from tests.app.stand_ins import toy_engine

ROOT = Path(__file__).parents[2]


def settings_table(group):
    """The rows of the table of a group of settings."""
    rows = []
    for name, place in setting_places().items():
        if place.group != group:
            continue
        default = place.field.default
        shown = "" if default in (None, ()) else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
        rows.append(f"| `{variable_of(name)}` | {shown} | {place.field.description} |")
    return "\n".join(rows)


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


def test_every_endpoint_is_documented(page):
    document = create_app(Settings()).openapi()
    calls = {f"`{method.upper()} {path}`" for path, methods in document["paths"].items() for method in methods}
    assert {call for call in calls if call not in page} == set()
    documented = set(re.findall(r"^\| (`[A-Z]+ /[^`]*`) \|", page, re.MULTILINE))
    assert documented - calls == set()


@pytest.mark.parametrize("group", Settings.model_fields)
def test_every_setting_is_documented_as_it_is(page, group):
    assert all(place.field.description for place in setting_places().values())
    assert settings_table(group) in page


def test_every_metric_is_documented(page):
    metrics = Metrics()
    metrics.registry.register(
        ModelMetrics(FixedModel(None, RewriteLimits(), toy_engine()), lambda: ShadowFigures("candidate"))
    )
    families = [each for each in metrics.registry.collect() if not each.name.endswith("_created")]
    names = {each.name + ("_total" if each.type == "counter" else "") for each in families}
    assert len(names) == 19
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_reason_is_documented(page):
    assert {reason for reason in Reason if f"| `{reason.value}` |" not in page} == set()


def test_every_reading_and_every_reason_against_it_is_documented(page):
    assert {unread for unread in Unread if f"| `{unread.value}` |" not in page} == set()
    named = {reading for reading in (*Readings, *UsedReadings) if f"`{reading.value}`" not in page}
    assert named == set()


def test_every_kind_of_problem_is_documented(page):
    used = set()
    for path in (ROOT / "app").rglob("*.py"):
        used |= set(re.findall(r'problem_type\("([a-z-]+)"\)', path.read_text(encoding="utf-8")))
    assert len(used) == 9
    assert {kind for kind in used if f"`urn:untilclick:problem:{kind}`" not in page} == set()
