"""The batch on a Ray cluster is the local one, done elsewhere."""

import importlib.util
from pathlib import Path

import pytest

from tests.cli.conftest import Cutout
from tests.cli.test_batch import manifest, outputs
from tests.pictures import disc, encoded

RAY = importlib.util.find_spec("ray") is not None


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for size in range(40, 80):
        (folder / "deep" / f"ü {size}.png").write_bytes(encoded(disc(size, 64)))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return folder


@pytest.mark.filterwarnings("default")  # Ray's own
@pytest.mark.skipif(not RAY, reason="needs Ray, which the extra `ray` has")
def test_it_writes_what_the_local_engine_writes(cutout: Cutout, pictures: Path, tmp_path: Path) -> None:
    assert cutout("batch", pictures, tmp_path / "here").code == 1
    assert cutout("batch", pictures, tmp_path / "there", "--engine", "ray", "--jobs", "2").code == 1
    assert outputs(tmp_path / "there") == outputs(tmp_path / "here")
    assert manifest(tmp_path / "there") == manifest(tmp_path / "here")


@pytest.mark.skipif(RAY, reason="Ray is installed")
def test_without_ray_it_says_what_to_install(cutout: Cutout, pictures: Path, tmp_path: Path) -> None:
    refused = cutout("batch", pictures, tmp_path / "out", "--engine", "ray")
    assert refused.code == 2
    assert ".[ray]" in refused.err


def test_a_server_and_a_cluster_exclude_each_other(cutout: Cutout, pictures: Path, tmp_path: Path) -> None:
    refused = cutout("batch", pictures, tmp_path / "out", "--engine", "ray", "--server", "http://127.0.0.1:1")
    assert refused.code == 2
    assert not (tmp_path / "out").exists()
