"""An estimate of how long a training takes, printed at its beginning."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import keras

MEASURED_STEPS = 8
MEASURED_SECONDS = 5.0  # whichever comes first; the first step, which compiles, is left out
INACCURATE = 1.25  # a new estimate is printed when it differs by more than this factor

Size = tuple[int, int]  # input side, batch size


class Estimate(keras.callbacks.Callback):
    """The estimate of the time for all epochs, printed after a few steps and when it changes.

    The time of a step is taken to grow with the pixels of its batch. `sizes` are the (input side,
    batch size) of each epoch, and `steps` returns how many steps one has; `judging` is how many
    seconds a validation takes, after every `every` epochs.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        steps: Callable[[Size], int],
        validation_seconds: float = 0.0,
        every: int = 1,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self.pixels = [steps(size) * _pixels(size) for size in sizes]
        self.sizes = sizes
        self.steps = steps
        self.validation_seconds = validation_seconds
        self.every = every
        self.clock = clock
        self.tell = tell
        self.ends: float | None = None
        self.began = 0.0
        self.first = 0.0
        self.counted = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start to measure an epoch."""
        self.epoch = epoch
        self.began = self.clock()
        self.counted = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Print the first estimate, once enough steps are measured."""
        if self.ends is not None:
            return
        self.counted += 1
        if self.counted == 1:
            self.first = self.clock()
            return
        passed = self.clock() - self.first
        measured = self.counted - 1
        if measured >= MEASURED_STEPS or passed >= MEASURED_SECONDS:
            size = self.sizes[self.epoch]
            done = self.counted * _pixels(size)
            self._tell(passed / measured / _pixels(size), self.epoch, done)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print a new estimate where the last one was far off.

        Called after what scores the network, so that an epoch's time includes that.
        """
        left = len(self.sizes) - epoch - 1
        if not left:
            return
        a_pixel = (self.clock() - self.began) / self.pixels[epoch]
        seconds = a_pixel * sum(self.pixels[epoch + 1 :])
        # none yet where the epoch was too short; a second at least, as the end may have passed
        if self.ends is None or not 1 / INACCURATE < seconds / max(self._left(), 1) < INACCURATE:
            self._say(seconds)

    def _tell(self, a_pixel: float, epoch: int, done: int) -> None:
        looks = sum((each + 1) % self.every == 0 for each in range(epoch, len(self.sizes)))
        self._say(a_pixel * (sum(self.pixels[epoch:]) - done) + looks * self.validation_seconds)

    def _left(self) -> float:
        assert self.ends is not None
        return self.ends - self.clock()

    def _say(self, seconds: float) -> None:
        self.ends = self.clock() + seconds
        end = datetime.now().astimezone() + timedelta(seconds=seconds)
        # the line break ends Keras's progress bar, which leaves the cursor in its line
        self.tell(f"\nabout {in_words(seconds)} left, until {end:%H:%M}")


def in_words(seconds: float) -> str:
    """Round a time in seconds as a person would: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _pixels(size: Size) -> int:
    side, batch = size
    return side * side * batch
