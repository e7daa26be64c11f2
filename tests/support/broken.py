"""Good images of every kind that is read, and what becomes of them when they are damaged or when
they lie.

All are made in code from one small drawing, the same ones each time. `tests.support.fuzz` mutates
the good ones at random.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.support.images import disc
from tests.support.paths import ROOT

HEICS = ROOT / "tests" / "data" / "heic"

WIDTH, HEIGHT = 48, 32
HUGE = 60_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def good() -> dict[str, bytes]:
    """An image of every format, colour model and way of packing that is read, each WIDTH x
    HEIGHT."""
    return {
        **_jpegs(),
        **_pngs(),
        **_webps(),
        **_gifs(),
        **_bmps(),
        **_tiffs(),
        **_avifs(),
        **_heics(),
    }


def unsupported() -> dict[str, bytes]:
    """Files of other types, and none."""
    pixels = _drawing().convert("RGB")
    files = {
        form: saved(pixels, form)
        for form in ("ICO", "PPM", "TGA", "PCX", "JPEG2000", "PDF", "SGI", "DDS")
    }
    return files | {
        "empty": b"",
        "one byte": b"\xff",
        "text": b"Not an image, " * 100,
        "html": b"<!doctype html><img src=x onerror=alert(1)>",
        "svg": b'<?xml version="1.0"?>'
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "svg that fetches": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/"/></svg>',
        "zip": b"PK\x03\x04" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(200),
        "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        "psd": b"8BPS\0\x01" + bytes(100),
        "exr": b"v/1\x01\x02\0\0\0" + bytes(100),
        "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + bytes(100),
        "zeros": bytes(1000),
        "ones": b"\xff" * 1000,
        "noise": random.Random(1).randbytes(1000),
        "nearly a png": b"\x89PNG\r\n\x1a\r" + saved(pixels, "PNG")[8:],
    }


def cut_off(whole: bytes) -> Iterator[bytes]:
    """A file that ends early: at each of its first bytes, then at places all over it, then just
    before its end."""
    places = {
        *range(0, 40, 3),
        *(len(whole) * share // 16 for share in range(1, 16)),
        len(whole) - 1,
        len(whole) - 2,
    }
    return (whole[:place] for place in sorted(places) if 0 <= place < len(whole))


def flipped(whole: bytes, seed: int) -> Iterator[bytes]:
    """One bit wrong near the start, one anywhere, and one in a hundred."""
    rng = random.Random(seed)
    for count, within in (
        (1, 64),
        (1, len(whole)),
        (1, len(whole)),
        (len(whole) // 100 + 2, len(whole)),
    ):
        data = bytearray(whole)
        for place in rng.choices(range(min(within, len(data))), k=count):
            data[place] ^= 1 << rng.randrange(8)
        yield bytes(data)


def huge_png() -> bytes:
    """20,000 x 20,000 pixels in a few hundred bytes: only the header is honest."""
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return PNG_SIGNATURE + ihdr(20_000, 20_000, color=0) + pixels + chunk(b"IEND", b"")


def bombs() -> dict[str, bytes]:
    """Small files whose headers announce images that would fill the memory."""
    return {
        **{f"{form} of {HUGE} x {HUGE}": sized(form, HUGE, HUGE) for form in SIZED},
        **{f"{form} as large as can be written": sized(form, *LARGEST[form]) for form in SIZED},
        **{
            f"{form} wide": sized(form, min(LARGEST[form][0], 2_000_000), 40)
            for form in ("PNG", "BMP", "TIFF")
        },
    }


def empty_sizes() -> dict[str, bytes]:
    """Headers that announce no pixels."""
    forms = [
        form for form in SIZED if form not in ("WEBP", "VP8L", "VP8X")
    ]  # these store the size less one
    return {
        f"{form} {width} x {height}": sized(form, width, height)
        for form in forms
        for width, height in ((0, 9), (9, 0))
    }


def liars() -> dict[str, bytes]:
    """Well-formed at first sight, wrong inside."""
    jpeg, png, webp = saved(_drawing(), "JPEG"), saved(_drawing(), "PNG"), saved(_drawing(), "WEBP")
    gif, bmp, tiff = saved(_drawing(), "GIF"), saved(_drawing(), "BMP"), saved(_drawing(), "TIFF")
    exif = b"Exif\0\0"
    return {
        "heic of nothing": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "PNG with the body of a JPEG": PNG_SIGNATURE + jpeg,
        "JPEG with the body of a PNG": jpeg[:3] + png,
        "WebP with the body of a GIF": webp[:12] + gif,
        "GIF with the body of a BMP": gif[:6] + bmp,
        "two JPEGs in one": jpeg + jpeg,
        "JPEG after 2,000 markers of nothing": jpeg[:2] + b"\xff\xfe\0\x02" * 2000 + jpeg[2:],
        "JPEG with two frame headers": _with_second_frame(jpeg),
        "JPEG without tables": jpeg[:2] + jpeg[jpeg.index(b"\xff\xc0") :],
        "JPEG of 12 bits": jpeg.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
        "JPEG of 255 components": jpeg.replace(b"\x08\0\x20\0\x30\x03", b"\x08\0\x20\0\x30\xff"),
        "lossless JPEG": jpeg.replace(b"\xff\xc0", b"\xff\xc3"),
        "arithmetic JPEG": jpeg.replace(b"\xff\xc0", b"\xff\xc9"),
        "JPEG whose EXIF is rubbish": _with_app1(jpeg, exif + bytes(range(200))),
        "JPEG whose EXIF points at itself": _with_app1(
            jpeg, exif + b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 90
        ),
        "JPEG whose EXIF points outside": _with_app1(jpeg, exif + b"MM\0*\xff\xff\xff\xff"),
        **{f"JPEG of orientation {value}": _oriented(jpeg, value) for value in (0, 9, 255, 65535)},
        "PNG whose EXIF is rubbish": _with_chunk(png, b"eXIf", bytes(range(99))),
        "PNG with a header's checksum wrong": png[:29] + b"\0\0\0\0" + png[33:],
        "PNG with all checksums wrong": _without_checksums(png),
        "PNG without pixels": png[:33] + chunk(b"IEND", b""),
        "PNG with its end first": png[:33] + chunk(b"IEND", b"") + png[33:],
        "PNG with two headers": png[:33] + png[8:],
        "PNG of depth 3": PNG_SIGNATURE + ihdr(WIDTH, HEIGHT, 3, 2) + png[33:],
        "PNG of colour type 5": PNG_SIGNATURE + ihdr(WIDTH, HEIGHT, 8, 5) + png[33:],
        "PNG of a palette without one": PNG_SIGNATURE + ihdr(WIDTH, HEIGHT, 8, 3) + png[33:],
        "PNG of too little data": PNG_SIGNATURE + ihdr(900, 900, 8, 2) + png[33:],
        "PNG of far too much data": _png_of(bytes(20_000_000)),
        "PNG with a text that unpacks to 50 MB": _with_chunk(
            png, b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))
        ),
        "PNG with a profile that unpacks to 50 MB": _with_chunk(
            png, b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))
        ),
        "PNG of 60,000 empty chunks": _with_chunk(png, b"teST", b"", 60_000),
        "PNG of a palette longer than allowed": _with_chunk(png, b"PLTE", bytes(3 * 300)),
        "PNG with a chunk of 2 GB": png[:33]
        + struct.pack(">I4s", (1 << 31) - 1, b"tEXt")
        + png[33:],
        "PNG with a tRNS too short": _with_chunk(png, b"tRNS", b"\0"),
        "APNG without frames": _with_chunk(png, b"acTL", struct.pack(">II", 0, 0)),
        "APNG with frames outside": _with_chunk(
            _with_chunk(
                png, b"fcTL", struct.pack(">IIIIIHHBB", 0, 4000, 4000, 4000, 4000, 1, 1, 0, 0)
            ),
            b"acTL",
            struct.pack(">II", 1 << 20, 0),
        ),
        "WebP said to be longer": b"RIFF\xff\xff\xff\x7f" + webp[8:],
        "WebP said to be shorter": b"RIFF\x04\0\0\0" + webp[8:],
        "WebP without an image": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + bytes(6),
        "WebP whose canvas is another size": _vp8x(webp, 900, 900),
        "WebP said to be animated": _vp8x(webp, WIDTH, HEIGHT, flags=0x02),
        "WebP said to have alpha": _vp8x(webp, WIDTH, HEIGHT, flags=0x10),
        "BMP of pixels of no bits, truncated": _patched(bmp, 28, b"\0\0")[:40],
        "GIF without a frame": gif[:13] + b"\x3b",
        "GIF whose frame is larger than its screen": _gif_with_frame(gif, 0, 0, 4000, 4000),
        "GIF whose frame lies outside": _gif_with_frame(gif, 40_000, 40_000, WIDTH, HEIGHT),
        "GIF of codes of 255 bits": gif.replace(
            b"\x2c\0\0\0\0\x30\0\x20\0\0\x08", b"\x2c\0\0\0\0\x30\0\x20\0\0\xff"
        ),
        "BMP upside down": _patched(bmp, 22, struct.pack("<i", -HEIGHT)),
        "BMP of a negative width": _patched(bmp, 18, struct.pack("<i", -WIDTH)),
        "BMP of the least height there is": _patched(bmp, 22, struct.pack("<i", -(1 << 31))),
        "BMP of 7 bits": _patched(bmp, 28, struct.pack("<H", 7)),
        "BMP whose pixels lie outside": _patched(bmp, 10, struct.pack("<I", 0xFFFFFFFF)),
        "BMP said to be run-length coded": _patched(bmp, 30, struct.pack("<I", 1)),
        "BMP of a header of 4 GB": _patched(bmp, 14, struct.pack("<I", 0xFFFFFFFF)),
        "TIFF whose directory lies outside": b"II*\0\xff\xff\xff\xff" + tiff[8:],
        "TIFF whose directory is its header": b"II*\0\0\0\0\0" + tiff[8:],
        **{f"TIFF with tag {tag} of {value}": tiff_of({tag: value}) for tag, value in TIFF_LIES},
        "TIFF packed as OpenCV does not unpack": saved(_drawing(), "TIFF", compression="zstd"),
        "TIFF of nothing but sizes": tiff_of({}, only=(256, 257)),
    }


TIFF_LIES = [
    *((258, bits) for bits in (0, 3, 64, 65535)),  # bits per sample
    *((259, kind) for kind in (0, 2, 3, 4, 6, 7, 8, 34712, 65535)),  # compression
    *((262, kind) for kind in (3, 5, 6, 8, 32844, 65535)),  # photometric interpretation
    *((273, place) for place in (0, 1 << 31, (1 << 32) - 1)),  # strip offsets
    *((277, samples) for samples in (0, 2, 5, 1000, 65535)),  # samples per pixel
    *((278, rows) for rows in (0, 1, (1 << 32) - 1)),  # rows per strip
    *((279, count) for count in (0, (1 << 32) - 1)),  # bytes per strip
    *((284, layout) for layout in (2, 9)),  # planar configuration
    *((317, predictor) for predictor in (2, 3, 9)),
    *((322, side) for side in (0, 1, 65535)),  # tile width
    *((339, kind) for kind in (2, 3, 6)),  # sample format
    *((274, turn) for turn in (0, 5, 9)),  # orientation
]
LARGEST = {
    "JPEG": (65_535, 65_535),
    "PNG": ((1 << 31) - 1, (1 << 31) - 1),
    "WEBP": (16_383, 16_383),
    "VP8L": (16_384, 16_384),
    "VP8X": (1 << 24, 1 << 24),
    "GIF": (65_535, 65_535),
    "BMP": ((1 << 31) - 1, (1 << 31) - 1),
    "BMP of OS/2": (65_535, 65_535),
    "TIFF": ((1 << 32) - 1, (1 << 32) - 1),
    "BigTIFF": ((1 << 64) - 1, (1 << 64) - 1),
    "AVIF": ((1 << 32) - 1, (1 << 32) - 1),
}
SIZED = tuple(LARGEST)


def sized(form: str, width: int, height: int) -> bytes:
    """An image of that format whose header announces that size, or what of it fits into the
    header's fields."""
    return _SIZERS[form](min(width, LARGEST[form][0]), min(height, LARGEST[form][1]))


