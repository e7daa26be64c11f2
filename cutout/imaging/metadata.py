"""Metadata beside the pixels of a file, and what of it an answer carries: density, EXIF, XMP."""

import codecs
import io
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from xml.dom import expatbuilder, minidom

import pi_heif
from PIL import Image as Pillow
from PIL.AvifImagePlugin import AvifImageFile

from cutout.imaging.headers import Header
from cutout.imaging.headers.common import bounded, chunks
from cutout.imaging.headers.exif import is_big_tiff, tiff_entries
from cutout.imaging.headers.jpeg import jpeg_segments
from cutout.imaging.headers.png_texts import XMP, plain_text

INCH, CENTIMETRE = 2, 3  # values of TIFF's ResolutionUnit
DENSITIES = (282, 283, 296)  # the TIFF tags XResolution, YResolution, ResolutionUnit
ORIENTATION = 274  # a TIFF tag
GPS = 34853  # the TIFF tag GPSInfo
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"  # what a segment of a JPEG with XMP begins with
MAX_BYTES = 65_000
"""Of EXIF, and of XMP, that are kept: what fits into one segment of a JPEG."""
MAKER_NOTE = 37500  # a tag of EXIF: what its maker adds, often with a preview of its own
EXIF_TAGS = 34665  # the TIFF tag of the directory that has it
TIFF_NAMES, EXIF_NAMES, XMP_NAMES = (
    f"http://ns.adobe.com/{part}/1.0/" for part in ("tiff", "exif", "xap")
)
"""Namespaces of XMP's properties, each an attribute or an element (ISO 16684-1)."""

log = logging.getLogger("cutout")


@dataclass(frozen=True)
class Metadata:
    """Metadata of an image file; each is None where the file has none.

    `dpi` is its density in pixels per inch, across and down; `exif` is a TIFF, without the `Exif`
    identifier of a JPEG; `xmp` is XML.
    """

    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


NOTHING = Metadata()


def read_metadata(data: bytes, header: Header) -> Metadata:
    """Read the metadata of an upload; none where it is corrupt.

    The density is that of the upright image, EXIF and XMP are as they are stored.
    """
    found = NOTHING
    try:
        found = _READERS.get(header.format, _nothing)(data)
        if found.dpi is None and found.exif is not None:
            found = replace(found, dpi=_density(found.exif))
    except Exception as error:  # of every kind: no image is refused for what stands beside it
        log.warning("metadata ignored", extra={"reason": str(error)})
    if found.dpi is None or not all(1 <= value <= 100_000 for value in found.dpi):
        return replace(found, dpi=None)
    # Orientations 5 to 8 swap width and height.
    return replace(found, dpi=found.dpi[::-1]) if header.orientation > 4 else found


def for_answer(found: Metadata, keep: bool, keep_gps: bool) -> Metadata:
    """Select what is written into the answer: the density; with `keep`, EXIF and XMP too.

    Their orientation is set to upright. Thumbnails and maker notes, which would show the
    background, are removed, and so is the GPS position without `keep_gps`. EXIF or XMP above
    MAX_BYTES is left out, and XMP that is not well-formed XML.
    """
    if not keep:
        return Metadata(found.dpi)
    exif = found.exif
    xmp = found.xmp
    # As it is long, Pillow would take seconds to rewrite it.
    if exif is not None and len(exif) <= MAX_BYTES:
        exif = _upright_exif(exif, keep_gps)
    if xmp is not None:
        xmp = _upright_xmp(xmp, keep_gps)
    return Metadata(
        found.dpi,
        exif if exif is not None and len(exif) <= MAX_BYTES else None,
        xmp if xmp is not None and len(xmp) <= MAX_BYTES else None,
    )


def _upright_exif(block: bytes, keep_gps: bool) -> bytes | None:
    """Rewrite EXIF as upright, without thumbnail and, unless kept, without position."""
    exif = Pillow.Exif()
    try:
        exif.load(b"Exif\0\0" + block)
        exif[ORIENTATION] = 1
        if not keep_gps:
            exif.pop(GPS, None)
        if EXIF_TAGS in exif:  # asking for one that is not there would add it
            exif.get_ifd(EXIF_TAGS).pop(MAKER_NOTE, None)
        # Pillow writes no second directory, so the thumbnail in it is lost here, as it should be.
        return exif.tobytes().removeprefix(b"Exif\0\0")
    except Exception as error:  # Pillow raises whatever a broken block makes it meet
        log.warning("metadata ignored", extra={"reason": str(error)})
        return None


def _upright_xmp(packet: bytes, keep_gps: bool) -> bytes | None:
    """Rewrite XMP as upright, without thumbnails and, unless kept, without position."""
    # First: what follows takes time and memory by the length.
    if len(packet) > MAX_BYTES:
        return None
    if not packet.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        packet = packet.rstrip(b"\0")
    try:
        document = _parsed(packet)
        for node in list(_properties(document.documentElement)):
            _make_upright(node, keep_gps)
        # Node by node, as `document.toxml` adds a declaration, which a packet does not have.
        return "".join(node.toxml() for node in document.childNodes).encode()
    except Exception as error:  # expat's, or a RecursionError: such XMP is left out
        log.warning("metadata ignored", extra={"reason": str(error)})
        return None


def _parsed(packet: bytes) -> minidom.Document:
    """Parse XML without a document type: its entities would be expanded to megabytes first."""
    builder = expatbuilder.ExpatBuilderNS()
    builder.getParser().StartDoctypeDeclHandler = _refuse_doctype
    document: minidom.Document = builder.parseString(packet)
    return document


