"""Buckets are folders: the same outputs, the same manifest, the same going on.

Against a real S3 server.
"""

import json
import os
import pickle
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutout.cli.folders import Bucket, BucketLog, File, open_folder
from cutout.errors import InvalidOption
from tests.support.batches import COMMAND, manifest, outputs, sha256
from tests.support.buckets import BUCKET, Store, access, serve
from tests.support.command import Cutout
from tests.support.images import decoded, disc, encoded
from tests.support.service import PATIENCE, eventually

pytestmark = pytest.mark.slow  # starts an S3 server

OWN = {"batch.json", "manifest.jsonl", "manifest.parquet"}


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    yield from serve()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in access(server).items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(disc(96, 64)))
    (folder / "deep" / "ü b%20+c.jpg").write_bytes(encoded(disc(80, 60), ".jpg"))
    (folder / "deep" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / ".hidden.png").write_bytes(encoded(disc()))
    return folder


def made(store: Store, prefix: str) -> dict[str, bytes]:
    return {name: data for name, data in store.objects(prefix).items() if name not in OWN}


def records(store: Store, prefix: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in store.objects(prefix)["manifest.jsonl"].splitlines()]


def test_a_bucket_to_a_bucket_is_a_folder_to_a_folder(
    cutout: Cutout, store: Store, images: Path, tmp_path: Path
) -> None:
    source = store.upload(images, "one/in")
    assert cutout("batch", images, tmp_path / "out").code == 1
    done = cutout("batch", source, f"s3://{BUCKET}/one/in/out", "--parquet")
    assert (done.code, "2 of 3 done, 1 failed" in done.err) == (1, True)
    assert made(store, "one/in/out") == outputs(tmp_path / "out")
    assert records(store, "one/in/out") == manifest(tmp_path / "out")
    assert store.objects("one/in/out").keys() == {*outputs(tmp_path / "out"), *OWN}
    assert store.types("one/in/out")["a.png"] == "image/png"
    again = cutout("batch", source, f"s3://{BUCKET}/one/in/out")
    assert "2 of 3 done, 1 failed, 1 in" in again.err


def test_what_changed_in_a_bucket_is_done_again(cutout: Cutout, store: Store, images: Path) -> None:
    source, target = store.upload(images, "two/in"), f"s3://{BUCKET}/two/out"
    cutout("batch", source, target)
    before = store.times("two/out")
    store.put("two/in/a.png", encoded(disc(98, 66)))
    store.put("two/in/deep/broken.jpg", encoded(disc(), ".jpg"))
    done = cutout("batch", source, target)
    assert (done.code, "3 of 3 done, 0 failed, 2 in" in done.err) == (0, True)
    assert decoded(made(store, "two/out")["a.png"]).shape == (66, 98, 4)
    assert store.times("two/out")["deep/ü b%20+c.png"] == before["deep/ü b%20+c.png"]
    assert cutout("batch", source, target, "--crop").code == 2
    assert cutout("batch", source, f"s3://{BUCKET}/two/in").code == 2


def test_a_batch_into_a_bucket_that_is_killed_goes_on(
    cutout: Cutout, store: Store, bundles: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(24):
        (folder / f"{number:02}.png").write_bytes(encoded(disc(600, 400 + number)))
    target = f"s3://{BUCKET}/three"
    environment = {**os.environ, "CUTOUT_MODELS": str(bundles)}
    process = subprocess.Popen(
        [*COMMAND, str(folder), target], env=environment, stderr=subprocess.DEVNULL
    )
    eventually(lambda: len(made(store, "three")) >= 3)
    process.send_signal(signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    left = made(store, "three")
    assert 3 <= len(left) < 24
    assert all(
        decoded(data).shape[1] == 600 for name, data in left.items() if name.endswith(".png")
    )
    assert cutout("batch", folder, target).code == 0
    assert [record["path"] for record in records(store, "three")] == sorted(
        path.name for path in folder.iterdir()
    )
    done = made(store, "three")
    assert {record["output"]: record["output_sha256"] for record in records(store, "three")} == {
        name: sha256(data) for name, data in done.items()
    }


def test_lines_in_a_bucket_outlive_their_writer_and_end_in_one_object(store: Store) -> None:
    bucket = Bucket(f"s3://{BUCKET}/four")
    killed, other = BucketLog(bucket, "log", 0), BucketLog(bucket, "log", 0)
    killed.append("a\n")
    other.append("b\n")
    killed.append("a2\n")
    after = BucketLog(bucket, "log")
    assert list(after.lines()) == ["a\n", "b\n", "a2\n"]
    after.rewrite("all\n")
    assert store.objects("four") == {"log": b"all\n"}
    assert list(BucketLog(bucket, "log").lines()) == ["all\n"]


def test_a_line_that_waits_is_written_without_another(store: Store) -> None:
    log = BucketLog(Bucket(f"s3://{BUCKET}/waiting"), "log", part_seconds=0.05)
    log.append("last\n")

    def written() -> bool:
        log.flush()
        return list(store.objects("waiting").values()) == [b"last\n"]

    eventually(written)


def test_a_bucket_travels_to_other_processes(store: Store) -> None:
    bucket = open_folder(f"s3://{BUCKET}/five/?region=us-east-1")
    bucket.write("x/y.bin", b"123")
    twin = pickle.loads(pickle.dumps(bucket))
    assert (twin.read("x/y.bin"), twin.address) == (b"123", f"s3://{BUCKET}/five")
    ((name, file),) = twin.files().items()
    assert (name, file) == ("x/y.bin", File(3, file.mtime_ns))


def test_what_is_not_there_is_said_with_its_address(
    cutout: Cutout, store: Store, tmp_path: Path
) -> None:
    gone = cutout("batch", f"s3://{BUCKET}/nothing", tmp_path / "out")
    assert (gone.code, f"s3://{BUCKET}/nothing" in gone.err) == (2, True)
    assert not (tmp_path / "out").exists()
    store.put("six/a.png", encoded(disc()))
    closed = cutout("batch", f"s3://{BUCKET}/six", "s3://elsewhere/out")
    assert (closed.code, "NO_SUCH_BUCKET" in closed.err, "s3://elsewhere/out/" in closed.err) == (
        1,
        True,
        True,
    )


@pytest.mark.parametrize("address", ["nix://bucket/in", "s3://me:secret@bucket/in", "s3://"])
def test_an_address_that_no_store_has_or_that_tells_a_secret_is_refused(address: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        open_folder(address)
    assert "secret" not in refused.value.detail


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c").write_bytes(b"1")
    assert open_folder((tmp_path / "a b").as_uri()) == open_folder(str(tmp_path / "a b"))
    assert open_folder((tmp_path / "a b").as_uri()).read("c") == b"1"
