"""The documents say what the code does: tables in step, links that lead somewhere, commands that
exist."""

import re
from pathlib import Path

import pytest

from app.api.problems import STATUS
from cutout import errors
from docs.tables import ROOT, documents, filled
from model_export.__main__ import cli

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_as_the_code_has_them(document: Path) -> None:
    assert document.read_text() == filled(document.read_text()), "run: python -m docs.tables"


def test_the_readme_names_every_error_of_the_native_routes() -> None:
    of_urls, not_sent = {errors.InvalidUrl, errors.DownloadFailed}, {errors.Abandoned}
    sent = {
        (status, kind.code) for kind, status in STATUS.items() if kind not in of_urls | not_sent
    }
    sent |= {
        (404, "not_found"),
        (404, "unknown_model"),
        (405, "method_not_allowed"),
        (422, "missing_field"),
    }
    sent |= {(421, "unknown_host"), (500, "internal_error"), (503, "shutting_down")}
    rows = re.findall(
        r"^\| ([45]\d\d(?:, [45]\d\d)*) \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    told = {
        (int(status), code)
        for all_of, what in rows
        for status in all_of.split(", ")
        for code in _codes(what)
    }
    assert {code for _, code in told} == {code for _, code in sent}
    assert told >= sent


def _codes(what: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", what)


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
    for module in re.findall(r"-m ((?:app|benchmarks|docs)[\w.]*)", commands):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for path_text in re.findall(r"\b(?:tests|models|model_export|benchmarks)/[\w./-]+", commands):
        assert (ROOT / path_text).exists(), path_text
