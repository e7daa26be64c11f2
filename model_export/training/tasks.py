"""The tasks of training, parts or pixels: the batches of each, its loss and its score."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from cutout.errors import DataError
from cutout.imaging.preprocess import normalize
from model_export.config import TrainConfig
from model_export.data.dataset import Pair
from model_export.data.mask_batches import MaskBatches, load_samples
from model_export.data.part_batches import PartBatches
from model_export.data.parts import NO_PARTS, evaluation_parts, load_images
from model_export.quality.measures import MaskScore
from model_export.quality.part_measures import part_scores
from model_export.training.candidate import Scorer, Scores

IMAGES_PER_BATCH = 16  # images in a batch of the validation
PARTS_PER_BATCH = 256  # parts in a batch of the validation


class Task(Protocol):
    """The protocol of a task; `compile` are arguments of Keras's `Model.compile`."""

    compile: ClassVar[dict[str, Any]]

    def batches(self, pairs: Sequence[Pair], root: Path, aside: Collection[str] = ()) -> Any:
        """Return the batches of the images to train on.

        `root` is the data folder, and `aside` are the images for validation and test, as set/stem.
        """
        ...

    def scorer(self, pairs: Sequence[Pair]) -> Scorer:
        """Return the function that scores a network on these images."""
        ...


class MaskTask:
    """The segmenter's task: every pixel of every image."""

    compile: ClassVar[dict[str, Any]] = {"jit_compile": False}

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def batches(
        self, pairs: Sequence[Pair], root: Path, aside: Collection[str] = ()
    ) -> MaskBatches:
        """Return the batches of the images to train on. Raises DataError where one is unusable."""
        return MaskBatches(pairs, self.config, root, aside)

    def scorer(self, pairs: Sequence[Pair]) -> Scorer:
        """Return the function that scores a network: mean IoU less mean absolute error over sets.

        Raises DataError where an image cannot be used.
        """
        samples = load_samples(pairs, self.config.preprocess)
        names = [pair.set for pair in pairs]

        def score(model: Any) -> Scores:
            totals: dict[str, MaskScore] = {}
            for start in range(0, len(samples), IMAGES_PER_BATCH):
                part = samples[start : start + IMAGES_PER_BATCH]
                x = np.concatenate(
                    [normalize(canvas, self.config.preprocess) for canvas, _ in part]
                )
                # `model(x)`, image by image, takes five times as long (LOG.md)
                alphas = np.rint(model.predict_on_batch(x)[:, :, :, 0] * 255).astype(np.uint8)
                # not strict: `names` continues to the end, and the batch stops before
                for alpha, (_, mask), name in zip(alphas, part, names[start:], strict=False):
                    totals.setdefault(name, MaskScore()).add(alpha, mask)
            sets = sorted(totals)
            # over sets and not over images: a small set counts as much as a large one
            mean_iou = float(np.mean([totals[name].iou for name in sets]))
            mean_mae = float(np.mean([totals[name].mae for name in sets]))
            each = {f"iou/{name}": totals[name].iou for name in sets}
            best = {f"max_f/{name}": totals[name].max_f for name in sets}
            return {
                "score": mean_iou - mean_mae,
                "mean_iou": mean_iou,
                "mean_mae": mean_mae,
                **each,
                **best,
            }

        return score


class PartTask:
    """The classifier's task: labelled parts of every image."""

    compile: ClassVar[dict[str, Any]] = {
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
        "jit_compile": False,
    }

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def batches(
        self, pairs: Sequence[Pair], root: Path, aside: Collection[str] = ()
    ) -> PartBatches:
        """Return the batches of the images to train on. Raises DataError where one is unusable."""
        return PartBatches(pairs, self.config)

    def scorer(self, pairs: Sequence[Pair]) -> Scorer:
        """Return the function that scores a network by the balanced accuracy over labelled parts.

        Raises DataError where no image has parts of both classes.
        """
        sizes = self.config.data.part_sizes
        spec = self.config.preprocess
        parts = [evaluation_parts(image, sizes, spec) for image in load_images(pairs, sizes, spec)]
        x, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if not len(x):
            raise DataError(f"validation: {NO_PARTS}")

        def score(model: Any) -> Scores:
            scores = part_scores(
                labels, model.predict(x, batch_size=PARTS_PER_BATCH, verbose=0)[:, 0]
            )
            return {
                "score": scores["balanced_accuracy"],
                **{f"val_{name}": value for name, value in scores.items()},
            }

        return score
