"""The callbacks of a run as one: start, resume and early end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from cutout.errors import DataError
from model_export.config import TrainingConfig
from model_export.training.callbacks import (
    Checkpoint,
    HistoryLog,
    KeepBest,
    Patience,
    Stopwatch,
    Validation,
)
from model_export.training.candidate import Candidate
from model_export.training.run_folder import MODEL, STATE


class Progress:
    """The progress of a run: its best network, its history, and the checkpoint to resume from."""

    def __init__(self, candidate: Candidate, config: TrainingConfig, out: Path) -> None:
        self.candidate = candidate
        self.config = config
        self.out = out
        self.stopwatch = Stopwatch()
        self.validation = Validation(candidate, config.validate_every)
        self.best = KeepBest(self.validation, out)
        self.history = HistoryLog(self.validation, self.stopwatch, out)
        self.checkpoint = Checkpoint(self.best, self.stopwatch, out)

    @property
    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """The callbacks, in the order in which they need one another."""
        average = self.candidate.average
        return [
            *([average] if average else []),
            self.stopwatch,
            self.validation,
            self.best,
            self.history,
            self.checkpoint,
            Patience(self.best, self.config.patience),
        ]

    def score_start(self, model: Any) -> None:
        """Score and save what fine-tuning starts from, as epoch 0: a run never ends with less."""
        scores = self.candidate.score_start(model)
        self.best.offer(0, scores)
        self.history.write(0, scores)

    def keep_something(self, model: Any) -> None:
        """Save the network as it is where a run is stopped before it was ever scored.

        Raises DataError where no epoch is complete.
        """
        if (self.out / MODEL).is_file():
            return
        if not (self.out / STATE).is_file():
            raise DataError(
                f"{self.out}: stopped before the first epoch was complete; nothing to keep"
            )
        self.best.offer(self.checkpoint.epochs_done, self.candidate.score(model))
        # else the best is -Infinity when resumed, and any score would replace what was kept
        self.checkpoint.write_state()
