"""The files in docker/ agree with each other, the settings, the metrics and the docs. docker/smoke.sh runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose
from podman_compose import rec_subs

from untilclick.app.observe.metrics import Metrics
from untilclick.app.observe.model_metrics import ModelMetrics
from untilclick.app.settings.service import Settings, setting_places, variable_of
from untilclick.app.versions.bounded_rewriter import RewriteLimits
from untilclick.app.versions.in_use import FixedModel
from untilclick.app.versions.shadow import ShadowFigures

from tests.app.stand_ins import toy_engine

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
DOCKERFILES = (DOCKER / "Dockerfile", DOCKER / "train.Dockerfile")
OF_COMMANDS = {
    "UNTILCLICK_ANALYSIS",
    "UNTILCLICK_SERVICE",
    "UNTILCLICK_BACKEND",
    "UNTILCLICK_SOURCE",
    "UNTILCLICK_OUT",
}
"""Options of `untilclick renew` that are not settings of the service."""


def compose(**environment: str):
    """The content of compose.yaml with its variables replaced."""
    return rec_subs(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), environment)


@pytest.fixture(scope="module")
def services():
    return compose()["services"]


def test_the_stack_is_valid():
    stack = compose()
    deploy = stack["services"]["app"]["deploy"]
    deploy["replicas"] = int(deploy["replicas"])  # compose converts variables to numbers
    checked = PyCompose.from_yaml(yaml.safe_dump(stack))
    checked.validate()
    assert set(checked.service_names()) == set(compose()["services"])
    assert checked.to_spec().name == "untilclick"


def test_every_mounted_file_and_volume_exists(services):
    declared = set(compose()["volumes"])
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in declared


def variables_of(text: str) -> dict[str, str]:
    """Name of a variable -> its default in compose.yaml."""
    return dict(re.findall(r"\$\{([A-Z_]+):?-((?:[^{}]|\{[^}]*\})*)\}", text))


def test_the_example_explains_every_variable_with_its_default():
    example = (DOCKER / ".env.example").read_text(encoding="utf-8")
    explained = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    used = variables_of(COMPOSE.read_text(encoding="utf-8"))
    assert explained == used
    paragraphs = re.split(r"^#[A-Z_]+=.*$", example, flags=re.MULTILINE)
    assert "# " in paragraphs[0]


def test_containers_get_settings_that_exist(services):
    existing = {variable_of(name) for name in setting_places()} | OF_COMMANDS
    used = {name for service in services.values() for name in service.get("environment", {})}
    for file in DOCKERFILES:
        used |= set(re.findall(r"UNTILCLICK_[A-Z_]+(?==)", file.read_text(encoding="utf-8")))
    assert {name for name in used if name.startswith("UNTILCLICK_")} <= existing


def test_the_service_accepts_the_environment_of_the_stack(services, tmp_path):
    """Every value is valid for its setting."""
    environment = {name: str(value) for name, value in services["app"]["environment"].items()}
    password = tmp_path / "postgres_password"
    password.write_text("secret\n", encoding="utf-8")
    environment["UNTILCLICK_LOG"] = environment["UNTILCLICK_LOG"].replace(
        "/run/secrets/postgres_password", str(password)
    )
    settings = Settings.from_environment(environment)
    assert settings.search.data == "stdlib"
    assert settings.http.trusted_proxies == "*"
    assert settings.page.examples == ()


@pytest.mark.parametrize("name", ["app", "proxy", "train"])
def test_containers_that_visitors_reach_are_restricted(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_ports_are_published_to_this_machine_only_by_default(services):
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert compose(LISTEN="0.0.0.0:80")["services"]["proxy"]["ports"] == ["0.0.0.0:80:8080"]


def test_secrets_are_in_files_only(services):
    """Every variable with the name of a secret holds a path, and the stack makes every file that it names."""
    text = COMPOSE.read_text(encoding="utf-8")
    mounted = set(re.findall(r"/run/secrets/([a-z_]+)", text))
    secret_names = re.search(r"NAMES = \((.*?)\)", (DOCKER / "make_secrets.py").read_text(encoding="utf-8")).group(1)
    assert mounted == set(re.findall(r'"([a-z_]+)"', secret_names))
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|SECRET", name):
                assert str(value).startswith("/run/secrets/")


def stage(dockerfile: Path, name: str) -> list[str]:
    """The instructions of a stage, without comments."""
    lines = [
        line for line in dockerfile.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    starts = [i for i, line in enumerate(lines) if line.startswith("FROM ")] + [len(lines)]
    (start,) = (i for i in starts[:-1] if lines[i].endswith(f" AS {name}"))
    return lines[start : starts[starts.index(start) + 1]]


def test_both_images_install_torch_with_the_same_lines():
    """Equal lines are built once for both images."""
    first, second = (stage(file, "trainer") for file in DOCKERFILES)
    assert len(first) > 10
    assert first == second


def metric_names() -> set[str]:
    """Names of all metrics of a process, with the endings that Prometheus adds."""
    metrics = Metrics()
    metrics.registry.register(
        ModelMetrics(FixedModel(None, RewriteLimits(), toy_engine()), lambda: ShadowFigures("candidate"))
    )
    names = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def test_dashboard_and_alerts_use_all_metrics_that_exist():
    board = json.loads((DOCKER / "observe/grafana/dashboards/untilclick.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DOCKER / "observe/alerts.yml").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    expressions += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    used = {name for expression in expressions for name in re.findall(r"untilclick_[a-z_]+", expression)}
    assert used - metric_names() == set()
    unused = {name for name in metric_names() if not name.endswith(("_sum", "_count"))} - used
    assert unused == set()


def test_every_alert_is_explained():
    rules = yaml.safe_load((DOCKER / "observe/alerts.yml").read_text(encoding="utf-8"))
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert {name for name in names if f"| `{name}` |" not in operations} == set()


def test_the_page_names_files_services_and_variables_that_exist(services):
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for path in re.findall(r"(?<![\w/.])docker/[\w./-]+", page):
        if path != "docker/.env":  # the reader makes it
            assert (ROOT / path).exists(), path
    used = variables_of(COMPOSE.read_text(encoding="utf-8"))
    documented = re.findall(r"`([A-Z][A-Z_]+)(?:=[^`]*)?`", page) + re.findall(
        r"^echo ([A-Z_]+)=", page, re.MULTILINE
    )
    assert len(documented) > 8
    assert set(documented) - set(used) == set()
    called = re.findall(r"docker compose [^\n]*?(?:exec|run --rm|build) ([a-z]+)", page)
    assert len(called) > 4
    assert set(called) <= set(services)
