"""Finding of images and masks in a folder, in the layouts that data sets come in.

A data folder is one set, or holds sets side by side; each set is in any of these layouts:

    images/x.jpg        masks/x.png                 255 = foreground; if transparent, its alpha
    im/, imgs/          gt/                         the same as DIS5K and HKU-IS name them
    *-Image/x.jpg       *-Mask/x.png                DUTS: DUTS-TR/DUTS-TR-Image with DUTS-TR-Mask
    images/x.jpg        annotations/trimaps/x.png   Oxford-IIIT Pet: 1 foreground, 2 background,
                                                    3 the edge between
    JPEGImages/x.jpg    SegmentationClass/x.png     PASCAL VOC: black background, classes
                                                    foreground, the void between
    x.jpg, images/x.jpg annotations.json            COCO: polygons; the JSON file has any name,
                                                    also in annotations/
    x.png               (its own alpha)             cut-outs: RGBA, here or in images/
    (elsewhere)         labels.json, masks/x.png    soft labels by a teacher: what `label` writes

Beside the sets, `cutouts/` and `backgrounds/` are not sets but what training pastes, and
`unlabelled/` holds photographs without masks, which fine-tuning rehearses.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cutout.errors import DataError
from model_export.data.headers import read_header
from model_export.data.soft_labels import (
    MASKS,
    RECORD,
    Label,
    Teacher,
    read_labels,
    read_record,
)

MaskForm = Literal["gray", "trimap", "labels", "alpha", "polygons", "soft"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MASK_SUFFIXES = IMAGE_SUFFIXES | {".gif"}
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif", ".dng", ".cr2", ".cr3", ".nef", ".arw"}
)
SIDE_BY_SIDE = (("images", "masks"), ("image", "mask"), ("im", "gt"), ("imgs", "gt"))
UNLABELLED = "unlabelled"
NO_SETS = frozenset({"cutouts", "backgrounds", UNLABELLED})
EXPECTED = (
    "expected {root}/<set>/images/x.jpg with <set>/masks/x.png, or another layout of "
    "docs/training.md"
)


@dataclass(frozen=True)
class Shapes:
    """What a COCO file says of one image: its size, and the outlines or run lengths of objects."""

    width: int
    height: int
    segmentations: tuple[Any, ...]


@dataclass(frozen=True)
class Taught:
    """The teacher that made a mask, and how certain it was, in [0, 1]."""

    teacher: Teacher
    certainty: float


@dataclass(frozen=True, order=True)
class Pair:
    """One image and its mask.

    `group` names what must stay on one side of the split: the image, or its clip. `mask_path` is
    the file that `form` tells how to read: of a cut-out the image itself, of COCO the JSON file,
    whose `shapes` are this image's. `taught` is set where a teacher made the mask: then it may be
    smaller than its image, and the pair is for training only.
    """

    set: str
    stem: str
    group: str
    image_path: Path
    mask_path: Path
    form: MaskForm = "gray"
    # not compared: shapes may hold dicts and lists, and pairs are sorted and hashed
    shapes: Shapes | None = field(default=None, compare=False)
    taught: Taught | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The name of the image among all sets."""
        return f"{self.set}/{self.stem}"


@dataclass(frozen=True)
class Found:
    """The pairs of a folder, and what is wrong with others.

    `problems` stop training, `surprises` do not; each text names a file and the remedy.
    """

    pairs: list[Pair]
    problems: list[str]
    surprises: list[str] = field(default_factory=list)


