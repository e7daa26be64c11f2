"""Weight averaging against numbers worked out by hand."""

from typing import Any

import keras
import numpy as np
import pytest

from model_export.training.averaging import WeightAverage


def one_weight() -> Any:
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])


def averages(decay: float, *values: float) -> list[float]:
    """What is averaged after each four steps, at whose end the weight, 0 before, has that value."""
    model, average, seen = one_weight(), WeightAverage(decay), []
    model.set_weights([np.zeros((1, 1))])
    average.set_model(model)
    average.on_train_begin()
    for number, value in enumerate(values):
        for step in range(4):
            model.set_weights([np.full((1, 1), value if step == 3 else -1000.0)])
            average.on_train_batch_end(4 * number + step)
        seen.append(float(average.weights[0].item()))
    return seen


def test_each_fourth_step_keeps_the_fourth_power_of_the_decay() -> None:
    """0.5^4 = 1/16 of the old average stays: 15/16 of 16 is 15, 15/16 + 15/16 of 31 is 30."""
    assert averages(0.5, 16.0, 31.0) == pytest.approx([15.0, 30.0])


def test_the_first_averages_keep_less() -> None:
    """(1 + n) / (10 + n) after n of them: 2/11, then 3/12, so that the random start is
    forgotten.
    """
    assert averages(0.999, 11.0, 21.0) == pytest.approx([9.0, 18.0])


def test_steps_count_on_over_epochs_and_a_second_fit() -> None:
    model, average = one_weight(), WeightAverage(0.5)
    average.set_model(model)
    average.on_train_begin()
    for _ in range(2):  # epochs of three steps
        for step in range(3):
            average.on_train_batch_end(step)
    assert (average.steps, average.updates) == (6, 1)
    before = average.weights
    average.on_train_begin()
    assert average.weights is before
