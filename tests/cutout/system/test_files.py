"""Files are replaced whole, under names that their writers take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutout.system.files import remove_parts, replace


@pytest.mark.parametrize(
    "name", ["cat.png", "checkpoint.weights.h5", "model.onnx", "a" * 255, f"{'a' * 251}.png"]
)
def test_the_file_in_between_ends_as_the_wanted_one_and_is_gone_afterwards(
    tmp_path: Path, name: str
) -> None:
    seen = []

    def write(part: Path) -> None:
        seen.append(part.name)
        part.write_text("new")

    (tmp_path / name).write_text("old")
    replace(tmp_path / name, write)
    assert (tmp_path / name).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert seen[0].startswith(".")
    assert seen[0].endswith(name[-11:])


def test_where_writing_fails_the_old_file_stays(tmp_path: Path) -> None:
    def write(part: Path) -> None:
        part.write_text("half")
        raise ValueError

    (tmp_path / "cat.png").write_text("old")
    with pytest.raises(ValueError):  # noqa: PT011 - the writer's own
        replace(tmp_path / "cat.png", write)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_temporary_files_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    (tmp_path / "deep").mkdir()
    for process in (done.pid, os.getpid()):
        (tmp_path / "deep" / f".{process}-0123456789abcdef.png").touch()
    (tmp_path / f".{done.pid}-notes.png").touch()
    remove_parts(tmp_path)
    assert {file.name for file in tmp_path.rglob(".*")} == {
        f".{os.getpid()}-0123456789abcdef.png",
        f".{done.pid}-notes.png",
    }
