"""How the learning rate moves, and which weights decay, against numbers worked out by hand."""

from typing import Any

import keras
import numpy as np
import pytest

from model_export.config import TrainingConfig
from model_export.training.schedule import WarmupStableDecay, build_optimizer, slow_down


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.025),  # a quarter after the first of four steps
        (2, 0.075),
        (3, 0.1),
        (9, 0.1),
        (10, 0.1),
        (12, 0.0904508),  # (1 + cos 36°) / 2
        (15, 0.05),
        (18, 0.0095492),  # (1 - cos 36°) / 2
        (20, 0),
        (25, 0),
    ],
)
def test_the_rate_rises_stays_and_falls_along_half_a_cosine(step: int, rate: float) -> None:
    schedule = WarmupStableDecay(peak=0.1, warmup=4, decay_from=10, total=20)
    assert float(schedule(step)) == pytest.approx(rate, abs=1e-7)
    again = WarmupStableDecay.from_config(schedule.get_config())
    assert float(again(step)) == float(schedule(step))


def test_a_rate_without_warm_up_and_decay_is_constant() -> None:
    schedule = WarmupStableDecay(peak=0.1, warmup=0, decay_from=20, total=20)
    assert [float(schedule(step)) for step in (0, 10, 19)] == pytest.approx([0.1] * 3)
    optimizer = build_optimizer(TrainingConfig(learning_rate=0.25), [4] * 10)
    assert float(optimizer.learning_rate) == 0.25


def rates(config: TrainingConfig, steps: list[int]) -> Any:
    return build_optimizer(config, steps)._learning_rate


def test_epochs_become_steps_where_they_differ_in_length() -> None:
    """Epochs of 4, 4 and 8 steps: half an epoch is 2 steps, the last one and a half begin at 6."""
    config = TrainingConfig(epochs=3, warmup_epochs=0.5, decay_epochs=1.5, learning_rate=1.0)
    schedule = rates(config, [4, 4, 8])
    assert (schedule.warmup, schedule.decay_from, schedule.total) == (2, 6, 16)
    assert schedule.peak == 1.0
    late = rates(config.model_copy(update={"decay_epochs": 0.25}), [4, 4, 8])
    assert (late.decay_from, late.total) == (14, 16)


def test_weights_decay_but_neither_biases_nor_normalisation() -> None:
    """A step without any gradient leaves 1 - rate x decay of a weight: 1 - 0.1 x 0.5."""
    config = TrainingConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    image = keras.Input((2,))
    features = keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones")(image)
    model = keras.Model(image, keras.layers.BatchNormalization(beta_initializer="ones")(features))
    optimizer = build_optimizer(config, [1] * 10)
    optimizer.build(model.trainable_variables)
    optimizer.apply([np.zeros(each.shape, np.float32) for each in model.trainable_variables])
    left = {each.name: float(np.mean(each)) for each in model.trainable_variables}
    assert left == pytest.approx({"kernel": 0.95, "bias": 1, "gamma": 1, "beta": 1})


def test_without_a_weight_decay_nothing_decays() -> None:
    config = TrainingConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0)
    weight = keras.Variable(np.ones(2, np.float32))
    optimizer = build_optimizer(config, [1] * 10)
    optimizer.build([weight])
    optimizer.apply([np.zeros(2, np.float32)])
    assert np.asarray(weight).tolist() == [1, 1]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimiser_of_a_config_is_built_under_its_name(name: str) -> None:
    config = TrainingConfig.model_validate({"optimizer": name})
    assert type(build_optimizer(config, [1] * 10)).__name__.lower() == name


def test_slow_variables_go_their_share_of_the_way_each_step() -> None:
    optimizer = build_optimizer(TrainingConfig(learning_rate=0.01), [4])
    slow, fast = keras.Variable([1.0]), keras.Variable([1.0])
    slow_down(optimizer, [slow], 0.25)
    optimizer.build([slow, fast])
    for _ in range(3):
        # Adam's step is the rate, whatever the size of a gradient that stays the same
        optimizer.apply([keras.ops.array([5.0]), keras.ops.array([0.5])])
    assert float(fast[0]) == pytest.approx(1 - 3 * 0.01, abs=1e-6)
    assert float(slow[0]) == pytest.approx(1 - 3 * 0.0025, abs=1e-6)
