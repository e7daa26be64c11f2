"""A watched folder: each image once, when it is complete, whatever else goes on there."""

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cutout.cli.folders import File, Folder, LocalFolder
from cutout.cli.manifest import Journal, Record
from cutout.cli.watch import SETTLED_SECONDS, Arrivals
from cutout.errors import OutputRefused
from tests.support.batches import COMMAND, manifest, outputs
from tests.support.command import Cutout
from tests.support.images import decoded, disc, encoded
from tests.support.service import PATIENCE, eventually

IMAGE = encoded(disc(96, 64))


class Folders:
    """A folder that is watched, by a clock that the test turns."""

    def __init__(self, folder: Path, kind: type[LocalFolder] = LocalFolder) -> None:
        self.images, out = folder / "in", kind(folder / "out")
        self.images.mkdir()
        out.path.mkdir()
        self.seconds = 0.0
        self.journal = Journal(out)
        self.arrivals = Arrivals(
            LocalFolder(self.images), out, self.journal, now=lambda: self.seconds
        )

    def look(self, after: float = 0.0) -> list[str]:
        self.seconds += after
        return sorted(self.arrivals.look())


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    folders = Folders(tmp_path)
    with closing(folders.journal):
        yield folders


def test_an_image_is_taken_once_when_it_has_not_changed_for_a_while(folders: Folders) -> None:
    file = folders.images / "a.png"
    file.write_bytes(IMAGE[:100])
    assert folders.look() == []
    file.write_bytes(IMAGE)
    assert folders.look(SETTLED_SECONDS) == []
    assert folders.look(SETTLED_SECONDS / 2) == []
    assert folders.look(SETTLED_SECONDS / 2) == ["a.png"]
    assert folders.look(SETTLED_SECONDS) == []


class Share(LocalFolder):
    """A folder that cannot be listed while a file `away` is beside it."""

    def files(self, leave_out: Folder | None = None) -> dict[str, File]:
        if self.path.with_name("away").exists():
            raise OSError(errno.EIO, "away")
        return super().files(leave_out)


def test_an_image_is_taken_though_the_output_could_not_be_listed_at_first(tmp_path: Path) -> None:
    folders = Folders(tmp_path, Share)
    (folders.images / "a.png").write_bytes(IMAGE)
    folders.look()
    (tmp_path / "away").touch()
    with pytest.raises(OSError, match="away"):
        folders.look(SETTLED_SECONDS)
    (tmp_path / "away").unlink()
    assert folders.look() == ["a.png"]
    folders.journal.close()


def test_a_sender_that_pauses_gets_its_image_taken_again(folders: Folders) -> None:
    file = folders.images / "a.png"
    file.write_bytes(IMAGE[:100])
    assert (folders.look(), folders.look(SETTLED_SECONDS)) == ([], ["a.png"])
    folders.journal.add(Record("a.png", error="undecodable_image: truncated"))
    assert folders.look(SETTLED_SECONDS) == []
    file.write_bytes(IMAGE)
    assert (folders.look(), folders.look(SETTLED_SECONDS)) == ([], ["a.png"])


def test_a_file_moved_into_place_may_have_the_age_that_it_has(folders: Folders) -> None:
    aside = folders.images / ".a.png.part"
    aside.write_bytes(IMAGE)
    os.utime(aside, (1, 1))
    assert folders.look() == folders.look(SETTLED_SECONDS) == []
    aside.rename(folders.images / "a.png")
    assert (folders.look(), folders.look(SETTLED_SECONDS)) == ([], ["a.png"])


def test_an_empty_file_is_one_that_is_yet_to_be_written(folders: Folders) -> None:
    (folders.images / "a.png").touch()
    assert folders.look() == folders.look(SETTLED_SECONDS) == []


def test_what_a_look_can_not_see_is_seen_by_the_next(folders: Folders) -> None:
    gone = folders.images.rename(folders.images.with_name("away"))
    with pytest.raises(FileNotFoundError):
        folders.look()
    gone.rename(folders.images)
    for name in ("b.png", "b.jpg", "b.png.jpg", "b.jpg.jpg"):
        (folders.images / name).write_bytes(IMAGE)
    with pytest.raises(OutputRefused):
        folders.look()
    (folders.images / "b.png.jpg").unlink()
    (folders.images / "b.jpg.jpg").unlink()
    assert (folders.look(), folders.look(SETTLED_SECONDS)) == ([], ["b.jpg", "b.png"])


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_until_it_is_told_to_stop(
    bundles: Path, tmp_path: Path, end: signal.Signals
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    process = subprocess.Popen(
        [*COMMAND, str(folder), str(out), "--watch"],
        env={**os.environ, "CUTOUT_MODELS": str(bundles)},
        stderr=subprocess.PIPE,
        text=True,
    )
    (folder / "a.png").write_bytes(IMAGE)
    eventually(lambda: (out / "a.png").exists())
    (folder / "deep").mkdir()
    (folder / "deep" / "b.jpg").write_bytes(encoded(disc(80, 60), ".jpg"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    eventually(lambda: len((out / "manifest.jsonl").read_text().splitlines()) == 3)
    process.send_signal(end)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1  # as one image failed
    assert "Traceback" not in told
    assert told.startswith(f"watching {folder}; Ctrl-C ends it\n")
    assert "\na.png: written to a.png\n" in told
    assert "2 of 3 done, 1 failed" in told
    assert outputs(out).keys() == {"a.png", "deep/b.png"}
    assert decoded(outputs(out)["deep/b.png"]).shape == (60, 80, 4)
    assert [record["path"] for record in manifest(out)] == ["a.png", "broken.jpg", "deep/b.jpg"]


def test_ray_is_not_for_watching(cutout: Cutout, tmp_path: Path) -> None:
    done = cutout("batch", tmp_path, tmp_path / "out", "--watch", "--engine", "ray")
    assert done.code == 2
    assert "--watch" in done.err
