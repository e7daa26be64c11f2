"""From an image to the network's input. Training, export and serving all call these functions.

`fit` and `normalize` take every constant from a `PreprocessSpec`, which travels in the bundle's
manifest. Training puts its randomness between the two: `fit -> augment -> normalize`.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cutout.imaging.box import Box, Size

Image = NDArray[np.uint8]
"""An image (H, W, 3) uint8 RGB, sRGB, upright."""
Canvas = NDArray[np.uint8]
"""An image fitted to the network's square input, (S, S, C) uint8; C is 1 for grey, else 3."""
Tensor = NDArray[np.float32]
"""What goes into a network, (1, S, S, C) float32, or comes out of it."""
Alpha = NDArray[np.float32]
"""An alpha (h, w) float32 from 0, background, to 1, foreground; of the network's resolution."""
Matte = NDArray[np.uint8]
"""An alpha (H, W) uint8 from 0, background, to 255, foreground; of the image's resolution."""

MAX_ASPECT_RATIO = 4  # times the shorter side
# Pixels of the longer side; smaller images, as in training, are resized in one exact pass.
HALVED_FROM = 1024
# Times the target size: an image that is still so much larger after halving is resized by area, and
# that last pass hides the halving before it.
SPARE = 1.5


class PreprocessSpec(BaseModel):
    """Every constant of the way from an image to a network's input tensor.

    - `fit`: `stretch` fills the square and changes the proportions; `pad` keeps them and fills up
      with `pad_value`; `crop` keeps them and cuts the longer side to the middle.
    - `scale`: `unit` divides by 255, `max` by the image's own maximum, `minmax` maps its minimum to
      0 and its maximum to 1.
    - `mean` and `std`: then `(value - mean) / std`, with one value or one per channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    color: Literal["rgb", "bgr", "gray"]
    size: int = Field(ge=8, le=4096, description="side of the square canvas, pixels")
    fit: Literal["stretch", "pad", "crop"]
    scale: Literal["unit", "max", "minmax"]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    pad_value: int = Field(default=0, ge=0, le=255)
    layout: Literal["NHWC", "NCHW"] = "NHWC"

    @property
    def channels(self) -> int:
        """How many channels the canvas has: 1 for grey, else 3."""
        return 1 if self.color == "gray" else 3

    @property
    def tensor_shape(self) -> tuple[int, int, int]:
        """The shape of one sample as the network reads it, without the batch dimension."""
        side = self.size
        depth = self.channels
        return (side, side, depth) if self.layout == "NHWC" else (depth, side, side)

    @model_validator(mode="after")
    def _constants_match_the_channels(self) -> "PreprocessSpec":
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise ValueError(f"{name} needs 1 or {self.channels} values")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


def resize(array: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an array to exactly width x height pixels.

    `array` is (H, W) or (H, W, C) uint8, and so is the result. By area when shrinking, which avoids
    moiré; bilinear when enlarging.

    An image that shrinks a lot is first halved, which OpenCV does ten times as fast, while it is
    longer than HALVED_FROM and at least SPARE times as large as wanted afterwards. The difference
    from one exact pass is about a quarter of a level of 255 on average.
    """
    if array.shape[:2] == (height, width):
        return array
    array = _halve(array, width, height)
    shrinking = width <= array.shape[1] and height <= array.shape[0]
    return np.asarray(
        cv2.resize(
            array, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        ),
        dtype=np.uint8,
    )


