"""Colours come out as sRGB: as LittleCMS shows them, whatever the file and however it says so."""

import io
import logging
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from app.settings import Settings
from cutout import Remover
from cutout.errors import InvalidOption
from cutout.imaging.colors import conversion
from cutout.inference.registry import Registry
from tests.support.broken import chunk
from tests.support.images import raster
from tests.support.profiles import ADOBE, cmyk_profile, gray_profile, rgb_profile, steps
from tests.support.stand_ins import bright_predictors

ANY = 10**8
LOSSY: dict[str, Any] = {"quality": 100, "subsampling": 0}
LOSSLESS: dict[str, Any] = {"quality": 100, "subsampling": "4:4:4"}
BRIGHT = (200, 255, 30)  # foreground to the predictor in these tests
PROFILES = {"P3": rgb_profile(), "Adobe": rgb_profile(ADOBE, (2.2,))}


@pytest.fixture(scope="module")
def remover() -> Remover:
    return Remover(Registry(bright_predictors(Settings())))


def ramps() -> NDArray[np.uint8]:
    """All hues, from dark to light (64, 64, 3)."""
    down, across = np.mgrid[0:64, 0:64] * 4
    return np.stack([down, across, 255 - (down + across) // 2], axis=-1).astype(np.uint8)


def saved(image: Pillow.Image, form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def by_littlecms(data: bytes, profile: bytes) -> NDArray[np.int_]:
    stored = Pillow.open(io.BytesIO(data))
    shown = ImageCms.profileToProfile(
        stored,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        "RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(shown, np.int_)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_applied_as_littlecms_does(name: str, form: str) -> None:
    how: dict[str, Any] = {"JPEG": LOSSY, "WEBP": {"lossless": True}, "AVIF": LOSSLESS}.get(
        form, {}
    )
    data = saved(Pillow.fromarray(ramps()), form, icc_profile=PROFILES[name], **how)
    image = raster(data, ANY).image
    assert np.abs(image - by_littlecms(data, PROFILES[name])).max() <= 2
    assert np.abs(image.astype(int) - np.asarray(Pillow.open(io.BytesIO(data)))).max() > 20


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_shown_as_its_press_prints_it(form: str) -> None:
    ink = Pillow.fromarray(np.dstack([ramps(), ramps()[::-1, :, 0] // 2]), "CMYK")
    data = saved(ink, form, icc_profile=cmyk_profile(), **(LOSSY if form == "JPEG" else {}))
    assert np.abs(raster(data, ANY).image - by_littlecms(data, cmyk_profile())).max() <= 2


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_greys_have_profiles_too(form: str) -> None:
    data = saved(Pillow.fromarray(ramps()[:, :, 0]), form, icc_profile=gray_profile(1.5))
    assert np.abs(raster(data, ANY).image - by_littlecms(data, gray_profile(1.5))).max() <= 2


def test_a_profile_in_a_bitmap_is_applied() -> None:
    plain, profile = saved(Pillow.fromarray(ramps()), "BMP"), rgb_profile()
    pixels = plain[54:]
    head = struct.pack("<I", 124) + plain[18:54] + bytes(84)
    head = head[:56] + b"DEBM" + head[60:112]
    head += struct.pack("<III", 124 + len(pixels), len(profile), 0)
    data = b"BM" + struct.pack("<III", 138 + len(pixels), 0, 138) + head + pixels + profile
    assert np.abs(raster(data, ANY).image - by_littlecms(plain, profile)).max() <= 2


def test_transparency_stays_and_hidden_colors_are_white() -> None:
    pixels = np.dstack([ramps(), np.full((64, 64), 200, np.uint8)])
    pixels[:10, :, 3] = 0
    image = raster(saved(Pillow.fromarray(pixels), "PNG", icc_profile=rgb_profile()), ANY)
    opaque = raster(saved(Pillow.fromarray(ramps()), "PNG", icc_profile=rgb_profile()), ANY)
    np.testing.assert_array_equal(image.alpha, pixels[:, :, 3])
    assert image.image[:10].min() == 255
    np.testing.assert_array_equal(image.image[10:], opaque.image[10:])


def test_colors_are_converted_once_an_image_has_been_reduced() -> None:
    data = saved(Pillow.new("RGB", (256, 256), BRIGHT), "JPEG", icc_profile=rgb_profile(), **LOSSY)
    image = raster(data, ANY, (64, 64))
    assert image.size == (64, 64)
    assert np.abs(image.image[5, 5] - by_littlecms(data, rgb_profile())[5, 5]).max() <= 2


def test_srgb_costs_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert conversion(profile, "rgb") is None
    assert (
        conversion(
            rgb_profile(
                (
                    (0.43607, 0.22249, 0.01392),
                    (0.38515, 0.71687, 0.09708),
                    (0.14307, 0.06061, 0.71410),
                )
            ),
            "rgb",
        )
        is None
    )
    assert conversion(rgb_profile(), "rgb") is not None


@pytest.mark.parametrize(
    "profile", [b"no profile", rgb_profile()[:200], cmyk_profile(), gray_profile(1.8)]
)
def test_a_profile_that_cannot_be_used_is_ignored(
    profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "cutout"):
        image = raster(saved(Pillow.fromarray(ramps()), "PNG", icc_profile=profile), ANY)
    np.testing.assert_array_equal(image.image, ramps())


def png_with(*chunks: tuple[bytes, bytes], pixels: NDArray[Any] | None = None) -> bytes:
    plain = saved(Pillow.fromarray(ramps() if pixels is None else pixels), "PNG")
    return plain[:33] + b"".join(chunk(kind, body) for kind, body in chunks) + plain[33:]


P3_CORNERS = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_GAMMA = struct.pack(">I", 45455)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"cICP", bytes((12, 13, 0, 1)))],
        [(b"gAMA", SRGB_GAMMA), (b"cHRM", P3_CORNERS)],
        [(b"gAMA", struct.pack(">I", 100)), (b"cICP", bytes((12, 13, 0, 1)))],
        [(b"iCCP", b"x\0\0" + zlib.compress(rgb_profile())), (b"gAMA", struct.pack(">I", 100))],
    ],
)
def test_a_png_can_say_its_colors_in_several_ways(chunks: list[tuple[bytes, bytes]]) -> None:
    shown = by_littlecms(png_with(), rgb_profile())
    assert np.abs(raster(png_with(*chunks), ANY).image - shown).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))],
        [(b"gAMA", SRGB_GAMMA)],
        [(b"cICP", bytes((1, 13, 0, 1)))],
        [(b"gAMA", bytes(4))],
        [(b"cHRM", bytes(32))],
        [(b"gAMA", SRGB_GAMMA), (b"cHRM", P3_CORNERS[:4] + bytes(4) + P3_CORNERS[8:])],
    ],
)
def test_a_png_of_srgb_stays_as_it_is(chunks: list[tuple[bytes, bytes]]) -> None:
    np.testing.assert_array_equal(raster(png_with(*chunks), ANY).image, ramps())


