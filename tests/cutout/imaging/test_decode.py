"""Decoding: upright, 8 bits, RGB and alpha whatever the file."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from cutout.errors import UndecodableImage
from cutout.imaging.box import Size
from cutout.imaging.decode import reduction
from cutout.imaging.decoders.opencv import REDUCED
from cutout.imaging.headers import Header
from cutout.imaging.headers.png_pixels import ADAM7, bytes_of_rows, with_bounded_pixels
from tests.support.broken import PNG_SIGNATURE, chunk
from tests.support.images import is_near, quarters, raster

HEIGHT, WIDTH = quarters().shape[:2]
ANY = 10**8


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What a viewer shows of pixels stored with an EXIF orientation (the standard's own words for 1
    to 8)."""
    views = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, 1),
    }
    return views[orientation]


def file(pixels: NDArray[np.uint8], form: str, mode: str | None = None, **options: object) -> bytes:
    data = io.BytesIO()
    image = Pillow.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(data, form, **options)
    return data.getvalue()


def oriented(form: str, orientation: int, channels: int) -> bytes:
    if form == "TIFF":
        return file(quarters(channels), form, tiffinfo={274: orientation})
    exif = Pillow.Exif()
    exif[274] = orientation
    if form == "WEBP":
        return file(quarters(channels), form, exif=exif, lossless=True, exact=True)
    return file(quarters(channels), form, exif=exif, quality=95)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "channels"),
    [
        ("JPEG", 3),
        ("PNG", 3),
        ("PNG", 4),
        ("WEBP", 3),
        ("WEBP", 4),
        ("TIFF", 3),
        ("TIFF", 4),
        ("AVIF", 3),
        ("AVIF", 4),
    ],
)
def test_every_image_is_upright_once(form: str, channels: int, orientation: int) -> None:
    image = raster(oriented(form, orientation, channels), ANY)
    shown = turned(quarters(channels), orientation)
    assert image.upload == (shown.shape[1], shown.shape[0])
    middle = (slice(4, None, 8), slice(4, None, 8))  # away from where JPEG and AVIF smear
    assert is_near(image.image[middle], shown[middle][..., :3], 12)
    if channels == 4:
        assert image.alpha is not None
        assert is_near(image.alpha[middle], shown[middle][..., 3], 3)


@pytest.mark.parametrize(
    ("form", "mode"),
    [(form, mode) for form in ("PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP") for mode in ("L", "1")]
    + [(form, "P") for form in ("PNG", "TIFF", "GIF", "BMP", "WEBP")]
    + [(form, "CMYK") for form in ("TIFF", "JPEG", "WEBP")],
)
def test_color_models_come_out_as_pillow_reads_them(form: str, mode: str) -> None:
    data = file(quarters(), form, mode)
    image = raster(data, ANY)
    assert image.alpha is None
    assert is_near(image.image, np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")), 2)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_gray_are_scaled(suffix: str) -> None:
    ramp = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 40
    image = raster(cv2.imencode(suffix, ramp)[1].tobytes(), ANY)
    assert is_near(image.image, np.dstack([ramp // 257] * 3).astype(np.uint8), 1)


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "LA"), ("PNG", "P"), ("GIF", "RGBA"), ("WEBP", "RGBA")]
)
def test_transparency_is_kept(form: str, mode: str) -> None:
    pixels = quarters(4)
    pixels[:, :24, 3] = 0
    data = io.BytesIO()
    image = Pillow.fromarray(pixels)
    (image.quantize(16) if mode == "P" else image.convert(mode)).save(data, form)
    alpha = raster(data.getvalue(), ANY).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, pixels[..., 3])


def tiff(pixels: NDArray[Any], extra: int) -> bytes:
    """Uncompressed; the last channel is, by its tag, alpha: 1 where colours are multiplied by it,
    else 2."""
    (height, width, channels), bits = pixels.shape, 8 * pixels.itemsize
    body = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes() + struct.pack(
        f"<{channels}H", *[bits] * channels
    )
    depths = (
        8 + pixels.nbytes if channels > 2 else bits | bits << 16
    )  # where they are, or themselves where they fit in
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, depths), (259, 3, 1, 1)]
    tags += [
        (262, 3, 1, 2 if channels > 2 else 1),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 4, 1, height),
    ]
    tags += [(279, 4, 1, pixels.nbytes), (338, 3, 1, extra)]
    directory = (
        struct.pack("<H", len(tags))
        + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        + bytes(4)
    )
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [1, 2])
def test_the_colors_of_a_tiff_are_not_those_multiplied_by_alpha(bits: int, extra: int) -> None:
    straight = quarters(4)
    stored = straight.copy()
    if extra == 1:
        stored[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / 255))
    image = raster(tiff(stored if bits == 8 else stored.astype(np.uint16) * 257, extra), ANY)
    assert is_near(image.image, straight[..., :3], 2)
    np.testing.assert_array_equal(image.alpha, straight[..., 3])


