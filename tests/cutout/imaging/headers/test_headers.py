"""Headers: every format's size before decoding, and nothing but our errors whatever the bytes."""

import contextlib
import io
import struct
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cutout.errors import ClientError, ImageTooLarge, UndecodableImage, UnsupportedFormat
from cutout.imaging.headers import sniff
from cutout.imaging.headers.avif import MAX_FRAMES
from cutout.imaging.headers.common import MAX_PARTS
from cutout.imaging.headers.exif import MAX_TAGS, exif_orientation
from cutout.imaging.headers.jpeg import MAX_SCANS, max_scans
from tests.support.images import raster

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def file(
    form: str, width: int = 40, height: int = 24, mode: str = "RGB", **options: object
) -> bytes:
    data = io.BytesIO()
    Pillow.new(mode, (width, height), 90).save(data, form, **options)
    return data.getvalue()


FILES = {form: file(form) for form in FORMATS}
FILES |= {"BigTIFF": file("TIFF", big_tiff=True), "VP8L": file("WEBP", lossless=True)}
FILES |= {f"{form}+alpha": file(form, mode="RGBA") for form in ("PNG", "WEBP", "TIFF", "AVIF")}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=25)
@given(width=st.integers(1, 80), height=st.integers(1, 80))
def test_size_is_read_from_the_header(form: str, width: int, height: int) -> None:
    header = sniff(file(form, width, height))
    assert (header.format, header.width, header.height) == (form.lower(), width, height)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypisom\0\0\0\0mp41iso2"]
)
def test_other_types_are_not_supported(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        sniff(data)


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_damage_anywhere_raises_only_client_errors(name: str, data: st.DataObject) -> None:
    broken = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(broken), 400) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    for image in (bytes(broken), bytes(broken[:cut])):
        with contextlib.suppress(ClientError):
            raster(image, max_pixels=100_000)


@given(st.binary(max_size=300))
def test_any_tail_after_any_signature_raises_only_client_errors(tail: bytes) -> None:
    for whole in FILES.values():
        with contextlib.suppress(ClientError):
            sniff(whole[:12] + tail)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_truncated_images_are_refused(name: str, share: float) -> None:
    with pytest.raises((UndecodableImage, UnsupportedFormat)):
        raster(FILES[name][: int(share * len(FILES[name]))], max_pixels=10_000)


@pytest.mark.parametrize("form", FORMATS)
def test_too_many_pixels_are_refused_by_the_header_alone(form: str) -> None:
    with pytest.raises(ImageTooLarge, match="40 x 24"):
        raster(FILES[form][: 500 if form == "AVIF" else len(FILES[form])], max_pixels=40 * 24 - 1)


def test_a_png_of_nothing_but_a_header_can_claim_any_size() -> None:
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(
        ">I4sIIBBBBBI", 13, b"IHDR", 20_000, 20_000, 8, 6, 0, 0, 0, 0
    )
    with pytest.raises(ImageTooLarge):
        raster(png, max_pixels=50_000_000)


def test_a_chunk_that_announces_gigabytes_costs_nothing() -> None:
    png = FILES["PNG"]
    assert sniff(png).width == 40
    with pytest.raises(UndecodableImage):
        sniff(png[:33] + struct.pack(">I4s", (1 << 31) - 1, b"tEXt") + png[33:])


def test_more_chunks_than_any_image_has_are_refused() -> None:
    png, empty = FILES["PNG"], struct.pack(">I4sI", 0, b"teST", 0)
    assert sniff(png[:33] + 100 * empty + png[33:]).width == 40
    with pytest.raises(UndecodableImage):
        sniff(png[:33] + MAX_PARTS * empty + png[33:])


@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I"), (8, "h"), (9, "i")])
@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_an_orientation_is_a_whole_number_of_any_type(
    order: str, mark: bytes, kind: int, code: str
) -> None:
    value = struct.pack(order + code, 6).ljust(4, b"\0")
    entry = struct.pack(order + "IHHHI", 8, 1, 274, kind, 1) + value
    assert exif_orientation(mark + entry) == 6


def test_of_all_exif_chunks_of_a_png_the_first_is_read() -> None:
    png = FILES["PNG"]
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 4000) + bytes(12 * 4000)
    body = struct.pack(">I4s", len(block), b"eXIf") + block + bytes(4)
    many, one = (steps(png[:33] + count * body + png[33:]) for count in (31, 1))
    assert many - one < 30 * 20


def test_a_directory_of_more_tags_than_any_camera_writes_is_not_read_to_its_end() -> None:
    entries = [(tag, 4, 1, 40) for tag in range(1000, 1000 + MAX_TAGS)]
    size = [(256, 4, 1, 40), (257, 4, 1, 30)]
    assert sniff(tiff(*size, *entries[2:])).width == 40
    with pytest.raises(UndecodableImage):
        sniff(tiff(*size, *entries))


