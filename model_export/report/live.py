"""The report of a training run while it runs."""

import math
import time
from pathlib import Path
from typing import Any

import keras

from model_export.report.write import write_progress

SECONDS_BETWEEN = 30.0  # drawing takes about half a second


class LiveReport(keras.callbacks.Callback):
    """A callback that rewrites the run's report after a validation.

    It has to come after the one that writes the history.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run
        self.written = -math.inf

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Rewrite the report, unless it was rewritten a moment ago."""
        if time.monotonic() - self.written >= SECONDS_BETWEEN:
            write_progress(self.run)
            self.written = time.monotonic()
