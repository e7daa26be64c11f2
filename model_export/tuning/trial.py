"""A trial: `python -m model_export train` in a process of its own, its scores read meanwhile."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tomli_w

from model_export.config import TrainConfig
from model_export.training.run_folder import HISTORY, MODEL, PROVENANCE, REPORT

CONFIG = "config.toml"
LOG = "train.log"
# Files of a finished trial; not the checkpoint, which is three times the size of the model.
KEPT = {CONFIG, LOG, HISTORY, MODEL, PROVENANCE, REPORT, "config.json"}


class Training:
    """A training run in a process of its own; `folder` is a new directory for it."""

    def __init__(self, config: TrainConfig, root: Path, folder: Path, threads: int) -> None:
        self.folder = folder
        self.scores: list[float] = []
        self._epochs_seen = 0
        folder.mkdir(parents=True)
        (folder / CONFIG).write_text(to_toml(config))
        command = [
            sys.executable,
            "-m",
            "model_export",
            "train",
            str(folder / CONFIG),
            "--data",
            str(root),
        ]
        with (folder / LOG).open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--out", str(folder), "--no-report"],
                stdout=log,
                stderr=log,
                env=_environment(threads),
            )

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the process has exited with an error."""
        return self._process.poll() not in (None, 0)

    def new_scores(self) -> Iterator[tuple[int, float]]:
        """Yield (epoch, score) of each validation since the last call."""
        lines = self._history()
        for line in lines[self._epochs_seen :]:
            entry = json.loads(line)
            if "score" in entry:
                self.scores.append(float(entry["score"]))
                yield int(entry["epoch"]), self.scores[-1]
        self._epochs_seen = len(lines)

    def stop(self) -> None:
        """End the process, and wait for it; the files that it has written stay."""
        if self.running:
            self._process.terminate()
        self._process.wait()

    def tidy(self) -> None:
        """Remove the files that only resuming would need."""
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in KEPT:
                path.unlink()

    def last_log_line(self) -> str:
        """Return the last line of its log that is not empty."""
        lines = [
            line.strip() for line in (self.folder / LOG).read_text(errors="replace").splitlines()
        ]
        return next((line for line in reversed(lines) if line), "no output")

    def _history(self) -> list[str]:
        """Return the complete lines."""
        path = self.folder / HISTORY
        text = path.read_text() if path.is_file() else ""
        return text[: text.rfind("\n") + 1].splitlines()


def to_toml(config: TrainConfig) -> str:
    """Format a config as TOML that `train` reads."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def _environment(threads: int) -> dict[str, str]:
    """Return an environment in which TensorFlow has that many threads.

    Several trainings that each use all cores slow one another down.
    """
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}
