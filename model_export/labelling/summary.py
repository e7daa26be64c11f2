"""The summary that `label` prints: counts, a contact sheet, and the next command."""

import shlex
from collections import Counter
from pathlib import Path

import cv2

from cutout.imaging.preprocess import resize
from model_export.data.dataset import load_image
from model_export.data.files import load_soft
from model_export.data.soft_labels import MASKS, Label, Rule
from model_export.labelling.label import Labelled
from model_export.report.check import LABEL, SUSPICIOUS, Cell, evenly, overlay, sheet

SHEET = "contact-sheet.png"
SHOWN = 64  # labels of the contact sheet
LEFT_OUT = 24  # of these, labels that the rule leaves out
EXAMINED_SIDE = 320  # pixels of the shorter side at which an image is loaded
LINES_SHOWN = 10  # of unreadable images
NAME_SHOWN = 21  # characters of an image's name; a caption holds 26


def as_text(labelled: Labelled, images: Path, out: Path) -> str:
    """Return how many labels there are, how many training takes, and why it leaves out others."""
    rule = labelled.record.rule
    labels = labelled.labels
    kept = sum(label.kept_by(rule) for label in labels)
    why = Counter(reason for label in labels if (reason := why_left_out(label, rule)))
    lines = [f"{len(labels):,} images of {images} labelled by {labelled.record.teacher}"]
    if labels:
        lines.append(f"{kept:,} ({kept / len(labels):.0%}) are certain enough for training")
    lines += [f"  {count:,} left out: {reason}" for reason, count in why.most_common()]
    if labelled.unreadable:
        lines.append(f"{len(labelled.unreadable)} could not be read:")
        lines += [f"  {detail}" for detail in labelled.unreadable[:LINES_SHOWN]]
    if labelled.waiting:
        lines.append(
            f"stopped: {labelled.waiting:,} still have no label; run the same command to continue"
        )
    lines.append(f"contact sheet: {out / SHEET}")
    root = shlex.quote(str(out.parent))
    check = f".venv/bin/python -m model_export data check {root}"
    lines.append(
        f"next: put a set with masks by people beside it (docs/distillation.md), then {check}"
    )
    return "\n".join(lines)


def why_left_out(label: Label, rule: Rule) -> str | None:
    """Return why the rule leaves a label out; None where it keeps it."""
    if label.kept_by(rule):
        return None
    if label.mean <= rule.least or label.peak < rule.peak:
        return "no subject found"
    if label.mean >= rule.most:
        return "no background found"
    return f"in doubt, certainty below {rule.certainty:g}"


def write_sheet(labelled: Labelled, images: Path, out: Path) -> None:
    """Write the contact sheet: first what the rule leaves out, in red, then what it keeps.

    Under each label is its certainty; both kinds are taken evenly over the sorted certainties.
    """
    # of earlier labels, the image may be gone
    there = (label for label in labelled.labels if (images / label.image).is_file())
    ranked = sorted(there, key=lambda label: label.certainty)
    bad = evenly([label for label in ranked if not label.kept_by(labelled.record.rule)], LEFT_OUT)
    good = evenly(
        [label for label in ranked if label.kept_by(labelled.record.rule)], SHOWN - len(bad)
    )
    cells = [_cell(label, SUSPICIOUS, images, out) for label in bad]
    cells += [_cell(label, LABEL, images, out) for label in good]
    cv2.imwrite(str(out / SHEET), cv2.cvtColor(sheet(cells), cv2.COLOR_RGB2BGR))


def _cell(label: Label, color: tuple[int, int, int], images: Path, out: Path) -> Cell:
    image = load_image(images / label.image, EXAMINED_SIDE)
    mask = resize(load_soft(out / MASKS / label.mask), image.shape[1], image.shape[0])
    # the end of a name tells files of one folder apart
    name = Path(label.image).with_suffix("").as_posix()[-NAME_SHOWN:]
    return Cell(overlay(image, mask), f"{label.certainty:.2f} {name}", color)