def _halve(array: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Halve an array as often as `resize` says; what doesn't divide is cut off on both sides."""
    rows, columns = array.shape[:2]
    times = 0
    # 2 << times is by how much one more halving would have shrunk it.
    while max(rows, columns) > HALVED_FROM << times and min(
        columns / width, rows / height
    ) >= SPARE * (2 << times):
        times += 1
    top, left = rows % (1 << times) // 2, columns % (1 << times) // 2
    array = array[top : top + (rows >> times << times), left : left + (columns >> times << times)]
    for _ in range(times):
        half = array.shape[1] // 2, array.shape[0] // 2
        array = np.asarray(cv2.resize(array, half, interpolation=cv2.INTER_AREA), np.uint8)
    return array


def reduce_for_parts(
    array: NDArray[np.uint8], sizes: Sequence[float], spec: PreprocessSpec
) -> NDArray[np.uint8]:
    """Shrink an image or mask until its smallest part is as large as the network's input.

    `array` is (H, W) or (H, W, C) uint8, and so is the result. `sizes` are the sides of the parts,
    as shares of the image's shorter side. Smaller images stay as they are. More pixels would cost
    time, and `fit` would average them.
    """
    return resize(array, *size_for_parts(array.shape[1], array.shape[0], sizes, spec))


def size_for_parts(width: int, height: int, sizes: Sequence[float], spec: PreprocessSpec) -> Size:
    """Return the size, in pixels, to which `reduce_for_parts` resizes an image.

    One with an extreme aspect ratio is squeezed to MAX_ASPECT_RATIO: otherwise the number of
    parts, and with it time and memory, would have no limit.
    """
    longest = MAX_ASPECT_RATIO * min(width, height)
    ratio = min(1.0, spec.size / (min(sizes) * min(height, width)))
    return Size(
        max(1, round(min(width, longest) * ratio)), max(1, round(min(height, longest) * ratio))
    )


def canvas_box(size: Size, spec: PreprocessSpec) -> Box:
    """Compute where on the canvas of `spec` an image of that size is put; `restore` undoes it.

    The box is in pixels of the canvas. With `fit="crop"` it reaches beyond the canvas.
    """
    side = spec.size
    if spec.fit == "stretch":
        return Box(0, 0, side, side)
    reference = max(size) if spec.fit == "pad" else min(size)
    width = max(1, round(size.width * side / reference))
    height = max(1, round(size.height * side / reference))
    return Box((side - width) // 2, (side - height) // 2, width, height)


def fit(image: Image, spec: PreprocessSpec) -> tuple[Canvas, Box]:
    """Fit an image to the network's square canvas.

    `image` is (H, W, 3) uint8 RGB. Returns the canvas (S, S, C) uint8, C being 1 for grey and 3
    otherwise, and the box on the canvas where the image sits.
    """
    box = canvas_box(Size(image.shape[1], image.shape[0]), spec)
    if spec.fit == "crop":
        image = _middle(image, box, spec.size)
        placed = resize(image, min(box.width, spec.size), min(box.height, spec.size))
    else:
        placed = resize(image, box.width, box.height)
    canvas = _recolor(placed, spec)
    if canvas.shape[:2] != (spec.size, spec.size):
        canvas = _pad(canvas, box, spec)
    return canvas, box


def normalize(canvas: Canvas, spec: PreprocessSpec) -> Tensor:
    """Map a canvas (S, S, C) uint8 to a tensor (1, S, S, C) float32, or (1, C, S, S) for NCHW.

    With `scale="minmax"` and the default `mean` and `std` the values lie in [0, 1]; a constant
    canvas gives zeros, never NaN.
    """
    # A copy: all that follows works in place.
    tensor: Tensor = canvas.astype(np.float32)
    if spec.scale == "unit":
        tensor *= np.float32(1 / 255)
    elif spec.scale == "max":
        tensor *= np.float32(1 / max(float(tensor.max()), 1.0))
    else:
        low, high = float(tensor.min()), float(tensor.max())
        tensor -= np.float32(low)
        tensor *= np.float32(1 / (high - low) if high > low else 0.0)
    # A view: what is done to the lines is done to the tensor.
    lines = tensor.reshape(len(tensor), -1)
    if any(spec.mean):
        lines -= _along(lines, spec.mean)
    if spec.std != (1.0,):
        lines *= 1 / _along(lines, spec.std)
    if spec.layout == "NCHW":
        tensor = np.ascontiguousarray(tensor.transpose(2, 0, 1))
    return tensor[np.newaxis]


def _along(lines: NDArray[np.float32], values: Sequence[float]) -> NDArray[np.float32]:
    """Repeat one value per channel along a row; numpy broadcasts 3 values 20 times more slowly."""
    return np.tile(np.asarray(values, np.float32), lines.shape[1] // len(values))


def preprocess(image: Image, spec: PreprocessSpec) -> Tensor:
    """Apply `fit` and `normalize`: from an image (H, W, 3) uint8 RGB to a tensor.

    Returns (1, S, S, C) float32, or (1, C, S, S) for `layout="NCHW"`.
    """
    return normalize(fit(image, spec)[0], spec)


def _middle(image: Image, box: Box, side: int) -> Image:
    """Crop the image to what `fit="crop"` keeps, before it is resized, which saves most work."""
    height, width = image.shape[:2]
    kept_width = max(1, round(width * min(box.width, side) / box.width))
    kept_height = max(1, round(height * min(box.height, side) / box.height))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return image[top : top + kept_height, left : left + kept_width]


def _recolor(image: Image, spec: PreprocessSpec) -> Canvas:
    if spec.color == "rgb":
        return image
    if spec.color == "bgr":
        return np.ascontiguousarray(image[:, :, ::-1])
    # cvtColor drops the axis of a single channel.
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, np.newaxis]


def _pad(placed: Canvas, box: Box, spec: PreprocessSpec) -> Canvas:
    canvas = np.full((spec.size, spec.size, spec.channels), spec.pad_value, np.uint8)
    canvas[box.rows, box.columns] = placed
    return canvas
