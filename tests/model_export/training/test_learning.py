"""Both networks learn four images by heart in a few steps: data, loss, gradients and measures go
together.
"""

from pathlib import Path
from typing import Any

import keras
import pytest

from model_export.config import TrainConfig, load_config
from model_export.data.dataset import find_pairs, select
from model_export.networks.served import build_for_serving
from model_export.training.averaging import WeightAverage
from model_export.training.schedule import build_optimizer
from model_export.training.tasks import MaskTask, PartTask
from model_export.training.train import build_for_training

# TensorFlow warns about itself when Keras is imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

EPOCHS = 4
PLAIN = [
    "training.optimizer=adam",
    "training.weight_decay=0",
    f"training.epochs={EPOCHS}",
    "training.warmup_epochs=0",
    "training.decay_epochs=0",
    "training.dtype_policy=float32",
]
CHANGES = ("flip", "rotate", "color", "gray", "blur", "noise", "jpeg", "aspect", "paste", "empty")
UNCHANGED = [f"augment.{name}=0" for name in CHANGES]
UNCHANGED += ["augment.min_crop=1", "augment.max_crop=1"]


def learned(config: TrainConfig, task: Any, root: Path) -> tuple[dict[str, float], list[float]]:
    """Scores of the served network on the four images that it was trained on, and the loss of each
    epoch.
    """
    keras.utils.set_random_seed(1)
    pairs = select(find_pairs(root), "train")[:4]
    batches = task.batches(pairs, root)
    model = build_for_training(config)
    model.compile(
        optimizer=build_optimizer(config.training, [len(batches)] * EPOCHS), **task.compile
    )
    average = WeightAverage(config.training.average)
    fitted = model.fit(batches, epochs=EPOCHS, verbose=0, shuffle=False, callbacks=[average])
    whole, served = build_for_serving(config)
    whole.set_weights(average.weights)
    scores: dict[str, float] = task.scorer(pairs)(served)
    return scores, fitted.history["loss"]


def test_a_segmenter_learns_four_discs(images: Path) -> None:
    overrides = [
        "preprocess.size=64",
        "network.pretrained=none",
        "network.widths=[16, 16, 16, 16, 16, 16]",
        "network.blocks=[0, 1, 0, 0, 0, 0]",
        "network.decoder=[16, 16, 16, 16, 16]",
        "network.dropout=0",
        "training.sizes=[]",
        "training.batch_size=4",
        "training.samples_per_epoch=40",
        "training.learning_rate=0.01",
        "training.average=0.8",
    ]
    config = load_config("segmenter", [*PLAIN, *UNCHANGED, *overrides])
    scores, losses = learned(config, MaskTask(config), images)
    assert losses[-1] < losses[0] / 2
    assert scores["mean_iou"] > 0.9


def test_a_classifier_learns_the_parts_of_four_discs(images: Path) -> None:
    overrides = [
        "network.filters=[16, 16]",
        "network.dense=32",
        "network.dropout=0",
        "network.l2=0",
        "training.batch_size=16",
        "data.parts_per_image=80",
        "training.learning_rate=0.005",
        "training.average=0.8",
    ]
    config = load_config("classifier", [*PLAIN, *UNCHANGED, *overrides])
    scores, losses = learned(config, PartTask(config), images)
    assert losses[-1] < losses[0] / 2
    assert scores["score"] > 0.85
