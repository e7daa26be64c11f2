"""Image and mask files as arrays. Errors name the file and the remedy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.errors import DataError
from cutout.explain import reason
from cutout.imaging.decoders.pixels import turned
from cutout.imaging.headers import Header
from cutout.imaging.preprocess import Image
from model_export.data.headers import read_header
from model_export.data.pairs import Pair, Shapes

Mask = NDArray[np.uint8]

REDUCED_COLOR = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
SPARE = 2  # times the wanted side that a reduced image keeps: shrinking from there is exact
VOID = (192, 224, 224)  # BGR: VOC's colour for the edge between objects
FINER = 4  # times larger that outlines are drawn, each way
HALF = 128  # of 255
MIN_WHITE = 128  # of a mask's brightest pixel


def load_image(path: Path, least: int | None = None) -> Image:
    """Load an image (H, W, 3) uint8 RGB, upright; transparent pixels become white.

    With `least`, a JPEG whose sides have far more pixels than that is decoded at a half, a quarter
    or an eighth, so that a phone's 12 megapixels never stand in memory. Raises DataError, which
    names the file, where it cannot be read.
    """
    return load_sized(path, least)[0]


def load_sized(path: Path, least: int | None = None) -> tuple[Image, tuple[int, int]]:
    """Load an image (H, W, 3) uint8 RGB, and the (height, width) that its file has upright.

    With `least`, a JPEG whose sides have far more pixels than that is decoded reduced. Raises
    DataError where the file cannot be read.
    """
    header = read_header(path)
    # IMREAD_COLOR would drop the alpha, and show what colour lies under transparent pixels
    if header is not None and header.has_alpha:
        image = _on_white(_with_alpha(path, header))
        return image, image.shape[:2]
    factor = _factor(header, least)
    bgr = _decode(path, REDUCED_COLOR[factor] if factor > 1 else cv2.IMREAD_COLOR)
    image = np.ascontiguousarray(bgr[:, :, ::-1])
    if factor == 1 or header is None:
        return image, image.shape[:2]
    width, height = header.upright
    return image, (height, width)


def load_mask(pair: Pair) -> Mask:
    """Load the mask (H, W) uint8, 0 to 255, of a pair, whatever form it has.

    Raises DataError, which names the file, where it cannot be read or does not have that form.
    """
    if pair.form == "polygons":
        assert pair.shapes is not None
        return _draw(pair.shapes, pair)
    if pair.form == "alpha":
        alpha = load_cutout(pair.mask_path)[:, :, 3]
        if alpha.min() == 255:
            raise DataError(
                f"{pair.mask_path}: no part of it is transparent, and there is no mask; add one, "
                "or remove it"
            )
        return alpha
    if pair.form == "soft":
        return load_soft(pair.mask_path)
    if pair.form == "trimap":
        codes = _decode(pair.mask_path, cv2.IMREAD_GRAYSCALE)
        if not np.isin(codes, (1, 2, 3)).all():
            raise DataError(
                f"{pair.mask_path}: a trimap has the values 1, 2 and 3; this one has others"
            )
        return _resolve(codes == 1, codes == 3)
    if pair.form == "labels":
        return _labelled(_decode(pair.mask_path, cv2.IMREAD_UNCHANGED))
    return _gray(pair.mask_path)


def load_soft(path: Path) -> Mask:
    """Load a teacher's alpha (h, w) uint8, which may be smaller than its image.

    Raises DataError where it cannot be read.
    """
    return _decode(path, cv2.IMREAD_GRAYSCALE)


def load_cutout(path: Path) -> NDArray[np.uint8]:
    """Load a cut-out (H, W, 4) uint8 RGBA.

    Raises DataError where it cannot be read, or has no alpha channel.
    """
    bgra = _with_alpha(path, read_header(path))
    if bgra.ndim != 3 or bgra.shape[2] != 4:
        raise DataError(f"{path}: a cut-out needs an alpha channel")
    return np.ascontiguousarray(bgra[:, :, [2, 1, 0, 3]])


def _factor(header: Header | None, least: int | None) -> int:
    if header is None or header.format != "jpeg" or least is None:
        return 1
    room = min(header.width, header.height) // (SPARE * least)
    return max((factor for factor in REDUCED_COLOR if factor <= room), default=1)


def _on_white(pixels: NDArray[np.uint8]) -> Image:
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return np.asarray(
            cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB),
            np.uint8,
        )
    # uint16, as the products go to 255 * 255
    alpha = pixels[:, :, 3:].astype(np.uint16)
    # 2::-1 takes BGR as RGB and leaves the alpha; + 127 rounds the division by 255
    return ((pixels[:, :, 2::-1] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _gray(path: Path) -> Mask:
    header = read_header(path)
    if header is not None and header.has_alpha:
        pixels = _with_alpha(path, header)
        # an alpha of 255 throughout says nothing: such a mask is in the colours
        if pixels.ndim == 3 and pixels.shape[2] == 4 and pixels[:, :, 3].min() < 255:
            return np.ascontiguousarray(pixels[:, :, 3])
    mask = _decode(path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    brightest = int(mask.max())
    # a mask of 0 and 1, say, would be background throughout
    if 0 < brightest < MIN_WHITE:
        raise DataError(
            f"{path}: the mask's brightest value is {brightest}, which means background; save "
            "foreground as 255"
        )
    return mask


def _labelled(pixels: NDArray[np.uint8]) -> Mask:
    """Read a mask as VOC has it: any label but background is foreground.

    Labels are colours, or numbers with 255 for the void.
    """
    if pixels.ndim == 3:
        void = (pixels[:, :, :3] == np.array(VOID, np.uint8)).all(axis=2)
        labelled = pixels[:, :, :3].any(axis=2)
    else:
        labelled = pixels > 0
        void = pixels == 255
        void &= bool((labelled & ~void).any())  # a mask of 0 and 255 alone has no void
    return _resolve(labelled & ~void, void)


def _resolve(foreground: NDArray[np.bool_], unknown: NDArray[np.bool_]) -> Mask:
    """Give the unknown band to the nearer side: its middle becomes the edge."""
    if not unknown.any():
        return np.where(foreground, np.uint8(255), np.uint8(0))
    to_foreground, to_background = (
        # to the nearest pixel of 0, hence ~side
        cv2.distanceTransform((~side).astype(np.uint8), cv2.DIST_L2, 3)
        for side in (foreground, ~foreground & ~unknown)
    )
    return np.where(
        foreground | (unknown & (to_foreground <= to_background)), np.uint8(255), np.uint8(0)
    )


def _draw(shapes: Shapes, pair: Pair) -> Mask:
    mask = np.zeros((shapes.height, shapes.width), np.uint8)
    # COCO has outlines of single objects, and run lengths, as a dict, of crowds
    for segmentation in shapes.segmentations:
        if isinstance(segmentation, dict):
            mask |= _run_lengths(segmentation, mask.shape, pair.mask_path)
            continue
        # some exporters leave out the inner list of an object in one piece
        is_flat = bool(segmentation) and not isinstance(segmentation[0], list)
        for outline in [segmentation] if is_flat else segmentation:
            if len(outline) < 6 or len(outline) % 2:
                raise DataError(
                    f"{pair.mask_path}: an outline of {pair.image_path.name} has {len(outline)} "
                    "numbers; three points, x and y, are the least"
                )
            _fill(mask, np.asarray(outline, np.float64).reshape(-1, 2))
    return mask


def _fill(mask: Mask, points: NDArray[np.float64]) -> None:
    """Set to 255 the pixels of which at least half lies in an outline (N, 2), in place.

    `fillPoly` also fills the pixels that an outline only touches; so it is drawn enlarged.
    """
    height, width = mask.shape
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, (width, height))
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, (width, height))
    if left == right or top == bottom:
        return
    large = np.zeros(((bottom - top) * FINER, (right - left) * FINER), np.uint8)
    drawn = np.rint((points - (left, top)) * FINER - 0.5).astype(np.int32)
    cv2.fillPoly(large, [drawn], 255)
    covered = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    mask[top:bottom, left:right][covered >= HALF] = 255


def _run_lengths(segmentation: dict[str, Any], shape: tuple[int, ...], path: Path) -> Mask:
    counts: Sequence[int] | str = segmentation.get("counts", "")
    if isinstance(counts, str):
        raise DataError(
            f"{path}: it has compressed run lengths; export the annotations as polygons"
        )
    height, width = shape
    if list(segmentation["size"]) != [height, width] or sum(counts) != height * width:
        raise DataError(
            f"{path}: run lengths that are not of {width}x{height} pixels, as their image; export "
            "them again"
        )
    # runs of 0 and 255 in turn, down the columns: hence the transposed shape
    values = np.arange(len(counts)) % 2 * 255
    return np.repeat(values, counts).astype(np.uint8).reshape(width, height).T


def _with_alpha(path: Path, header: Header | None) -> NDArray[np.uint8]:
    """Decode a file with all of its channels, upright."""
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    # with this flag OpenCV leaves the orientation of these two to the caller
    if header is not None and header.format in ("png", "webp"):
        return turned(pixels, header.orientation)
    return pixels


def _decode(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        # not imread, which has None for every error
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from error
    try:
        pixels = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:  # more pixels than OpenCV takes
        pixels = None
    if pixels is None:
        raise DataError(f"{path}: not a readable image; replace or remove it")
    if pixels.dtype == np.uint16:  # some tools write masks of 0 and 255 with 16 bits
        # 1/257 takes 65535 to 255
        pixels = cv2.convertScaleAbs(pixels, alpha=1 if pixels.max() <= 255 else 1 / 257)
    return np.asarray(pixels, np.uint8)
