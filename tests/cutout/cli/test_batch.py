"""Folders: every image once, whatever happens; the manifest says what became of each."""

import errno
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from cutout.cli.batch import Job, find_images, output_folder, output_stems, run
from cutout.cli.engine import LocalEngine
from cutout.cli.folders import LocalFolder
from cutout.errors import OutputRefused
from cutout.options import CutoutOptions
from tests.support.batches import COMMAND, manifest, outputs, sha256
from tests.support.command import Cutout
from tests.support.images import decoded, disc, encoded
from tests.support.service import PATIENCE, eventually


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four images, two of one stem, and files that are none."""
    folder = tmp_path / "in"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(disc(96, 64)))
    (folder / "deep" / "b.jpg").write_bytes(encoded(disc(80, 60), ".jpg"))
    (folder / "deep" / "b.PNG").write_bytes(encoded(disc(40, 40)))
    (folder / "deep" / "er" / "ü b.webp").write_bytes(encoded(disc(64, 96), ".webp"))
    (folder / "deep" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.txt").write_text("no image")
    for name in ("a.svg", "deep/b.SVG", "deep/none"):
        (folder / name).write_bytes(b"no image that is read")
    (folder / ".hidden.png").write_bytes(encoded(disc()))
    return folder


def test_a_folder_becomes_cut_outs_and_a_manifest(
    cutout: Cutout, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cutout("batch", images, out, "--parquet")
    assert done.code == 1
    assert "deep/broken.jpg: undecodable_image" in done.err
    assert "4 of 5 done, 1 failed" in done.err
    assert "\nskipped: 2 .svg, 1 without a suffix, 1 .txt\n" in done.err
    made = outputs(out)
    assert made.keys() == {"a.png", "deep/b.jpg.png", "deep/b.PNG.png", "deep/er/ü b.png"}
    records = {record["path"]: record for record in manifest(out)}
    assert list(records) == sorted(
        ["a.png", "deep/b.PNG", "deep/b.jpg", "deep/broken.jpg", "deep/er/ü b.webp"]
    )
    for path, record in records.items():
        image = (images / path).read_bytes()
        assert (record["sha256"], record["bytes"]) == (sha256(image), len(image))
        if record["error"] is None:
            assert sha256(made[record["output"]]) == record["output_sha256"]
            assert decoded(made[record["output"]]).shape == (record["height"], record["width"], 4)
            assert 0 < record["coverage"] < 0.5 > record["probability"] > 0
    assert records["deep/broken.jpg"]["output"] is None
    from pyarrow import parquet

    assert parquet.read_table(out / "manifest.parquet").to_pylist() == list(records.values())


def test_what_is_done_is_not_done_again_and_what_failed_is(
    cutout: Cutout, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cutout("batch", images, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    (images / "deep" / "broken.jpg").write_bytes(encoded(disc(), ".jpg"))
    (images / "a.png").write_bytes(encoded(disc(98, 66)))
    (out / "deep" / "er" / "ü b.png").unlink()
    done = cutout("batch", images, out)
    assert (done.code, "5 of 5 done, 0 failed, 3 in" in done.err) == (0, True)
    again = {
        path.name for path in out.rglob("*.png") if before.get(path) != path.stat().st_mtime_ns
    }
    assert again == {"a.png", "broken.png", "ü b.png"}
    assert decoded((out / "a.png").read_bytes()).shape == (66, 98, 4)


def test_a_server_gives_the_same(cutout: Cutout, server: str, images: Path, tmp_path: Path) -> None:
    cutout(
        "batch", images, tmp_path / "one", "--server", server, "--channels", "alpha", "--jobs", 3
    )
    done = cutout(
        "batch", images, tmp_path / "two", "--server", server, "--channels", "alpha", "--jobs", 1
    )
    assert (done.code, manifest(tmp_path / "one")) == (1, manifest(tmp_path / "two"))
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
    assert decoded(outputs(tmp_path / "one")["a.png"]).shape == (64, 96)


def test_a_server_that_is_gone_ends_the_batch(cutout: Cutout, images: Path, tmp_path: Path) -> None:
    done = cutout("batch", images, tmp_path / "out", "--server", "http://127.0.0.1:1")
    assert (done.code, done.err.startswith("cutout: unreachable: ")) == (1, True)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_is_somebody_s_is_left_alone(
    cutout: Cutout, images: Path, tmp_path: Path, force: bool
) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "a.png"
    mine.write_bytes(b"mine")
    done = cutout("batch", images, tmp_path / "out", *(["--force"] if force else []))
    assert done.code == (1 if force else 2)
    assert (mine.read_bytes() == b"mine") is not force
    for inside in (images, tmp_path):
        assert cutout("batch", images, inside, "--force").code == 2


def test_a_folder_without_images_is_no_success(cutout: Cutout, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    done = cutout("batch", source, out, "--quiet")
    none = f"no JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC image in {source}"
    assert (done.code, done.err) == (2, f"cutout: no_images: {none}\n")
    (source / "a.svg").touch()
    done = cutout("batch", source, out)
    assert (done.code, done.err) == (2, f"cutout: no_images: {none}; skipped: 1 .svg\n")
    assert not out.exists()
    assert "is a file, not a directory" in cutout("batch", source / "a.svg", out).err
    assert "is a file, not a directory" in cutout("batch", source, source / "a.svg").err
    assert cutout("batch", tmp_path / "none", out).err.endswith(
        f"no such directory: {tmp_path / 'none'}\n"
    )


def test_an_empty_name_is_not_the_current_folder(
    cutout: Cutout, images: Path, tmp_path: Path
) -> None:
    for arguments in (("", tmp_path / "out"), (images, "")):
        done = cutout("batch", *arguments)
        assert (done.code, "the name of a directory is empty" in done.err) == (2, True)


def test_a_name_is_shown_without_what_a_terminal_obeys(cutout: Cutout, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "[red]\x1b[2J\n.png").touch()
    done = cutout("batch", tmp_path / "in", tmp_path / "out")
    assert done.err.startswith(r"[red]\x1b[2J\n.png: unsupported_format: the file is empty")


def test_a_full_disk_ends_the_batch(cutout: Cutout, images: Path, tmp_path: Path) -> None:
    class Full(LocalFolder):
        def write(self, path: str, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", path)

    (images / "deep" / "broken.jpg").unlink()
    job = Job(LocalFolder(images), CutoutOptions())
    engine = LocalEngine(Settings())
    with output_folder(LocalFolder(tmp_path), {}, force=True) as journal:
        paths = find_images(job.source, job.source.files())
        with pytest.raises(OSError, match="No space left"):
            list(run(engine, job, Full(tmp_path), journal, output_stems(paths), paths, jobs=1))
        assert journal.records == {}


def test_the_cut_outs_of_one_batch_are_no_images_for_the_next(
    cutout: Cutout, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.png").write_bytes(encoded(disc()))
    assert cutout("batch", source, source / "one").code == 0
    done = cutout("batch", source, tmp_path / "two")
    assert done.code == 0
    assert outputs(tmp_path / "two").keys() == {"a.png"}
    assert "skipped: 3 files of another batch" in done.err
    assert cutout("batch", source / "one", tmp_path / "three").code == 0


def test_another_job_needs_another_folder(cutout: Cutout, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cutout("batch", images, out)
    before = outputs(out)
    done = cutout("batch", images, out, "--crop")
    assert (done.code, "other options" in done.err, outputs(out)) == (2, True, before)
    assert cutout("batch", images, out, "--crop", "--force").code == 1
    assert outputs(out) != before


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    with (
        output_folder(LocalFolder(tmp_path), {}, force=False),
        pytest.raises(OutputRefused, match="another batch"),
        output_folder(LocalFolder(tmp_path), {}, force=True),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "code"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 130)],
)
def test_a_batch_that_is_stopped_goes_on_where_it_was(
    cutout: Cutout, bundles: Path, tmp_path: Path, kill: signal.Signals, code: int
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(24):
        (folder / f"{number:02}.png").write_bytes(encoded(disc(600, 400 + number)))
    environment = {**os.environ, "CUTOUT_MODELS": str(bundles)}
    process = subprocess.Popen(
        [*COMMAND, str(folder), str(out)], env=environment, stderr=subprocess.PIPE, text=True
    )
    eventually(lambda: len(manifest_so_far(out)) >= 3)
    process.send_signal(kill)
    assert process.wait(PATIENCE) == code
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    done = manifest_so_far(out)
    assert 3 <= len(done) < 24
    kept = {line: (out / json.loads(line)["output"]).stat().st_mtime_ns for line in done}
    assert cutout("batch", folder, out).code == 0
    assert [record["path"] for record in manifest(out)] == sorted(
        path.name for path in folder.iterdir()
    )
    assert outputs(out).keys() == {path.name for path in folder.iterdir()}
    for record in manifest(out):
        assert sha256((out / record["output"]).read_bytes()) == record["output_sha256"]
    for line, when in kept.items():
        assert (out / json.loads(line)["output"]).stat().st_mtime_ns == when


def test_a_cut_out_is_one_image_s(cutout: Cutout, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    first, second = source / "cat.jpg", source / "cat.webp"
    first.write_bytes(encoded(disc(96, 64), ".jpg"))
    assert cutout("batch", source, out).code == 0
    first.rename(tmp_path / "kept.jpg")
    second.write_bytes(encoded(disc(40, 40), ".webp"))
    assert cutout("batch", source, out).code == 0
    second.unlink()
    (tmp_path / "kept.jpg").rename(first)
    assert cutout("batch", source, out).code == 0
    assert [record["path"] for record in manifest(out)] == ["cat.jpg"]
    assert decoded(outputs(out)["cat.png"]).shape == (64, 96, 4)


def test_a_folder_in_the_way_a_pipe_and_a_broken_line_stop_nothing(
    cutout: Cutout, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "cat.png").mkdir(parents=True)
    (source / "cat.png" / "in.jpg").write_bytes(encoded(disc(), ".jpg"))
    (source / "cat.jpg").write_bytes(encoded(disc(), ".jpg"))
    os.mkfifo(source / "pipe.jpg")
    assert cutout("batch", source, out).code == 0
    assert outputs(out).keys() == {"cat.jpg.png", "cat.png/in.png"}
    journal = out / "manifest.jsonl"
    broken = journal.read_bytes().replace(b"coverage", b"\xffoverage", 1)
    journal.write_bytes(broken + b'{"path": 1}\n{"path": "a", "bytes": "many"}\n[]\n')
    assert cutout("batch", source, out).code == 0
    assert len(manifest(out)) == 2


def test_a_new_folder_is_its_job_s_from_the_first_file_on(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "batch.json").write_text('{"name": "this"}')
    with output_folder(LocalFolder(tmp_path / "out"), {"name": "this"}, force=False) as journal:
        assert journal.records == {}


def manifest_so_far(folder: Path) -> list[str]:
    """Whole lines only."""
    return (folder / "manifest.jsonl").read_text().split("\n")[:-1]


@given(st.sets(st.from_regex(r"(x/)?[ab](\.[ab])?\.(png|jpg|JPG)", fullmatch=True), max_size=12))
def test_no_two_images_have_one_output(paths: set[str]) -> None:
    try:
        stems = output_stems(paths)
    except OutputRefused:
        return
    assert stems.keys() == paths
    assert len(set(stems.values())) == len(paths)


def test_images_are_found_by_content_too(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(encoded(disc()))
    (tmp_path / "cat.jpg.download").write_bytes(encoded(disc(), ".jpg"))
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_bytes(b"no image")
    (tmp_path / "empty").write_bytes(b"")
    # Begins as a BMP does.
    (tmp_path / "BMI.csv").write_bytes(b"BMI,weight,height\n" * 9)
    # Not yet complete: its sender will rename it.
    (tmp_path / "dog.jpg.part").write_bytes(encoded(disc(), ".jpg"))
    folder = LocalFolder(tmp_path)
    assert find_images(folder, folder.files()) == ["broken.png", "cat.jpg.download", "photo"]
