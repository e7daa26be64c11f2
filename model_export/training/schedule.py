"""Optimisers and learning rate schedules."""

import math
from collections.abc import Collection
from typing import Any

import keras
from keras import ops

from model_export.config import TrainingConfig

KINDS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}


@keras.saving.register_keras_serializable("cutout")
class WarmupStableDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate: linear warm-up, a constant, then half a cosine down to zero.

    All lengths are in optimiser steps. Source: arXiv 2405.18392. A run with a constant middle can
    be prolonged without its length having been known beforehand; a plain cosine can't.
    """

    def __init__(self, peak: float, warmup: int, decay_from: int, total: int) -> None:
        super().__init__()
        self.peak = peak
        self.warmup = warmup
        self.decay_from = decay_from
        self.total = total

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        step = ops.cast(step, "float32")
        # the first step is 0 and must not have a rate of 0; without warm-up this is 1 at once
        rising = (step + 1.0) / max(self.warmup, 1)
        passed = ops.clip((step - self.decay_from) / max(self.total - self.decay_from, 1), 0.0, 1.0)
        falling = 0.5 * (1.0 + ops.cos(math.pi * passed))
        return self.peak * ops.minimum(rising, falling)  # falling is 1 before the decay

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, for Keras to save."""
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "decay_from": self.decay_from,
            "total": self.total,
        }


def build_optimizer(config: TrainingConfig, steps: list[int]) -> Any:
    """Build the optimiser of a config; `steps` are how many steps each epoch has.

    They differ where the resolution grows.
    """
    rate: Any = config.learning_rate
    if config.warmup_epochs or config.decay_epochs:
        rate = WarmupStableDecay(
            config.learning_rate,
            _steps_until(steps, config.warmup_epochs),
            _steps_until(steps, config.epochs - config.decay_epochs),
            sum(steps),
        )
    # Stated even where it is 0: if left out, Keras's AdamW takes .004
    decay = config.weight_decay or (0.0 if config.optimizer == "adamw" else None)
    optimizer = getattr(keras.optimizers, KINDS[config.optimizer])(rate, weight_decay=decay)
    if decay:
        # Keras allows it only before the optimiser is built
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def slow_down(optimizer: Any, variables: Collection[Any], share: float) -> None:
    """Make `optimizer` learn some variables at a share of its rate.

    A gradient scaled down would not do: Adam divides it by its own size.
    """
    # Keras hands over its own variables, or with TensorFlow those that are in them
    slow = {id(each) for variable in variables for each in (variable, variable.value)}
    update_step = optimizer.update_step

    def update(gradient: Any, variable: Any, rate: Any) -> None:
        update_step(gradient, variable, rate * share if id(variable) in slow else rate)

    optimizer.update_step = update


def _steps_until(steps: list[int], epochs: float) -> int:
    whole = int(epochs)
    part = (epochs - whole) * steps[whole] if whole < len(steps) else 0
    return sum(steps[:whole]) + round(part)
