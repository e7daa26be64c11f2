"""Files cut short: what is there is decoded if it is nearly all, else refused with how much."""

import io
import logging
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cutout.errors import UndecodableImage
from cutout.imaging.decode import Raster
from cutout.imaging.headers import sniff
from cutout.imaging.headers.tiff_strips import lacks_strips
from tests.support.images import is_near, raster
from tests.support.paths import ROOT

ANY = 10**8
HEIC = ROOT / "tests" / "data" / "heic" / "quarters.heic"
OF_ONE_PASS = {"JPEG": {"subsampling": 0}, "GIF": {"interlace": 0}}


def noise(form: str, mode: str = "RGB", **options: Any) -> bytes:
    data = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (200, 64, 3), np.uint8)
    Pillow.fromarray(pixels).convert(mode).save(data, form, **options)
    return data.getvalue()


def without(share: float, data: bytes) -> bytes:
    return data[: len(data) - max(1, int(share * len(data)))]


def check_rows(cut: Raster, whole: Raster) -> None:
    """The rows that are there are right, the others transparent."""
    assert cut.rows is not None
    assert 180 <= cut.rows < 200
    assert cut.alpha is not None
    there = cut.alpha[:, 0] == 255
    assert there.sum() == cut.rows
    assert is_near(cut.image[there][:170], whole.image[there][:170], 0)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "TIFF"])
def test_nine_tenths_of_the_rows_are_enough(
    form: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = noise(form, mode, **OF_ONE_PASS.get(form, {}))
    with caplog.at_level(logging.WARNING, "cutout"):
        cut = raster(without(0.04, data), ANY)
    check_rows(cut, raster(data, ANY))
    assert [record.message for record in caplog.records] == ["truncated image decoded"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "TIFF"])
def test_less_is_refused_with_how_much_is_there(form: str) -> None:
    words = r"truncated: it has \d+ of 200 rows, and needs at least 90%"
    with pytest.raises(UndecodableImage, match=words):
        raster(without(0.4, noise(form)), ANY)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_nothing_but_the_end_marker_may_be_missing(form: str) -> None:
    data = noise(form)
    cut = raster(data[:-1], ANY)
    assert cut.rows == 200
    assert cut.alpha is None
    np.testing.assert_array_equal(cut.image, raster(data, ANY).image)


def test_a_progressive_jpeg_has_all_rows_early() -> None:
    data = noise("JPEG", progressive=True, quality=60)
    cut = raster(without(0.05, data), ANY)
    assert cut.rows == 200
    assert is_near(cut.image[:150], raster(data, ANY).image[:150], 60)
    with pytest.raises(UndecodableImage, match="truncated: it has 0 of 200 rows"):
        raster(without(0.9, data), ANY)


def test_a_reduced_jpeg_says_rows_of_the_upload() -> None:
    cut = raster(without(0.04, noise("JPEG", subsampling=0)), ANY, (32, 100))
    assert cut.size == (32, 100)
    assert cut.rows is not None
    assert 180 <= cut.rows < 200


