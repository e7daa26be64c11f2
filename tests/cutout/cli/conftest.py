"""The command in this process, with one-node models or with a live server."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from cutout.cli.main import main
from tests.support.bundles import write_bundles
from tests.support.command import Cutout, Done
from tests.support.live import live


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def cutout(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Cutout:
    """`cutout ARGUMENTS` as a shell would run it."""
    monkeypatch.setenv("CUTOUT_MODELS", str(bundles))

    def run(*arguments: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err.decode())

    return run


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with live(Settings(threads=2, queue=2, max_pixels=1_000_000)) as (address, _):
        yield address