def saved(image: Pillow.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def ihdr(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))


def tiff_of(changes: dict[int, int], only: tuple[int, ...] | None = None) -> bytes:
    """An RGB TIFF of one strip in which some tags have other values."""
    strip = disc(WIDTH, HEIGHT).tobytes()
    tags = {
        256: WIDTH,
        257: HEIGHT,
        258: 8,
        259: 1,
        262: 2,
        273: 8,
        277: 3,
        278: HEIGHT,
        279: len(strip),
    } | changes
    kept = sorted(tags.items()) if only is None else [(tag, tags[tag]) for tag in only]
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, min(value, (1 << 32) - 1)) for tag, value in kept
    )
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(strip))
        + strip
        + struct.pack("<H", len(kept))
        + entries
        + bytes(4)
    )


def _drawing(mode: str = "RGB") -> Pillow.Image:
    return Pillow.fromarray(disc(WIDTH, HEIGHT)).convert(mode)


def _see_through() -> Pillow.Image:
    pixels = np.dstack(
        [disc(WIDTH, HEIGHT), np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))]
    )
    return Pillow.fromarray(pixels)


def _cv2(suffix: str, pixels: NDArray[np.uint8 | np.uint16], *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def _jpegs() -> dict[str, bytes]:
    exif = Pillow.Exif()
    exif[274], exif[271] = 6, "a camera"
    return {
        **{f"JPEG {mode}": saved(_drawing(mode), "JPEG") for mode in ("RGB", "L", "CMYK")},
        "JPEG progressive": saved(_drawing(), "JPEG", progressive=True),
        "JPEG 4:4:4": saved(_drawing(), "JPEG", subsampling=0, quality=95),
        "JPEG with restarts": saved(_drawing(), "JPEG", restart_marker_blocks=1),
        "JPEG upright by EXIF": saved(
            _drawing().transpose(Pillow.Transpose.ROTATE_90), "JPEG", exif=exif
        ),
        "JPEG with a profile": saved(_drawing(), "JPEG", icc_profile=bytes(3000)),
    }


def _pngs() -> dict[str, bytes]:
    pixels = disc(WIDTH, HEIGHT).astype(np.uint16) * 257
    return {
        **{
            f"PNG {mode}": saved(_drawing(mode), "PNG")
            for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")
        },
        "PNG RGB of 16 bits": _cv2(".png", pixels),
        "PNG RGBA of 16 bits": _cv2(".png", np.dstack([pixels, pixels[..., :1] // 2])),
        "PNG with one transparent colour": saved(_drawing("L"), "PNG", transparency=255),
        "PNG palette with alpha": saved(_see_through().quantize(16), "PNG"),
        "PNG animated": saved(
            _drawing(), "PNG", save_all=True, append_images=[_drawing("L").convert("RGB")] * 2
        ),
    }


def _webps() -> dict[str, bytes]:
    return {
        "WebP": saved(_drawing(), "WEBP"),
        "WebP lossless": saved(_drawing(), "WEBP", lossless=True),
        "WebP with alpha": saved(_see_through(), "WEBP"),
        "WebP lossless with alpha": saved(_see_through(), "WEBP", lossless=True, exact=True),
        "WebP animated": saved(
            _drawing(), "WEBP", save_all=True, append_images=[_see_through().convert("RGB")] * 2
        ),
        "WebP with a profile": saved(_drawing(), "WEBP", icc_profile=bytes(300)),
    }


def _gifs() -> dict[str, bytes]:
    return {
        "GIF": saved(_drawing(), "GIF"),
        "GIF transparent": saved(_see_through(), "GIF"),
        "GIF interlaced": saved(_drawing("L"), "GIF", interlace=1),
        "GIF animated": saved(
            _drawing("L"),
            "GIF",
            save_all=True,
            append_images=[_drawing("L").point(lambda v: v // 2)] * 3,
        ),
    }


def _bmps() -> dict[str, bytes]:
    return {f"BMP {mode}": saved(_drawing(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")}


def _tiffs() -> dict[str, bytes]:
    packed = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    return {
        **{f"TIFF {name}": saved(_drawing(), "TIFF", compression=name) for name in packed},
        **{
            f"TIFF {mode}": saved(_drawing(mode), "TIFF")
            for mode in ("1", "L", "P", "RGBA", "CMYK", "I;16")
        },
        "TIFF fax": saved(_drawing("1"), "TIFF", compression="group4"),
        "TIFF of 16 bits": _cv2(".tif", disc(WIDTH, HEIGHT).astype(np.uint16) * 257),
        "TIFF of many pages": saved(
            _drawing(), "TIFF", save_all=True, append_images=[_drawing("L")] * 2
        ),
        "BigTIFF": saved(_drawing(), "TIFF", big_tiff=True),
    }


def _avifs() -> dict[str, bytes]:
    return {
        "AVIF": saved(_drawing(), "AVIF", speed=10),
        "AVIF with alpha": saved(_see_through(), "AVIF", speed=10),
        "AVIF animated": saved(
            _drawing(), "AVIF", speed=10, save_all=True, append_images=[_drawing()] * 2
        ),
    }


def _heics() -> dict[str, bytes]:
    return {f"HEIC {path.stem}": path.read_bytes() for path in sorted(HEICS.glob("*.heic"))}


def _patched(data: bytes, place: int, values: bytes) -> bytes:
    return data[:place] + values + data[place + len(values) :]


def _with_app1(jpeg: bytes, body: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _oriented(jpeg: bytes, value: int) -> bytes:
    entry = struct.pack("<HHHII", 1, 274, 3, 1, value)
    return _with_app1(jpeg, b"Exif\0\0II*\0\x08\0\0\0" + entry + bytes(4))


def _with_second_frame(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xc0")
    frame = jpeg[start : start + 19]
    return (
        jpeg[: start + 19] + _patched(frame, 5, struct.pack(">HH", HUGE, HUGE)) + jpeg[start + 19 :]
    )


def _with_chunk(png: bytes, kind: bytes, body: bytes, times: int = 1) -> bytes:
    return png[:33] + chunk(kind, body) * times + png[33:]


def _without_checksums(png: bytes) -> bytes:
    parts, position = [PNG_SIGNATURE], 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        parts += [png[position : position + 8 + length], b"\0\0\0\0"]
        position += 12 + length
    return b"".join(parts)


def _png_of(rows: bytes) -> bytes:
    return (
        PNG_SIGNATURE
        + ihdr(WIDTH, HEIGHT)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _vp8x(webp: bytes, width: int, height: int, flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X\x0a\0\0\0" + bytes([flags, 0, 0, 0]) + size + webp[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif_with_frame(gif: bytes, left: int, top: int, width: int, height: int) -> bytes:
    start = gif.index(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    return _patched(gif, start + 1, struct.pack("<HHHH", left, top, width, height))


def _jpeg_sized(width: int, height: int) -> bytes:
    jpeg = saved(_drawing(), "JPEG")
    return _patched(jpeg, jpeg.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def _avif_sized(width: int, height: int) -> bytes:
    avif = saved(_drawing(), "AVIF", speed=10)
    return _patched(avif, avif.index(b"ispe") + 8, struct.pack(">II", width, height))


def _vp8l_sized(width: int, height: int) -> bytes:
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14 | 1 << 28)
    return _patched(saved(_drawing(), "WEBP", lossless=True), 21, bits)


def _os2_bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIHHHH", 100, 0, 26, 12, width, height, 1, 24) + bytes(5000)


def _big_tiff(width: int, height: int) -> bytes:
    entries = struct.pack("<HHQQHHQQ", 256, 16, 1, width, 257, 16, 1, height)
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2) + entries + bytes(8)


_SIZERS: dict[str, Callable[[int, int], bytes]] = {
    "JPEG": _jpeg_sized,
    "PNG": lambda width, height: (
        PNG_SIGNATURE + ihdr(width, height) + saved(_drawing(), "PNG")[33:]
    ),
    "WEBP": lambda width, height: _patched(
        saved(_drawing(), "WEBP"), 26, struct.pack("<HH", width, height)
    ),
    "VP8L": _vp8l_sized,
    "VP8X": lambda width, height: _vp8x(saved(_drawing(), "WEBP"), width, height),
    "GIF": lambda width, height: _patched(
        saved(_drawing(), "GIF"), 6, struct.pack("<HH", width, height)
    ),
    "BMP": lambda width, height: _patched(
        saved(_drawing(), "BMP"), 18, struct.pack("<ii", width, height)
    ),
    "BMP of OS/2": _os2_bmp,
    "TIFF": lambda width, height: tiff_of({256: width, 257: height}),
    "BigTIFF": _big_tiff,
    "AVIF": _avif_sized,
}
