"""A training run: resumed, and refused."""

from pathlib import Path

import pytest

from cutout.errors import DataError
from tests.support.training import SMALL, history, run, settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(images: Path, tmp_path: Path) -> None:
    common = [
        "--data",
        images,
        *settings(*SMALL["classifier"], "training.warmup_epochs=0", "network.dropout=0.0"),
    ]
    common.append("--no-report")
    run(
        "train",
        "classifier",
        "--out",
        tmp_path / "straight",
        *common,
        *settings("training.epochs=2"),
    )
    run("train", "classifier", "--out", tmp_path / "halted", *common)
    run(
        "train",
        "classifier",
        "--out",
        tmp_path / "halted",
        "--resume",
        *common,
        *settings("training.epochs=2"),
    )
    for straight, resumed in zip(
        history(tmp_path / "straight"), history(tmp_path / "halted"), strict=True
    ):
        assert resumed == pytest.approx(straight, abs=2e-3)


def test_a_run_is_not_overwritten(images: Path, tmp_path: Path) -> None:
    (tmp_path / "state.json").touch()
    with pytest.raises(DataError, match="already holds a run; --resume"):
        run("train", "classifier", "--data", images, "--out", tmp_path)


def test_unknown_config_keys_are_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lerning_rate"):
        run(
            "train",
            "classifier",
            "--data",
            images,
            "--out",
            tmp_path,
            "--set",
            "training.lerning_rate=1",
        )