def as_bytes(name: str) -> bytes:
    """Encode a name that comes from a file's, which need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def find_pairs(
    root: Path, sets: Sequence[str] | None = None, clips: Mapping[str, str] | None = None
) -> list[Pair]:
    """Find all pairs below `root`, sorted by set and file name.

    `sets` are those to find, None for all. `clips` maps a set to a regular expression whose first
    group names the clip in a file name, so that all frames of one clip are on one side of the
    split. Raises DataError where a folder, a set or a mask is missing.
    """
    found = scan(root, sets, clips)
    if found.problems:
        more = (
            f" ({len(found.problems) - 1} more like it: data check lists them)"
            if len(found.problems) > 1
            else ""
        )
        raise DataError(found.problems[0] + more)
    return found.pairs


def read_clips(texts: Sequence[str]) -> dict[str, str]:
    """Parse `SET=REGEX` texts as the `clips` of `find_pairs`.

    Raises DataError where a text is not a regular expression with a group.
    """
    clips = {}
    for text in texts:
        name, _, pattern = text.partition("=")
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise DataError(f"{text}: not a regular expression: {error}") from error
        if groups < 1:
            raise DataError(
                f"--clips {text}: write it as SET=REGEX, with a group that captures a clip's name"
            )
        clips[name] = pattern
    return clips


def find_scenery(folder: Path) -> list[Path]:
    """Find the images in a folder of cut-outs or backgrounds, at any depth, sorted."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def scan(
    root: Path, sets: Sequence[str] | None = None, clips: Mapping[str, str] | None = None
) -> Found:
    """Find pairs as `find_pairs` does, but report what is missing instead of raising it.

    Raises DataError where there is nothing, or a set is missing.
    """
    if not root.is_dir():
        raise DataError(f"no such directory of training images: {root}")
    read = {_name(folder): (folder, found) for folder, found in _sets_below(root).items()}
    if sets is not None:
        missing = sorted(set(sets) - set(read))
        if missing:
            raise DataError(f"{root}: no such set: {', '.join(missing)}")
        read = {name: entry for name, entry in read.items() if name in sets}
    pairs = [
        _in_clip(pair, (clips or {}).get(name))
        for name, (_, found) in sorted(read.items())
        for pair in found.pairs
    ]
    problems = [problem for _, found in read.values() for problem in found.problems]
    surprises = [surprise for _, found in read.values() for surprise in found.surprises]
    if not pairs and not problems:
        unread = next((text for text in surprises if "not read here" in text), None)
        raise DataError(unread or _nothing_in(root))
    return Found(pairs, problems, surprises)


def _nothing_in(root: Path) -> str:
    """Say what is missing where no set was found."""
    expected = EXPECTED.format(root=root)
    if not (images := len(find_scenery(root))):
        return f"{root}: no images found; {expected}"
    return (
        f"{root}: images ({images}), but no masks; draw some, or let a large network make them: "
        f"`python -m model_export label`, docs/distillation.md; {expected}"
    )


def _sets_below(root: Path) -> dict[Path, Found]:
    own = _read(root)
    # images in the root itself may lie beside sets: these are looked for first
    # problems too: images whose masks are not found are no reason to take masks for images
    inside = own is not None and any(pair.image_path.parent != root for pair in own.pairs)
    if own is not None and (inside or (own.problems and not own.pairs)):
        return {root: own}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and _may_be_set(path))
    below = {folder: found for folder in folders if (found := _read(folder)) is not None}
    if own is None:
        return below
    if not below:
        return {root: own}
    first = next(iter(below))
    stray = f"{root}: {len(own.pairs)} images lie beside the sets and are left out"
    return {**below, first: replace(below[first], surprises=[stray, *below[first].surprises])}


def _may_be_set(folder: Path) -> bool:
    """Tell whether a directory's name allows it to be a set.

    Labels of the images in `unlabelled` may be beside them there.
    """
    return folder.name not in NO_SETS or (folder / RECORD).is_file()


def _read(folder: Path) -> Found | None:
    """Read a folder by the first layout that fits; None where none does."""
    return next((found for layout in LAYOUTS if (found := layout(folder)) is not None), None)


def _soft_labels(folder: Path) -> Found | None:
    """Read what `label` wrote: the labels that its rule keeps, a set per directory of images."""
    record = read_record(folder)
    if record is None:
        return None
    images = folder / record.images
    if not images.is_dir():
        problem = f"{folder / RECORD}: no images at {images}; say in its `images` where they are"
        return Found([], [problem])
    kept = [each for each in read_labels(folder) if each.kept_by(record.rule)]
    there = [each for each in kept if (images / each.image).is_file()]
    pairs = [_soft_pair(folder, images, each, record.teacher) for each in there]
    gone = f"{folder}: {len(kept) - len(there)} of its images are no longer in {images}; left out"
    return Found(sorted(pairs), [], [gone] if len(there) < len(kept) else [])


