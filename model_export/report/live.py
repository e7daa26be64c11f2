"""A page to watch a training run by."""

import math
import time
from pathlib import Path
from typing import Any

import keras

from model_export.report.write import write_progress

SECONDS_BETWEEN = 30.0  # drawing takes about half a second


class LiveReport(keras.callbacks.Callback):
    """Rewrites the run's report after a look at the validation split; comes after what writes the
    history.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run
        self.written = -math.inf

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if time.monotonic() - self.written >= SECONDS_BETWEEN:
            write_progress(self.run)
            self.written = time.monotonic()
