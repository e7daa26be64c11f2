"""What an answer says beside its pixels: the density, and EXIF and XMP where they are asked for."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from app.settings import Settings
from cutout import Remover
from cutout.inference.registry import Registry
from tests.support.stand_ins import bright_predictors

NAMES = b"".join(
    b' xmlns:%s="http://ns.adobe.com/%s/1.0/"' % pair
    for pair in ((b"tiff", b"tiff"), (b"exif", b"exif"), (b"xmp", b"xap"), (b"xap", b"xap"))
)
PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    + NAMES
    + b""" tiff:Orientation="6" exif:GPSLatitude = '52,30N' tiff:Artist="somebody">%s"""
    b'</rdf:Description></x:xmpmeta><?xpacket end="w"?>'
)
XMP = PACKET % b""
ARTIST, ORIENTATION, GPS = 315, 274, 34853
EXIF_TAGS, MAKER_NOTE = 34665, 37500


@pytest.fixture(scope="module")
def remover() -> Remover:
    return Remover(Registry(bright_predictors(Settings())))


def exif() -> Pillow.Exif:
    block = Pillow.Exif()
    block[ARTIST], block[ORIENTATION] = "somebody", 6
    block.get_ifd(GPS)[1] = "N"
    block.get_ifd(EXIF_TAGS)[MAKER_NOTE] = b"a preview"
    return block


def upload(form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(np.full((16, 24, 3), 255, np.uint8)).save(data, form, **options)
    return data.getvalue()


def answer(remover: Remover, data: bytes, **options: Any) -> Pillow.Image:
    return Pillow.open(io.BytesIO(remover.cut_out(data, **options)))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("written", ["png", "jpeg"])
def test_the_density_is_kept(form: str, written: Any, remover: Remover) -> None:
    dpi = answer(remover, upload(form, dpi=(300, 150)), format=written).info["dpi"]
    assert [round(float(value)) for value in dpi] == [300, 150]


@pytest.mark.parametrize("big", [False, True])
def test_the_density_of_a_tiff_is_kept_in_both_forms(big: bool, remover: Remover) -> None:
    data = upload("TIFF", dpi=(300, 150), big_tiff=big)
    assert data[2] == (43 if big else 42)
    dpi = answer(remover, data).info["dpi"]
    assert [round(float(value)) for value in dpi] == [300, 150]


def test_the_density_of_exif_is_that_of_the_upright_image(remover: Remover) -> None:
    block = exif()
    block[282], block[283], block[296] = 300.0, 150.0, 2
    dpi = answer(remover, upload("WEBP", exif=block)).info["dpi"]
    assert [round(float(value)) for value in dpi] == [150, 300]


def test_nothing_else_is_kept_unless_asked_for(remover: Remover) -> None:
    image = answer(remover, upload("JPEG", exif=exif(), xmp=XMP))
    assert "exif" not in image.info
    assert "xmp" not in image.info


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("written", ["png", "jpeg", "webp"])
def test_metadata_is_kept_upright_and_without_the_position(
    form: str, written: Any, remover: Remover
) -> None:
    data = upload(form, exif=exif(), **({} if form == "PNG" else {"xmp": XMP}))
    image = answer(remover, data, format=written, keep_metadata=True)
    assert image.size == (16, 24)
    kept = image.getexif()
    assert (kept[ARTIST], kept[ORIENTATION], GPS in kept) == ("somebody", 1, False)
    assert MAKER_NOTE not in kept.get_ifd(EXIF_TAGS)
    if form != "PNG":
        image.load()
        assert b'tiff:Orientation="1"' in image.info["xmp"]
        assert b"GPS" not in image.info["xmp"]


@pytest.mark.parametrize(
    "inside",
    [
        b"<exif:GPSLongitude >13,24E</exif:GPSLongitude>",
        b"<xmp:Thumbnails><a>9j4A</a></xmp:Thumbnails>",
        b"<xap:Thumbnails>9j4A</xap:Thumbnails>",
        b"<tiff:Orientation>6</tiff:Orientation>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xmp_is_cleaned_however_it_is_written(
    inside: bytes, encoding: str, remover: Remover
) -> None:
    packet = (PACKET % inside).decode().encode(encoding)
    image = answer(remover, upload("WEBP", xmp=packet), keep_metadata=True, format="webp")
    image.load()
    kept = image.info["xmp"]
    assert b'tiff:Artist="somebody"' in kept
    assert not any(part in kept for part in (b"GPS", b"Thumbnails", b"9j4A", b"6<", b'"6"'))


@pytest.mark.parametrize(
    "packet",
    [
        PACKET % b"<unclosed>",
        b'<!DOCTYPE x [<!ENTITY e "e">]>' + XMP,
        PACKET % (b"<deep>" * 5000 + b"</deep>" * 5000),
        PACKET % (b"<!--" + b"x" * 65_000 + b"-->"),
    ],
    ids=["not well-formed", "with entities", "too deep", "too large"],
)
def test_xmp_that_cannot_be_cleaned_is_left_out(packet: bytes, remover: Remover) -> None:
    image = answer(remover, upload("WEBP", xmp=packet), keep_metadata=True, format="webp")
    image.load()
    assert "xmp" not in image.info


def test_exif_gains_no_directory(remover: Remover) -> None:
    block = Pillow.Exif()
    block[ARTIST] = "somebody"
    kept = answer(remover, upload("JPEG", exif=block), keep_metadata=True).getexif()
    assert set(kept) == {ARTIST, ORIENTATION}


def test_of_many_texts_of_a_png_the_first_counts(remover: Remover) -> None:
    texts = PngInfo()
    for packet in (XMP, XMP.replace(b"somebody", b"another")):
        texts.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
    image = answer(remover, upload("PNG", pnginfo=texts), keep_metadata=True, format="webp")
    image.load()
    assert b"somebody" in image.info["xmp"]


def test_the_position_is_kept_if_asked_for(remover: Remover) -> None:
    data = upload("JPEG", exif=exif(), xmp=XMP)
    image = answer(remover, data, keep_metadata=True, keep_gps=True)
    assert image.getexif().get_ifd(GPS)[1] == "N"
    image.load()
    assert (
        b"52,30N"
        in answer(remover, data, format="webp", keep_metadata=True, keep_gps=True).info["xmp"]
    )


@pytest.mark.parametrize("block", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0x" * 9])
def test_broken_metadata_refuses_nothing(block: bytes, remover: Remover) -> None:
    assert answer(remover, upload("JPEG", exif=block), keep_metadata=True).size == (24, 16)
