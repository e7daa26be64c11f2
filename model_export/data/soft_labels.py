"""Soft labels in a directory: a teacher's alphas, and how certain it was of each.

    labels.json     the teacher, where the images are, and the rule by which labels are left out
    labels.jsonl    a line an image: its file, its mask's, and the figures that the rule uses
    masks/a/x.png   the teacher's alpha, 8 bits, at the image's size or smaller

`label` writes them, training reads them.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cutout.errors import DataError
from cutout.explain import in_words

RECORD = "labels.json"
LINES = "labels.jsonl"
MASKS = "masks"
SUBJECT = 26  # 10 %: from this alpha on a pixel counts as part of the subject


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Teacher(_Strict):
    """The bundle that made the labels, as its own manifest names it."""

    name: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Rule(_Strict):
    """The rule by which labels are good enough to learn from.

    Measured on 1,032 images with masks drawn by people: the defaults keep 72 % of the labels, of
    which 3 % are bad (IoU below .5) where 11.7 % of all are; docs/distillation.md has the table.
    """

    certainty: float = Field(0.7, ge=0, le=1, description="least mean of |2a - 1| over the subject")
    least: float = Field(0.01, ge=0, le=1, description="least mean alpha; below it lies no subject")
    most: float = Field(0.95, ge=0, le=1, description="mean alpha from which nothing is background")
    peak: int = Field(200, ge=0, le=255, description="least of the highest alpha, of 255")


class Label(_Strict):
    """The label of one image: its files, and what the rule looks at.

    Paths have slashes; `image` is relative to the images' directory, `mask` to MASKS.
    """

    image: str
    mask: str
    certainty: float = Field(ge=0, le=1)
    mean: float = Field(ge=0, le=1, description="mean alpha: the share of the image it covers")
    peak: int = Field(ge=0, le=255, description="the highest alpha")

    def kept_by(self, rule: Rule) -> bool:
        """Tell whether a rule keeps the label."""
        return (
            self.certainty >= rule.certainty
            and rule.least < self.mean < rule.most
            and self.peak >= rule.peak
        )


class Record(_Strict):
    """The contents of `labels.json`: what a directory of soft labels is."""

    teacher: Teacher
    images: str = Field(description="the images' directory, seen from this file's, or absolute")
    rule: Rule = Rule()
    made: datetime = Field(description="when labelling began, UTC")


def certainty(alpha: NDArray[np.uint8]) -> float:
    """Compute how certain a network is of an alpha (H, W) uint8: the mean of |2a - 1|.

    The mean is over the subject: 1 where all of it is 255, 0 where all of it is half transparent,
    or there is none.
    """
    # over a > .1 it tells bad labels best: .815 rank correlation with their IoU (LOG.md)
    subject = alpha[alpha >= SUBJECT].astype(np.float32) / 255
    return float(np.abs(2 * subject - 1).mean()) if subject.size else 0.0


def label_of(image: str, mask: str, alpha: NDArray[np.uint8]) -> Label:
    """Return the label of an image whose alpha (H, W) uint8 was stored as `mask`."""
    return Label(
        image=image,
        mask=mask,
        certainty=round(certainty(alpha), 4),
        mean=round(float(alpha.mean()) / 255, 4),
        peak=int(alpha.max()),
    )


def read_record(directory: Path) -> Record | None:
    """Read the record of the labels in `directory`; None where there are none.

    Raises DataError where it is invalid.
    """
    path = directory / RECORD
    if not path.is_file():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: not the record of `label`:\n{in_words(error, Record)}") from error


def read_labels(directory: Path) -> Iterator[Label]:
    """Read the labels in `directory`, in order.

    The last line may be truncated by a kill, and is ignored then. Raises DataError for any other
    invalid line.
    """
    path = directory / LINES
    lines = path.read_text().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            yield Label.model_validate_json(line)
        except ValidationError as error:
            # truncated by a kill while it was written; `label` makes it again
            if number == len(lines):
                return
            raise DataError(f"{path}, line {number}:\n{in_words(error, Label)}") from error
