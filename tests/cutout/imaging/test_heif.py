"""HEIC and AVIF: what phones and Adobe's programs write, and nothing larger than it says."""

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from cutout.errors import ImageTooLarge, UndecodableImage, UnsupportedFormat
from cutout.imaging.headers import sniff
from cutout.imaging.headers.avif import item_types
from cutout.imaging.headers.common import Malformed
from tests.support.images import is_near, quarters, raster
from tests.support.paths import ROOT
from tests.support.profiles import rgb_profile

ANY = 10**8
DATA = ROOT / "tests" / "data" / "heic"
MIDDLE = (slice(16, None, 32), slice(24, None, 48))  # of each quarter
SHOWN = quarters()[8::16, 12::24]


def heic(name: str) -> bytes:
    return (DATA / f"{name}.heic").read_bytes()


def test_a_heic_is_read() -> None:
    header = sniff(heic("quarters"))
    assert (header.format, header.upright) == ("heic", (96, 64))
    image = raster(heic("quarters"), ANY)
    assert image.alpha is None
    assert is_near(image.image[MIDDLE], SHOWN, 4)


def test_the_alpha_of_a_heic_is_kept() -> None:
    image = raster(heic("alpha"), ANY)
    assert image.alpha is not None
    assert is_near(image.alpha[MIDDLE], quarters(4)[8::16, 12::24, 3], 2)
    assert is_near(image.image[MIDDLE], SHOWN, 4)


def test_a_heic_is_turned_once() -> None:
    image = raster(heic("turned"), ANY)
    assert image.upload == (64, 96)
    assert is_near(image.image[24::48, 16::32], np.rot90(SHOWN, -1), 25)  # from a JPEG


@pytest.mark.parametrize("name", ["p3", "nclx-p3"])
def test_the_colors_of_a_heic_are_converted(name: str) -> None:
    stored = Pillow.fromarray(SHOWN)
    shown = ImageCms.profileToProfile(
        stored,
        ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile())),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert is_near(raster(heic(name), ANY).image[MIDDLE], np.asarray(shown), 4)


def test_a_heic_with_too_many_pixels_is_refused_by_its_header() -> None:
    data = heic("quarters")
    with pytest.raises(ImageTooLarge, match="96 x 64"):
        raster(data[: data.index(b"mdat") + 100], max_pixels=96 * 64 - 1)


def test_a_heic_whose_frame_is_larger_than_it_says_is_refused() -> None:
    data, lie = heic("quarters"), struct.pack(">II", 8, 8)
    at = data.index(b"ispe") + 8
    with pytest.raises(UndecodableImage, match="limit"):
        raster(data[:at] + lie + data[at + 8 :], ANY)


@pytest.mark.parametrize("length", [40, 200, 590])
def test_a_truncated_heic_is_refused(length: int) -> None:
    with pytest.raises((UndecodableImage, UnsupportedFormat)):
        raster(heic("quarters")[:length], ANY)


@pytest.mark.parametrize(("size", "reason"), [(1025, "1024 are read"), (0, "unknown size")])
def test_an_entry_of_a_heic_whose_names_cannot_be_looked_at_is_refused(
    size: int, reason: str
) -> None:
    data = heic("quarters")
    at = data.index(b"infe") - 4
    with pytest.raises(UndecodableImage, match=reason):
        sniff(data[:at] + struct.pack(">I", size) + data[at + 4 :])


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic_of(types: list[bytes], lengths: list[int], references: bytes) -> bytes:
    """A HEIC of items, from 1 on, whose payloads all begin at byte 0."""
    infe = [
        box(b"infe", struct.pack(">I", 2 << 24) + struct.pack(">HH4sx", number, 0, kind))
        for number, kind in enumerate(types, 1)
    ]
    iinf = box(b"iinf", struct.pack(">IH", 0, len(infe)) + b"".join(infe))
    places = [
        struct.pack(">HHHII", number, 0, 1, 0, length) for number, length in enumerate(lengths, 1)
    ]
    iloc = box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(places)) + b"".join(places))
    iref = box(b"iref", bytes(4) + references)
    meta = box(b"meta", bytes(4) + iinf + iloc + iref)
    return box(b"ftyp", b"heic\0\0\0\0heic") + meta


