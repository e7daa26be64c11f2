"""Variants of formats that were read wrongly, or refused although they are sound."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from cutout.errors import UndecodableImage
from cutout.imaging.headers import sniff
from cutout.imaging.headers.gif_bmp import MAX_RLE
from tests.support.broken import chunk
from tests.support.images import is_near, quarters, raster

ANY = 10**8


def saved(image: Pillow.Image, form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def animated(first_alpha: int = 0) -> bytes:
    """A GIF whose first frame is transparent in its left half and whose last one is opaque."""
    pixels = quarters(4)
    pixels[:, :24, 3] = first_alpha
    frames = [Pillow.fromarray(pixels), Pillow.new("RGB", (48, 32), "red")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2)


def test_of_a_gif_the_first_image_counts_alone() -> None:
    image = raster(animated(), ANY)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha[:, :24], 0)
    np.testing.assert_array_equal(image.alpha[:, 24:], 255)
    assert sniff(animated()).frames == 2


def test_what_is_broken_behind_the_first_image_of_a_gif_does_not_matter() -> None:
    data = animated()
    second = data.rindex(b"\x2c\0\0\0\0")
    np.testing.assert_array_equal(raster(data[: second + 12], ANY).image, raster(data, ANY).image)


def test_a_disposal_that_gif_does_not_know_is_ignored() -> None:
    data = animated()
    at = data.index(b"\x21\xf9\x04") + 3
    strange = data[:at] + bytes([data[at] | 7 << 2]) + data[at + 1 :]
    np.testing.assert_array_equal(raster(strange, ANY).image, raster(data, ANY).image)


def test_a_frame_of_a_gif_beyond_its_screen_is_refused() -> None:
    data = saved(Pillow.new("L", (40, 24)), "GIF")
    at = data.index(b"\x2c") + 5
    with pytest.raises(UndecodableImage):
        raster(data[:at] + struct.pack("<HH", 60_000, 60_000) + data[at + 4 :], ANY)


def bmp(bits: int, compression: int, body: bytes, masks: bytes = b"", size: int = 40) -> bytes:
    head = struct.pack("<IiiHHIIiiII", size, 8, 4, 1, bits, compression, len(body), 0, 0, 0, 0)
    start = 14 + len(head + masks)
    return b"BM" + struct.pack("<III", start + len(body), 0, start) + head + masks + body


@pytest.mark.parametrize("green", [5, 6])
def test_white_is_white_in_a_bmp_of_16_bits(green: int) -> None:
    masks = struct.pack("<3I", 0xF800, 0x7E0, 0x1F) if green == 6 else b""
    white = struct.pack("<H", 0xFFFF if green == 6 else 0x7FFF)
    image = raster(bmp(16, 3 if green == 6 else 0, 32 * white, masks), ANY)
    np.testing.assert_array_equal(image.image, 255)


def test_pixels_follow_the_palette_of_a_bmp_wherever_it_says_they_begin() -> None:
    """Some programs write the place of the palette instead."""
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))
    rows = b"".join(bytes([60 * row] * 8) for row in range(1, 5))
    right = bytearray(bmp(8, 0, rows, palette))
    wrong = right.copy()
    struct.pack_into("<I", wrong, 10, 54)
    for data in (right, wrong):
        image = raster(bytes(data), ANY)
        np.testing.assert_array_equal(image.image[:, 0, 0], [240, 180, 120, 60])


def test_rows_of_run_lengths_may_be_padded() -> None:
    """As an old ImageMagick writes them: longer than the image is wide."""
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))
    rows = b"".join(bytes((9, 60 * row, 0, 0)) for row in range(1, 5)) + b"\0\1"
    image = raster(bmp(8, 1, rows, palette), ANY)
    np.testing.assert_array_equal(image.image[:, 0, 0], [240, 180, 120, 60])


def test_run_lengths_without_end_are_refused() -> None:
    with pytest.raises(UndecodableImage, match="run lengths"):
        raster(bmp(8, 1, bytes(MAX_RLE), bytes(1024)), ANY)


def test_run_lengths_of_many_pixels_are_refused() -> None:
    data = bytearray(bmp(8, 1, b"\0\1", bytes(1024)))
    struct.pack_into("<ii", data, 18, 8000, -8000)
    with pytest.raises(UndecodableImage, match="run lengths of more than 16777216 pixels"):
        sniff(bytes(data))


def test_unusual_masks_of_a_bmp_are_honoured_or_refused() -> None:
    pixels = struct.pack("<I", 0x11223300) * 32
    masks = struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00)
    with pytest.raises(UndecodableImage, match="bitfields"):
        raster(bmp(32, 3, pixels, struct.pack("<3I", 0x3FF00000, 0xFFC00, 0x3FF)), ANY)
    np.testing.assert_array_equal(
        raster(bmp(32, 3, pixels, masks), ANY).image[0, 0], (0x11, 0x22, 0x33)
    )


def tiff(tags: dict[int, tuple[int, int, int]], body: bytes) -> bytes:
    """Of a body that begins at 8; tags as (type, count, value)."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def rgba_tiff(pixels: NDArray[Any], **others: tuple[int, int, int]) -> bytes:
    height, width, samples = pixels.shape
    depths = struct.pack(f"<{samples}H", *[8 * pixels.itemsize] * samples)
    tags = {256: (3, 1, width), 257: (3, 1, height), 258: (3, samples, 8 + pixels.nbytes)}
    tags |= {259: (3, 1, 1), 262: (3, 1, 2), 273: (4, 1, 8), 277: (3, 1, samples)}
    tags |= {278: (3, 1, height), 279: (4, 1, pixels.nbytes)}
    tags |= {int(name[1:]): value for name, value in others.items()}
    return tiff(tags, pixels.tobytes() + depths)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_saved_selection_in_a_tiff_is_no_alpha(kind: Any) -> None:
    pixels = quarters(4).astype(kind) * (257 if kind is np.uint16 else 1)
    image = raster(rgba_tiff(pixels, t338=(3, 1, 0)), ANY)
    assert image.alpha is None
    assert is_near(image.image, quarters(), 1)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (rgba_tiff(quarters(4).astype(np.uint16), t284=(3, 1, 2), t338=(3, 1, 2)), "planes"),
        (rgba_tiff(quarters(), t262=(3, 1, 8)), "CIELab"),
        (rgba_tiff(quarters(), t339=(3, 1, 2)), "signed samples"),
        (rgba_tiff(np.full((9, 9, 3), 2, np.uint16), t339=(3, 3, 8)), "signed samples"),
        (rgba_tiff(quarters(4)[:, :, :2].copy(), t262=(3, 1, 3), t338=(3, 1, 2)), "palette"),
    ],
)
def test_a_tiff_that_would_be_read_wrongly_is_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(UndecodableImage, match=f"variant of TIFF is not read: .*{named}"):
        raster(data, ANY)


EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
RAW = b"\nexif\n" + f"{len(EXIF):8}\n{EXIF.hex()}\n".encode()
XMP = b'<rdf:Description tiff:Orientation="6"/>'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"tEXt", b"Raw profile type exif\0" + RAW),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW)),
        (b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(RAW)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    ],
)
def test_a_png_can_have_its_orientation_in_a_text(kind: bytes, body: bytes) -> None:
    png = saved(Pillow.fromarray(quarters()), "PNG")
    for place in (33, len(png) - 12):  # before the pixels and after them
        turned = raster(png[:place] + chunk(kind, body) + png[place:], ANY)
        np.testing.assert_array_equal(turned.image, np.rot90(quarters(), -1))


def test_the_smallest_webp_is_read() -> None:
    """OpenCV wants 32 bytes; one of a single colour has 28: its trees have one symbol each."""
    size = struct.pack("<I", 3 | 3 << 14 | 1 << 28)
    data = b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2f" + size + b"\x88\x88\x08"
    image = raster(data, ANY)
    assert image.upload == (4, 4)
    assert len(np.unique(image.image.reshape(-1, 3), axis=0)) == 1


def test_what_a_tiff_is_that_cannot_be_decoded_is_said() -> None:
    gray = np.zeros((4, 8, 1), np.uint8)
    strange = rgba_tiff(gray, t262=(3, 1, 1), t259=(3, 1, 34925), t258=(3, 1, 12))
    with pytest.raises(UndecodableImage, match="12 bits, compression LZMA, 1 samples"):
        raster(strange, ANY)
