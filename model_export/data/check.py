"""The command `data check`: what a folder of images with masks holds, and what spoils training."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutout.errors import DataError
from cutout.imaging.preprocess import Image, resize
from model_export.data.dataset import (
    SPLITS,
    Mask,
    Pair,
    Split,
    load_pair,
    select,
    small_split_warning,
)
from model_export.data.duplicates import Twins, fingerprint_of, twins
from model_export.data.headers import read_header
from model_export.data.pairs import scan
from model_export.data.progress import track

SMALL_IMAGE = 64  # pixels of the shorter side
MIN_FOREGROUND, MAX_FOREGROUND = (
    0.005,
    0.98,
)  # share of foreground below and above which a mask is suspicious
SOFT = 0.25  # share of the foreground that may be grey: edges and hair, not a whole mask
EDGE_COVERED = 0.75  # share of a mask's frame, from which on it counts as foreground
MIDDLE_BARE = 0.5  # share of a mask's middle, below which it counts as background
MIN_SET_SIZE = 5  # masks of a set, from which on the set can be inverted as a whole
MAX_OUTWARD = 0.7  # share of a set's masks, above which it is
EXAMINED_SIDE = 320  # pixels of the shorter side at which a large photograph is examined
THUMBNAIL = 192  # pixels of the longer side
SHOWN = 48  # pairs of the contact sheet


@dataclass(frozen=True)
class Finding:
    """A problem with one file, and its remedy. `stops` says that training would refuse the file."""

    file: str
    text: str
    stops: bool


@dataclass(frozen=True)
class Inspection:
    """What an examination of one readable pair found.

    `width` and `height` are those of the file, in pixels; `foreground` is its share of the mask.
    """

    pair: Pair
    width: int
    height: int
    foreground: float
    fingerprint: NDArray[np.uint8]
    suspicious: bool
    outward: bool
    """Whether more of its frame than of its middle is foreground."""


@dataclass(frozen=True)
class Report:
    """The findings of `data check`; `looks` are for the contact sheet, and not part of the JSON."""

    root: str
    sets: dict[str, dict[str, Any]]
    findings: list[Finding]
    twins: list[Twins]
    inspections: list[Inspection] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether training would start."""
        return not any(finding.stops for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the findings as a JSON-ready object."""
        return {
            "root": self.root,
            "ok": self.ok,
            "pairs": sum(entry["images"] for entry in self.sets.values()),
            "sets": self.sets,
            "errors": [
                {"file": each.file, "problem": each.text} for each in self.findings if each.stops
            ],
            "warnings": [
                {"file": each.file, "problem": each.text}
                for each in self.findings
                if not each.stops
            ],
            "near_duplicates_across_the_split": [asdict(each) for each in self.twins],
        }


def check(root: Path, clips: dict[str, str] | None = None) -> Report:
    """Examine every pair below `root`.

    `clips` maps a set to a regular expression whose first group names the clip in a file name.
    Raises DataError where there is nothing to examine.
    """
    found = scan(root, None, clips)
    findings = [_split_off_file(text, stops=True) for text in found.problems]
    findings += [_split_off_file(text, stops=False) for text in found.surprises]
    inspections = []
    for pair in track(found.pairs, "looking at pairs"):
        inspection, remarks = inspect_pair(pair)
        findings += remarks
        inspections += [inspection] if inspection else []
    sides: dict[Path, Split] = {
        pair.image_path: side for side in SPLITS for pair in select(found.pairs, side)
    }
    findings += _about_sets(root, found.pairs)
    findings += _inverted_sets(root, inspections)
    across = twins(
        [
            (inspection.pair, sides[inspection.pair.image_path], inspection.fingerprint)
            for inspection in inspections
        ]
    )
    return Report(
        str(root), _by_set(found.pairs, inspections, sides), findings, across, inspections
    )


def inspect_pair(pair: Pair) -> tuple[Inspection | None, list[Finding]]:
    """Examine one pair and list its faults; no look where training would refuse the pair."""
    try:
        image, mask = load_pair(pair, EXAMINED_SIDE)
    except (DataError, OSError) as error:
        text = (
            error.detail
            if isinstance(error, DataError)
            else f"{pair.image_path}: {error.strerror}; fix or remove it"
        )
        return None, [_split_off_file(text, stops=True)]
    remarks = [Finding(_named(pair), text, stops=False) for text in _remarks(pair, image, mask)]
    share = float((mask >= 128).mean())
    inspection = Inspection(
        pair,
        *_full_size(pair, image),
        share,
        fingerprint_of(thumbnail(image)),
        suspicious=bool(remarks),
        outward=is_outward(mask),
    )
    return inspection, remarks


def thumbnail(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink an image or mask (H, W[, C]) uint8 to a longer side of THUMBNAIL pixels.

    Returns (h, w) or (h, w, C) uint8.
    """
    scale = THUMBNAIL / max(array.shape[:2])
    return resize(
        array, max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale))
    )


