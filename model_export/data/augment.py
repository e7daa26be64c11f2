"""Random changes of an image and its mask that do not change what is foreground.

They sit between `fit` and `normalize`, never in serving. All functions take a numpy Generator, so
that a seed repeats a run image for image.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.imaging.preprocess import Canvas, Image, resize
from cutout.imaging.straight_alpha import resize_cutout
from model_export.config import AugmentConfig
from model_export.data.composites import Cutout, with_shadow
from model_export.data.dataset import Mask

Sample = tuple[Image, Mask]
"""An image (H, W, 3) uint8 RGB and its mask (H, W) uint8, of one size."""

SHRUNK_FIRST = 1.3  # a reduction from which on bilinear interpolation would skip pixels
# borrowed scenery was enlarged 3.4 times at the median, and sharp meant foreground (LOG.md)
MAX_ENLARGEMENT = 1.5  # times that a background is enlarged, at most
OUT_OF_FOCUS = 0.5  # share of the backgrounds of pasted cut-outs that are blurred


def augment(sample: Sample, size: int, config: AugmentConfig, rng: Generator) -> Sample:
    """Crop a sample at random to size x size, its mask in step, and change its colours."""
    image, mask = warp(sample, size, config, rng)
    return change_colors(image, config, rng), mask


def augment_part(canvas: Canvas, config: AugmentConfig, rng: Generator) -> Canvas:
    """Crop the canvas of a part at random, and change its colours.

    `canvas` and the result are (S, S, C) uint8, C being 1 or 3.
    """
    size = canvas.shape[0]
    # OpenCV drops a single channel; the reshape below brings it back
    pixels = canvas[:, :, 0] if canvas.shape[2] == 1 else canvas
    pixels = _apply(pixels, _random_affine(size, size, size, config, rng), size)
    return change_colors(pixels, config, rng).reshape(canvas.shape)


def warp(sample: Sample, size: int, config: AugmentConfig, rng: Generator) -> Sample:
    """Crop, flip, rotate and resize a sample to size x size.

    One affine step does it all, so that pixels are interpolated only once.
    """
    image, mask = sample
    matrix = _random_affine(image.shape[1], image.shape[0], size, config, rng)
    warped_mask = _apply(mask, matrix, size)
    for _ in range(2):
        if (
            not mask.any() or warped_mask.mean() > 2.5
        ):  # at least 1 % foreground left, else draw again
            break
        matrix = _random_affine(image.shape[1], image.shape[0], size, config, rng)
        warped_mask = _apply(mask, matrix, size)
    return _apply(image, matrix, size), warped_mask


def change_colors(
    image: NDArray[np.uint8], config: AugmentConfig, rng: Generator
) -> NDArray[np.uint8]:
    """Change the colours of an image at random.

    `image` and the result are (H, W, 3) RGB or (H, W) grey, uint8. Brightness, contrast, saturation
    and tint change, in grey the gamma instead; blur, noise and JPEG artefacts are added.
    """
    colored = image.ndim == 3
    if rng.random() < config.color:
        image = _jitter(image, rng) if colored else _bend(image, rng)
    if rng.random() < config.gray and colored:
        image = np.asarray(
            cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8
        )
    if rng.random() < config.blur:
        # a size of (0, 0): OpenCV takes it from the sigma
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8))), np.uint8)
    if rng.random() < config.noise:
        grain = rng.integers(-128, 128, image.shape, np.int8).astype(np.float32) * np.float32(
            rng.uniform(0.02, 0.2)
        )
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg:
        # OpenCV takes RGB for BGR both ways, so that colours come back in their order
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
    return image


def paste(
    cutout: Cutout,
    background: Image,
    size: int,
    rng: Generator,
    shadow: bool = False,
    most: float = 1.0,
) -> Sample:
    """Paste a cut-out at a random size and position on a background: a sample of size x size.

    `background` is (H, W, 3) uint8 RGB. A side of the cut-out that its own image's edge cut off
    stays at the edge: a straight cut in mid-image exists in no photograph. With `shadow` it casts a
    shadow on the background, or a reflection. `most` is the largest share of the side that it takes
    up.
    """
    ground = _random_part(background, size, rng)
    if rng.random() < OUT_OF_FOCUS:  # as it often is in photographs, of animals above all
        ground = np.asarray(
            cv2.GaussianBlur(ground, (0, 0), float(size / 320 * rng.uniform(0.7, 3.5))), np.uint8
        )
    return lay(cutout, (ground, np.zeros((size, size), np.uint8)), rng, shadow, most)


def lay(
    cutout: Cutout, sample: Sample, rng: Generator, shadow: bool = False, most: float = 1.0
) -> Sample:
    """Lay a cut-out over a square sample; a subject that was there stays in the mask.

    With `shadow` it casts a shadow, or a reflection. `most` is the largest share of the side that
    it takes up.
    """
    ground, mask = sample
    size = len(mask)
    width, height = _pasted_size(cutout, size, most, rng)
    small = resize_cutout(cutout.pixels, width, height)
    left = _place(size - width, cutout.cut[0], cutout.cut[2], rng)
    top = _place(size - height, cutout.cut[1], cutout.cut[3], rng)
    placed = np.zeros((size, size, 4), np.uint8)
    placed[top : top + height, left : left + width] = small
    canvas = ground.astype(np.float32)
    if shadow:
        canvas = with_shadow(canvas, placed, rng)
    alpha = placed[:, :, 3:].astype(np.float32) / 255
    canvas += (placed[:, :, :3] - canvas) * alpha
    # + 0.5, as the cast truncates
    image = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    # the union of both subjects as probabilities: what is hidden stays foreground
    both = mask + (1 - mask.astype(np.float32) / 255) * placed[:, :, 3]
    return image, np.rint(both).astype(np.uint8)


def empty(background: Image, size: int, rng: Generator) -> Sample:
    """Return a random part of a background (H, W, 3) uint8 RGB as a sample with an empty mask."""
    return _random_part(background, size, rng), np.zeros((size, size), np.uint8)


def lift(sample: Sample) -> Cutout:
    """Return the foreground of a sample as a cut-out, cropped to it, with a slightly soft edge."""
    image, mask = sample
    left, top, width, height = cv2.boundingRect(mask)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)
    box = (slice(top, top + height), slice(left, left + width))
    cut = (left == 0, top == 0, left + width == mask.shape[1], top + height == mask.shape[0])
    # the lesser of both: blurred outwards the edge would take in background
    return Cutout(np.dstack([image[box], np.minimum(soft, mask)[box]]), cut)


def scenery(sample: Sample) -> list[Image]:
    """Return the parts of a sample's image beside its foreground, each (h, w, 3) uint8 RGB.

    They are left of, above, right of and below it, where they are at least a third of the image.
    """
    image, mask = sample
    left, top, width, height = cv2.boundingRect(mask)
    beside = image[:, :left], image[:top], image[:, left + width :], image[top + height :]
    return [part for part in beside if 3 * min(part.shape[:2]) >= min(mask.shape)]


def _pasted_size(cutout: Cutout, size: int, most: float, rng: Generator) -> tuple[int, int]:
    """Return (width, height) of what is pasted.

    Its longer side is a third of `size` to `most` of it, and all of it where it was cut off at both
    ends.
    """
    height, width = cutout.pixels.shape[:2]
    reach = rng.uniform(0.35, most) * size / max(width, height)
    left, top, right, bottom = cutout.cut
    if left and right and height <= width:
        reach = size / width
    elif top and bottom and width <= height:
        reach = size / height
    return max(8, round(width * reach)), max(8, round(height * reach))


def _place(free: int, at_start: bool, at_end: bool, rng: Generator) -> int:
    """Return where the pasted begins, 0 to `free`: at the end where it was cut off, or anywhere."""
    # drawn in any case: what is drawn next does not depend on `at_start` and `at_end`
    anywhere = int(rng.integers(0, free + 1))
    if at_start == at_end:
        return anywhere
    return 0 if at_start else free


def _random_affine(
    width: int, height: int, size: int, config: AugmentConfig, rng: Generator
) -> NDArray[np.float32]:
    """Return the matrix that takes output pixels to source pixels (for WARP_INVERSE_MAP)."""
    side = rng.uniform(config.min_crop, config.max_crop)
    stretch = np.exp(rng.uniform(-config.aspect, config.aspect) / 2)
    crop_width, crop_height = side * width * stretch, side * height / stretch
    # abs: a crop larger than the image moves too, over mirrored edges
    slack_x, slack_y = abs(width - crop_width) / 2, abs(height - crop_height) / 2
    center_x = width / 2 + rng.uniform(-slack_x, slack_x)
    center_y = height / 2 + rng.uniform(-slack_y, slack_y)
    degrees = (
        rng.uniform(-config.max_degrees, config.max_degrees)
        if rng.random() < config.rotate
        else 0.0
    )
    angle = np.deg2rad(degrees)
    mirror = -1.0 if rng.random() < config.flip else 1.0
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([mirror * crop_width / size, crop_height / size])
    offset = np.array([center_x, center_y]) - linear @ np.array([size / 2, size / 2])
    return np.column_stack([linear, offset]).astype(np.float32)


def _apply(array: NDArray[np.uint8], matrix: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Warp an array (H, W) or (H, W, C) uint8 to (size, size).

    What is to shrink much is shrunk by area first, as serving does it; else it would alias.
    """
    # the determinant is negative where the crop is mirrored
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink > SHRUNK_FIRST:
        height, width = array.shape[:2]
        array = resize(array, max(1, round(width / shrink)), max(1, round(height / shrink)))
        ratio = np.array([[array.shape[1] / width], [array.shape[0] / height]], np.float32)
        # it leads to source pixels, of which there are fewer now
        matrix = matrix * ratio
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        # mirrored edges, in image and mask alike: a black border would tell where the image ends
        cv2.warpAffine(array, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101),
        np.uint8,
    )