def test_a_tiff_whose_alpha_would_be_lost_is_refused() -> None:
    gray = np.dstack([np.full((HEIGHT, WIDTH), 90, np.uint8), quarters(4)[..., 3]])
    with pytest.raises(UndecodableImage, match="grey TIFFs with alpha"):
        raster(tiff(gray, 2), ANY)


@pytest.mark.parametrize(("masks", "seen"), [(3, None), (4, 170)])
def test_the_fourth_byte_of_a_bmp_is_alpha_where_its_header_says_so(
    masks: int, seen: int | None
) -> None:
    pixels = np.ascontiguousarray(quarters(4)[::-1, :, [2, 1, 0, 3]]).tobytes()
    colors = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)[: 4 * masks]
    head = (
        struct.pack(
            "<IiiHHIIiiII", 40 + 4 * masks, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0
        )
        + colors
    )
    image = raster(
        b"BM"
        + struct.pack("<III", 14 + len(head) + len(pixels), 0, 14 + len(head))
        + head
        + pixels,
        ANY,
    )
    np.testing.assert_array_equal(image.image, quarters())
    assert (
        image.alpha is None
        if seen is None
        else image.alpha is not None and image.alpha.min() == seen
    )


def test_a_gray_png_can_declare_one_value_transparent() -> None:
    ramp = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (HEIGHT, 1))
    alpha = raster(file(ramp, "PNG", transparency=50), ANY).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, np.where(ramp == 50, 0, 255))


def test_of_sixteen_bits_of_gray_one_value_is_transparent_and_not_its_neighbours() -> None:
    ramp = np.tile(np.arange(32_000, 33_500, 64, dtype=np.uint16), (HEIGHT, 1))
    png = file(ramp, "PNG")  # type: ignore[arg-type]
    head = png[:33]
    assert head[24:26] == bytes((16, 0))
    alpha = raster(head + chunk(b"tRNS", struct.pack(">H", 32_768)) + png[33:], ANY).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, np.where(ramp == 32_768, 0, 255))


