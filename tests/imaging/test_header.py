"""Headers: every format's size before decoding, and nothing but our errors whatever the bytes."""

import contextlib
import io
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from app.errors import ClientError, PictureTooLarge, UndecodablePicture, UnsupportedFormat
from app.imaging import codec
from app.imaging.header import MAX_PARTS, MAX_SCANS, sniff

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def file(form: str, width: int = 40, height: int = 24, mode: str = "RGB", **options: object) -> bytes:
    data = io.BytesIO()
    Pillow.new(mode, (width, height), 90).save(data, form, **options)
    return data.getvalue()


FILES = {form: file(form) for form in FORMATS}
FILES |= {"BigTIFF": file("TIFF", big_tiff=True), "VP8L": file("WEBP", lossless=True)}
FILES |= {f"{form}+alpha": file(form, mode="RGBA") for form in ("PNG", "WEBP", "TIFF", "AVIF")}


@pytest.mark.parametrize("form", FORMATS)
@settings(deadline=None, max_examples=25)
@given(width=st.integers(1, 80), height=st.integers(1, 80))
def test_size_is_read_from_the_header(form: str, width: int, height: int) -> None:
    header = sniff(file(form, width, height))
    assert (header.format, header.width, header.height) == (form.lower(), width, height)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]
)
def test_other_types_are_not_supported(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        sniff(data)


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None)
@given(data=st.data())
def test_damage_anywhere_raises_only_client_errors(name: str, data: st.DataObject) -> None:
    broken = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(broken), 400) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    for picture in (bytes(broken), bytes(broken[:cut])):
        with contextlib.suppress(ClientError):
            codec.decode(picture, max_pixels=100_000)


@given(st.binary(max_size=300))
def test_any_tail_after_any_signature_raises_only_client_errors(tail: bytes) -> None:
    for whole in FILES.values():
        with contextlib.suppress(ClientError):
            sniff(whole[:12] + tail)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_pictures_are_refused(name: str, share: float) -> None:
    with pytest.raises((UndecodablePicture, UnsupportedFormat)):
        codec.decode(FILES[name][: int(share * len(FILES[name]))], max_pixels=10_000)


@pytest.mark.parametrize("form", FORMATS)
def test_too_many_pixels_are_refused_by_the_header_alone(form: str) -> None:
    with pytest.raises(PictureTooLarge, match="40 x 24"):
        codec.decode(FILES[form][: 500 if form == "AVIF" else len(FILES[form])], max_pixels=40 * 24 - 1)


def test_a_png_of_nothing_but_a_header_can_claim_any_size() -> None:
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 20_000, 20_000, 8, 6, 0, 0, 0, 0)
    with pytest.raises(PictureTooLarge):
        codec.decode(png, max_pixels=50_000_000)


def test_a_chunk_that_announces_gigabytes_costs_nothing() -> None:
    png = FILES["PNG"]
    assert sniff(png).width == 40
    with pytest.raises(UndecodablePicture):
        sniff(png[:33] + struct.pack(">I4s", (1 << 31) - 1, b"tEXt") + png[33:])


def test_more_chunks_than_any_picture_has_are_refused() -> None:
    png, empty = FILES["PNG"], struct.pack(">I4sI", 0, b"teST", 0)
    assert sniff(png[:33] + 100 * empty + png[33:]).width == 40
    with pytest.raises(UndecodablePicture):
        sniff(png[:33] + MAX_PARTS * empty + png[33:])


