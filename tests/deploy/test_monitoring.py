"""Alerts, dashboard and autoscaler ask for metrics that the server has, by labels that it sets."""

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from app.main import create_app
from app.metrics import Metrics
from app.settings import Settings
from tests.support.bundles import write_bundles
from tests.support.images import disc, encoded
from tests.support.paths import ROOT
from tests.support.rendered import KUBERNETES
from tests.support.service import PATIENCE, Service, eventually
from tests.support.stand_ins import bright_predictors

MONITORING = ROOT / "deploy" / "monitoring"
ALERTS, RULE, DASHBOARD = (
    MONITORING / name for name in ("alerts.yml", "prometheus-rule.yaml", "dashboard.json")
)
ADAPTER = KUBERNETES / "components" / "queue-metric" / "adapter-values.yaml"


def exported() -> set[str]:
    """The names under which Prometheus stores what the server exports."""
    names = {
        sample
        for family in Metrics().registry.collect()
        for sample in _samples(family.name, family.type)
    }
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
    assert (
        set(routes.split("|"))
        <= create_app(Settings(), bright_predictors).openapi()["paths"].keys()
    )


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
    promtool = shutil.which("promtool") or pytest.skip(
        "needs promtool, which comes with Prometheus"
    )
    done = subprocess.run(
        [promtool, "test", "rules", str(MONITORING / "alerts.test.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_of_the_dashboard_has_something_to_show(tmp_path: Path) -> None:
    prometheus = shutil.which("prometheus") or pytest.skip("needs Prometheus")
    service = Service(write_bundles(tmp_path / "bundles"))
    try:
        with watched(prometheus, service.port, tmp_path) as address:
            eventually(lambda: service.get("/readyz")[0] == 200)
            for panel in json.loads(DASHBOARD.read_text())["panels"]:
                for target in panel["targets"]:
                    eventually(lambda query=target["expr"]: work(service) and shows(address, query))  # type: ignore[misc]
    finally:
        service.process.terminate()
        service.process.wait()


def work(service: Service) -> bool:
    """Something of everything that the dashboard tells of: answers, and a refusal."""
    return [service.post("/cutout", data)[0] for data in (encoded(disc()), b"no image")] == [
        200,
        415,
    ]


def shows(address: str, query: str) -> bool:
    """Whether a panel's query has a value now, as Grafana would ask it with all jobs chosen and a
    zoom of 30 s."""
    asked = query.replace("$job", ".+").replace("$__rate_interval", "30s")
    with urllib.request.urlopen(
        f"{address}/api/v1/query?{urllib.parse.urlencode({'query': asked})}"
    ) as answer:
        result = json.load(answer)["data"]["result"]
    return any(series["value"][1] not in ("NaN", "+Inf") for series in result)


@contextmanager
def watched(prometheus: str, port: int, folder: Path) -> Iterator[str]:
    """A Prometheus that asks the server at `port` every second; yields its address."""
    scrape = {
        "job_name": "cutout",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    flags = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder / "series"}
    command = [
        prometheus,
        f"--web.listen-address=127.0.0.1:{own}",
        *(f"--{name}={to}" for name, to in flags.items()),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
