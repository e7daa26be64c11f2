"""Occlusion maps: cover a small square of a classifier's input, and see how its output changes.

Occlusion (Zeiler & Fergus, arXiv 1311.2901) rather than Grad-CAM: it runs the ONNX file that is
served, through onnxruntime, and needs neither Keras nor gradients; it works for any network that
somebody brings; and it is as fine as the cells of this network's last convolution. It costs about
200 runs a part, some tens of milliseconds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Tensor

Score = Callable[[Tensor], NDArray[np.float32]]

PATCH_SHARE = 0.16  # of the input's side: ten pixels of 64, about what the second convolution sees
STEP_SHARE = 0.0625  # of the input's side, from one patch to the next


def occlusion_map(sample: Tensor, score: Score) -> NDArray[np.float32]:
    """Compute how much each pixel speaks for foreground: (H, W) float32, below 0 against it.

    `sample` (1, H, W, C) float32 is what the network reads; `score` gives the probabilities of
    foreground (n,) float32 of n of them. A pixel's value is the mean fall of the probability over
    all patches that cover it; patches hold the sample's mean.
    """
    height, width = sample.shape[1:3]
    boxes = [(top, left) for top in _starts(height) for left in _starts(width)]
    side = _patch(min(height, width))
    covered = np.repeat(sample, len(boxes), axis=0)
    fill = sample.mean(axis=(1, 2))
    for image, (top, left) in zip(covered, boxes, strict=True):
        image[top : top + side, left : left + side] = fill
    falls = float(score(sample)[0]) - score(covered)
    total = np.zeros((height, width), np.float32)
    count = np.zeros((height, width), np.float32)
    for fall, (top, left) in zip(falls, boxes, strict=True):
        total[top : top + side, left : left + side] += fall
        count[top : top + side, left : left + side] += 1
    return np.asarray(total / np.maximum(count, 1), np.float32)


def _patch(length: int) -> int:
    return max(1, round(PATCH_SHARE * length))


def _starts(length: int) -> list[int]:
    """Return where patches begin: steps of a sixteenth, the last one at the edge."""
    last = max(0, length - _patch(length))
    return sorted({*range(0, last + 1, max(1, round(STEP_SHARE * length))), last})
