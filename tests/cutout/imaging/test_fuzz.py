"""A short run of the fuzzer, and that it would notice: crashes, hangs and errors that are not
ours."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cutout.errors import UndecodableImage
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow  # mutates for seconds, in processes of its own


def run(out: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [
        sys.executable,
        "-m",
        "tests.support.fuzz",
        "--seconds",
        "300",
        "--out",
        str(out),
        *arguments,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)


def fragile(data: bytes, number: int) -> None:
    """A decoder with two faults and a refusal."""
    if number == 3:
        os.abort()
    if number == 4:
        bytearray(150_000_000)
    if number == 5:
        raise IndexError("past the end")
    raise UndecodableImage("no")


def test_some_hundred_mutations_give_answers_or_refusals(tmp_path: Path) -> None:
    status, summary = run(tmp_path, "--cases", "400")
    assert summary["findings"] == []
    assert status == 0
    assert summary["cases"] == 400
    assert summary["counts"]["answered"] > 20
    assert summary["counts"]["undecodable_image"] > 20


def test_crashes_and_strange_errors_are_found_and_saved(tmp_path: Path) -> None:
    status, summary = run(
        tmp_path, "--cases", "8", "--target", "tests.cutout.imaging.test_fuzz:fragile"
    )
    assert status == 1
    assert [
        re.sub(r"\d+ MB", "MB", finding.partition(": ")[2]) for finding in summary["findings"]
    ] == [
        "killed by SIGABRT",
        "unexpected: MB more memory, then: undecodable_image",
        "unexpected: IndexError: past the end",
    ]
    assert sorted(path.name for path in tmp_path.glob("*-1-*")) == [
        "crash-1-3",
        "error-1-4",
        "error-1-5",
    ]
    assert summary["counts"]["undecodable_image"] == 2
