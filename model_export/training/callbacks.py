"""What happens beside the gradient steps: weight averaging, validation, checkpoints."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cutout.errors import DataError
from cutout.system.files import replace
from model_export.training.run_folder import HISTORY, MODEL

Scores = dict[str, float]

CHECKPOINT = "checkpoint.weights.h5"
AVERAGE = "average.npz"
STATE = "state.json"
LAST = "last.keras"


class WeightAverage(keras.callbacks.Callback):
    """An exponential moving average of all weights, batch statistics included (Polyak averaging)."""

    EVERY = 4

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.steps = self.updates = 0
        self.weights: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.weights:
            self.weights = [np.array(value) for value in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1  # over epochs, which may be shorter than EVERY
        if self.steps % self.EVERY:
            return
        self.updates += 1
        kept = min(self.decay**self.EVERY, (1 + self.updates) / (10 + self.updates))
        for average, value in zip(self.weights, self.model.get_weights(), strict=True):
            average += (1 - kept) * (value - average)


class Checkpoint(keras.callbacks.Callback):
    """After each epoch: scores on the validation split, a line in the history, the best model, and what resuming needs.

    `reference` is the same network in float32 and `served` the part of it that will be exported; `judge` scores it.
    """

    def __init__(
        self,
        out: Path,
        reference: Any,
        served: Any,
        judge: Callable[[Any], Scores],
        average: WeightAverage | None,
        every: int = 1,
        patience: int = 0,
    ) -> None:
        super().__init__()
        self.out, self.reference, self.served = out, reference, served
        self.judge, self.average, self.every, self.patience = judge, average, every, patience
        self.best, self.best_epoch = -math.inf, 0
        self.seconds, self.epochs_done = 0.0, 0
        self.judging = 0.0  # seconds of a look at the validation split, where there was one
        self.start: list[Any] = []
        self.blend = 1.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seconds += time.monotonic() - self._started
        last = epoch + 1 == self.params["epochs"]
        scores = self._validate(epoch) if last or (epoch + 1) % self.every == 0 else {}
        self._log(epoch, {**(logs or {}), **scores})
        self._save_state(epoch + 1)
        if self.patience and scores and epoch + 1 - self.best_epoch >= self.patience:
            print(
                f"no better score in {self.patience} epochs; the best was epoch {self.best_epoch}"
            )
            self.model.stop_training = True

    def start_from(self, weights: list[Any], blend: float) -> None:
        """From now on judge and keep `blend` of what is learned on the way from `weights`, not all of it.

        Halfway between two networks lies one that knows both (WiSE-FT, Wortsman et al., arXiv 2109.01903).
        """
        self.start, self.blend = weights, blend

    def judge_start(self, model: Any) -> None:
        """Score and keep what fine-tuning starts from, as epoch 0: a run never ends with less."""
        self.reference.set_weights(model.get_weights())
        began = time.monotonic()
        scores = self.judge(self.served)
        self.judging = time.monotonic() - began
        self.best = scores["score"]
        replace(self.out / MODEL, self.served.save)
        self._write_line(0, scores)

    def keep_something(self) -> None:
        """Judge and keep the network as it is where a run is stopped before its first look at the validation split.

        Raises DataError where no epoch is complete.
        """
        if (self.out / MODEL).is_file():
            return
        if not (self.out / STATE).is_file():
            raise DataError(
                f"{self.out}: stopped before the first epoch was complete; nothing to keep"
            )
        self._validate(self.epochs_done - 1)
        state = json.loads((self.out / STATE).read_text()) | {
            "best": self.best,
            "best_epoch": self.best_epoch,
        }
        replace(
            self.out / STATE, lambda path: path.write_text(json.dumps(state))
        )  # the rest is as the epoch left it

    def _validate(self, epoch: int) -> Scores:
        learned = self.average.weights if self.average else self.model.get_weights()
        if self.start:
            learned = [
                old + self.blend * (new - old) for old, new in zip(self.start, learned, strict=True)
            ]
        self.reference.set_weights(learned)
        scores = self.judge(self.served)
        if scores["score"] > self.best:
            self.best, self.best_epoch = scores["score"], epoch + 1
            replace(self.out / MODEL, self.served.save)
        replace(self.out / LAST, self.served.save)
        return scores

    def resume(self, model: Any) -> int:
        """Load what the last run left in `out`; the number of epochs that are done."""
        state = json.loads((self.out / STATE).read_text())
        model.load_weights(self.out / CHECKPOINT)
        self.best, self.seconds = state["best"], state["seconds"]
        if self.average and (self.out / AVERAGE).is_file():
            with np.load(self.out / AVERAGE) as arrays:
                self.average.weights = [arrays[f"arr_{number}"] for number in range(len(arrays))]
            self.average.updates, self.average.steps = state["updates"], state.get("steps", 0)
        self.epochs_done = int(state["epochs_done"])
        self.best_epoch = state.get("best_epoch", self.epochs_done)
        return self.epochs_done

    def _log(self, epoch: int, values: dict[str, Any]) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._write_line(epoch + 1, values, rate=rate)

    def _write_line(self, epoch: int, values: dict[str, Any], **exact: float) -> None:
        rounded = {key: round(float(value), 5) for key, value in values.items()}
        line = json.dumps({"epoch": epoch, "seconds": round(self.seconds, 1), **exact, **rounded})
        with (self.out / HISTORY).open("a") as history:
            history.write(line + "\n")

    def _save_state(self, epochs_done: int) -> None:
        replace(self.out / CHECKPOINT, self.model.save_weights)
        if self.average:
            arrays = self.average.weights
            replace(self.out / AVERAGE, lambda path: np.savez(path, *arrays))
        updates = self.average.updates if self.average else 0
        self.epochs_done = epochs_done
        state = {
            "epochs_done": epochs_done,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "updates": updates,
            "steps": self.average.steps if self.average else 0,
        }
        replace(
            self.out / STATE, lambda path: path.write_text(json.dumps(state))
        )  # last, so that it means complete
