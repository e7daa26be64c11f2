"""How much masks flicker, with smoothing and without: `python -m benchmarks.flicker --data DIR`.

DIR has `images/CLIP_NUMBER.jpg` and `masks/CLIP_NUMBER.png`, frames of clips, as DAVIS has. Three
kinds of clips are evaluated:

- still: an image with a camera's noise, through H.264: the image does not change, so the mask
  should not;
- shaking: the same, held by a hand: every frame is moved by about a pixel;
- clips: the frames of DIR as they are, however far apart: IoU only.

Flicker is the mean change of alpha, in levels of 255, from a frame to the next, where neither the
image nor the true mask changes. Prints a table. A minute or two on two cores for 240 frames of 320
x 180.
"""

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from cutout.imaging.mask import refine
from cutout.imaging.preprocess import Image, Matte
from cutout.inference.load import load_bundles
from cutout.inference.predictor import Predictor, coarse_alpha
from cutout.inference.registry import Registry
from cutout.settings import SHIPPED_MODELS
from cutout.system.clock import Clock
from cutout.system.cores import usable_cores
from cutout.system.process import prepare_for_images
from cutout.video.steady import AlphaSmoother

FRAMES = 24  # of a synthetic clip
CLIPS = 8  # images of which synthetic clips are made
LONGER_SIDE = 640  # pixels of synthetic clips
GRAIN = 4.0  # standard deviation of a camera's noise, levels of 255
SHAKE = 1.0  # standard deviation of a hand's movement, pixels
UNCHANGED = 6  # levels of 255, of the blurred image; noise and codec stay below


@dataclass(frozen=True)
class Clip:
    """Frames (H, W, 3) uint8 RGB and their true masks (H, W) uint8."""

    frames: list[Image]
    masks: list[Matte]


def made(image: Image, mask: Matte, shake: float, seed: int) -> Clip:
    """Make a clip of an image: FRAMES frames with noise, each moved by about `shake` pixels.

    `image` is (h, w, 3) uint8 RGB and `mask` (h, w) uint8.
    """
    random = np.random.default_rng(seed)
    ratio = LONGER_SIDE / max(mask.shape)
    size = (round(mask.shape[1] * ratio / 2) * 2, round(mask.shape[0] * ratio / 2) * 2)
    image = cv2.resize(image, size).astype(np.uint8)
    mask = cv2.resize(mask, size).astype(np.uint8)
    frames = []
    masks = []
    for _ in range(FRAMES):
        moved = np.hstack([np.eye(2), random.normal(0, shake, (2, 1))])
        frame = cv2.warpAffine(image, moved, size, borderMode=cv2.BORDER_REPLICATE)
        grain = random.normal(0, GRAIN, (*frame.shape[:2], 1))
        frames.append(np.clip(frame + grain, 0, 255).astype(np.uint8))
        masks.append(cv2.warpAffine(mask, moved, size, borderMode=cv2.BORDER_REPLICATE))
    return Clip(through_h264(frames), [np.asarray(mask, np.uint8) for mask in masks])


def through_h264(frames: list[Image]) -> list[Image]:
    """Return frames (H, W, 3) uint8 RGB as they come out of a file of usual quality."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "26"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def read(image: Path) -> tuple[Image, Matte]:
    """Read an image (H, W, 3) uint8 RGB and its mask (H, W) uint8."""
    pixels = cv2.imread(str(image), cv2.IMREAD_COLOR_RGB)
    mask = cv2.imread(str(image.parent.parent / "masks" / f"{image.stem}.png"), 0)
    assert pixels is not None
    assert mask is not None
    return np.asarray(pixels, np.uint8), np.asarray(mask, np.uint8)


def clips_of(data: Path) -> Iterator[tuple[str, Clip]]:
    """Yield each clip and its kind."""
    found = defaultdict(list)
    for path in sorted((data / "images").glob("*.jpg")):
        found[path.stem.rpartition("_")[0]].append(path)
    for seed, paths in enumerate(list(found.values())[:: max(1, len(found) // CLIPS)]):
        image, mask = read(paths[len(paths) // 2])
        yield "still", made(image, mask, 0, seed)
        yield "shaking", made(image, mask, SHAKE, seed)
    for paths in found.values():
        pairs = [read(path) for path in paths]
        yield "clips", Clip([image for image, _ in pairs], [mask for _, mask in pairs])


def alphas(clip: Clip, predictor: Predictor, steady: bool) -> list[Matte]:
    """Return the alpha (H, W) uint8 of each frame of a clip."""
    smoother = AlphaSmoother()
    made = []
    for frame in clip.frames:
        coarse = coarse_alpha(predictor, frame, Clock())
        made.append(refine(smoother.step(coarse, frame) if steady else coarse, frame))
    return made


def flicker(clip: Clip, alphas: list[Matte]) -> float:
    """Return the mean change of alpha where neither image nor mask changes, in levels of 255.

    `alphas` are (H, W) uint8. NaN where everything changes.
    """
    seen = [np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.5), np.int16) for frame in clip.frames]
    changes = []
    for now in range(1, len(seen)):
        change = np.abs(seen[now] - seen[now - 1]).max(axis=2).astype(np.uint8)
        still = cv2.dilate(change, np.ones((5, 5), np.uint8)) < UNCHANGED
        still &= _difference(clip.masks[now], clip.masks[now - 1]) < UNCHANGED // 2
        changes.append(_difference(alphas[now], alphas[now - 1])[still])
    together = np.concatenate(changes)
    return float(together.mean()) if len(together) else float("nan")


def _difference(one: Matte, other: Matte) -> NDArray[np.int16]:
    return np.abs(one.astype(np.int16) - other.astype(np.int16))


def iou(alpha: Matte, mask: Matte) -> float:
    """Compute the intersection over union of an alpha (H, W) uint8 and a mask (H, W) uint8."""
    ours, true = alpha > 127, mask > 127
    return float((ours & true).sum() / max(1, (ours | true).sum()))


def main(data: Annotated[Path, typer.Option(help="folder of frames and masks")]) -> None:
    """Measure every kind of clip, and print a table."""
    prepare_for_images()
    models = Registry(load_bundles(SHIPPED_MODELS, usable_cores(), ("cpu",)), None)
    predictor = models.for_masks(None)
    scores = defaultdict[tuple[str, bool], list[tuple[float, float]]](list)
    for kind, clip in clips_of(data):
        for steady in (False, True):
            made = alphas(clip, predictor, steady)
            mean = np.mean([iou(*pair) for pair in zip(made, clip.masks, strict=True)])
            scores[kind, steady].append((flicker(clip, made), float(mean)))
    print("| clips | flicker, frame by frame | steadied | IoU, frame by frame | steadied |")
    print("|---|---|---|---|---|")
    for kind in ("still", "shaking", "clips"):
        before, after = (np.nanmean(scores[kind, steady], axis=0) for steady in (False, True))
        print(f"| {kind} | {before[0]:.3f} | {after[0]:.3f} | {before[1]:.4f} | {after[1]:.4f} |")


if __name__ == "__main__":
    typer.run(main)