@pytest.mark.parametrize("fill", [b"\xff", b"\xff\xd0", b"\xff\0", b"\0"])
def test_the_fill_of_a_jpeg_takes_no_step_a_byte(fill: bytes) -> None:
    head, tables, rest = FILES["JPEG"].partition(b"\xff\xdb")
    assert steps(head + 100_000 * fill + tables + rest) == steps(head + 10 * fill + tables + rest)


def steps(data: bytes) -> int:
    """How many lines of Python are run to read the header of an image that is 40 wide."""
    lines = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        # Not those of finalizers, which may run at any time.
        lines += event == "line" and "headers" in frame.f_code.co_filename
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        header = sniff(data)
    finally:
        sys.settrace(before)
    assert header.width == 40
    return lines


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    data = file("JPEG", 256, 256, "L", progressive=True, optimize=True)
    first, second = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"][
        1:3
    ]
    assert raster(data, 10**6).upload.width == 256
    with pytest.raises(UndecodableImage):
        raster(data[:second] + data[first:second] * MAX_SCANS + data[second:], 10**6)


@pytest.mark.parametrize(
    ("pixels", "scans"),
    [(64 * 64, 200), (12_000_000, 89), (49_000_000, 21), (1 << 28, 20)],
)
def test_the_larger_a_jpeg_the_fewer_scans_it_may_have(pixels: int, scans: int) -> None:
    assert max_scans(pixels) == scans


def test_a_large_jpeg_of_many_scans_is_refused_by_its_header() -> None:
    data = file("JPEG", 256, 256, "L", progressive=True)
    size = data.index(b"\xff\xc2") + 5
    first, second = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"][1:3]
    large = data[:size] + struct.pack(">HH", 7000, 7000) + data[size + 4 : second]
    assert sniff(large + 10 * data[first:second] + data[second:]).pixels == 49_000_000
    with pytest.raises(UndecodableImage, match="more than 21 scans"):
        sniff(large + 22 * data[first:second] + data[second:])


def test_a_sequential_jpeg_of_endless_empty_scans_is_refused() -> None:
    grey = file("JPEG", 64, 64, "L")
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    planes = (
        b"\xff\xc0"
        + struct.pack(">HBHHB", 17, 8, 64, 64, 3)
        + b"".join(bytes((c, 0x11, 0)) for c in (1, 2, 3))
    )
    color = grey[:frame] + planes + grey[frame + 13 : scan]
    scans = [grey[scan : scan + 5] + bytes((c,)) + grey[scan + 6 : -2] for c in (1, 2, 3)]
    assert raster(color + b"".join(scans) + b"\xff\xd9", 10**6).upload.width == 64
    with pytest.raises(UndecodableImage):
        raster(color + b"".join(scans) + MAX_SCANS * scans[0][:10] + b"\xff\xd9", 10**6)


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
def test_a_tiff_whose_size_can_be_read_in_two_ways_is_refused(
    sizes: list[tuple[int, int, int, int]],
) -> None:
    grey = [
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (279, 4, 1, 40_000),
    ]
    plain = tiff((256, 4, 1, 8), (257, 3, 1, 8), *grey, blob=bytes(40_000))
    assert raster(plain, max_pixels=64).image.shape == (8, 8, 3)
    with pytest.raises(UndecodableImage):
        raster(tiff(*sizes, *grey, blob=bytes(40_000)), max_pixels=64)


@pytest.mark.parametrize(
    ("image", "tile", "is_taken"),
    [
        ((16, 16), (1 << 20, 1 << 20), False),
        ((16, 16), (4096, 4097), False),
        ((16, 16), (4096, 4096), True),
        ((1, 1 << 20), (4096, 4096), False),
        ((5000, 5000), (256, 256), True),
    ],
)
def test_a_tiff_whose_tiles_are_far_larger_than_its_image_is_refused(
    image: tuple[int, int], tile: tuple[int, int], is_taken: bool
) -> None:
    data = tiff(
        *(
            (tag, 4, 1, side)
            for tag, side in zip((256, 257, 322, 323), (*image, *tile), strict=True)
        )
    )
    if is_taken:
        assert sniff(data).upright == image
    else:
        with pytest.raises(UndecodableImage):
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
        with pytest.raises(UndecodableImage):
            sniff(resized(large, b"ispe", 4, width, height))


def avif_box(kind: bytes, body: bytes, version: int | None = None) -> bytes:
    whole = body if version is None else struct.pack(">I", version << 24) + body
    return struct.pack(">I4s", 8 + len(whole), kind) + whole


