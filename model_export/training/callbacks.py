"""Callbacks at the end of an epoch, a class for each purpose.

They are called in this order, as each reads what those before it have found:

    Stopwatch -> Validation -> KeepBest -> HistoryLog -> Checkpoint -> Patience

Scores are not added to an epoch's `logs`: Keras would print them all behind its progress bar.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

import keras

from cutout.system.files import replace
from model_export.training.candidate import Candidate, Scores
from model_export.training.run_folder import AVERAGE, CHECKPOINT, HISTORY, LAST, MODEL, STATE

Logs = dict[str, Any]


class Stopwatch(keras.callbacks.Callback):
    """A count of the seconds of all epochs, without what is done at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start to count."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the seconds of the epoch."""
        self.seconds += time.monotonic() - self._started


class Validation(keras.callbacks.Callback):
    """The score of the candidate on the validation split, every few epochs and after the last."""

    def __init__(self, candidate: Candidate, every: int = 1) -> None:
        super().__init__()
        self.candidate = candidate
        self.every = every
        self.scores: Scores = {}
        """Of the epoch that has just ended; empty where it was not scored."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Score the candidate, if it is due."""
        # params are those of this call of `fit`: the last epoch at each size of the input is scored
        due = epoch + 1 == self.params["epochs"] or (epoch + 1) % self.every == 0
        self.scores = self.candidate.score(self.model) if due else {}


class KeepBest(keras.callbacks.Callback):
    """The network with the best score so far, saved, and the last one that was scored."""

    def __init__(self, validation: Validation, out: Path) -> None:
        super().__init__()
        self.validation = validation
        self.out = out
        self.served = validation.candidate.served
        self.best = -math.inf
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Offer the network of the epoch, if it was scored."""
        if self.validation.scores:
            self.offer(epoch + 1, self.validation.scores)

    def offer(self, epoch: int, scores: Scores) -> None:
        """Save the network that has these scores as the last, and as the best if it is."""
        if scores["score"] > self.best:
            self.best = scores["score"]
            self.best_epoch = epoch
            replace(self.out / MODEL, self.served.save)
        replace(self.out / LAST, self.served.save)


class HistoryLog(keras.callbacks.Callback):
    """The log of epochs: number, seconds so far, learning rate, losses and scores, a line each."""

    def __init__(self, validation: Validation, stopwatch: Stopwatch, out: Path) -> None:
        super().__init__()
        self.validation = validation
        self.stopwatch = stopwatch
        self.out = out

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the line of the epoch."""
        # of a schedule Keras returns the rate at `optimizer.iterations`: that of the next step
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        # the rate is not rounded: at the end of its fall five decimals would leave 0
        self.write(epoch + 1, {**(logs or {}), **self.validation.scores}, rate=rate)

    def write(self, epoch: int, values: Logs, **exact: float) -> None:
        """Append a line; `values` are rounded, `exact` are not."""
        rounded = {key: round(float(value), 5) for key, value in values.items()}
        seconds = round(self.stopwatch.seconds, 1)
        line = json.dumps({"epoch": epoch, "seconds": seconds, **exact, **rounded})
        # a run killed before its checkpoint repeats the epoch: `read_history` takes the later line
        with (self.out / HISTORY).open("a") as history:
            history.write(line + "\n")


class Checkpoint(keras.callbacks.Callback):
    """The checkpoint of a run: everything that resuming needs."""

    def __init__(self, best: KeepBest, stopwatch: Stopwatch, out: Path) -> None:
        super().__init__()
        self.best = best
        self.stopwatch = stopwatch
        self.out = out
        self.average = best.validation.candidate.average
        self.epochs_done = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save weights, averages and numbers."""
        # with the optimiser's variables: Adam's moments must survive a restart (LOG.md)
        replace(self.out / CHECKPOINT, self.model.save_weights)
        if self.average:
            self.average.save(self.out / AVERAGE)
        self.epochs_done = epoch + 1
        self.write_state()  # last, so that it means complete

    def write_state(self) -> None:
        """Write the numbers; the weights stay as the last epoch left them."""
        state = {
            "epochs_done": self.epochs_done,
            # -Infinity before the first score: no standard JSON, but Python's json reads it back
            "best": self.best.best,
            "best_epoch": self.best.best_epoch,
            "seconds": self.stopwatch.seconds,
            "updates": self.average.updates if self.average else 0,
            "steps": self.average.steps if self.average else 0,
        }
        replace(self.out / STATE, lambda path: path.write_text(json.dumps(state)))

    def resume(self, model: Any) -> int:
        """Load what the last run left in its directory, and return how many epochs are done."""
        state = json.loads((self.out / STATE).read_text())
        model.load_weights(self.out / CHECKPOINT)
        self.epochs_done = int(state["epochs_done"])
        self.best.best = state["best"]
        # older versions did not write it
        self.best.best_epoch = state.get("best_epoch", self.epochs_done)
        self.stopwatch.seconds = state["seconds"]
        if self.average and (self.out / AVERAGE).is_file():
            self.average.load(self.out / AVERAGE, state.get("steps", 0), state["updates"])
        return self.epochs_done


class Patience(keras.callbacks.Callback):
    """Early stopping of a run whose score has not improved for `epochs` epochs; 0 is never."""

    def __init__(self, best: KeepBest, epochs: int) -> None:
        super().__init__()
        self.best = best
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop the training, if the patience is over."""
        waited = epoch + 1 - self.best.best_epoch
        # only where it was scored: between two validations nothing can have become better
        if self.epochs and self.best.validation.scores and waited >= self.epochs:
            print(
                f"stopping: no better score in {self.epochs} epochs (training.patience); the best "
                f"was epoch {self.best.best_epoch}"
            )
            self.model.stop_training = True