def test_the_fill_of_a_jpeg_takes_no_time() -> None:
    head, tables, rest = FILES["JPEG"].partition(b"\xff\xdb")
    for fill in (b"\xff", b"\xff\xd0", b"\xff\0", b"\0"):
        start = time.process_time()
        assert sniff(head + fill * ((8 << 20) // len(fill)) + tables + rest).width == 40
        assert time.process_time() - start < 0.5


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    data = file("JPEG", 256, 256, "L", progressive=True, optimize=True)
    first, second = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"][1:3]
    assert codec.decode(data, 10**6).width == 256
    with pytest.raises(UndecodablePicture):
        codec.decode(data[:second] + data[first:second] * MAX_SCANS + data[second:], 10**6)


def test_a_sequential_jpeg_of_endless_empty_scans_is_refused() -> None:
    grey = file("JPEG", 64, 64, "L")
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    planes = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 64, 64, 3) + b"".join(bytes((c, 0x11, 0)) for c in (1, 2, 3))
    color = grey[:frame] + planes + grey[frame + 13 : scan]
    scans = [grey[scan : scan + 5] + bytes((c,)) + grey[scan + 6 : -2] for c in (1, 2, 3)]
    assert codec.decode(color + b"".join(scans) + b"\xff\xd9", 10**6).width == 64
    with pytest.raises(UndecodablePicture):
        codec.decode(color + b"".join(scans) + MAX_SCANS * scans[0][:10] + b"\xff\xd9", 10**6)


def tiff(*tags: tuple[int, int, int, int], blob: bytes = b"") -> bytes:
    """Of entries (tag, type, count, value); the blob lies at 8."""
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(blob)) + blob + directory + bytes(4)


@pytest.mark.parametrize(
    "sizes",
    [
        [(256, 9, 1, 200), (256, 4, 1, 8), (257, 9, 1, 200), (257, 4, 1, 8)],
        [(256, 4, 1, 8), (256, 4, 1, 200), (257, 4, 1, 8)],
        [(256, 4, 2, 8), (257, 4, 1, 8)],
        *([(256, kind, 1, 8), (257, 4, 1, 8)] for kind in (0, 1, 6, 8, 9, 16, 17)),
        [(256, 4, 1, 8), (257, 4, 1, 8), (322, 9, 1, 16384), (323, 9, 1, 16384)],
    ],
)
def test_a_tiff_whose_size_can_be_read_in_two_ways_is_refused(sizes: list[tuple[int, int, int, int]]) -> None:
    grey = [(258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (279, 4, 1, 40_000)]
    plain = tiff((256, 4, 1, 8), (257, 3, 1, 8), *grey, blob=bytes(40_000))
    assert codec.decode(plain, max_pixels=64).image.shape == (8, 8, 3)
    with pytest.raises(UndecodablePicture):
        codec.decode(tiff(*sizes, *grey, blob=bytes(40_000)), max_pixels=64)


@pytest.mark.parametrize(
    ("picture", "tile", "is_taken"),
    [
        ((16, 16), (1 << 20, 1 << 20), False),
        ((16, 16), (4096, 4097), False),
        ((16, 16), (4096, 4096), True),
        ((1, 1 << 20), (4096, 4096), False),
        ((5000, 5000), (256, 256), True),
    ],
)
def test_a_tiff_whose_tiles_are_far_larger_than_its_picture_is_refused(
    picture: tuple[int, int], tile: tuple[int, int], is_taken: bool
) -> None:
    data = tiff(*((tag, 4, 1, side) for tag, side in zip((256, 257, 322, 323), (*picture, *tile), strict=True)))
    if is_taken:
        assert sniff(data).upright == picture
    else:
        with pytest.raises(UndecodablePicture):
            sniff(data)


def resized(data: bytes, box: bytes, at: int, width: int, height: int) -> bytes:
    """A file with that size written into every box of a kind."""
    head, *rest = data.split(box)
    size = struct.pack(">II", width, height)
    return head + b"".join(box + part[:at] + size + part[at + 8 :] for part in rest)


def test_avif_frames_larger_than_the_boxes_say_are_refused() -> None:
    large = file("AVIF", 200, 100)
    assert sniff(resized(large, b"ispe", 4, 200, 100)).width == 200
    for width, height in ((199, 100), (200, 99), (8, 8)):
        with pytest.raises(UndecodablePicture):
            sniff(resized(large, b"ispe", 4, width, height))


def test_avif_tracks_larger_than_the_picture_are_refused() -> None:
    frames = [Pillow.new("RGB", (40, 24), color) for color in (9, 90)]
    moving = file("AVIF", save_all=True, append_images=frames)
    assert sniff(resized(moving, b"tkhd", 88, 40 << 16, 24 << 16)).width == 40
    with pytest.raises(UndecodablePicture):
        sniff(resized(moving, b"tkhd", 88, 41 << 16, 24 << 16))