def _refuse_doctype(*_: object) -> None:
    raise ValueError("XMP with a document type")


def _properties(root: Any) -> Iterator[Any]:
    """Yield the attributes and elements below a node, and itself."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        yield from node.attributes.values()
        waiting += [child for child in node.childNodes if child.nodeType == child.ELEMENT_NODE]


def _make_upright(node: Any, keep_gps: bool) -> None:
    """Remove an attribute or element, or change its value, by its name."""
    name = (node.namespaceURI, node.localName)
    is_gps = name[0] == EXIF_NAMES and name[1].startswith("GPS")
    if name == (XMP_NAMES, "Thumbnails") or (is_gps and not keep_gps):
        _remove(node)
    elif name == (TIFF_NAMES, "Orientation"):
        if node.nodeType == node.ATTRIBUTE_NODE:
            node.value = "1"
        elif node.firstChild is not None:
            node.firstChild.data = "1"


def _remove(node: Any) -> None:
    if node.nodeType == node.ATTRIBUTE_NODE:
        node.ownerElement.removeAttributeNode(node)
    else:
        node.parentNode.removeChild(node)


def _density(tiff: bytes) -> tuple[float, float] | None:
    """Return pixels per inch by the tags of a TIFF, or of EXIF."""
    order = "<" if tiff[:1] == b"I" else ">"
    values = {tag: value for tag, _, _, value in tiff_entries(tiff) if tag in DENSITIES}
    if not {*DENSITIES[:2]} <= values.keys():
        return None
    # The inch is TIFF's default; 1, for no unit, is no density.
    unit = {INCH: 1.0, CENTIMETRE: 2.54}.get(values.get(DENSITIES[2], INCH))
    pairs = [_rational(tiff, order, values[tag]) for tag in DENSITIES[:2]]
    if unit is None or any(not below for _, below in pairs):
        return None
    across, down = (unit * above / below for above, below in pairs)
    return across, down


def _rational(tiff: bytes, order: str, value: int) -> tuple[int, int]:
    """Return (numerator, denominator) of a RATIONAL by what stands in its entry."""
    # Its 8 bytes fit into the entry of a BigTIFF; that of a classic TIFF holds their offset.
    data, start = (struct.pack(order + "Q", value), 0) if is_big_tiff(tiff) else (tiff, value)
    above, below = struct.unpack_from(order + "II", data, start)
    return above, below


def _nothing(data: bytes) -> Metadata:
    return NOTHING


def _jpeg(data: bytes) -> Metadata:
    found = NOTHING
    for marker, start, end in bounded(jpeg_segments(data)):
        body = data[start:end]
        if marker == 0xDA:
            break
        # JFIF's unit 0 is none: the densities are then only an aspect ratio.
        if marker == 0xE0 and body.startswith(b"JFIF\0") and body[7] in (1, 2):
            across, down = struct.unpack_from(">HH", body, 8)
            unit = 1.0 if body[7] == 1 else 2.54
            found = replace(found, dpi=(unit * across, unit * down))
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            found = replace(found, exif=found.exif or body[6:])
        elif marker == 0xE1 and body.startswith(JPEG_XMP):
            found = replace(found, xmp=found.xmp or body[len(JPEG_XMP) :])
    return found


def _png(data: bytes) -> Metadata:
    found = NOTHING
    for kind, start, end in bounded(chunks(data, 8, ">I4s", 4)):
        body = data[start:end]
        # Pixels per metre; unit 0 is none, as in JFIF.
        if kind == b"pHYs" and body[8:9] == b"\1":
            across, down = struct.unpack_from(">II", body)
            found = replace(found, dpi=(across * 0.0254, down * 0.0254))
        elif kind == b"eXIf":
            found = replace(found, exif=body.removeprefix(b"Exif\0\0"))
        # The first one alone: thousands would take minutes to inflate.
        elif kind == b"iTXt" and body.startswith(XMP + b"\0") and found.xmp is None:
            found = replace(found, xmp=plain_text(kind, body[len(XMP) + 1 :]))
    return found


def _webp(data: bytes) -> Metadata:
    parts = {kind: data[start:end] for kind, start, end in bounded(chunks(data, 12, "<4sI", 0))}
    exif = parts.get(b"EXIF")
    return Metadata(None, exif and exif.removeprefix(b"Exif\0\0"), parts.get(b"XMP "))


def _tiff(data: bytes) -> Metadata:
    # 700 is the tag of XMP.
    xmp = (data[value : value + count] for tag, _, count, value in tiff_entries(data) if tag == 700)
    return Metadata(_density(data), None, next(xmp, None))


def _bmp(data: bytes) -> Metadata:
    # The old header of 12 bytes has no density.
    if struct.unpack_from("<I", data, 14)[0] < 40:
        return NOTHING
    # Pixels per metre.
    across, down = struct.unpack_from("<ii", data, 38)
    return Metadata((across * 0.0254, down * 0.0254))


def _heic(data: bytes) -> Metadata:
    file = pi_heif.open_heif(data)
    info = file[file.primary_index].info
    exif = info.get("exif")
    return Metadata(None, exif and exif.removeprefix(b"Exif\0\0"), info.get("xmp"))


def _avif(data: bytes) -> Metadata:
    info = AvifImageFile(io.BytesIO(data)).info
    exif = info.get("exif")
    return Metadata(None, exif and exif.removeprefix(b"Exif\0\0"), info.get("xmp"))


_READERS = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "tiff": _tiff,
    "bmp": _bmp,
    "heic": _heic,
    "avif": _avif,
}