def _remarks(pair: Pair, image: Image, mask: Mask) -> Iterable[str]:
    """Yield what is suspicious about a pair that training would take."""
    if min(image.shape[:2]) < SMALL_IMAGE:
        yield f"only {image.shape[1]}x{image.shape[0]} pixels; find a larger copy"
    share = float((mask >= 128).mean())
    if share > MAX_FOREGROUND:
        yield f"{share:.0%} of it is foreground; draw the background black (0)"
    elif share < MIN_FOREGROUND:
        yield f"only {share:.2%} of it is foreground; crop the image, or check the mask"
    elif is_inverted(mask):
        yield (
            "the mask looks inverted: its frame is foreground and its middle is not; swap black "
            "and white"
        )
    between = float(((mask > 25) & (mask < 230)).sum() / max(1, int((mask > 25).sum())))
    if between > SOFT and pair.taught is None:  # a teacher's are soft by nature
        yield (
            f"{between:.0%} of its foreground is neither black nor white; unless it is "
            "see-through, draw it 255"
        )


def is_outward(mask: Mask) -> bool:
    """Tell whether more of the frame of a mask (H, W) uint8 than of its middle is foreground."""
    frame, middle = _frame_and_middle(mask)
    return frame > middle


def is_inverted(mask: Mask) -> bool:
    """Tell whether a mask (H, W) uint8 seems inverted: subjects are in the middle."""
    frame, middle = _frame_and_middle(mask)
    return frame > EDGE_COVERED and middle < MIDDLE_BARE


def _frame_and_middle(mask: Mask) -> tuple[float, float]:
    """Return the share of foreground in a mask's outermost pixels, and in its middle."""
    height, width = mask.shape
    # `or None`: below 4 pixels -(height // 4) is 0, and a slice to 0 is empty
    middle = mask[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None] >= 128
    frame = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]) >= 128
    return float(frame.mean()), float(middle.mean())


def _full_size(pair: Pair, image: Image) -> tuple[int, int]:
    """Return width and height of the upright image in the file, which may be decoded reduced."""
    header = read_header(pair.image_path)
    return header.upright if header else (image.shape[1], image.shape[0])


def _about_sets(root: Path, pairs: Sequence[Pair]) -> list[Finding]:
    findings = []
    drawn = sum(pair.taught is None for pair in pairs)
    if drawn < 3 and drawn < len(pairs):
        text = (
            "too few images with masks by people beside the labels of a teacher: there are "
            f"{drawn}, and at least 3 are needed, to train, to validate and to test; put a set of "
            "them beside the labels"
        )
        findings.append(Finding(str(root), text, stops=True))
    elif drawn < 3:
        text = (
            f"too few images: there are {len(pairs)}, and at least 3 are needed, to train, to "
            "validate and to test"
        )
        findings.append(Finding(str(root), text, stops=True))
    elif few := small_split_warning(pairs):
        findings.append(Finding(str(root), few, stops=False))
    if pairs and all(pair.form == "alpha" for pair in pairs):
        text = (
            "cut-outs without their images lie on white; put images to paste them on into "
            "backgrounds/"
        )
        if not (root / "backgrounds").is_dir():
            findings.append(Finding(str(root), text, stops=False))
    return findings


def _inverted_sets(root: Path, inspections: Sequence[Inspection]) -> list[Finding]:
    """Return findings for sets in which most masks have their foreground at the edges.

    A single mask may be like that; a whole set is not.
    """
    findings = []
    for name, group in groupby(
        sorted(inspections, key=lambda inspection: inspection.pair.set), _set_of
    ):
        members = list(group)
        outward = sum(inspection.outward for inspection in members)
        if len(members) >= MIN_SET_SIZE and outward / len(members) > MAX_OUTWARD:
            text = (
                f"the set {name} looks inverted: in {outward} of {len(members)} masks the frame is "
                "foreground more than the middle; white (255) means foreground, so swap both"
            )
            findings.append(Finding(str(root), text, stops=False))
    return findings


def _set_of(inspection: Inspection) -> str:
    return inspection.pair.set


def _by_set(
    pairs: Sequence[Pair], inspections: Sequence[Inspection], sides: dict[Path, Split]
) -> dict[str, dict[str, Any]]:
    sets: dict[str, dict[str, Any]] = {}
    for name, group in groupby(sorted(pairs), key=lambda pair: pair.set):
        members = list(group)
        seen = [inspection for inspection in inspections if inspection.pair.set == name]
        sets[name] = {
            "images": len(members),
            "readable": len(seen),
            "masks": sorted({pair.form for pair in members}),
            **{
                side: sum(1 for pair in members if sides[pair.image_path] == side)
                for side in sorted(SPLITS)
            },
            "width": _spread([inspection.width for inspection in seen]),
            "height": _spread([inspection.height for inspection in seen]),
            "foreground": _spread([round(inspection.foreground, 4) for inspection in seen]),
        }
    return sets


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Return the least, the median and the largest value; nothing for no values."""
    return (
        {"least": min(values), "median": float(np.median(values)), "most": max(values)}
        if values
        else {}
    )


def _named(pair: Pair) -> str:
    """Return the file to fix."""
    return str(pair.image_path if pair.form == "polygons" else pair.mask_path)


def _split_off_file(text: str, stops: bool) -> Finding:
    """Make a finding of an error of training, which names its file first."""
    file, _, rest = text.partition(": ")
    return Finding(file, rest or text, stops)
