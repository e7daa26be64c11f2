"""The quality of GrabCut, by the measures of `evaluate`: `python -m benchmarks.grabcut --data DIR`.

The classical method that needs no training (Rother et al., SIGGRAPH 2004): OpenCV's, five
iterations, started from a rectangle 5 % inside the image. About 0.2 s an image of 320 pixels;
prints one JSON object.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from cutout.imaging.preprocess import Image
from model_export.config import load_config
from model_export.data.dataset import Mask, find_pairs, load_pair, select
from model_export.data.progress import track
from model_export.quality.measures import MaskScore

BORDER = 0.05  # share of each side
ITERATIONS = 5


def grabcut(image: Image) -> Mask:
    """Return the mask (H, W) uint8 of an image (H, W, 3) uint8 RGB, 255 = foreground."""
    height, width = image.shape[:2]
    left, top = max(1, round(BORDER * width)), max(1, round(BORDER * height))
    cv2.setRNGSeed(0)
    marks = np.zeros((height, width), np.uint8)
    models = np.zeros((2, 65), np.float64)
    rectangle = (left, top, width - 2 * left, height - 2 * top)
    cv2.grabCut(image, marks, rectangle, models[:1], models[1:], ITERATIONS, cv2.GC_INIT_WITH_RECT)
    return np.asarray(np.where(marks & 1, 255, 0), np.uint8)


def main(
    data: Annotated[Path, typer.Option(help="folder of sets")],
    split: Annotated[
        str, typer.Option(help="test: the images that training kept aside; all: every one")
    ] = "all",
) -> None:
    """Run GrabCut on every image, and print its measures as JSON."""
    pairs = find_pairs(data, clips=load_config("segmenter").data.clips)
    scores: defaultdict[str, MaskScore] = defaultdict(MaskScore)
    for pair in track(select(pairs, "test") if split == "test" else pairs, "GrabCut"):
        image, mask = load_pair(pair)
        answer = grabcut(image)
        for name in (pair.set, "overall"):
            scores[name].add(answer, mask)
    print(
        json.dumps(
            {name: {"mae": s.mae, "max_f": s.max_f, "iou": s.iou} for name, s in scores.items()},
            indent=2,
        )
    )


if __name__ == "__main__":
    typer.run(main)
