"""Losses, written on keras.ops: the same on every backend."""

from itertools import chain, repeat
from typing import Any

import keras
from keras import ops

COARSE_WEIGHTS = (0.4, 0.3, 0.2, 0.2)  # of the coarser alphas in the loss; the finest has 1
EDGE_EMPHASIS = 4.0  # a pixel at an edge has up to 1 + 4 times the weight of others


def structure_loss(target: Any, emphasis: Any, alpha: Any) -> Any:
    """Compute the structure loss: weighted cross-entropy plus weighted soft IoU, (N,).

    `target` and `alpha` are (N, H, W, 1) float32 in [0, 1]; `emphasis` is (N, H, W, 1) in [0, 1],
    high near edges. The second term is one minus intersection over union and looks at the object as
    a whole. Source: F3Net, arXiv 1911.11445.
    """
    weight = 1.0 + EDGE_EMPHASIS * emphasis
    # the logarithm of 0 is infinite; float32 still tells 1 - 1e-6 from 1
    alpha = ops.clip(alpha, 1e-6, 1.0 - 1e-6)
    entropy = -(target * ops.log(alpha) + (1.0 - target) * ops.log(1.0 - alpha))
    axes = (1, 2, 3)
    cross_entropy = ops.sum(weight * entropy, axis=axes) / ops.sum(weight, axis=axes)
    shared = ops.sum(weight * target * alpha, axis=axes)
    # as probabilities, because masks and soft labels have grey pixels
    united = ops.sum(weight * (target + alpha - target * alpha), axis=axes)
    # the ones keep an empty mask from dividing by 0: with an empty alpha it costs nothing
    return cross_entropy + 1.0 - (shared + 1.0) / (united + 1.0)


class DeeplySupervised(keras.Model):
    """A network of several alphas, each trained against the mask at its own resolution.

    `fit` takes x (N, S, S, C) float32 and y (N, S, S, 2) uint8: mask and edge emphasis, 255 = 1.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Sum the weighted losses of all alphas, and penalties on weights (a hook of Keras)."""
        # uint8 until here, a quarter of the memory while batches wait in the queue
        labels = ops.cast(y, "float32") * (1.0 / 255.0)
        alphas = y_pred if isinstance(y_pred, (list, tuple)) else [y_pred]
        total = sum(self.losses, 0.0)  # penalties on weights
        weights = chain((1.0, *COARSE_WEIGHTS), repeat(COARSE_WEIGHTS[-1]))
        for level, (alpha, weight) in enumerate(zip(alphas, weights, strict=False)):
            # By construction: where the resolution grows, Keras traces with sizes left open.
            # Level 0 was enlarged to the input's size; level 1 has a quarter of it, and so on.
            stride = 2 ** (level + 1) if level else 1
            coarse = ops.average_pool(labels, stride, stride) if level else labels
            total += weight * ops.mean(structure_loss(coarse[..., :1], coarse[..., 1:], alpha))
        return total
