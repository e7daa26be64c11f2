"""How long a training will take, told at its beginning."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import keras

MEASURED_STEPS = 8
MEASURED_SECONDS = 5.0  # whichever comes first; the first step, which compiles, is left out
INACCURATE = 1.25  # an epoch that makes the rest so much longer or shorter is told

Size = tuple[int, int]  # input side, batch size


class Estimate(keras.callbacks.Callback):
    """Tells after a few steps how long all epochs will take, and again where that was far off.

    A step's time is taken to grow with the pixels of its batch. `sizes` are those of each epoch,
    `steps` their steps; `judging` is the time of one look at the validation split, `every` so many
    epochs.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        steps: Callable[[Size], int],
        judging: float = 0.0,
        every: int = 1,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self.pixels = [steps(size) * _pixels(size) for size in sizes]
        self.sizes = sizes
        self.steps = steps
        self.judging = judging
        self.every = every
        self.clock = clock
        self.tell = tell
        self.ends: float | None = None
        self.began = 0.0
        self.first = 0.0
        self.counted = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch
        self.began = self.clock()
        self.counted = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
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
        """Comes after what judges the network, so an epoch's time holds that too."""
        left = len(self.sizes) - epoch - 1
        if not left:
            return
        a_pixel = (self.clock() - self.began) / self.pixels[epoch]
        seconds = a_pixel * sum(self.pixels[epoch + 1 :])
        if self.ends is None or not 1 / INACCURATE < seconds / max(self._left(), 1) < INACCURATE:
            self._say(seconds)

    def _tell(self, a_pixel: float, epoch: int, done: int) -> None:
        looks = sum((each + 1) % self.every == 0 for each in range(epoch, len(self.sizes)))
        self._say(a_pixel * (sum(self.pixels[epoch:]) - done) + looks * self.judging)

    def _left(self) -> float:
        assert self.ends is not None
        return self.ends - self.clock()

    def _say(self, seconds: float) -> None:
        self.ends = self.clock() + seconds
        end = datetime.now().astimezone() + timedelta(seconds=seconds)
        self.tell(f"\nabout {in_words(seconds)} to go, till {end:%H:%M}")


def in_words(seconds: float) -> str:
    """Round a time as a person would: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _pixels(size: Size) -> int:
    side, batch = size
    return side * side * batch
