"""The documents say what the code does: tables in step, links that lead somewhere, commands that exist."""

import re
from pathlib import Path

import pytest

from docs.tables import ROOT, documents, filled
from model_export.__main__ import cli

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_as_the_code_has_them(document: Path) -> None:
    assert document.read_text() == filled(document.read_text()), "run: python -m docs.tables"


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = "\n".join(FENCE.findall(document.read_text()))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    exported = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    exported |= {str(group.name) for group in cli.registered_groups}
    assert set(re.findall(r"-m model_export ([a-z]+)", commands)) <= exported
    for module in re.findall(r"-m ((?:app|benchmarks|docs)[\w.]*)", commands):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for path_text in re.findall(r"\b(?:tests|models|model_export|benchmarks)/[\w./-]+", commands):
        assert (ROOT / path_text).exists(), path_text