def test_what_is_corrupt_in_the_middle_is_not_called_truncated() -> None:
    data = bytearray(noise("PNG"))
    data[len(data) // 2] ^= 255
    with pytest.raises(UndecodableImage, match="checksum"):
        raster(bytes(data), ANY)


def test_a_truncated_webp_is_refused_with_its_bytes() -> None:
    data = noise("WEBP")
    with pytest.raises(UndecodableImage, match=f"{len(data) - 9} of {len(data)} bytes"):
        raster(data[:-9], ANY)


def test_an_interlaced_gif_has_all_rows_when_nearly_all_are_there() -> None:
    data = noise("GIF", "L")
    cut, whole = raster(without(0.04, data), ANY), raster(data, ANY)
    assert (cut.rows, cut.alpha) == (200, None)
    np.testing.assert_array_equal(cut.image[:170], whole.image[:170])
    np.testing.assert_array_equal(cut.image[199], whole.image[198])
    with pytest.raises(UndecodableImage, match=r"truncated: it has 1\d\d of 200 rows"):
        raster(without(0.2, data), ANY)


def test_a_gif_s_first_image_is_whole_where_a_later_one_is_cut() -> None:
    frames = [Pillow.new("L", (48, 32), value) for value in (9, 90)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert raster(file.getvalue()[:-9], ANY).rows is None


def tiff(orientation: int = 1, bits: int = 8, planar: int = 1) -> tuple[bytes, int]:
    """A TIFF of 200 rows in strips of 5, by Deflate, whose directory comes first; its strips'
    start."""
    shape = (200, 64, 3) if planar == 1 else (3, 200, 64)
    pixels = np.random.default_rng(3).integers(0, 2**bits, shape).astype(f"<u{bits // 8}")
    planes = [pixels] if planar == 1 else list(pixels)
    strips = [
        zlib.compress(plane[top : top + 5].tobytes())
        for plane in planes
        for top in range(0, 200, 5)
    ]
    count, start = len(strips), 8 + 2 + 11 * 12 + 4 + 6
    first = start + 8 * count
    starts = [first + sum(map(len, strips[:number])) for number in range(count)]
    entries = [
        (256, 3, 1, 64),
        (257, 3, 1, 200),
        (258, 3, 3, start - 6),
        (259, 3, 1, 8),
        (262, 3, 1, 2),
        (273, 4, count, start),
        (274, 3, 1, orientation),
        (277, 3, 1, 3),
        (278, 3, 1, 5),
        (279, 4, count, start + 4 * count),
        (284, 3, 1, planar),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    lists = struct.pack(f"<3H{2 * count}I", bits, bits, bits, *starts, *map(len, strips))
    return head + lists + b"".join(strips), first


def test_strips_of_a_tiff_that_share_their_bytes_are_refused() -> None:
    data, first = tiff()
    entry = data.index(struct.pack("<HHI", 279, 4, 40))
    place = struct.unpack_from("<I", data, entry + 8)[0]
    sizes = struct.pack("<40I", *[(len(data) - first) // 10] * 40)
    with pytest.raises(UndecodableImage, match="more bytes than the file"):
        raster(data[:place] + sizes + data[place + len(sizes) :], ANY)


def test_samples_of_32_bits_are_refused_before_they_are_decoded() -> None:
    data = tiff(bits=32)[0]
    with pytest.raises(UndecodableImage, match="32 bits a sample"):
        sniff(data)


def test_lists_of_a_tiff_that_are_not_needed_take_no_memory() -> None:
    values = 50_000
    own, starts, sizes = 400, 273, 279  # the first of tags without a meaning here
    tags = [256, 257, starts, sizes, 279, 284, *range(own, own + 300)]
    single = {256: 64, 257: values, 284: 2}
    first = 8 + 2 + 12 * len(tags) + 4
    entries = [
        struct.pack("<HHII", tag, 4, 1, single[tag])
        if tag in single
        else struct.pack("<HHII", tag, 4, values, first)
        for tag in tags
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + bytes(4)
    data = head + bytes(4 * values)
    tracemalloc.start()
    try:
        assert not lacks_strips(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6
    # OpenCV would read every tag, whether it knows it or not.
    with pytest.raises(UndecodableImage, match="tags have more bytes than the file"):
        sniff(data)


@pytest.mark.parametrize("bits", [8, 16])
def test_strips_of_a_tiff_are_rows(bits: int) -> None:
    data, first = tiff(bits=bits)
    cut = raster(data[: first + (len(data) - first) * 24 // 25], ANY)
    assert cut.rows == 190
    check_rows(cut, raster(data, ANY))
    with pytest.raises(UndecodableImage, match="truncated: it has 0 of 200 rows"):
        raster(data[: first + 9], ANY)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_rows_of_a_turned_tiff_are_those_stored(orientation: int) -> None:
    data, first = tiff(orientation)
    cut, whole = raster(data[: first + (len(data) - first) * 24 // 25], ANY), raster(data, ANY)
    assert cut.rows == 190
    assert cut.alpha is not None
    assert (cut.alpha == 255).sum() == 190 * 64
    shown = cut.alpha == 255
    np.testing.assert_array_equal(cut.image[shown], whole.image[shown])


def test_what_has_no_rows_to_be_told_is_refused_with_its_bytes() -> None:
    lzw, apart = noise("TIFF", compression="tiff_lzw"), tiff(planar=2)[0]
    told = {
        "AVIF": (noise("AVIF")[:-9], r"AVIF is truncated: \d+ of at least \d+ bytes"),
        "HEIC": (HEIC.read_bytes()[:-9], r"HEIC is truncated: \d+ of at least \d+ bytes"),
        "directory": (lzw[:-999], rf"its directory is at byte \d+, and {len(lzw) - 999} bytes"),
        "planes": (apart[:-9], "TIFF is truncated: 9 bytes of its planes are missing"),
    }
    for data, words in told.values():
        with pytest.raises(UndecodableImage, match=words):
            raster(data, ANY)
    for data in (noise("AVIF")[:200], HEIC.read_bytes()[:200]):
        with pytest.raises(UndecodableImage, match="truncated: 200 of at least"):
            raster(data, ANY)
