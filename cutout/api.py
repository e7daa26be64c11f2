"""The Python API: `remove` for one image, `Remover` for many."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from cutout import animation, remover
from cutout.errors import InvalidOption
from cutout.explain import explain_all
from cutout.imaging.colors import conversion
from cutout.inference.load import load_bundles
from cutout.inference.predictor import Predictor
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions, Frames, MaskOptions, PredictOptions
from cutout.options.keywords import CutoutKeywords, MaskKeywords
from cutout.options.names import unknown
from cutout.results import Score
from cutout.settings import MAX_FRAMES, SHIPPED_MODELS
from cutout.sources import ArraySource, Source, Upload
from cutout.system.clock import Clock
from cutout.system.cores import usable_cores

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

Array: TypeAlias = NDArray[np.uint8]
FileLike: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
AnyImage: TypeAlias = Union[FileLike, Array, "PilImage"]
AnyMask: TypeAlias = AnyImage | NDArray[np.bool_]
Options = TypeVar("Options", bound=BaseModel)
Run: TypeAlias = Callable[[Source[Any]], Any]

MAX_PIXELS = 1 << 28  # as the limit that `cutout` sets for OpenCV


class Remover:
    """A background remover with its models loaded. Make one and keep it: loading takes about 0.2 s.

    Thread-safe. Every method takes an image as

    - `bytes`: a JPEG, PNG, WebP, GIF (first frame, unless `frames="all"`), BMP, TIFF, AVIF or HEIC
      file in memory,
    - a path (`str` or `os.PathLike`) to such a file,
    - a numpy array (H, W, 3) RGB or (H, W, 4) RGBA, uint8, upright, in sRGB,
    - a PIL image,

    and returns the same kind: for bytes and paths a file as bytes (PNG, unless `format` says
    otherwise), for an array an array, for a PIL image a PIL image.

    All methods raise a subclass of `cutout.errors.ClientError` where the image cannot be read
    (`UnsupportedFormat`, `UndecodableImage`), is too large (`ImageTooLarge`) or an option is
    invalid (`InvalidOption`), and `OSError` where a path cannot be read.
    """

    def __init__(
        self,
        models: str | os.PathLike[str] | Registry | None = None,
        *,
        threads: int | None = None,
        default_model: str | None = None,
        max_pixels: int = MAX_PIXELS,
        max_frames: int = MAX_FRAMES,
    ) -> None:
        """Load models.

        `models` is a directory of bundles, or one bundle; None stands for those that come with the
        package. `threads` is how many threads onnxruntime uses for one image, None for all usable
        cores; 1 is best where several threads call at once. `default_model` is the name of the
        model for masks where a call names none. Images with more than `max_pixels` pixels are
        refused, and with `frames="all"` animations of more than `max_frames` frames, or of more
        than `max_pixels` in all their frames.

        Raises `cutout.errors.BundleError` where a bundle cannot be loaded, or `default_model` is
        not among them.
        """
        if not isinstance(models, Registry):
            folder = SHIPPED_MODELS if models is None else Path(models)
            loaded: list[Predictor] = load_bundles(folder, threads or usable_cores())
            models = Registry(loaded, default_model)
        self._models = models
        self._max_pixels = max_pixels
        self._max_frames = max_frames

    @property
    def models(self) -> list[str]:
        """Names of the loaded models."""
        return self._models.names

    @overload
    def cut_out(
        self,
        image: FileLike,
        *,
        background_image: AnyImage | None = None,
        mask: AnyMask | None = None,
        **options: Unpack[CutoutKeywords],
    ) -> bytes: ...

    @overload
    def cut_out(
        self,
        image: Array,
        *,
        background_image: AnyImage | None = None,
        mask: AnyMask | None = None,
        **options: Unpack[CutoutKeywords],
    ) -> Array: ...

    @overload
    def cut_out(
        self,
        image: "PilImage",
        *,
        background_image: AnyImage | None = None,
        mask: AnyMask | None = None,
        **options: Unpack[CutoutKeywords],
    ) -> "PilImage": ...

    def cut_out(
        self,
        image: AnyImage,
        *,
        background_image: AnyImage | None = None,
        mask: AnyMask | None = None,
        **options: Unpack[CutoutKeywords],
    ) -> Any:
        """Remove the background of an image, or replace it.

        The keywords are the options of `POST /cutout` (docs/reference/options.md). Besides,
        `background_image` is an image of any kind to put behind the subject, and `mask` what you
        know of the mask: 255 is kept and 0 dropped, to the pixel, and the network decides on the
        rest. It is an image of any kind, as large as `image` or scaled, or an array (H, W) uint8 or
        bool.

        Returns a file as bytes, a PIL image of mode RGBA, or an array (H, W, 4) uint8 RGBA with
        straight alpha, as `image` is one. Raises `cutout.errors.ClientError` where an image cannot
        be read or an option is invalid.
        """
        chosen = checked(CutoutOptions, options)
        behind = None if background_image is None else self._source(background_image)
        given = None if mask is None else self._mask_source(mask)

        def run(source: Source[Any]) -> Any:
            job = (chosen, self._models, Clock(), behind, given)
            if not isinstance(source, Upload) and chosen.frames is Frames.all:
                raise InvalidOption(
                    "frames: an array or a PIL image is one frame; give the file's bytes or path"
                )
            if isinstance(source, Upload):
                return animation.cut_out(source, *job).content
            return remover.cut_out(source, *job).content

        return self._in_kind(image, run)

    @overload
    def mask(
        self, image: FileLike, *, mask: AnyMask | None = None, **options: Unpack[MaskKeywords]
    ) -> bytes: ...

    @overload
    def mask(
        self, image: Array, *, mask: AnyMask | None = None, **options: Unpack[MaskKeywords]
    ) -> Array: ...

    @overload
    def mask(
        self, image: "PilImage", *, mask: AnyMask | None = None, **options: Unpack[MaskKeywords]
    ) -> "PilImage": ...

    def mask(
        self, image: AnyImage, *, mask: AnyMask | None = None, **options: Unpack[MaskKeywords]
    ) -> Any:
        """Make the alpha of an image: 0 background, 255 foreground, as large as the image.

        The keywords are the options of `POST /mask`. `mask` is what you know of it: 255 is
        foreground and 0 background, and the network decides on the rest; an image of any kind, as
        large as `image` or scaled, or an array (H, W) uint8 or bool.

        Returns a grey PNG as bytes, an array (H, W) uint8 or a PIL image of mode L, as `image` is
        one. Raises `cutout.errors.ClientError` where an image cannot be read or an option is
        invalid.
        """
        chosen = checked(MaskOptions, options)
        given = None if mask is None else self._mask_source(mask)

        def run(source: Source[Any]) -> Any:
            return remover.mask(source, chosen, self._models, Clock(), given).content

        return self._in_kind(image, run)

    def score(self, image: AnyImage, *, model: str | None = None, subject: bool = False) -> Score:
        """Compute the probability that an image shows foreground: `.probability`, 0 to 1.

        `model` is the name of a loaded model, None for the classifier. With `subject`, `.subject`
        has what a mask says of the image: found, coverage and bounding box. Raises
        `cutout.errors.ClientError` where the image cannot be read or no loaded model has that name.
        """
        options = checked(PredictOptions, {"model": model, "subject": subject})
        return remover.score(self._source(image), options, self._models, Clock())

    def _source(self, image: AnyImage) -> Source[Any]:
        if isinstance(image, str | os.PathLike):
            image = Path(image).read_bytes()
        if isinstance(image, bytes | bytearray | memoryview):
            # A copy of a bytearray or memoryview, which may change; none of bytes.
            return Upload.read(bytes(image), self._max_pixels, self._max_frames)
        if isinstance(image, np.ndarray):
            return ArraySource.of(image, self._max_pixels)
        if _is_pil(image):
            return ArraySource.of(_from_pil(image), self._max_pixels)
        raise InvalidOption(
            f"an image of type {type(image).__name__}; expected bytes, a path, a numpy array or a "
            "PIL image"
        )

    def _mask_source(self, mask: AnyMask) -> Source[Any]:
        if isinstance(mask, np.ndarray):
            if mask.dtype not in (np.uint8, np.bool_):
                raise InvalidOption(
                    f"mask: an array of type {mask.dtype}; expected uint8, 0 to 255, or bool"
                )
            pixels: Any = np.multiply(mask, 255, dtype=np.uint8) if mask.dtype == bool else mask
            return self._source(np.dstack([pixels] * 3) if mask.ndim == 2 else pixels)
        return self._source(mask)

    def _in_kind(self, image: AnyImage, run: Run) -> Any:
        content = run(self._source(image))
        if isinstance(content, np.ndarray):
            return _to_pil(content) if _is_pil(image) else content
        return content.data


@overload
def remove(
    image: FileLike,
    *,
    only_mask: bool = False,
    background_image: AnyImage | None = None,
    mask: AnyMask | None = None,
    **options: Unpack[CutoutKeywords],
) -> bytes: ...


@overload
def remove(
    image: Array,
    *,
    only_mask: bool = False,
    background_image: AnyImage | None = None,
    mask: AnyMask | None = None,
    **options: Unpack[CutoutKeywords],
) -> Array: ...


@overload
def remove(
    image: "PilImage",
    *,
    only_mask: bool = False,
    background_image: AnyImage | None = None,
    mask: AnyMask | None = None,
    **options: Unpack[CutoutKeywords],
) -> "PilImage": ...


def remove(
    image: Any,
    *,
    only_mask: bool = False,
    background_image: Any = None,
    mask: Any = None,
    **options: Unpack[CutoutKeywords],
) -> Any:
    """Remove the background of an image, with the models that come with the package.

    Bytes or a path in, a PNG as bytes out; a numpy array (H, W, 3) RGB or (H, W, 4) RGBA uint8 in,
    an array (H, W, 4) uint8 RGBA out; a PIL image in, a PIL image out. With `only_mask`, the alpha
    alone: a grey PNG, an array (H, W) uint8 or a PIL image of mode L.

    Every option of `POST /cutout` is a keyword: `remove(data, background="white", crop=True,
    margin="5%")`. `background_image` is an image of any kind to put behind the subject; `mask` is
    what you know of the mask, as an image or an array: 255 is kept, 0 dropped, and the network
    decides on the rest.

    The first call loads the models, which takes about 0.2 s. For other models, `Remover(models=…)`.
    Raises subclasses of `cutout.errors.ClientError`: `UnsupportedFormat`, `UndecodableImage` and
    `ImageTooLarge` for an image, `InvalidOption` for an option.
    """
    if not only_mask:
        return shared().cut_out(image, background_image=background_image, mask=mask, **options)
    if background_image is not None:
        raise InvalidOption("background_image: a mask has no background; leave out only_mask")
    return shared().mask(image, mask=mask, **options)  # type: ignore[call-overload] # others are refused


# Threads that call it first at the same time may each load the models (functools).
@functools.cache
def shared() -> Remover:
    """Return the remover that `remove` uses; the first call makes it."""
    return Remover()


def checked(kind: type[Options], keywords: Mapping[str, object]) -> Options:
    """Validate keywords as options of that kind. Raises InvalidOption where one is invalid."""
    try:
        return kind.model_validate(dict(keywords))
    except ValidationError as error:
        # pydantic only says that a name is unknown; ours suggests the one that was meant.
        surplus = [name for name in keywords if name not in kind.model_fields]
        if surplus:
            raise InvalidOption(_unknown(surplus[0], kind)) from None
        raise InvalidOption(explain_all(error)) from None


def _unknown(name: str, kind: type[BaseModel]) -> str:
    images = ["mask", "background_image"] if kind is CutoutOptions else ["mask"]
    owner = "a cut-out" if kind is CutoutOptions else "a mask"
    return f"{name}: {unknown(name, [*kind.model_fields, *images], owner)}"


def _is_pil(image: object) -> bool:
    # By the bases, so that classes of other packages derived from Pillow's count too.
    return any(base.__module__.partition(".")[0] == "PIL" for base in type(image).__mro__)


def _from_pil(image: "PilImage") -> Array:
    """Make an upright array (H, W, 3 or 4) uint8, sRGB, of a PIL image."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    model = {"L": "gray", "LA": "gray", "CMYK": "cmyk"}.get(upright.mode, "rgb")
    convert = conversion(upright.info.get("icc_profile"), model)
    if convert is not None and model == "cmyk":
        return convert(np.asarray(upright, np.uint8))
    pixels = _stored_in_pil(upright)
    if convert is not None:
        pixels[:, :, :3] = convert(np.ascontiguousarray(pixels[:, :, :3]))
    return pixels


def _stored_in_pil(upright: "PilImage") -> Array:
    if upright.mode[0] == "I":
        # In 64 bits, as 65535 * 255 does not fit into 16.
        grey = np.asarray(upright, np.int64).clip(0, 65535)
        # What Pillow reads from a 16-bit PGM has mode I, and so may 8 bits have.
        if upright.mode != "I" or grey.max() > 255:
            # Half of 65535 is added to round.
            grey = (grey * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    if upright.mode in ("F", "La"):
        # The range of F is anybody's guess, and Pillow does not convert La.
        raise InvalidOption(f"a PIL image of mode {upright.mode}; convert it to RGB or RGBA first")
    # A copy, not `asarray`: `_from_pil` writes converted colours into it.
    return np.array(upright.convert("RGBA" if upright.has_transparency_data else "RGB"), np.uint8)


def _to_pil(pixels: Array) -> "PilImage":
    from PIL import Image

    return Image.fromarray(pixels)
