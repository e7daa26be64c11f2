"""The manifests render, fit the schema of the API they are sent to, and keep what they promise."""

import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import cutout
from app.settings import Settings
from app.sizing import Sizing
from tests.support.rendered import (
    COMPONENTS,
    KUBERNETES,
    TARGETS,
    Manifest,
    of_kind,
    rendered,
    settings,
)

VERSION = "1.37"
OPERATOR = "monitoring.coreos.com/v1"
MEMORY = {"Mi": 2**20, "Gi": 2**30}

# Measured: a worker at rest, and the most that one image takes while it is worked on (a WebP
# answer).
BYTES_AT_REST = 220e6
BYTES_PER_PIXEL = 26


@pytest.fixture(params=TARGETS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(KUBERNETES / request.param)


def with_components(folder: Path, *names: str) -> list[Manifest]:
    """The base with components, by a kustomization in `folder` such as a user writes."""
    to = os.path.relpath(KUBERNETES, folder)
    kustomization = {
        "resources": [f"{to}/base"],
        "components": [f"{to}/components/{name}" for name in names],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return rendered(folder)


def test_the_image_and_its_readme_have_the_version_of_the_code() -> None:
    (image,) = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text())["images"]
    assert image["newTag"] == cutout.__version__
    readme = (KUBERNETES / "README.md").read_text()
    assert f"cutout:{cutout.__version__} " in readme
    assert f"newTag: {cutout.__version__}\n" in readme


def validate(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(manifest, VERSION, strict=True)


def pod_of(manifests: list[Manifest]) -> Manifest:
    pod: Manifest = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    return pod


def container_of(manifests: list[Manifest]) -> Manifest:
    (container,) = pod_of(manifests)["containers"]
    return dict(container)


def settings_of(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("CUTOUT_")]:
        monkeypatch.delenv(name)
    for name, value in settings(manifests).items():
        monkeypatch.setenv(name, value)
    return Settings()


def size(quantity: str) -> int:
    return int(quantity[:-2]) * MEMORY[quantity[-2:]]


def test_every_object_fits_the_schema(manifests: list[Manifest]) -> None:
    validate(manifests)


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_fits_the_base(component: str, tmp_path: Path) -> None:
    manifests = with_components(tmp_path, component)
    validate(manifests)
    assert manifests != rendered(KUBERNETES / "base")


def test_every_setting_is_one_of_the_servers(manifests: list[Manifest]) -> None:
    known = {f"CUTOUT_{name.upper()}" for name in Settings.model_fields}
    assert set(settings(manifests)) <= known


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_setting_of_a_component_is_one_of_the_servers(component: str, tmp_path: Path) -> None:
    known = {f"CUTOUT_{name.upper()}" for name in Settings.model_fields}
    assert set(settings(with_components(tmp_path, component))) <= known


def test_the_cores_are_whole_and_no_thread_is_left_without_one(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = container_of(manifests)["resources"]
    cores = int(resources["limits"]["cpu"])
    assert resources["requests"]["cpu"] == resources["limits"]["cpu"]
    ours = settings_of(manifests, monkeypatch)
    sizing = Sizing.of(ours, cores)
    assert sizing.workers * sizing.threads * ours.intra_op_threads == cores


def test_the_memory_holds_the_worst_that_is_admitted(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = container_of(manifests)["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    ours, cores = settings_of(manifests, monkeypatch), int(resources["limits"]["cpu"])
    sizing = Sizing.of(ours, cores)
    bodies = (cores + sizing.workers * sizing.queue) * ours.max_upload_bytes
    worst = sizing.workers * (BYTES_AT_REST + sizing.pixels * BYTES_PER_PIXEL) + bodies
    assert worst <= size(resources["limits"]["memory"])


def test_the_grace_outlasts_the_drain_and_the_drain_every_request(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, pod = settings_of(manifests, monkeypatch), pod_of(manifests)
    endpoints_gone = container_of(manifests)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert ours.drain_seconds >= ours.deadline_seconds
    assert pod["terminationGracePeriodSeconds"] >= endpoints_gone + ours.drain_seconds + 5


def test_the_probes_ask_what_they_should(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    container, ours = container_of(manifests), settings_of(manifests, monkeypatch)
    asked = {
        name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")
    }
    assert asked == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/livez",
    }
    assert container["ports"] == [{"name": "http", "containerPort": ours.port}]
    assert ours.host == "0.0.0.0"


def test_pods_meet_the_restricted_security_standard(manifests: list[Manifest]) -> None:
    pod, container = pod_of(manifests), container_of(manifests)
    context = pod["securityContext"] | container["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert {kind for volume in pod["volumes"] for kind in volume} <= {
        "name", "emptyDir", "persistentVolumeClaim", "image"
    }  # fmt: skip
    assert "hostPort" not in container["ports"][0]


def test_pods_hold_no_token_and_no_variables_of_services(manifests: list[Manifest]) -> None:
    pod = pod_of(manifests)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, (
        "a service named cutout would set CUTOUT_PORT=tcp://…"
    )


def test_every_selector_finds_the_pods(manifests: list[Manifest]) -> None:
    labels = of_kind(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        of_kind(manifests, "Service")["spec"]["selector"],
        of_kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(
            spread["labelSelector"]["matchLabels"]
            for spread in pod_of(manifests)["topologySpreadConstraints"]
        ),
    ]
    assert all(selector.items() <= labels for selector in selectors)


def test_the_autoscaler_alone_counts_the_replicas(manifests: list[Manifest]) -> None:
    autoscaler = of_kind(manifests, "HorizontalPodAutoscaler")["spec"]
    deployment = of_kind(manifests, "Deployment")
    assert autoscaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    assert autoscaler["minReplicas"] >= 2


def test_nothing_goes_out_unless_urls_are_allowed(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    closed = of_kind(manifests, "NetworkPolicy")["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in closed or closed["egress"] == []
    opened = with_components(tmp_path, "allow-urls")
    assert settings(opened)["CUTOUT_ALLOW_URLS"] == "true"
    assert of_kind(opened, "NetworkPolicy")["spec"]["egress"]


@pytest.mark.parametrize("component", ["models-volume", "models-image"])
def test_models_come_from_where_the_server_looks(component: str, tmp_path: Path) -> None:
    manifests = with_components(tmp_path, component)
    mounts = {mount["name"]: mount for mount in container_of(manifests)["volumeMounts"]}
    assert mounts["models"]["mountPath"] == settings(manifests)["CUTOUT_MODELS"]
    assert mounts["models"]["readOnly"] is True
    assert "models" in {volume["name"] for volume in pod_of(manifests)["volumes"]}
