"""Commands in the documents: `cutout …` has what they use, `curl …` is answered as they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app.settings import Settings
from cutout.cli.main import cli
from cutout.cli.serve import command
from docs.tables import ROOT, documents
from tests.support.animations import animated
from tests.support.live import live

pytestmark = pytest.mark.slow

FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PHOTOGRAPHS = ROOT / "tests" / "data" / "photographs"
REFUSED = {"file=@README.md": "415", "treshold=0.5": "422"}  # what docs/api.md shows being refused


def commands(document: Path, program: str) -> list[list[str]]:
    """The words of each line of a document that calls a program, up to a pipe."""
    return commands_of(document.read_text(), program)


def commands_of(text: str, program: str) -> list[list[str]]:
    lines = "\n".join(FENCE.findall(text)).replace("\\\n", " ").splitlines()
    found = [
        re.search(rf"(?:^|[|=\s])(?<!from ){program} (.*)$", line.partition("  #")[0])
        for line in lines
    ]
    return [shlex.split(match[1]) for match in found if match]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_cutout_has_the_commands_and_options_shown(document: Path) -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    serve = typer.main.get_command(command())
    for name, *words in commands(document, r"(?<!-t )(?<!image: )cutout"):
        if name in group.commands:
            known = serve if name == "serve" else group.commands[name]
            if words[:1] == ["add"]:
                continue  # of the offline step: tests/model_export/adding
            options = {option for parameter in known.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options | {"--help"}, (
                name,
                words,
            )


def test_the_documents_show_the_command_line() -> None:
    shown = {words[0] for document in documents() for words in commands(document, "cutout")}
    assert {"remove", "batch", "predict", "models", "serve"} <= shown


def test_every_call_of_the_api_by_example_is_answered(tmp_path: Path) -> None:
    folder = shutil.copytree(PHOTOGRAPHS, tmp_path / "photographs")
    (folder / "wave.gif").write_bytes(animated("GIF"))
    calls = commands(ROOT / "docs" / "api.md", "curl")
    assert len(calls) > 10
    with live(Settings(threads=1)) as (address, _):
        for words in calls:
            call = [word.replace("http://127.0.0.1:8000", address) for word in words]
            done = subprocess.run(
                ["curl", "-sS", "-w", "%{stderr}%{http_code}", *call],
                cwd=folder,
                capture_output=True,
            )
            expected = next((status for part, status in REFUSED.items() if part in words), "200")
            assert done.stderr.decode() == expected, words
            if "-o" in words:
                assert (folder / words[words.index("-o") + 1]).stat().st_size > 100


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    """Those of `cutout` and its Python; curl is run by test_quickstart, training by its tests."""
    text = (ROOT / "README.md").read_text()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    ran = [[sys.executable, "-m", "cutout.cli", *words] for words in commands_of(text, "cutout")]
    ran += [
        [sys.executable, "-c", code] for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ]
    assert len(ran) == 3
    for words in ran:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode == 0, (words, done.stderr)
    assert len(list((tmp_path / "cutouts").glob("*.png"))) > 1


def test_the_python_of_the_documents_runs(tmp_path: Path) -> None:
    for name, source in (("photo.jpg", "cat.jpg"), ("beach.jpg", "coffee.jpg")):
        shutil.copy(PHOTOGRAPHS / source, tmp_path / name)
    text = (ROOT / "docs" / "python.md").read_text()
    program = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert done.stdout.endswith(said[0])