def test_sixteen_bits_of_light_keep_their_shadows() -> None:
    light = np.arange(0, 65536, 32, dtype=np.uint16).reshape(32, 64)
    png = png_with((b"gAMA", struct.pack(">I", 100_000)), pixels=light)
    share = light / 65535
    shown = np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
    assert np.abs(raster(png, ANY).image[:, :, 0] - 255 * shown).max() <= 2


def test_avif_can_say_its_colors_by_code_points() -> None:
    data = saved(Pillow.fromarray(ramps()), "AVIF", **LOSSLESS)
    at = data.index(b"nclx") + 4
    p3 = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    stored = saved(Pillow.open(io.BytesIO(data)).convert("RGB"), "PNG")
    assert np.abs(raster(p3, ANY).image - by_littlecms(stored, rgb_profile())).max() <= 3


@pytest.mark.parametrize("form", ["png", "webp", "jpeg"])
def test_keep_profile_embeds_it_and_converts_nothing(form: Any, remover: Remover) -> None:
    color = Pillow.new("RGB", (64, 64), BRIGHT)
    answer = remover.cut_out(
        saved(color, "PNG", icc_profile=rgb_profile()), format=form, keep_profile=True
    )
    image = Pillow.open(io.BytesIO(answer))
    assert image.info["icc_profile"] == rgb_profile()
    seen = np.asarray(image.convert("RGBA"))
    assert np.abs(seen[32, 32, :3].astype(int) - BRIGHT).max() <= (0 if form == "png" else 6)


@pytest.mark.parametrize("number", [1, 30_000])
def test_processing_elements_of_a_profile_are_left_out(number: int) -> None:
    convert = conversion(rgb_profile(more={b"D2B0": steps(number)}), "rgb")
    plain = conversion(rgb_profile(), "rgb")
    assert convert is not None
    assert plain is not None
    np.testing.assert_array_equal(convert(ramps()), plain(ramps()))


def test_keep_profile_is_refused_for_a_gif_which_has_none(remover: Remover) -> None:
    data = saved(Pillow.new("RGB", (8, 8)), "PNG", icc_profile=rgb_profile())
    with pytest.raises(InvalidOption, match="a GIF cannot have a colour profile"):
        remover.cut_out(data, keep_profile=True, format="gif")


def test_keep_profile_and_a_background_exclude_each_other(remover: Remover) -> None:
    with pytest.raises(InvalidOption, match="keep_profile"):
        remover.cut_out(
            saved(Pillow.new("RGB", (8, 8)), "PNG"), keep_profile=True, background="red"
        )


def test_a_pil_image_brings_its_profile(remover: Remover) -> None:
    data = saved(Pillow.new("RGB", (8, 8), BRIGHT), "PNG", icc_profile=rgb_profile())
    answer = np.asarray(remover.cut_out(Pillow.open(io.BytesIO(data))))
    assert np.abs(answer[:, :, :3] - by_littlecms(data, rgb_profile())).max() <= 2
