"""The documents say what the code does: tables in step, links that lead somewhere, commands that
exist."""

import re
from pathlib import Path

import pytest
import typer

from app.api.problems import STATUS
from cutout import errors
from docs.tables import HTTP_ERRORS, ROOT, current, documents
from model_export.__main__ import cli

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_as_the_code_has_them(document: Path) -> None:
    assert document.read_text() == current(document), "run: python -m docs.tables"


def test_every_error_that_is_sent_has_a_line() -> None:
    sent = {(status, kind.code) for kind, status in STATUS.items() if kind is not errors.Abandoned}
    text = (ROOT / "docs" / "reference" / "errors.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| \S", text, re.MULTILINE)
    assert {(int(status), code) for status, code in rows} == sent | HTTP_ERRORS.keys()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    missing = [
        link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()
    ]
    assert not missing


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = "\n".join(FENCE.findall(document.read_text()))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    exported = {
        command.name or command.callback.__name__
        for command in cli.registered_commands
        if command.callback
    }
    exported |= {str(group.name) for group in cli.registered_groups}
    assert set(re.findall(r"-m model_export ([a-z]+)", commands)) <= exported
    for line in re.findall(r"-m model_export (.*)", commands.replace("\\\n", " ")):
        assert options_of(line) <= known_options(line.split()), line
    for module in re.findall(r"-m ((?:app|benchmarks|docs)[\w.]*)", commands):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for path_text in re.findall(r"\b(?:tests|models|model_export|benchmarks)/[\w./-]+", commands):
        assert (ROOT / path_text).exists(), path_text


def options_of(line: str) -> set[str]:
    """The options in a line of a shell, up to a comment."""
    return set(re.findall(r"(?<=\s)--[a-z0-9-]+", line.partition(" # ")[0]))


def known_options(words: list[str]) -> set[str]:
    """The options of the command of `model_export` that these words begin with."""
    command = typer.main.get_command(cli)
    while isinstance(command, typer.core.TyperGroup):
        command, words = command.commands[words[0]], words[1:]
    return {option for parameter in command.params for option in parameter.opts}
