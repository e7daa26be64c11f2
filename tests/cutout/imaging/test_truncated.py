"""Files cut short: what is there is decoded if it is nearly all, else refused with how much."""

import io
import logging
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cutout.errors import UndecodableImage
from cutout.imaging.decode import Raster
from tests.support.images import is_near, raster

ANY = 10**8


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
@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP"])
def test_nine_tenths_of_the_rows_are_enough(
    form: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = noise(form, mode, **({"subsampling": 0} if form == "JPEG" else {}))
    with caplog.at_level(logging.WARNING, "cutout"):
        cut = raster(without(0.04, data), ANY)
    check_rows(cut, raster(data, ANY))
    assert [record.message for record in caplog.records] == ["truncated image decoded"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP"])
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