@pytest.mark.parametrize(
    ("types", "lengths", "references", "reason"),
    [
        ([b"iovl", b"iovl"], [9, 9], box(b"dimg", struct.pack(">4H", 1, 2, 2, 2)), "derived from"),
        ([b"hvc1", b"Exif"], [9, 10**8], b"", "more bytes than the file"),
        (
            [b"Exif", b"hvc1"],
            [10**6, 9],
            box(b"cdsc", struct.pack(">HH", 1, 70) + struct.pack(">H", 2) * 70),
            "more bytes than the file",
        ),
    ],
    ids=["derived twice", "longer than the file", "metadata of many images"],
)
def test_items_that_would_be_read_again_and_again_are_refused(
    types: list[bytes], lengths: list[int], references: bytes, reason: str
) -> None:
    with pytest.raises(UndecodableImage, match=reason):
        sniff(heic_of(types, lengths, references))


def test_an_avif_of_too_many_items_is_refused() -> None:
    entry = box(b"infe", struct.pack(">I", 2 << 24) + struct.pack(">HH4sx", 1, 0, b"av01"))
    entries = [entry[:12] + struct.pack(">H", number) + entry[14:] for number in range(17_000)]
    data = struct.pack(">IH", 0, 17_000) + b"".join(entries)
    with pytest.raises(Malformed, match="more than 16384 items"):
        item_types(data, (0, len(data)))
    twice = struct.pack(">IH", 0, 2) + entry + entry.replace(b"av01", b"grid")
    with pytest.raises(Malformed, match="there twice"):
        item_types(twice, (0, len(twice)))


def avif(pixels: NDArray[np.uint8], **options: object) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(pixels).save(data, "AVIF", quality=100, **options)
    return data.getvalue()


def test_greys_of_a_limited_range_are_stretched() -> None:
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[np.newaxis], 32, axis=0)
    data = avif(ramp, range="limited", subsampling="4:0:0")
    assert is_near(raster(data, ANY).image[:, :, 0], ramp, 3)


def test_an_avif_of_tracks_alone_is_read() -> None:
    """As video encoders write them: nothing but moov says what is in it."""
    frames = [Pillow.fromarray(np.full((24, 40, 3), value, np.uint8)) for value in (90, 200)]
    data = io.BytesIO()
    frames[0].save(data, "AVIF", quality=100, save_all=True, append_images=frames[1:])
    moving = data.getvalue().replace(b"avifavismsf1iso8mif1", b"msf1avismsf1iso8msf1")
    at = moving.index(b"meta")
    tracks = raster(moving[:at] + b"free" + moving[at + 4 :], ANY)
    assert tracks.upload == (40, 24)
    assert is_near(tracks.image, np.full((24, 40, 3), 90, np.uint8), 3)


def test_grey_that_says_more_bits_than_it_has_is_refused() -> None:
    """pi-heif would write twice as many bytes as there are."""
    gray = bytearray(heic("alpha").replace(b"auxl", b"cdsc"))  # the alpha is an image of its own
    gray[gray.index(b"pitm") + 9] = 2  # and the one that is shown
    image = raster(bytes(gray), ANY).image
    assert is_near(image[MIDDLE][..., 0], quarters(4)[8::16, 12::24, 3], 2)
    bits = gray.rindex(b"hvcC") + 21
    gray[bits : bits + 2] = b"\xfa\xfa"  # 10
    with pytest.raises(UndecodableImage, match="fewer bits than its header says"):
        raster(bytes(gray), ANY)


def test_an_item_whose_type_is_no_text_is_refused() -> None:
    """pi-heif would crash."""
    data = heic("turned")
    place = data.index(b"Exif", data.index(b"infe"))
    with pytest.raises(UndecodableImage, match="an item whose type or name is no UTF-8"):
        sniff(data[:place] + b"E\xeaif" + data[place + 4 :])