def _soft_pair(folder: Path, images: Path, label: Label, teacher: Teacher) -> Pair:
    top, _, rest = label.image.partition("/")
    name = f"{_name(folder)}/{top}" if rest else _name(folder)
    stem = label.image.replace("/", "-")
    taught = Taught(teacher, label.certainty)
    mask = folder / MASKS / label.mask
    return Pair(name, stem, stem, images / label.image, mask, "soft", taught=taught)


def _side_by_side(folder: Path) -> Found | None:
    for images, masks in [*SIDE_BY_SIDE, *_named_as_duts(folder)]:
        if (folder / images).is_dir() and (folder / masks).is_dir():
            return _matched(folder, folder / images, folder / masks, "gray")
    return None


def _named_as_duts(folder: Path) -> list[tuple[str, str]]:
    names = [path.name for path in sorted(folder.glob("*-Image"))]
    return [(name, name.removesuffix("Image") + "Mask") for name in names]


def _pets(folder: Path) -> Found | None:
    trimaps = folder / "annotations" / "trimaps"
    if not trimaps.is_dir():
        return None
    return _matched(folder, folder / "images", trimaps, "trimap", every_image=False)


def _voc(folder: Path) -> Found | None:
    for masks in ("SegmentationClass", "SegmentationObject"):
        if (folder / "JPEGImages").is_dir() and (folder / masks).is_dir():
            return _matched(
                folder, folder / "JPEGImages", folder / masks, "labels", every_image=False
            )
    return None


def _coco(folder: Path) -> Found | None:
    files = [*sorted(folder.glob("[!.]*.json")), *sorted(folder.glob("annotations/[!.]*.json"))]
    read = [(path, values) for path in files if (values := _coco_values(path)) is not None]
    if not read:
        return None
    pairs = []
    problems = []
    seen = dict[Path, Path]()
    for path, values in read:
        outlines = _outlines(values)
        for entry in values["images"]:
            if entry["id"] not in outlines:
                continue  # nothing marked in it: nothing to learn foreground from
            name = entry["file_name"].replace("\\", "/")
            image = _beside(folder, path, name)
            if image in seen:
                problems.append(
                    f"{image}: both {seen[image]} and {path} outline it; leave one of them"
                )
                continue
            if image is None:
                problems.append(
                    f"{path}: its image {entry['file_name']} is missing; put it into "
                    f"{folder / 'images'}"
                )
                continue
            seen[image] = path
            stem = name.rsplit(".", 1)[0].replace("/", "-")
            shapes = Shapes(int(entry["width"]), int(entry["height"]), tuple(outlines[entry["id"]]))
            pairs.append(Pair(_name(folder), stem, stem, image, path, "polygons", shapes))
    return Found(sorted(pairs), problems)


def _outlines(values: dict[str, Any]) -> dict[Any, list[Any]]:
    """Return the outlines in each image of a COCO file, by the image's id."""
    outlines = defaultdict(list)
    for annotation in values["annotations"]:
        if annotation.get("segmentation"):
            outlines[annotation["image_id"]].append(annotation["segmentation"])
    return dict(outlines)


def _coco_values(path: Path) -> dict[str, Any] | None:
    """Return the contents of a COCO file; None for other JSON, and for COCO's keypoint files.

    Raises DataError where it is corrupt, or entries lack what COCO's form requires.
    """
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON: {error}; fix or remove it") from error
    if not isinstance(values, dict) or not {"images", "annotations"} <= values.keys():
        return None
    # COCO's keypoint file outlines the same people again
    if any("keypoints" in annotation for annotation in values["annotations"][:1]):
        return None
    fields = {"images": {"id", "file_name", "width", "height"}, "annotations": {"image_id"}}
    for part, needed in fields.items():
        missing = next(
            (needed - entry.keys() for entry in values[part] if not needed <= entry.keys()), None
        )
        if missing:
            raise DataError(
                f"{path}: an entry of {part!r} lacks {', '.join(sorted(missing))}; COCO's form "
                "needs it"
            )
    return values


