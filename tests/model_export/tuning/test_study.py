"""Searching config entries: spaces, grids, resuming, pruning."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from typer.testing import CliRunner

from cutout.errors import DataError
from model_export.__main__ import cli
from model_export.config import CnnConfig, TrainConfig, load_config
from model_export.training.run_folder import HISTORY
from model_export.tuning import study as studies
from model_export.tuning.report import importances
from model_export.tuning.space import read_space
from model_export.tuning.study import Sampler, Tuning
from model_export.tuning.trial import Training, to_toml
from tests.support.training import GRID, RANGES, write_space

SMALL = (
    "training.epochs=1",
    "training.batch_size=16",
    "training.decay_epochs=0",
    "data.parts_per_image=4",
)


def test_a_config_written_as_toml_reads_back(tmp_path: Path) -> None:
    for name in ("classifier", "segmenter"):
        config = load_config(name)
        path = tmp_path / f"{name}.toml"
        path.write_text(to_toml(config))
        assert load_config(str(path)) == config


class Scripted(Training):
    """A training whose scores are known beforehand: a tenth of the kernel size, after an epoch with
    a tenth of that.

    With SGD it fails; with one of size 1 it would never end by itself.
    """

    def __init__(self, config: TrainConfig, root: Path, folder: Path, threads: int) -> None:
        assert isinstance(config.network, CnnConfig)
        self.folder, self.scores, self._epochs_seen = folder, [], 0
        self.size, self.sgd, self.stopped = (
            config.network.kernel_size,
            config.training.optimizer == "sgd",
            False,
        )
        folder.mkdir(parents=True)
        (folder / "checkpoint.weights.h5").write_bytes(b"large")
        (folder / "train.log").write_text("loading\nerror: no such image\n")
        scores = [
            {"epoch": 1, "loss": 1.0},
            {"epoch": 2, "score": self.size / 100},
            {"epoch": 3, "score": self.size / 10},
        ]
        (folder / HISTORY).write_text(
            "".join(json.dumps(line) + "\n" for line in scores) + '{"epoch": 4, "sco'
        )

    @property
    def running(self) -> bool:
        return self.size == 1 and not self.stopped

    @property
    def failed(self) -> bool:
        return self.sgd

    def stop(self) -> None:
        self.stopped = True


def search(
    folder: Path, text: str, sampler: Sampler, trials: int | None = None, **more: Any
) -> Tuning:
    return Tuning(
        "classifier",
        SMALL,
        read_space(write_space(folder, text)),
        folder / "data",
        sampler,
        trials,
        **more,
    )


def trials_of(out: Path) -> list[Any]:
    study = optuna.load_study(
        study_name=out.name, storage=studies.open_storage(f"sqlite:///{out / 'study.db'}")
    )
    return study.get_trials(deepcopy=False)


def test_a_grid_is_walked_once_and_its_best_trains(tmp_path: Path) -> None:
    job = search(tmp_path, GRID, Sampler.GRID, jobs=3)
    best = load_config(str(studies.tune(job, tmp_path / "study", start=Scripted)))
    assert best.network.kind == "cnn"
    assert (best.network.kernel_size, best.training.optimizer, best.training.epochs) == (
        7,
        "adam",
        1,
    )
    trials = trials_of(tmp_path / "study")
    assert sorted(trial.state.name for trial in trials) == ["COMPLETE", "COMPLETE", "FAIL", "FAIL"]
    assert {trial.user_attrs.get("reason") for trial in trials} == {None, "error: no such image"}
    assert not list((tmp_path / "study").glob("trials/*/checkpoint*"))
    page = (tmp_path / "study" / "study.html").read_text()
    assert "error: no such image" in page
    assert "://" not in page.replace("http://www.w3.org", "")


def test_a_resumed_search_does_what_is_missing_with_new_values(tmp_path: Path) -> None:
    out = tmp_path / "study"
    studies.tune(search(tmp_path, RANGES, Sampler.RANDOM, 4), out, start=Scripted)
    with pytest.raises(DataError, match="already holds a study; --resume"):
        studies.tune(search(tmp_path, RANGES, Sampler.RANDOM, 4), out, start=Scripted)
    studies.tune(search(tmp_path, RANGES, Sampler.RANDOM, 7), out, resume=True, start=Scripted)
    studies.tune(search(tmp_path, RANGES, Sampler.RANDOM, 7), out, resume=True, start=Scripted)
    drawn = [trial.params["network.dropout"] for trial in trials_of(out)]
    assert len(drawn) == len(set(drawn)) == 7
    with pytest.raises(DataError, match="started with another space"):
        studies.tune(search(tmp_path, GRID, Sampler.RANDOM, 7), out, resume=True, start=Scripted)


def test_what_mattered_is_found(tmp_path: Path) -> None:
    text = GRID.replace('["adam", "sgd"]', '["adam", "rmsprop"]').replace("high = 7", "high = 11")
    studies.tune(search(tmp_path, text, Sampler.GRID), tmp_path / "study", start=Scripted)
    storage = studies.open_storage(f"sqlite:///{tmp_path / 'study' / 'study.db'}")
    study = optuna.load_study(study_name="study", storage=storage)
    shares = importances(study)
    assert shares["network.kernel_size"] > 0.9 > 0.1 > shares["training.optimizer"]


def test_what_falls_behind_the_median_is_stopped(tmp_path: Path) -> None:
    text = "[network]\nkernel_size = [11, 10, 9, 8, 7, 1]"
    studies.tune(search(tmp_path, text, Sampler.GRID), tmp_path / "study", start=Scripted)
    last = trials_of(tmp_path / "study")[-1]
    assert (last.state, last.value, last.params) == (
        TrialState.PRUNED,
        0.1,
        {"network.kernel_size": "1"},
    )


def test_an_entry_that_the_config_does_not_know_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="momentum"):
        studies.tune(
            search(tmp_path, "[training]\nmomentum = [0.9]", Sampler.TPE), tmp_path / "study"
        )
    assert not (tmp_path / "study").exists()


def test_a_real_training_is_stopped_and_taken_up_again(images: Path, tmp_path: Path) -> None:
    """SIGTERM leaves no process behind; the next call runs the same values to the end."""
    out, space = tmp_path / "study", write_space(tmp_path, "[network]\nkernel_size = [5]")
    fixed = [part for entry in SMALL for part in ("--set", entry)]
    arguments = [
        "tune",
        "classifier",
        "--data",
        str(images),
        "--space",
        str(space),
        "--out",
        str(out),
        *fixed,
    ]
    arguments += ["--sampler", "grid"]
    process = subprocess.Popen(
        [sys.executable, "-m", "model_export", *arguments], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "begun" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert not [
        path for path in Path("/proc").glob("[0-9]*") if str(out).encode() in command_line(path)
    ]
    result = CliRunner().invoke(cli, [*arguments, "--resume"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    ends = [(trial.state, trial.params) for trial in trials_of(out) if trial.state.is_finished()]
    values = {"network.kernel_size": "5"}
    assert ends == [(TrialState.FAIL, values), (TrialState.COMPLETE, values)]
    assert f"train {out / 'best.toml'}" in result.stdout


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
