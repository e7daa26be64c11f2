"""The wheel brings one import package, and works beside other packages named as our directories
are."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.images import alike, disc, encoded
from tests.support.paths import ROOT
from tests.support.service import PATIENCE, InstalledService, Service, eventually

BUNDLE = {"README.md", "manifest.json", "model.onnx"}
TESTED = re.compile(r"<!-- tested -->\n```sh\n(.*?)```", re.DOTALL)


def build(kind: str, source: Path, out: Path) -> Path:
    """A distribution of the tree at `source`, `wheel` or `sdist`, made without any package
    index."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


class Environment:
    """A virtual environment with our dependencies, somebody else's package `app`, and then the
    wheel."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, symlinks=True)
        self.bin = folder / "bin"
        self.packages = next(folder.glob("lib/python*/site-packages"))
        (self.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        for package in ("app", "model_export", "models"):
            (self.packages / package).mkdir()
            (self.packages / package / "__init__.py").write_text("")
        (self.packages / "app" / "main.py").write_text(
            "raise RuntimeError('not the app you are looking for')\n"
        )
        before = self._names()
        install = [
            "pip",
            "install",
            "--quiet",
            "--offline",
            "--no-deps",
            "--python",
            str(self.bin / "python"),
        ]
        subprocess.run([sys.executable, "-m", "uv", *install, str(wheel)], check=True)
        self.installed = self._names() - before

    def _names(self) -> set[str]:
        return {path.name for path in self.packages.iterdir()}


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), wheel)


@pytest.fixture
def elsewhere(environment: Environment, tmp_path: Path) -> Path:
    """A directory to work in that has an `app` of its own, too."""
    shutil.copytree(environment.packages / "app", tmp_path / "app")
    return tmp_path


@pytest.fixture(params=["cutout serve", "python -m cutout.server"])
def service(
    request: pytest.FixtureRequest, environment: Environment, elsewhere: Path
) -> Iterator[Service]:
    program, *arguments = request.param.split()
    running = InstalledService([str(environment.bin / program), *arguments], elsewhere)
    try:
        yield running
    finally:
        running.process.terminate()
        running.process.wait(PATIENCE)


def test_it_brings_one_import_package(environment: Environment) -> None:
    (metadata,) = environment.installed - {"cutout"}
    assert re.fullmatch(r"cutout_server-[\d.]+\w*\.dist-info", metadata)


def test_the_service_starts_with_the_bundles_that_came_with_it(service: Service) -> None:
    eventually(lambda: service.get("/livez")[0] == 200)
    eventually(lambda: service.get("/readyz")[0] == 200)
    status, body = service.post("/cutout", encoded(disc()))
    assert (status, body[:4]) == (200, b"\x89PNG")
    assert service.get("/docs")[0] == 200


def test_the_commands_that_show_whether_it_works_do(
    environment: Environment, elsewhere: Path
) -> None:
    (commands,) = TESTED.findall((ROOT / "docs" / "install.md").read_text())
    (elsewhere / "photo.jpg").write_bytes(encoded(disc(), ".jpg"))
    variables = {**os.environ, "PATH": f"{environment.bin}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", commands], cwd=elsewhere, env=variables, check=True)
    made = [(elsewhere / name).read_bytes() for name in ("cut-out.png", "again.png")]
    assert made[0][:4] == b"\x89PNG"
    assert alike(*made)


def test_it_holds_the_bundles_less_what_only_training_needs(names: set[str]) -> None:
    bundles = {path.parent.name for path in ROOT.glob("models/*/manifest.json")}
    held = {name for name in names if name.startswith("cutout/bundles/")}
    assert held == {f"cutout/bundles/{bundle}/{file}" for bundle in bundles for file in BUNDLE}


def test_it_holds_types_the_page_and_every_licence(names: set[str]) -> None:
    assert "cutout/py.typed" in names
    page = {
        path.relative_to(ROOT / "app").as_posix()
        for path in ROOT.glob("app/web/**/*")
        if path.is_file()
    }
    assert page <= {name.removeprefix("cutout/server/") for name in names}
    licences = {
        name.partition(".dist-info/licenses/")[2]
        for name in names
        if ".dist-info/licenses/" in name
    }
    assert licences == {
        "LICENSE",
        "NOTICE",
        "app/web/vendor/swagger-ui/LICENSE",
        "app/web/vendor/swagger-ui/NOTICE",
    }


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }
