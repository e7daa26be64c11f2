"""docs/clients.md: each piece of code runs as it stands, where its language is installed; generated
clients compile."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.settings import Settings
from tests.support.images import decoded, disc, encoded
from tests.support.live import live
from tests.support.paths import ROOT

DOCUMENT = (ROOT / "docs" / "clients.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
GENERATOR = ROOT / ".venv" / "sdk" / "bin" / "openapi-python-client"
CANVAS = (800, 800, 4)  # of the answers to all pieces of code but curl's
NODE_MODULES = Path(__file__).parent / "node_modules"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with live(Settings(threads=1)) as (address, _):
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(encoded(disc(96, 64), ".jpg"))
    return tmp_path


def code(language: str, number: int = 0, address: str = ADDRESS) -> str:
    """A piece of code of the document, calling the tests' server."""
    pieces: list[str] = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return pieces[number].replace(ADDRESS, address)


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def need(program: str) -> str:
    """The program's path; skips the test where it is not installed, or is a Node without
    `openAsBlob`."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    if (
        program == "node"
        and int(subprocess.check_output([path, "-p", "parseInt(process.versions.node)"])) < 20
    ):
        pytest.skip("node is older than 20")
    return path


def test_curl(folder: Path, address: str) -> None:
    need("curl")
    run("sh", "-ec", code("sh", 0, address), cwd=folder)
    assert decoded((folder / "cutout.png").read_bytes()).shape == (64, 96, 4)
    assert decoded((folder / "white.jpg").read_bytes())[0, 0].tolist() == [255, 255, 255]


def test_python(folder: Path, address: str) -> None:
    out = run(sys.executable, "-c", code("python", 0, address), cwd=folder)
    assert 0 < float(out.removeprefix("coverage ")) < 0.5
    assert decoded((folder / "cutout.webp").read_bytes()).shape == CANVAS


@pytest.mark.parametrize(
    ("language", "file", "command"),
    [
        ("js", "client.mjs", ("node", "client.mjs")),
        ("go", "client.go", ("go", "run", "client.go")),
        ("php", "client.php", ("php", "client.php")),
    ],
)
def test_other_languages(
    folder: Path, address: str, language: str, file: str, command: tuple[str, ...]
) -> None:
    program = need(command[0])
    if language == "php" and "curl" not in run(program, "-m", cwd=folder).split():
        pytest.skip("php has no curl extension")
    (folder / file).write_text(code(language, 0, address))
    out = run(program, *command[1:], cwd=folder, GOCACHE=str(folder / "cache"), GO111MODULE="off")
    assert 0 < float(out.removeprefix("coverage ")) < 0.5
    assert decoded((folder / "cutout.png").read_bytes()).shape == CANVAS


@pytest.fixture
def schema(folder: Path, address: str) -> Path:
    path = folder / "openapi.json"
    path.write_text(json.dumps(httpx2.get(f"{address}/openapi.json").json()))
    return path


def test_the_generated_python_client_is_typed_and_works(
    folder: Path, address: str, schema: Path
) -> None:
    if not GENERATOR.exists():
        pytest.skip("the generator is not installed: make .venv/.sdk")
    config, python = ROOT / "docs" / "openapi-python-client.yaml", GENERATOR.with_name("python")
    generate = code("sh", 1, address).replace(f"--url {address}/openapi.json", f"--path {schema}")
    words = generate.replace("docs/openapi-python-client.yaml", str(config)).split()[1:]
    run(GENERATOR, *words, "--fail-on-warning", "--output-path", folder / "generated", cwd=folder)
    program = folder / "client.py"
    program.write_text(code("python", 1, address))
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        os.devnull,
        "--python-executable",
        python,
    ]
    run(
        *mypy,
        program,
        folder / "generated" / "cutout_client",
        cwd=folder,
        MYPYPATH=str(folder / "generated"),
    )
    assert run(python, program, cwd=folder, PYTHONPATH=str(folder / "generated")).startswith(
        "background 0."
    )
    assert decoded((folder / "cutout.webp").read_bytes()).shape == CANVAS
    (folder / "photo.jpg").write_bytes(b"no image")
    refused = subprocess.run(
        [python, program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "generated")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr.splitlines()[-1].partition(":")[0]) == (
        1,
        "unsupported_format",
    )


def test_the_generated_typescript_client_is_typed_and_works(
    folder: Path, address: str, schema: Path
) -> None:
    node = need("node")
    if not NODE_MODULES.exists():
        pytest.skip(
            "openapi-typescript is not installed: make tests/sdk/node_modules/.package-lock.json"
        )
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    run(
        node,
        NODE_MODULES / "openapi-typescript" / "bin" / "cli.js",
        schema,
        "-o",
        "cutout.d.ts",
        cwd=folder,
    )
    types = (folder / "cutout.d.ts").read_text()
    assert not re.search(r": any\b", types)
    (folder / "client.ts").write_text(code("ts", 0, address))
    compiler = (
        "--strict",
        "--exactOptionalPropertyTypes",
        "--target",
        "es2023",
        "--module",
        "nodenext",
    )
    run(
        node,
        NODE_MODULES / "typescript" / "bin" / "tsc",
        *compiler,
        "--types",
        "node",
        "client.ts",
        cwd=folder,
    )
    out = run(node, "client.js", cwd=folder)
    assert 0 < float(out.removeprefix("coverage ")) < 0.5
    assert decoded((folder / "cutout.webp").read_bytes()).shape == CANVAS
    (folder / "photo.jpg").write_bytes(b"no image")
    refused = subprocess.run(
        [node, "client.js"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "unsupported_format" in refused.stderr
