"""Every layout that data sets come in gives the same pairs of images and masks."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from cutout.errors import DataError
from cutout.imaging.preprocess import resize
from model_export.data.dataset import Pair, find_pairs, fingerprint, load_image, load_pair
from model_export.data.files import load_cutout, load_mask
from model_export.data.pairs import scan
from tests.support.pairs import draw_pair

IMAGE, MASK = draw_pair(0)
HEIGHT, WIDTH = MASK.shape
BOX = [[20.0, 10.0, 60.0, 10.0, 60.0, 50.0, 20.0, 50.0]]  # outlines run between pixels
BOX_MASK = np.zeros_like(MASK)
BOX_MASK[10:50, 20:60] = 255


def write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def write_palette(path: Path, codes: NDArray[np.uint8]) -> None:
    """As VOC: numbers that stand for colours, 255 for the void."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = PillowImage.fromarray(codes, "P")
    palette = np.zeros((256, 3), np.uint8)
    palette[7], palette[255] = (128, 128, 128), (224, 224, 192)
    image.putpalette(palette.tobytes())
    image.save(path)


def write_coco(path: Path, name: str, segmentation: object) -> None:
    image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
    unmarked = {**image, "id": 2, "file_name": "unmarked.jpg"}
    values = {
        "images": [image, unmarked],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}],
        "categories": [{"id": 1, "name": "mug"}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def rgba() -> NDArray[np.uint8]:
    return np.dstack([IMAGE[:, :, ::-1], MASK])


def edge_between(value: int) -> NDArray[np.uint8]:
    """MASK's codes 1 and 2 with a band of `value` over its edge, as wide inside as outside."""
    codes = np.where(MASK > 0, 1, 2).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    band = cv2.dilate(MASK, kernel) != cv2.erode(MASK, kernel)
    codes[band] = value
    return codes


def plain(root: Path) -> None:
    write(root / "images/x.png", IMAGE[:, :, ::-1])
    write(root / "masks/x.png", MASK)


def named_mask(root: Path) -> None:
    write(root / "images/x.png", IMAGE[:, :, ::-1])
    write(root / "masks/x_mask.png", MASK)


def cutout_as_mask(root: Path) -> None:
    write(root / "images/x.png", IMAGE[:, :, ::-1])
    write(root / "masks/x.png", rgba())


def dis(root: Path) -> None:
    write(root / "im/x.png", IMAGE[:, :, ::-1])
    write(root / "gt/x.png", MASK)


def duts(root: Path) -> None:
    write(root / "DUTS-TR-Image/x.png", IMAGE[:, :, ::-1])
    write(root / "DUTS-TR-Mask/x.png", MASK)


def coco(root: Path) -> None:
    write(root / "x.png", IMAGE[:, :, ::-1])
    write_coco(root / "_annotations.coco.json", "x.png", BOX)


def coco_in_folders(root: Path) -> None:
    write(root / "val2017/x.png", IMAGE[:, :, ::-1])
    counts = np.concatenate([[20 * HEIGHT + 10], *[[40, HEIGHT - 40]] * 40]).tolist()
    counts[-1] = HEIGHT * WIDTH - sum(counts[:-1])
    write_coco(
        root / "annotations/instances_val2017.json",
        "x.png",
        {"size": [HEIGHT, WIDTH], "counts": counts},
    )


def voc_numbers(root: Path) -> None:
    write(root / "JPEGImages/x.png", IMAGE[:, :, ::-1])
    write(root / "JPEGImages/not_marked.png", IMAGE)
    write(root / "SegmentationClass/x.png", np.where(MASK > 0, np.uint8(15), np.uint8(0)))


EXACT: list[Callable[[Path], None]] = [
    plain,
    named_mask,
    cutout_as_mask,
    dis,
    duts,
    coco,
    coco_in_folders,
    voc_numbers,
]


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "among sets"])
@pytest.mark.parametrize("layout", EXACT, ids=lambda layout: layout.__name__)
def test_a_layout_is_read_as_it_comes(
    layout: Callable[[Path], None], nested: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "mugs" if nested else tmp_path / "mugs"
    layout(folder)
    (pair,) = find_pairs(tmp_path / "data" if nested else folder)
    assert (pair.set, pair.stem) == ("mugs", "x")
    image, mask = load_pair(pair)
    assert np.array_equal(image, IMAGE)
    assert np.array_equal(mask, BOX_MASK if layout in (coco, coco_in_folders) else MASK)


def voc_colors(root: Path) -> None:
    write(root / "JPEGImages/x.png", IMAGE[:, :, ::-1])
    codes = edge_between(255)
    codes[codes == 2] = 0
    codes[codes == 1] = 7
    write_palette(root / "SegmentationClass/x.png", codes)


def pets(root: Path) -> None:
    write(root / "images/x.png", IMAGE[:, :, ::-1])
    write(root / "images/not_marked.png", IMAGE)
    write(root / "annotations/trimaps/x.png", edge_between(3))
    (root / "annotations/trimaps/._x.png").write_bytes(b"left by macOS")


@pytest.mark.parametrize("layout", [voc_colors, pets], ids=lambda layout: layout.__name__)
def test_an_undecided_edge_is_split_along_its_middle(
    layout: Callable[[Path], None], tmp_path: Path
) -> None:
    layout(tmp_path / "mugs")
    (pair,) = find_pairs(tmp_path / "mugs")
    mask = load_pair(pair)[1]
    assert set(np.unique(mask)) == {0, 255}
    wrong, band = int((mask != MASK).sum()), int((edge_between(3) == 3).sum())
    assert wrong < 0.2 * band


def test_a_cutout_alone_is_its_own_mask_and_lies_on_white(tmp_path: Path) -> None:
    write(tmp_path / "mugs/x.png", rgba())
    (pair,) = find_pairs(tmp_path)
    image, mask = load_pair(pair)
    assert np.array_equal(mask, MASK)
    assert np.array_equal(image[MASK == 255], IMAGE[MASK == 255])
    assert (image[MASK == 0] == 255).all()


def test_what_training_pastes_is_no_set(tmp_path: Path) -> None:
    plain(tmp_path / "mugs")
    write(tmp_path / "cutouts/mugs/x.png", rgba())
    write(tmp_path / "backgrounds/x.png", rgba())
    assert [pair.set for pair in find_pairs(tmp_path)] == ["mugs"]


def test_a_mask_without_a_image_is_told_but_stops_nothing(tmp_path: Path) -> None:
    plain(tmp_path)
    write(tmp_path / "masks/y.png", MASK)
    found = scan(tmp_path)
    assert ([pair.stem for pair in found.pairs], found.problems) == (["x"], [])
    assert found.surprises == [
        (
            f"{tmp_path}/masks/y.png: a mask without an image, left out; expected "
            f"{tmp_path}/images/y.jpg"
        )
    ]


def test_an_outline_without_its_list_is_one(tmp_path: Path) -> None:
    write(tmp_path / "x.png", IMAGE)
    write_coco(tmp_path / "annotations.json", "x.png", BOX[0])
    assert np.array_equal(load_pair(scan(tmp_path).pairs[0])[1], BOX_MASK)


def test_masks_of_other_names_are_no_images_of_their_own(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "images" / f"p{number}.png", IMAGE)
        write(tmp_path / "masks" / f"p{number}-removebg-preview.png", rgba())
    found = scan(tmp_path)
    assert (found.pairs, len(found.problems)) == ([], 3)


def test_a_cut_out_that_is_stored_turned_is_upright(tmp_path: Path) -> None:
    turned = PillowImage.fromarray(np.dstack([IMAGE, MASK])).transpose(
        PillowImage.Transpose.ROTATE_90
    )
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    (tmp_path / "images").mkdir()
    turned.save(tmp_path / "images" / "x.png", exif=exif)
    write(tmp_path / "masks" / "x.png", MASK)
    image, mask = load_pair(scan(tmp_path).pairs[0])
    assert (image.shape[:2], mask.shape) == (MASK.shape, MASK.shape)
    assert np.array_equal(load_cutout(tmp_path / "images" / "x.png")[:, :, 3], MASK)


@pytest.mark.parametrize(
    ("segmentation", "complaint"),
    [
        (
            {"size": [HEIGHT, WIDTH], "counts": "PYh0"},
            r"annotations\.json: it has compressed run lengths; export .* polygons",
        ),
        (
            {"size": [HEIGHT, WIDTH], "counts": [5, 6]},
            r"annotations\.json: run lengths that are not of 80x64",
        ),
        (
            {"size": [10, 10], "counts": [10, 90]},
            r"annotations\.json: run lengths that are not of 80x64",
        ),
        ([[1.0, 2.0, 3.0]], r"annotations\.json: an outline of x\.png has 3 numbers"),
    ],
)
def test_shapes_that_cannot_be_drawn_are_named(
    segmentation: object, complaint: str, tmp_path: Path
) -> None:
    write(tmp_path / "x.png", IMAGE)
    write_coco(tmp_path / "annotations.json", "x.png", segmentation)
    with pytest.raises(DataError, match=complaint):
        load_pair(find_pairs(tmp_path)[0])


def test_broken_annotations_are_named(tmp_path: Path) -> None:
    write_coco(tmp_path / "annotations.json", "x.png", BOX)
    with pytest.raises(
        DataError, match=r"annotations\.json: its image x\.png is missing; put it into .*images"
    ):
        find_pairs(tmp_path)
    (tmp_path / "annotations.json").write_text('{"images": [{"id": 1}], "annotations": []}')
    with pytest.raises(
        DataError, match=r"annotations\.json: an entry of 'images' lacks file_name, height, width"
    ):
        find_pairs(tmp_path)
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(DataError, match=r"annotations\.json: not readable as JSON"):
        find_pairs(tmp_path)


def test_a_mask_of_ones_is_not_taken_for_foreground(tmp_path: Path) -> None:
    write(tmp_path / "images/x.png", IMAGE)
    write(tmp_path / "masks/x.png", MASK // 255)
    with pytest.raises(
        DataError, match=r"masks/x\.png: the mask's brightest value is 1, .* save foreground as 255"
    ):
        load_pair(find_pairs(tmp_path)[0])


def test_a_trimap_with_other_values_is_named(tmp_path: Path) -> None:
    pets(tmp_path)
    write(tmp_path / "annotations/trimaps/x.png", MASK)
    with pytest.raises(DataError, match=r"trimaps/x\.png: a trimap has the values 1, 2 and 3"):
        load_pair(find_pairs(tmp_path)[0])


def test_the_fingerprint_follows_the_shapes_of_a_image(tmp_path: Path) -> None:
    coco(tmp_path)
    before = fingerprint(find_pairs(tmp_path))
    write_coco(tmp_path / "_annotations.coco.json", "x.png", [[0.0, 0.0, 9.0, 0.0, 9.0, 9.0]])
    assert fingerprint(find_pairs(tmp_path)) != before


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photograph_is_decoded_reduced_and_upright(
    orientation: int, tmp_path: Path
) -> None:
    pixels = np.asarray(cv2.resize(IMAGE, (1600, 1280), interpolation=cv2.INTER_CUBIC), np.uint8)
    exif = PillowImage.Exif()
    exif[274] = orientation
    path = tmp_path / "images/x.jpg"
    path.parent.mkdir()
    PillowImage.fromarray(pixels).save(path, quality=95, exif=exif)
    upright = np.rot90(pixels, -1) if orientation == 6 else pixels
    write(tmp_path / "masks/x.png", np.full(upright.shape[:2], 255, np.uint8))
    image, mask = load_pair(find_pairs(tmp_path)[0], least=100)
    assert image.shape[:2] == mask.shape == (upright.shape[0] // 4, upright.shape[1] // 4)
    difference = resize(image, 100, 100).astype(int) - resize(
        np.ascontiguousarray(upright), 100, 100
    )
    assert np.abs(difference).mean() < 2
    assert load_image(path).shape == upright.shape


def test_loose_images_beside_sets_are_told_and_left_out(tmp_path: Path) -> None:
    plain(tmp_path / "mugs")
    write(tmp_path / "Screenshot.png", rgba())
    found = scan(tmp_path)
    assert {pair.set for pair in found.pairs} == {"mugs"}
    assert "1 images lie beside the sets" in found.surprises[0]


def test_names_are_matched_as_they_are_first(tmp_path: Path) -> None:
    for name in ("gas-mask", "cup"):
        write(tmp_path / f"images/{name}.png", IMAGE)
    write(tmp_path / "masks/gas-mask.png", MASK)
    write(tmp_path / "masks/cup_mask.png", MASK)
    assert [pair.stem for pair in find_pairs(tmp_path)] == ["cup", "gas-mask"]
    write(tmp_path / "images/cup.jpg", IMAGE)
    with pytest.raises(DataError, match="of the same name as"):
        find_pairs(tmp_path)


def test_two_masks_of_one_image_are_told(tmp_path: Path) -> None:
    plain(tmp_path)
    write(tmp_path / "masks/x_mask.png", MASK)
    masks = tmp_path / "masks"
    (problem,) = scan(tmp_path).problems
    assert problem.endswith(
        f"images/x.png: both {masks}/x.png and {masks}/x_mask.png are its mask; remove one"
    )


def test_a_file_that_is_gone_is_told_as_others_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.jpg: no such file"):
        load_image(tmp_path / "x.jpg")


def test_opaque_images_without_masks_are_no_cut_outs(tmp_path: Path) -> None:
    opaque = np.dstack([IMAGE, np.full_like(MASK, 255)])
    write(tmp_path / "x.png", opaque)
    with pytest.raises(DataError, match="no part of it is transparent"):
        load_mask(find_pairs(tmp_path)[0])


def test_sixteen_bits_are_read_as_eight(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    pair = Pair("s", "x", "x", path, path)
    for written in (MASK.astype(np.uint16) * 257, MASK.astype(np.uint16)):
        cv2.imwrite(str(path), written)
        assert np.array_equal(load_mask(pair), MASK)
    cv2.imwrite(str(path), (MASK > 0).astype(np.uint16))
    with pytest.raises(DataError, match="brightest value is 1"):
        load_mask(pair)
