"""`python -m model_export …`: train, evaluate and export the networks that the server runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import typer

from app.errors import CutoutError

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)



@cli.callback()
def options() -> None:
    """Train, evaluate and export the networks that the server runs."""


Overrides = Annotated[list[str], typer.Option("--set", help="override a config entry: section.key=value (repeatable)")]
Data = Annotated[Path, typer.Option(help="folder of sets: DIR/<set>/images/x.jpg with DIR/<set>/masks/x.png")]


@cli.command()
def train(
    config: Annotated[str, typer.Argument(help="a .toml file, or a name from model_export/configs")],
    data: Data,
    out: Annotated[Path | None, typer.Option(help="the run's folder; runs/<name> when absent")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --out")] = False,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default, nothing writes to it
) -> None:
    """Train a network on a folder of pictures with masks."""
    from model_export.config import load_config
    from model_export.train import train as run

    loaded = load_config(config, overrides)
    print(run(loaded, data, out or Path("runs") / loaded.name, resume))


def main() -> None:
    cv2.setNumThreads(1)  # the cores belong to the training; OpenCV's own pool would fight it
    try:
        cli()
    except CutoutError as error:
        print(f"error: {error.detail}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
