"""The offline step's commands, on runs small enough for a test."""

import json
from pathlib import Path

from typer.testing import CliRunner

from model_export.__main__ import cli

SMALL = {
    "classifier": [
        "training.epochs=1",
        "training.batch_size=16",
        "training.decay_epochs=0",
        "data.parts_per_image=4",
    ],
    "segmenter": [
        "preprocess.size=64",
        "network.pretrained=none",
        "network.widths=[8, 8, 8, 8, 8, 8]",
        "network.blocks=[0, 1, 0, 0, 0, 0]",
        "network.decoder=[8, 8, 8, 8, 8]",
        (
            "training.sizes=[{from_epoch=0, size=64, batch_size=4}, "
            "{from_epoch=1, size=128, batch_size=4}]"
        ),
        "training.epochs=2",
        "training.decay_epochs=0",
        "training.samples_per_epoch=8",
        "data.source_size=64",
    ],
}

GRID = """
[training]
optimizer = ["adam", "sgd"]
[network]
kernel_size = { low = 5, high = 7, step = 2 }
"""
RANGES = """
[training]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
[network]
dropout = { low = 0.0, high = 0.5 }
"""


def run(*arguments: object) -> str:
    """Standard output of a command that must succeed."""
    result = CliRunner().invoke(
        cli, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def settings(*values: str) -> list[str]:
    return [part for value in values for part in ("--set", value)]


def history(out: Path) -> list[dict[str, float]]:
    lines = (out / "history.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key != "seconds"}
        for line in lines
    ]


def write_space(folder: Path, text: str) -> Path:
    """A file of what to search."""
    path = folder / "space.toml"
    path.write_text(text)
    return path


BRIEF = [
    "--no-report",
    *settings(
        "training.epochs=1",
        "training.decay_epochs=0",
        "training.batch_size=4",
        "training.samples_per_epoch=8",
    ),
]
"""Options of a run of two steps, as short as it can be."""
