"""The Python API, with the shipped bundles: what goes in comes back in kind."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from cutout import ClientError, Remover, Score, remove
from cutout.api import AnyMask
from cutout.errors import BundleError, ImageTooLarge, InvalidOption, UnknownModel
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions, MaskOptions
from cutout.options.fields import Format
from cutout.options.keywords import CutoutKeywords, MaskKeywords
from cutout.settings import SHIPPED_MODELS
from tests.support.images import alike, decoded, disc, encoded
from tests.support.paths import ROOT
from tests.support.stand_ins import BrightPredictor

CAT = ROOT / "tests" / "data" / "photographs" / "cat.jpg"


@pytest.fixture(scope="module")
def remover() -> Remover:
    """Bright is foreground."""
    predictors = [BrightPredictor("classifier", "classify"), BrightPredictor("segmenter")]
    return Remover(Registry(predictors), max_pixels=1_000_000)


def test_every_kind_of_image_comes_back_in_kind() -> None:
    data = CAT.read_bytes()
    png = remove(data)
    pixels = decoded(png)
    assert pixels.shape == (300, 451, 4)
    assert 0.1 < (pixels[:, :, 3] > 128).mean() < 0.9
    for same in (remove(CAT), remove(str(CAT)), remove(bytearray(data)), remove(memoryview(data))):
        assert alike(same, png)
    array = np.asarray(Pillow.open(CAT).convert("RGB"), np.uint8)
    cut = remove(array)
    np.testing.assert_array_equal(cut, pixels)
    image = remove(Pillow.open(CAT))
    assert (image.mode, image.size) == ("RGBA", (451, 300))
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_only_the_mask_is_grey_and_is_the_alpha_of_the_cutout() -> None:
    array = np.asarray(Pillow.open(CAT).convert("RGB"), np.uint8)
    mask = remove(array, only_mask=True)
    assert mask.shape == array.shape[:2]
    np.testing.assert_array_equal(mask, remove(array)[:, :, 3])
    assert remove(Pillow.open(CAT), only_mask=True).mode == "L"
    np.testing.assert_array_equal(decoded(remove(CAT, only_mask=True)), mask)
    with pytest.raises(InvalidOption, match="crop: "):
        remove(array, only_mask=True, crop=True)
    with pytest.raises(InvalidOption, match="background_image"):
        remove(array, only_mask=True, background_image=array)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_the_smallest_arrays_are_cut_out(
    remover: Remover, size: tuple[int, int], channels: int
) -> None:
    pixels = np.zeros((*size, channels), np.uint8)
    assert remover.cut_out(pixels).shape == (*size, 4)


def test_an_array_s_own_transparency_counts_and_it_is_not_changed(remover: Remover) -> None:
    image = np.dstack([disc(96, 64), np.full((64, 96), 255, np.uint8)])
    image[:, :48, 3] = 0
    before = image.copy()
    cut = remover.cut_out(image)
    np.testing.assert_array_equal(image, before)
    assert cut.shape == (64, 96, 4)
    assert cut[:, :48, 3].max() == 0
    assert cut[32, 50].tolist() == [255, 255, 255, 255]
    view = image[::-1, ::-1]  # neither contiguous nor owned
    np.testing.assert_array_equal(remover.cut_out(view)[32, 45], [255, 255, 255, 255])


def test_a_pil_image_is_turned_upright_and_read_in_any_mode(remover: Remover) -> None:
    file = io.BytesIO()
    exif = Pillow.Exif()
    exif[274] = 6
    Pillow.fromarray(disc(96, 64)).save(file, "PNG", exif=exif)
    assert remover.cut_out(Pillow.open(file)).size == (64, 96)
    grey = Pillow.fromarray(disc(96, 64)[:, :, 0])
    deep = Pillow.fromarray(disc(96, 64)[:, :, 0].astype(np.uint16) * 257)
    expected = remover.mask(disc(96, 64))
    # what Pillow reads from a 16-bit PGM has mode I
    wide = Pillow.fromarray(np.asarray(deep).astype(np.int32))
    for image in (grey, deep, wide, grey.convert("P"), grey.convert("CMYK")):
        np.testing.assert_array_equal(np.asarray(remover.mask(image)), expected)


def test_options_are_the_api_s_and_are_checked(remover: Remover) -> None:
    image = disc(96, 64)
    assert remover.cut_out(image, background="#f00")[0, 0].tolist() == [255, 0, 0, 255]
    behind = np.full((10, 10, 3), (1, 2, 3), np.uint8)
    assert remover.cut_out(image, background_image=behind)[0, 0].tolist() == [1, 2, 3, 255]
    clear = np.dstack([behind, np.zeros((10, 10), np.uint8)])
    for color in (None, "transparent", "#0000"):
        on = remover.cut_out(image, background_image=clear, background=color)
        assert on[0, 0].tolist() == [255, 255, 255, 255]
    cropped = remover.cut_out(image, crop=True, margin="2px", threshold=0.5)
    assert max(cropped.shape[:2]) < 48
    assert remover.cut_out(encoded(image), format="jpg", size=48)[:2] == b"\xff\xd8"
    assert remover.cut_out(image, channels="alpha").shape == (64, 96)
    with pytest.raises(InvalidOption, match=r"margin: 'wide' is not a margin; write it as 30px"):
        remover.cut_out(image, margin="wide")
    assert remover.cut_out(image, outline=3).shape == (64, 96, 4)  # type: ignore[call-overload]
    with pytest.raises(UnknownModel, match="loaded: classifier, segmenter"):
        remover.mask(image, model="u2net")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"treshold": 0.5}, "treshold: a cut-out has no such option; did you mean threshold"),
        ({"bgcolor": (255, 0, 0, 255)}, "did you mean background"),
        ({"session": None}, "session: a cut-out has no such option; it has model, .*, mask, back"),
        (
            {"background": (255, 0, 0)},
            r"^background: '\(255, 0, 0\)' is not a colour; write it as #",
        ),
        ({"points": [(5, 6)]}, r"^points: '\[\(5, 6\)\]' is not a list of points; write"),
        ({"box": (0, 0, 9, 9)}, r"^box: '\(0, 0, 9, 9\)' is not a region; write"),
    ],
)
def test_options_of_other_libraries_and_of_other_types_are_told_how_to_be_written(
    remover: Remover, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidOption, match=told):
        remover.cut_out(disc(96, 64), **options)
    with pytest.raises(InvalidOption, match="a mask has no such option; it has"):
        remover.mask(disc(96, 64), canvas="10x10")  # type: ignore[call-overload]


def test_a_mask_may_be_of_the_image_at_any_size_rounded_as_programs_do(remover: Remover) -> None:
    image = np.zeros((33, 100, 3), np.uint8)
    given = np.full((334, 1000), 255, np.uint8)  # ten times as large, before the image was rounded
    assert (remover.mask(image, mask=given) == 255).all()


def test_a_mask_of_any_kind_is_honoured(remover: Remover) -> None:
    given = np.full((64, 96), 128, np.uint8)
    given[:, :40], given[:5] = 0, 255
    kinds: list[AnyMask] = [given, Pillow.fromarray(given), encoded(given), np.dstack([given] * 3)]
    for mask in kinds:
        for alpha in (
            remover.cut_out(disc(96, 64), mask=mask)[:, :, 3],
            remover.mask(disc(96, 64), mask=mask),
        ):
            assert (alpha[:5] == 255).all()
            assert not alpha[5:, :40].any()
            assert alpha[32, 50] == 255
    only = remover.mask(disc(96, 64), mask=given > 200)
    np.testing.assert_array_equal(only, np.where(given == 255, 255, 0))
    with pytest.raises(InvalidOption, match="mask: an array of type float32; expected uint8"):
        remover.cut_out(disc(96, 64), mask=given / np.float32(255))  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="mask: 64 x 96 pixels have other proportions"):
        remover.cut_out(disc(96, 64), mask=given.T)


@pytest.mark.parametrize(
    ("image", "error", "told"),
    [
        (b"no image", ClientError, "not a JPEG"),
        (np.zeros((4, 4), np.uint8), InvalidOption, r"shape \(4, 4\).*expected \(H, W, 3\)"),
        (np.zeros((4, 4, 3), np.float32), InvalidOption, "float32"),
        (np.zeros((0, 4, 3), np.uint8), InvalidOption, "no pixel"),
        (np.zeros((1100, 1000, 3), np.uint8), ImageTooLarge, "1000 x 1100 pixels; the limits"),
        (7, InvalidOption, "of type int; expected bytes"),
    ],
)
def test_what_is_no_image_is_refused_by_name(
    remover: Remover, image: NDArray[np.uint8], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        remover.cut_out(image)


def test_options_that_an_array_cannot_have_are_refused(remover: Remover) -> None:
    with pytest.raises(InvalidOption, match="frames: an array or a PIL image is one frame"):
        remover.cut_out(np.zeros((8, 8, 3), np.uint8), frames="all")
    with pytest.raises(InvalidOption, match="model"):
        remover.score(np.zeros((8, 8, 3), np.uint8), model=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["F", "La"])
def test_a_mode_of_pillow_without_a_range_is_refused(remover: Remover, mode: str) -> None:
    with pytest.raises(InvalidOption, match=f"mode {mode}; convert it"):
        remover.cut_out(Pillow.new(mode, (8, 8)))


def test_scores_have_a_subject_where_asked_for(remover: Remover) -> None:
    plain = remover.score(disc(96, 64))
    assert isinstance(plain, Score)
    assert plain.subject is None
    assert plain.probability == pytest.approx(disc(96, 64).mean() / 255)
    subject = remover.score(encoded(disc(96, 64)), subject=True).subject
    assert subject is not None
    assert subject.box is not None
    assert abs(subject.box.left - 32) <= 2


def test_one_remover_serves_many_threads(remover: Remover) -> None:
    images = [disc(96, 64), disc(64, 96), disc(200, 150), disc(30, 30)]
    expected = [remover.cut_out(image) for image in images]
    wrong: list[int] = []

    def work() -> None:
        for number, image in enumerate(images * 5):
            if not np.array_equal(remover.cut_out(image), expected[number % len(images)]):
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_models_are_loaded_from_a_directory_or_a_bundle(tmp_path: Path) -> None:
    shipped = SHIPPED_MODELS
    assert Remover(shipped / "segmenter", threads=1).models == ["segmenter"]
    assert set(Remover(str(shipped)).models) >= {"classifier", "segmenter"}
    with pytest.raises(BundleError, match="no bundle found"):
        Remover(tmp_path)


def test_the_keywords_are_the_options() -> None:
    assert set(CutoutKeywords.__annotations__) == set(CutoutOptions.model_fields)
    assert set(MaskKeywords.__annotations__) == set(MaskOptions.model_fields)
    formats = get_type_hints(CutoutKeywords)["format"]
    assert set(get_args(get_args(formats)[1])) - {"jpg"} == {each.value for each in Format}


PROBE = """
import sys

assert "numpy" not in sys.modules, "import cutout alone is to cost nothing"
from cutout import remove
remove({cat!r})
web = {{"fastapi", "starlette", "uvicorn", "app"}} & sys.modules.keys()
assert not web, web
"""


def test_the_engine_never_imports_the_service() -> None:
    program = PROBE.format(cat=str(CAT))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
