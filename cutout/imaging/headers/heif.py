"""HEIC and HEIF headers (ISO/IEC 23008-12), as libheif reads them.

libheif refuses by itself to decode frames that are larger than the header says.
"""

import re
import struct
from collections.abc import Iterator

import pi_heif

from cutout.imaging.colors.spaces import Cicp, ColorSpace
from cutout.imaging.headers.avif import item_types, payloads
from cutout.imaging.headers.boxes import box_in, boxes_in
from cutout.imaging.headers.common import MAX_PROFILE, MAX_SHARED, Header, Malformed, bounded

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")

ENTRY = re.compile(rb"....infe(?:\x02...(?:..)..|\x03...(?:....)..)", re.DOTALL)
"""A box of an item's type and names: size, version, item number; version 0 and 1 have no type."""
OPEN_ENTRY = re.compile(rb"\0\0\0[\0\1]infe")
"""Such a box whose size stands elsewhere, or that goes on to the end of the file."""
DERIVED = frozenset({b"grid", b"iovl", b"iden"})  # types of items that are made of others
MAX_METADATA = 64 << 20  # bytes that libheif may read, for small files
MAX_NAMES = 1024
"""Bytes of an item's type and names. Each entry is read, and they may overlap."""


def is_heif(data: bytes) -> bool:
    """Tell whether the brands of a file say that it holds HEVC.

    An AVIF may have such brands too: it has to be excluded first.
    """
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(len(data), int.from_bytes(data[:4], "big"), 256)]
    return any(brands[at : at + 4] in BRANDS for at in range(0, len(brands), 4))


def read_heif(data: bytes) -> Header:
    """Read the header of the primary image; size and orientation are those of the upright one.

    Raises Malformed where libheif cannot read it, an item's name would crash pi-heif, or items
    refer to one another such that reading them would take long.
    """
    for kind, start, end in bounded(boxes_in(data, 0, len(data))):
        if kind == b"meta":
            _check_names(data, start, end)
            # Version and flags, 4 bytes, come before the boxes in it.
            _check_items(data, (start + 4, end))
    try:
        file = pi_heif.open_heif(data)
        image = file[file.primary_index]
    except Exception as error:  # pi_heif raises whatever a broken file makes it meet
        raise Malformed(str(error).strip()) from error
    width, height = image.size
    return Header(
        "heic",
        width,
        height,
        has_alpha=image.has_alpha,
        premultiplied=image.premultiplied_alpha,
        turned_by_decoder=True,
        model="gray" if image.mode.startswith("L") else "rgb",
        space=_space(image),
    )


def _check_names(data: bytes, start: int, end: int) -> None:
    """Raise Malformed for an item's type or name that is not UTF-8: pi-heif 1.4 crashes on it.

    Names that are too long to be looked at, or whose end is not known, count as such.
    """
    if OPEN_ENTRY.search(data, start, end):
        raise Malformed("an item's entry of unknown size")
    for entry in bounded(ENTRY.finditer(data, start, end)):
        size = int.from_bytes(data[entry.start() : entry.start() + 4], "big")
        if size > MAX_NAMES:
            raise Malformed(f"an item's entry of {size} bytes; {MAX_NAMES} are read")
        names = data[entry.end() : entry.start() + size]
        if not _is_text(names):
            raise Malformed("an item whose type or name is no UTF-8")


def _check_items(data: bytes, meta: tuple[int, int]) -> None:
    """Raise Malformed for images derived from derived ones, and for payloads that are shared.

    A level more of them doubles the work; libheif reads metadata again for every image.
    """
    types = item_types(data, box_in(data, b"iinf", *meta))
    sizes = {
        item: sum(stop - begin for begin, stop in extents)
        for item, extents in bounded(payloads(data, meta))
    }
    work = sum(sizes.values())
    for kind, source, targets in _references(data, meta):
        if kind == b"dimg" and types.get(source) in DERIVED:
            if any(types.get(target) in DERIVED for target in targets):
                raise Malformed("an image derived from a derived one")
        elif kind == b"cdsc":
            work += len(targets) * sizes.get(source, 0)
    if work > max(MAX_SHARED * len(data), MAX_METADATA):
        raise Malformed("its items have far more bytes than the file")


def _references(data: bytes, meta: tuple[int, int]) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Yield the references between items: their kind, the item that refers, and to which."""
    for box, start, end in bounded(boxes_in(data, *meta)):
        if box != b"iref":
            continue
        number = "I" if data[start] else "H"
        for kind, at, _ in bounded(boxes_in(data, start + 4, end)):
            source, count = struct.unpack_from(f">{number}H", data, at)
            first = at + struct.calcsize(f">{number}H")
            yield kind, source, struct.unpack_from(f">{count}{number}", data, first)


def _is_text(names: bytes) -> bool:
    try:
        names.decode()
    except UnicodeDecodeError:
        return False
    return True


def _space(image: pi_heif.HeifImage) -> ColorSpace | None:
    profile = image.info.get("icc_profile")
    if profile:
        return profile if len(profile) <= MAX_PROFILE else b""
    numbers = image.info.get("nclx_profile")
    if not numbers:
        return None
    return Cicp(int(numbers["color_primaries"]), int(numbers["transfer_characteristics"]))
