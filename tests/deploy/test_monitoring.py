"""Alerts, dashboard and autoscaler ask for metrics that the server has, by labels that it sets."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from app.main import create_app
from app.metrics import Metrics
from app.settings import Settings
from tests.deploy.rendered import KUBERNETES, ROOT

MONITORING = ROOT / "deploy" / "monitoring"
ALERTS, RULE, DASHBOARD = (MONITORING / name for name in ("alerts.yml", "prometheus-rule.yaml", "dashboard.json"))
ADAPTER = KUBERNETES / "components" / "queue-metric" / "adapter-values.yaml"


def exported() -> set[str]:
    """The names under which Prometheus stores what the server exports."""
    names = {sample for family in Metrics().registry.collect() for sample in _samples(family.name, family.type)}
    assert "cutout_requests_total" in names
    return names


def _samples(name: str, kind: str) -> set[str]:
    if kind == "histogram":
        return {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    return {f"{name}_total"} if kind == "counter" else {name}


@pytest.mark.parametrize("path", [ALERTS, RULE, DASHBOARD, ADAPTER], ids=lambda path: path.name)
def test_every_metric_asked_for_is_exported(path: Path) -> None:
    asked = set(re.findall(r"\bcutout_\w+(?=[{])", path.read_text()))
    assert asked
    assert asked <= exported()


@pytest.mark.parametrize("path", [ALERTS, DASHBOARD], ids=lambda path: path.name)
def test_every_route_asked_for_is_served(path: Path) -> None:
    (routes,) = set(re.findall(r"route=~\\?\"([^\"\\]+)", path.read_text()))
    assert set(routes.split("|")) <= create_app(Settings(), lambda _: []).openapi()["paths"].keys()


def test_the_operators_rule_is_the_plain_one() -> None:
    assert yaml.safe_load(RULE.read_text())["spec"] == yaml.safe_load(ALERTS.read_text())


def test_the_dashboards_panels_are_distinct_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    promtool = shutil.which("promtool") or pytest.skip("needs promtool, which comes with Prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", str(MONITORING / "alerts.test.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
