"""The manifests as a cluster would get them."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted(
    path.parent.name for path in (KUBERNETES / "components").glob("*/kustomization.yaml")
)
TARGETS = [
    "base",
    *sorted(
        f"overlays/{path.parent.name}" for path in KUBERNETES.glob("overlays/*/kustomization.yaml")
    ),
]

Manifest = dict[str, Any]


@cache
def rendered(folder: Path) -> list[Manifest]:
    """Every object of a kustomization.

    Skips the test where neither kubectl nor kustomize is installed.
    """
    if kubectl := shutil.which("kubectl"):
        command = [kubectl, "kustomize"]
    elif kustomize := shutil.which("kustomize"):
        command = [kustomize, "build"]
    else:
        pytest.skip("needs kubectl or kustomize to render the manifests")
    text = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=True
    ).stdout
    return list(yaml.safe_load_all(text))


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    """The only object of a kind."""
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def settings(manifests: list[Manifest]) -> dict[str, str]:
    """The CUTOUT_… variables that the pods get."""
    maps = [manifest["data"] for manifest in manifests if manifest["kind"] == "ConfigMap"]
    (found,) = [data for data in maps if any(name.startswith("CUTOUT_") for name in data)]
    return dict(found)
