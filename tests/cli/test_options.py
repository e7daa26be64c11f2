"""One definition: what the HTTP API takes, the command line takes, under the same names and limits."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from app.cli.main import cli
from app.cli.options import takes, takes_settings
from app.options import CutoutOptions, PredictOptions
from app.settings import Settings
from tests.cli.conftest import Cutout

ALL: dict[str, Any] = {
    "model": "segmenter",
    "refine": False,
    "threshold": 0.25,
    "size": 100,
    "roi": "0% 0% 50% 100%",
    "format": "webp",
    "channels": "alpha",
    "background": "#fffa",
    "megapixels": 0.5,
    "crop": True,
    "margin": "10px 5%",
    "scale": 0.5,
    "position": "10% 90%",
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
            [f"--{option}" if value else f"--no-{option}"] if isinstance(value, bool) else [f"--{option}", f"{value}"]
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
    ("command", "model"), [("remove", CutoutOptions), ("batch", CutoutOptions), ("predict", PredictOptions)]
)
def test_commands_have_the_names_and_texts_of_the_definition(command: str, model: type[BaseModel]) -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    shown = {parameter.name: getattr(parameter, "help", None) for parameter in group.commands[command].params}
    for name, field in model.model_fields.items():
        assert shown[name] == field.description


@pytest.mark.parametrize(
    ("option", "value"), [("--size", "0"), ("--margin", "99%"), ("--background", "blurple"), ("--format", "tiff")]
)
def test_what_the_api_refuses_ends_with_2_and_the_option_s_name(cutout: Cutout, option: str, value: str) -> None:
    done = cutout("remove", "in.png", "out.png", option, value)
    assert done.code == 2
    assert option in done.err
    assert "Traceback" not in done.err


def test_settings_are_read_from_options_as_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CUTOUT_{name.upper()}", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    run(takes_settings(lambda: None), ["--port", "9", "--models", "mine", "--docs", "false"])
    assert {name: value for name, value in os.environ.items() if name.startswith("CUTOUT_")} == {
        "CUTOUT_PORT": "9",
        "CUTOUT_MODELS": "mine",
        "CUTOUT_DOCS": "false",
    }


def test_a_setting_that_can_t_be_read_stops_the_start(cutout: Cutout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    done = cutout("serve", "--port", "many")
    assert done.code == 2
    assert "CUTOUT_PORT" in done.err


def test_no_key_is_ever_an_option_of_the_server() -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    assert {parameter.name for parameter in group.commands["serve"].params} == set(Settings.model_fields) - {"api_keys"}
