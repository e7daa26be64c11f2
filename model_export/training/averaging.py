"""Weight averaging, as a callback of Keras."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from cutout.system.files import replace


class WeightAverage(keras.callbacks.Callback):
    """An exponential moving average of all weights, batch statistics included.

    Polyak averaging; `decay` is the share kept per step.
    """

    # steps between two updates, each of which copies all weights out of the model
    EVERY = 4

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.steps = self.updates = 0
        self.weights: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Start from the weights that the model has."""
        # `fit` is called again for each size of the input, and after `load`: these are kept then
        if not self.weights:
            # copies, as they are changed in place below
            self.weights = [np.array(value) for value in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Update the averages after every few steps."""
        self.steps += 1  # over epochs, which may be shorter than EVERY
        if self.steps % self.EVERY:
            return
        self.updates += 1
        # to the power of EVERY, as `decay` is for a step; less at first, or the initial weights
        # would stay for long (as TensorFlow's ExponentialMovingAverage does with num_updates)
        kept = min(self.decay**self.EVERY, (1 + self.updates) / (10 + self.updates))
        for average, value in zip(self.weights, self.model.get_weights(), strict=True):
            average += (1 - kept) * (value - average)

    def save(self, path: Path) -> None:
        """Write the averages to a file that `load` reads."""
        replace(path, lambda part: np.savez(part, *self.weights))

    def load(self, path: Path, steps: int, updates: int) -> None:
        """Read the file of `save`, written after that many steps and updates."""
        with np.load(path) as arrays:
            self.weights = [arrays[f"arr_{number}"] for number in range(len(arrays))]
        self.steps = steps
        self.updates = updates
