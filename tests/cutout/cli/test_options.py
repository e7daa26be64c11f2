"""One definition: what the HTTP API takes, the command line takes, under the same names and
limits."""

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from app.settings import Settings
from cutout.cli.main import cli
from cutout.cli.options import takes, takes_settings
from cutout.cli.serve import command
from cutout.options import CutoutOptions, PredictOptions
from tests.support.command import Cutout
from tests.support.paths import ROOT

ALL: dict[str, Any] = {
    "model": "segmenter",
    "refine": False,
    "threshold": 0.25,
    "size": 100,
    "roi": "0% 0% 50% 100%",
    "points": "10px 20px +; 50% 5% -",
    "box": "0 0 50% 90%",
    "invert": True,
    "format": "webp",
    "frames": "all",
    "quality": 70,
    "channels": "alpha",
    "background": "blur:12",
    "shadow": "contact",
    "outline": "8px #0af",
    "megapixels": 0.5,
    "crop": True,
    "margin": "10px 5%",
    "canvas": "200x100",
    "scale": 0.5,
    "position": "10% 90%",
    "keep_profile": True,
    "keep_metadata": True,
    "keep_gps": True,
}


def run(command: Callable[..., None], arguments: list[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output


def flags(values: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in values.items():
        option = name.replace("_", "-")
        words += (
            [f"--{option}" if value else f"--no-{option}"]
            if isinstance(value, bool)
            else [f"--{option}", f"{value}"]
        )
    return words


def test_every_option_arrives_as_the_api_would_read_it() -> None:
    assert ALL.keys() == CutoutOptions.model_fields.keys()
    seen = []

    @takes(CutoutOptions)
    def command(options: CutoutOptions) -> None:
        seen.append(options)

    run(command, flags(ALL))
    run(command, [])
    assert seen == [CutoutOptions(**ALL), CutoutOptions()]


@pytest.mark.parametrize(
    ("command", "model"),
    [("remove", CutoutOptions), ("batch", CutoutOptions), ("predict", PredictOptions)],
)
def test_commands_have_the_names_and_texts_of_the_definition(
    command: str, model: type[BaseModel]
) -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    shown = {
        parameter.name: getattr(parameter, "help", None)
        for parameter in group.commands[command].params
    }
    for name, field in model.model_fields.items():
        assert shown[name] == field.description


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--size", "0", "'0' is out of range: it must be at least 1"),
        ("--size", "big", "'big' is not a whole number"),
        ("--threshold", "1.5", "'1.5' is out of range: it must be at most 1"),
        ("--margin", "99%", "'99%' is not a margin; write it as 30px or 10%"),
        (
            "--background",
            "blurple",
            "'blurple' is not a colour; write it as #rrggbb, or as a CSS name such as white",
        ),
        ("--background", "blur:900", "'blur:900' is not a blur; write it as blur:12"),
        ("--outline", "#fff 8px", "'#fff 8px' is not an outline; write it as 8px #fff"),
        ("--shadow", "long", "'long' is not one of 'soft' or 'contact'"),
        ("--quality", "0", "'0' is out of range: it must be at least 1"),
        ("--format", "tiff", "'tiff' is not one of 'png', 'webp', 'jpeg', 'zip', 'gif' or 'auto'"),
    ],
)
def test_what_the_api_refuses_ends_with_2_and_the_option_s_name(
    cutout: Cutout, option: str, value: str, why: str
) -> None:
    done = cutout("remove", "in.png", "out.png", option, value)
    assert done.code == 2
    assert f"Invalid value for '{option}': {why}" in done.err


def test_settings_are_read_from_options_as_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CUTOUT_{name.upper()}", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    run(
        takes_settings(Settings, lambda: None),
        ["--port", "9", "--models", "mine", "--docs", "false"],
    )
    assert {name: value for name, value in os.environ.items() if name.startswith("CUTOUT_")} == {
        "CUTOUT_PORT": "9",
        "CUTOUT_MODELS": "mine",
        "CUTOUT_DOCS": "false",
    }


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        (("--port", "many"), {}, "'--port': 'many' is not a whole number"),
        (("--port", "70000"), {}, "'--port': '70000' is out of range: it must be at most 65535"),
        (
            ("--log-level", "loud"),
            {},
            "'--log-level': 'loud' is not one of 'debug', 'info', 'warning' or 'error'",
        ),
        (
            ("--docs", "perhaps"),
            {"CUTOUT_PORT": "9"},
            "'--docs': 'perhaps' is neither true nor false",
        ),
        ((), {"CUTOUT_PORT": "many"}, "CUTOUT_PORT: 'many' is not a whole number"),
        (
            ("--api-keys", "x"),
            {},
            "--api-keys is not an option, as others could see it; set CUTOUT_API_KEYS",
        ),
    ],
)
def test_a_setting_that_can_t_be_read_is_named_as_it_was_given(
    cutout: Cutout,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    environment: dict[str, str],
    named: str,
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, **environment})
    done = cutout("serve", *words)
    assert done.code == 2
    assert done.err.endswith(f"{named}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--port", "{port}"),
            "cutout: port {port} is in use on 127.0.0.1; choose another with --port or CUTOUT_PORT",
        ),
        (
            ("--host", "192.0.2.1"),
            "cutout: 192.0.2.1 is not an address of this machine; choose another with --host or ",
        ),
        (
            ("--host", "no.invalid"),
            "cutout: no.invalid is not an address of this machine; choose another with --host or",
        ),
    ],
)
def test_an_address_that_can_t_be_had_ends_with_3_and_a_line(
    cutout: Cutout, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "CUTOUT_MODELS": "not looked at"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cutout("serve", *(word.format(port=port) for word in words))
    assert (done.code, done.out, done.err.count("\n")) == (3, b"", 1)
    assert done.err.startswith(said.format(port=port))


def test_the_installed_command_is_there_and_ctrl_c_while_it_is_imported_is_no_crash() -> None:
    module, name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"][
        "cutout"
    ].split(":")
    interrupt = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "cutout.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
"""
    command = [sys.executable, "-c", f"{interrupt}from {module} import {name}; {name}()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_no_key_is_ever_an_option_of_the_server() -> None:
    serve = typer.main.get_command(command())
    assert {parameter.name for parameter in serve.params} == set(Settings.model_fields) - {
        "api_keys"
    }
