"""The output of `data check`: text for a terminal, and a contact sheet."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image
from model_export.data.check import (
    EXAMINED_SIDE,
    SHOWN,
    THUMBNAIL,
    Finding,
    Inspection,
    Report,
    thumbnail,
)
from model_export.data.dataset import Mask, load_pair

MAX_LINES = 20  # of one kind; the JSON has all
COLUMNS = 8  # thumbnails in a row of the sheet
LABEL_HEIGHT = 18  # pixels
TINT = np.array([255, 0, 120], np.float32)  # of foreground; colours are RGB
OUTLINE = (255, 255, 0)
SHEET_GRAY = 40  # the background of the sheet
LABEL = (220, 220, 220)
SUSPICIOUS = (255, 90, 60)

T = TypeVar("T")


def as_text(report: Report) -> str:
    """Format the report for a terminal."""
    lines = [
        (
            f"{'set':<24}{'images':>9}{'train':>7}{'valid.':>7}{'test':>6}  "
            f"{'width x height':<16}{'foreground':<12}"
        )
    ]
    for name, entry in report.sets.items():
        size = _median(entry["width"]) + " x " + _median(entry["height"])
        share = f"{entry['foreground']['median']:.0%}" if entry["foreground"] else "-"
        counts = (
            f"{entry['images']:>9}{entry['train']:>7}{entry['validation']:>7}{entry['test']:>6}"
        )
        lines.append(f"{name[:23]:<24}{counts}  {size:<16}{share:<12}")
    lines.append("(width, height and foreground: medians)")
    stops = [finding for finding in report.findings if finding.stops]
    warnings = [finding for finding in report.findings if not finding.stops]
    lines += _listed("error: training would stop", stops) + _listed("warning", warnings)
    if report.twins:
        lines.append(
            f"\nwarning: {len(report.twins)} pairs of near-duplicates of which one is trained on "
            "and one is not: scores will be too good."
        )
        lines.append("Remove one of each pair, or name their group in data.clips:")
        lines += [
            f"  {each.first} ({each.first_side}) ~ {each.second} ({each.second_side})"
            for each in report.twins[:20]
        ]
        lines += _and_more(len(report.twins))
    lines.append(
        "\n"
        + (
            _verdict(len(stops))
            if stops
            else "ready to train; check the warnings first"
            if warnings
            else "ready to train"
        )
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class Cell:
    """One thumbnail of a sheet: (h, w, 3) uint8 RGB, at most THUMBNAIL a side, and its label."""

    image: NDArray[np.uint8]
    text: str
    color: tuple[int, int, int] = LABEL


def contact_sheet(inspections: Sequence[Inspection]) -> NDArray[np.uint8]:
    """Lay out a sheet (H, W, 3) uint8 RGB of pairs, their foreground tinted.

    Suspicious pairs come first, then others, evenly over the folder. Raises DataError where a pair
    cannot be read.
    """
    suspicious = [inspection for inspection in inspections if inspection.suspicious][: SHOWN // 2]
    others = evenly(
        [inspection for inspection in inspections if not inspection.suspicious],
        SHOWN - len(suspicious),
    )
    return sheet(
        [
            Cell(
                overlay(*load_pair(inspection.pair, EXAMINED_SIDE)),
                inspection.pair.stem,
                SUSPICIOUS if inspection.suspicious else LABEL,
            )
            for inspection in [*suspicious, *others]
        ]
    )


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, evenly over their order."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def sheet(cells: Sequence[Cell]) -> NDArray[np.uint8]:
    """Lay out the cells in rows of COLUMNS, each with its text below: (H, W, 3) uint8 RGB."""
    side = THUMBNAIL + LABEL_HEIGHT
    rows = -(-len(cells) // COLUMNS)
    pixels = np.full((max(1, rows) * side, COLUMNS * THUMBNAIL, 3), SHEET_GRAY, np.uint8)
    for place, cell in enumerate(cells):
        row, column = divmod(place, COLUMNS)
        height, width = cell.image.shape[:2]
        top = row * side + (THUMBNAIL - height) // 2
        left = column * THUMBNAIL + (THUMBNAIL - width) // 2
        pixels[top : top + height, left : left + width] = cell.image
        where = (column * THUMBNAIL + 4, (row + 1) * side - 5)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(pixels, cell.text[:26], where, font, 0.4, cell.color, 1, cv2.LINE_AA)
    return pixels


def sheet_of(folder: Path) -> Path:
    """Return where the contact sheet of a directory goes: two of one name have two sheets."""
    path = folder.resolve()
    which = hashlib.sha256(str(path).encode()).hexdigest()[:6]
    return Path("runs") / "check" / f"{path.name}-{which}.png"


def write_sheet(inspections: Sequence[Inspection], path: Path) -> None:
    """Write the contact sheet as an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(contact_sheet(inspections), cv2.COLOR_RGB2BGR))


def overlay(image: Image, mask: Mask) -> NDArray[np.uint8]:
    """Return a thumbnail of an image with its mask tinted and outlined.

    `image` is (H, W, 3) uint8 RGB and `mask` (H, W) uint8. Returns (h, w, 3) uint8 RGB.
    """
    image = thumbnail(image)
    mask = thumbnail(mask)
    weight = mask[:, :, np.newaxis].astype(np.float32) / 255 * 0.45
    tinted = np.rint(image * (1 - weight) + TINT * weight).astype(np.uint8)
    outlines, _ = cv2.findContours(
        (mask >= 128).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    return np.asarray(cv2.drawContours(tinted, outlines, -1, OUTLINE, 1), np.uint8)


def _verdict(errors: int) -> str:
    return f"{errors} error{'' if errors == 1 else 's'}, named above: training would stop"


def _listed(title: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = [f"  {finding.file}: {finding.text}" for finding in findings[:MAX_LINES]]
    return [f"\n{title} ({len(findings)}):", *lines, *_and_more(len(findings))]


def _and_more(count: int) -> list[str]:
    return [f"  and {count - MAX_LINES} more; --json lists all"] if count > MAX_LINES else []


def _median(spread: dict[str, float]) -> str:
    return f"{spread['median']:.0f}" if spread else "-"
