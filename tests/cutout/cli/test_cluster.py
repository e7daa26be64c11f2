"""The batch on a Ray cluster is the local one, done elsewhere."""

import importlib.util
import os
import signal
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.settings import Settings
from cutout.cli import cluster
from cutout.cli.batch import Job, find_images, output_stems
from cutout.cli.folders import LocalFolder
from cutout.cli.manifest import Journal
from cutout.options import CutoutOptions
from tests.support.batches import COMMAND, manifest, outputs
from tests.support.buckets import BUCKET, access, serve
from tests.support.command import Cutout
from tests.support.images import disc, encoded

RAY = importlib.util.find_spec("ray") is not None


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for size in range(40, 80):
        (folder / "deep" / f"ü {size}.png").write_bytes(encoded(disc(size, 64)))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return folder


@pytest.mark.filterwarnings("default")  # Ray's own
@pytest.mark.skipif(not RAY, reason="needs Ray, which the extra `ray` has")
def test_it_writes_what_the_local_engine_writes(
    cutout: Cutout, images: Path, tmp_path: Path
) -> None:
    assert cutout("batch", images, tmp_path / "here").code == 1
    assert cutout("batch", images, tmp_path / "there", "--engine", "ray", "--jobs", "2").code == 1
    assert outputs(tmp_path / "there") == outputs(tmp_path / "here")
    assert manifest(tmp_path / "there") == manifest(tmp_path / "here")


@pytest.mark.skipif(not RAY, reason="needs Ray, which the extra `ray` has")
def test_it_reads_and_writes_buckets(
    cutout: Cutout, bundles: Path, images: Path, tmp_path: Path
) -> None:
    pytest.importorskip("moto", reason="needs moto, which the extra `dev` has")
    assert cutout("batch", images, tmp_path / "here").code == 1
    with contextmanager(serve)() as store:
        command = [
            *COMMAND,
            store.upload(images, "in"),
            f"s3://{BUCKET}/out",
            "--engine",
            "ray",
            "--jobs",
            "2",
        ]
        environment = {**os.environ, **access(store), "CUTOUT_MODELS": str(bundles)}
        assert subprocess.run(command, env=environment, check=False).returncode == 1
        written = store.objects("out")
    assert written.pop("manifest.jsonl") == (tmp_path / "here" / "manifest.jsonl").read_bytes()
    assert written.keys() - outputs(tmp_path / "here").keys() == {"batch.json"}
    assert {name: written[name] for name in outputs(tmp_path / "here")} == outputs(
        tmp_path / "here"
    )


class Deadly(LocalFolder):
    """Who reads its poison dies of it, at once, and writes down that they began."""

    def read(self, path: str) -> bytes:
        if path == "poison.png":
            with (self.path / "deaths").open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(path)


@pytest.mark.filterwarnings("default")  # Ray's own
@pytest.mark.skipif(not RAY, reason="needs Ray, which the extra `ray` has")
def test_a_image_that_kills_its_worker_fails_and_the_others_are_done(
    bundles: Path, images: Path, tmp_path: Path
) -> None:
    (images / "poison.png").write_bytes(encoded(disc(50, 50)))
    source, target = Deadly(images), LocalFolder(tmp_path / "out")
    paths = find_images(source, source.files())
    with target.locked(), closing(Journal(target)) as journal:
        done = cluster.run(
            Settings(models=bundles),
            Job(source, CutoutOptions()),
            target,
            journal,
            output_stems(paths),
            paths,
            2,
        )
        assert sorted(record.path for record in done) == paths
    records = {record["path"]: record for record in manifest(target.path)}
    assert list(records) == paths
    assert records["poison.png"]["error"].startswith("worker_died: ")
    assert {path for path in paths if records[path]["error"]} == {"broken.jpg", "poison.png"}
    assert outputs(target.path).keys() == {
        record["output"] for record in records.values() if record["output"]
    }
    assert len((images / "deaths").read_text()) <= 2 + cluster.TRIES


@pytest.mark.skipif(RAY, reason="Ray is installed")
def test_without_ray_it_says_what_to_install(cutout: Cutout, images: Path, tmp_path: Path) -> None:
    refused = cutout("batch", images, tmp_path / "out", "--engine", "ray")
    assert refused.code == 2
    assert ".[ray]" in refused.err


def test_a_server_and_a_cluster_exclude_each_other(
    cutout: Cutout, images: Path, tmp_path: Path
) -> None:
    refused = cutout(
        "batch", images, tmp_path / "out", "--engine", "ray", "--server", "http://127.0.0.1:1"
    )
    assert refused.code == 2
    assert not (tmp_path / "out").exists()
