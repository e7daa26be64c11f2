"""Tests stand alone: helpers live in tests/support, and each test is where the code it tests is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
ROOMS = ("app", "cutout", "model_export")
TOPICS = {"architecture", "browser", "contract", "deploy", "docs", "sdk"}
FILES = sorted(path for path in TESTS.rglob("*.py") if "node_modules" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """The dotted name of everything that a file imports, at its top or further in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_file_imports_from_a_test_module(path: Path) -> None:
    ours = [name for name in imported(path) if name.startswith("tests.")]
    modules = [part for name in ours for part in name.split(".")]
    assert not [part for part in modules if part.startswith("test_") or part == "conftest"]


def test_the_tests_of_a_room_are_in_the_directories_of_that_room() -> None:
    directories = {
        path.parent.relative_to(TESTS) for path in FILES if path.name.startswith("test_")
    }
    assert {path.parts[0] for path in directories} == {*ROOMS, *TOPICS}
    mirrored = [path for path in directories if path.parts[0] in ROOMS]
    assert [str(path) for path in mirrored if not (ROOT / path).is_dir()] == []