def test_what_is_transparent_is_white_whatever_hides_there() -> None:
    pixels = np.dstack([quarters(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    pixels[:, : WIDTH // 2, 3] = 0
    image = raster(file(pixels, "PNG"), ANY)
    assert image.image[:, : WIDTH // 2].min() == 255
    np.testing.assert_array_equal(image.image[:, WIDTH // 2 :], pixels[:, WIDTH // 2 :, :3])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_with_alpha_are_scaled(suffix: str) -> None:
    stored = cv2.cvtColor(quarters(4), cv2.COLOR_RGBA2BGRA).astype(np.uint16) * 257
    data = cv2.imencode(suffix, stored)[1].tobytes()
    image = raster(data, ANY)
    np.testing.assert_array_equal(image.image, quarters())
    if suffix == ".png":  # OpenCV writes a TIFF whose fourth channel is not called alpha
        np.testing.assert_array_equal(image.alpha, quarters(4)[..., 3])


@pytest.mark.parametrize(("kind", "head"), [(b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")])
def test_the_texts_of_a_png_are_not_unpacked(
    kind: bytes, head: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    text = chunk(
        kind, head + b"no zlib stream"
    )  # libpng, if it tried, would warn of it on standard error
    png = file(quarters(), "PNG")
    for place in (33, len(png) - 12):  # before the pixels and after them
        image = raster(png[:place] + 50 * text + png[place:], ANY).image
        np.testing.assert_array_equal(image, quarters())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_a_png_is_inflated_as_far_as_its_last_row(mode: str) -> None:
    png = file(quarters(), "PNG", mode)
    pixels, rest = with_data(png, lambda rows: zlib.compress(rows + bytes(10_000_000)))
    assert len(with_bounded_pixels(pixels)) < 2 * len(rest) + 10_000
    np.testing.assert_array_equal(raster(pixels, ANY).image, raster(png, ANY).image)


def with_data(png: bytes, pack: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """A PNG with its rows packed again, and the rows."""
    start = png.index(b"IDAT")
    size = int.from_bytes(png[start - 4 : start], "big")
    rows = zlib.decompress(png[start + 4 : start + 4 + size])
    return png[: start - 4] + chunk(b"IDAT", pack(rows)) + chunk(b"IEND", b""), rows


def test_sixteen_bits_that_go_on_behind_the_last_row_are_refused() -> None:
    stored = quarters(4).astype(np.uint16) * 257
    png = cv2.imencode(".png", stored)[1].tobytes()
    data, _ = with_data(png, lambda rows: zlib.compress(rows))
    np.testing.assert_array_equal(raster(data, ANY).alpha, quarters(4)[..., 3])
    data, _ = with_data(png, lambda rows: zlib.compress(rows + b"\0"))
    with pytest.raises(UndecodableImage, match="more pixels than its header says"):
        raster(data, ANY)


@pytest.mark.parametrize("width", range(1, 10))
def test_the_rows_of_an_interlaced_png_are_counted_pass_by_pass(width: int) -> None:
    png = interlaced(np.full((5, width), 77, np.uint8))
    np.testing.assert_array_equal(raster(png, ANY).image, np.full((5, width, 3), 77))
    assert bytes_of_rows(png) == len(with_data(png, lambda rows: rows)[1])


def interlaced(gray: NDArray[np.uint8]) -> bytes:
    """A grey image as a PNG in seven passes (Adam7), which neither Pillow nor OpenCV writes."""
    passes = (gray[top::down, left::across] for left, top, across, down in ADAM7)
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    head = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], 8, 0, 0, 0, 1)
    return (
        PNG_SIGNATURE
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_an_avif_weighs_more_than_its_pixels() -> None:
    assert Header("avif", 100, 10).weight == 1500
    assert Header("png", 100, 10).weight == 1000


def test_ten_bits_of_avif_with_alpha_are_scaled() -> None:
    stored = cv2.cvtColor(quarters(4), cv2.COLOR_RGBA2BGRA).astype(np.uint16) * 4
    data = cv2.imencode(
        ".avif", stored, [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 95]
    )[1].tobytes()
    image = raster(data, ANY)
    assert image.image[24, 40].min() > 245
    assert image.alpha is not None
    assert abs(int(image.alpha[24, 8]) - 170) < 4


def test_a_fully_opaque_alpha_is_none() -> None:
    assert raster(file(np.full((8, 8, 4), 255, np.uint8), "PNG"), ANY).alpha is None


@pytest.mark.parametrize("reduce", [2, 4, 8])
def test_a_reduced_jpeg_is_smaller_but_keeps_its_size_in_words(reduce: int) -> None:
    image = raster(oriented("JPEG", 6, 3), ANY, (HEIGHT // reduce, WIDTH // reduce))
    assert image.upload == (HEIGHT, WIDTH)
    assert image.image.shape == (WIDTH // reduce, HEIGHT // reduce, 3)


@given(
    size=st.tuples(st.integers(16, 120), st.integers(16, 120)),
    mode=st.sampled_from(["RGB", "L"]),
    how=st.fixed_dictionaries(
        {
            "subsampling": st.integers(0, 2),
            "progressive": st.booleans(),
            "quality": st.integers(20, 100),
        }
    ),
    factor=st.sampled_from([1, 2, 4, 8]),
)
def test_a_jpeg_comes_out_as_opencv_decodes_it(
    size: tuple[int, int], mode: str, how: dict[str, Any], factor: int
) -> None:
    data = io.BytesIO()
    noise = np.random.default_rng(size[0]).integers(0, 256, (*size, 3), np.uint8)
    Pillow.fromarray(cv2.blur(noise, (3, 3))).convert(mode).save(data, "JPEG", **how)
    image = raster(data.getvalue(), ANY, (size[1] // factor, size[0] // factor)).image
    flags = cv2.IMREAD_COLOR_RGB | REDUCED.get(factor, 0)
    np.testing.assert_array_equal(
        image, cv2.imdecode(np.frombuffer(data.getvalue(), np.uint8), flags)
    )


def test_bytes_that_do_not_belong_into_a_jpeg_are_passed_over() -> None:
    data = file(quarters(), "JPEG")
    end = data.rindex(b"\xff\xd9")
    image = raster(data[:end] + b"\0stray" + data[end:], ANY)
    np.testing.assert_array_equal(image.image, raster(data, ANY).image)


@given(
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
)
def test_a_jpeg_is_reduced_as_far_as_it_may_be_and_no_further(
    size: tuple[int, int], least: tuple[int, int]
) -> None:
    factor = reduction(Header("jpeg", *size), Size(*least))
    assert reduction(Header("png", *size), Size(*least)) == 1
    assert factor == 1 or (size[0] / factor >= least[0] and size[1] / factor >= least[1])
    assert factor == 8 or size[0] / (2 * factor) < least[0] or size[1] / (2 * factor) < least[1]