def avif_grid(
    columns: int, rows: int, cell: tuple[int, int], said: tuple[int, int], size: tuple[int, int]
) -> bytes:
    """Item 1 is a grid of that size; the others are its cells, which share one frame and are said
    to be of a size."""
    single, cells = file("AVIF", *cell), range(2, 2 + columns * rows)
    frame = single[single.index(b"mdat") + 4 :]
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    kinds = [(1, b"grid"), *((item, b"av01") for item in cells)]
    entries = [(1, 0, 8), *((item, 8, len(frame)) for item in cells)]
    at = single.index(b"av1C") - 4
    properties = b"".join(
        (
            *(avif_box(b"ispe", struct.pack(">II", *pair), 0) for pair in (size, said)),
            avif_box(b"pixi", b"\x03\x08\x08\x08", 0),
            single[at : at + 12],
        )
    )
    of_items = [
        struct.pack(">HB2B", 1, 2, 1, 3),
        *(struct.pack(">HB3B", item, 3, 2, 3, 0x84) for item in cells),
    ]
    body = b"".join(
        (
            avif_box(b"hdlr", bytes(4) + b"pict" + bytes(13), 0),
            avif_box(b"pitm", struct.pack(">H", 1), 0),
            avif_box(
                b"iloc",
                b"\x44\0" + struct.pack(">H", len(entries))
                + b"".join(
                    struct.pack(">HHHHII", item, 1, 0, 1, start, size)
                    for item, start, size in entries
                ),
                1,
            ),
            avif_box(
                b"iinf",
                struct.pack(">H", len(kinds))
                + b"".join(
                    avif_box(b"infe", struct.pack(">HH4sx", item, 0, kind), 2)
                    for item, kind in kinds
                ),
                0,
            ),
            avif_box(
                b"iref",
                avif_box(b"dimg", struct.pack(f">HH{len(cells)}H", 1, len(cells), *cells)),
                0,
            ),
            avif_box(
                b"iprp",
                avif_box(b"ipco", properties)
                + avif_box(b"ipma", struct.pack(">I", len(of_items)) + b"".join(of_items), 0),
            ),
            avif_box(b"idat", grid + frame),
        )
    )  # fmt: skip
    return avif_box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf") + avif_box(b"meta", body, 0)


def test_avif_grids_are_read_and_their_cells_checked() -> None:
    fits = avif_grid(2, 2, cell=(64, 64), said=(64, 64), size=(120, 100))
    assert raster(fits, max_pixels=12_000).image.shape == (100, 120, 3)
    lies = [avif_grid(2, 2, cell=(128, 64), said=(64, 64), size=(120, 100))]
    lies += [avif_grid(1, 1, cell=(3000, 3000), said=(3000, 3000), size=(120, 100))]
    for lie in lies:
        with pytest.raises(UndecodableImage):
            sniff(lie)


def test_avif_tracks_larger_than_the_image_are_refused() -> None:
    frames = [Pillow.new("RGB", (40, 24), color) for color in (9, 90)]
    moving = file("AVIF", save_all=True, append_images=frames)
    assert sniff(moving).frames == 1 + len(frames)
    assert sniff(resized(moving, b"tkhd", 88, 40 << 16, 24 << 16)).width == 40
    with pytest.raises(UndecodableImage):
        sniff(resized(moving, b"tkhd", 88, 41 << 16, 24 << 16))
    for width, is_taken in ((40, True), (41, False)):
        frame = file("AVIF", width).partition(b"mdat")[2]
        data = bytearray(
            moving + avif_box(b"mdat", frame + bytes(999))
        )  # the first sample, and room for the next
        struct.pack_into(">I", data, data.index(b"stco") + 12, len(moving) + 8)
        struct.pack_into(">I", data, data.index(b"stsz") + 16, len(frame))
        if is_taken:
            assert raster(bytes(data), 10_000).upload.width == 40
        else:
            with pytest.raises(UndecodableImage):
                sniff(bytes(data))


def test_an_avif_of_endless_frames_is_refused() -> None:
    still, frame = file("AVIF"), b"\x32\0"  # an OBU for a frame, without a body
    end, iloc, units = len(still), still.index(b"iloc") + 4, still.partition(b"mdat")[2]
    sequence = units[2 : 4 + units[3]]
    for frames, is_taken in ((MAX_FRAMES, True), (MAX_FRAMES + 1, False)):
        stream = sequence + frames * frame
        data = bytearray(still + stream)
        struct.pack_into(">II", data, iloc + 14, end, len(stream))
        if is_taken:
            assert sniff(bytes(data)).width == 40
        else:
            with pytest.raises(UndecodableImage):
                sniff(bytes(data))