def _jitter(image: Image, rng: Generator) -> Image:
    gain = np.float32(rng.uniform(0.65, 1.35))
    tint = rng.uniform(0.88, 1.12, 3).astype(np.float32)
    saturation = np.float32(rng.uniform(0.5, 1.4))
    # contrast changes about the image's mean, or it would change the brightness too
    pivot = np.float32(image.mean())
    shift = np.float32(rng.uniform(-30, 30))
    # One 3x4 colour matrix does saturation, tint, contrast and brightness in a single pass.
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    matrix = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * luma
    matrix = gain * tint[:, np.newaxis] * matrix
    offset = np.full((3, 1), pivot * (1 - gain) + shift, np.float32)
    return np.asarray(cv2.transform(image, np.hstack([matrix, offset])), np.uint8)


def _bend(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Change the gamma and clip, which min-max scaling does not undo as it undoes contrast."""
    gamma = rng.uniform(0.6, 1.6)
    clipped = rng.uniform(0.0, 0.06, 2)
    ramp = np.linspace(-clipped[0], 1 + clipped[1], 256).clip(0, 1) ** gamma
    return np.asarray(cv2.LUT(image, np.rint(255 * ramp).astype(np.uint8)), np.uint8)


def _random_part(background: Image, size: int, rng: Generator) -> Image:
    """Return a random square of a background as (size, size, 3), enlarged little.

    A blurred background would tell what was pasted on it. One that is too small is continued by its
    mirror image.
    """
    height, width = background.shape[:2]
    zoom = rng.uniform(min(1.0, size / min(height, width)), MAX_ENLARGEMENT)
    side = max(1, round(size / zoom))
    rows, columns = min(side, height), min(side, width)
    left, top = int(rng.integers(0, width - columns + 1)), int(rng.integers(0, height - rows + 1))
    part = background[top : top + rows, left : left + columns]
    if (rows, columns) != (side, side):
        below, beside = side - rows, side - columns
        above, before = int(rng.integers(0, below + 1)), int(rng.integers(0, beside + 1))
        edges = (above, below - above, before, beside - before)
        part = np.asarray(cv2.copyMakeBorder(part, *edges, cv2.BORDER_REFLECT_101), np.uint8)
    return resize(part, size, size)
