"""A page to watch a training run by."""

from pathlib import Path
from typing import Any

import keras

from model_export.report.write import write_progress


class LiveReport(keras.callbacks.Callback):
    """Writes the run's report anew after each look at the validation split; comes after what writes the history."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        write_progress(self.run)