def _beside(folder: Path, file: Path, name: str) -> Path | None:
    """Return the image that a COCO file names.

    It is beside the file, in images/, or in a folder named as the file's end (val2017).
    """
    places = (file.parent, folder, folder / "images", folder / file.stem.split("_")[-1])
    return next((place / name for place in places if (place / name).is_file()), None)


def _cutouts(folder: Path) -> Found | None:
    for place in (folder, folder / "images"):
        files = _images(place)
        # the first file speaks for all; `load_mask` refuses those without transparency
        header = read_header(files[0]) if files else None
        if header is not None and header.has_alpha:
            return Found(
                [Pair(_name(folder), path.stem, path.stem, path, path, "alpha") for path in files],
                [],
                _about_unread(place, _unread(place)),
            )
    return None


def _images_alone(folder: Path) -> Found | None:
    images = folder / "images"
    return _matched(folder, images, folder / "masks", "gray") if images.is_dir() else None


LAYOUTS: tuple[Callable[[Path], Found | None], ...] = (
    # the order matters: the first that fits is taken, and a later one may fit as well
    _soft_labels,
    _side_by_side,
    _pets,
    _voc,
    _coco,
    _cutouts,
    # last: it fits any images/, and says of each that its mask is missing
    _images_alone,
)


def _matched(
    folder: Path, image_folder: Path, masks: Path, form: MaskForm, every_image: bool = True
) -> Found:
    """Match images and masks of one stem.

    Where not `every_image` has a mask, those without are left out.
    """
    found = _images(image_folder)
    unread = _unread(image_folder)
    images = {path.stem: path for path in found}
    by_stem: dict[str, Path] = {}
    problems = []
    for path in _images(masks, MASK_SUFFIXES):
        # x_mask.png belongs to x.jpg, unless there is an x_mask.jpg
        stem = path.stem if path.stem in images else _bare(path.stem)
        if stem in by_stem and stem in images:
            problems.append(
                f"{images[stem]}: both {by_stem[stem]} and {path} are its mask; remove one"
            )
        by_stem[stem] = path
    shared = [stem for stem in images if stem in by_stem]
    pairs = [Pair(_name(folder), stem, stem, images[stem], by_stem[stem], form) for stem in shared]
    alone = [stem for stem in images if stem not in by_stem] if every_image else []
    problems += [f"{images[stem]}: no mask; expected {masks / stem}.png" for stem in alone]
    problems += [
        f"{path}: of the same name as {images[path.stem]}; rename one, and its mask"
        for path in found
        # x.jpg and x.png: the dict has kept the last one
        if images[path.stem] != path
    ]
    if not found and any(path.is_dir() for path in image_folder.glob("[!.]*")):
        problems.append(
            f"{image_folder}: its images are in folders of it; put them directly into it, and the "
            "masks alike"
        )
    orphans = [path for stem, path in by_stem.items() if stem not in images]
    surprises = [
        f"{path}: a mask without an image, left out; expected {image_folder / path.stem}.jpg"
        for path in orphans
        # its image is there, in a format that is not read: said once, below
        if path.stem not in {other.stem for other in unread}
    ]
    return Found(pairs, problems, surprises + _about_unread(image_folder, unread))


def _images(folder: Path, suffixes: Iterable[str] = IMAGE_SUFFIXES) -> list[Path]:
    """Return the image files in a folder, without hidden ones, which macOS leaves."""
    return sorted(path for path in folder.glob("[!.]*") if path.suffix.lower() in suffixes)


def _unread(folder: Path) -> list[Path]:
    """Return the images in a folder whose format is not read here."""
    return _images(folder, UNREAD_SUFFIXES)


def _about_unread(folder: Path, unread: Sequence[Path]) -> list[str]:
    kinds = Counter(path.suffix.lower() for path in unread)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    told = f"{folder}: images of a kind that is not read here are left out ({counts}); save as JPEG"
    return [told] if unread else []


def _bare(stem: str) -> str:
    return re.sub(r"[_-]mask$", "", stem)


def _name(folder: Path) -> str:
    # Path('.') has no name of its own
    return folder.name or folder.resolve().name


def _in_clip(pair: Pair, clip: str | None) -> Pair:
    match = re.fullmatch(clip, pair.stem) if clip else None
    if match is None:
        return pair
    return replace(pair, group=match.group(1))
