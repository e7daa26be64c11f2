"""Results of a job: a score, a mask or a cut-out, and what the mask says of the image."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cutout.imaging.box import Box, Size
from cutout.imaging.preprocess import Matte
from cutout.imaging.subject import bounding_box, coverage, subject_found
from cutout.inference.manifest import Manifest
from cutout.system.clock import Clock

Pixels = NDArray[np.uint8]
T = TypeVar("T")


class Subject(BaseModel):
    """What a mask says of an image: whether there is a subject, how large, and where."""

    model_config = ConfigDict(frozen=True)

    found: bool
    coverage: float = Field(
        description="share of the image that is foreground, 0 to 1", examples=[0.31]
    )
    box: Box | None = Field(
        description="rectangle around the subject, without faint alpha and specks, pixels",
        examples=[{"left": 310, "top": 95, "width": 420, "height": 610}],
    )

    @classmethod
    def of(cls, alpha: Matte, upload: Size) -> "Subject":
        """Describe an alpha (h, w) uint8 of the whole image; the box is in pixels of the upload."""
        size = Size(alpha.shape[1], alpha.shape[0])
        box = bounding_box(alpha)
        return cls(
            found=subject_found(alpha),
            coverage=round(coverage(alpha), 6),
            box=None if box is None else box.rescaled(size, upload),
        )


@dataclass(frozen=True)
class Score:
    """The probability that an image shows foreground, and what a mask says of it, if requested.

    `probability` is from 0 to 1. `upload` is the size of the upright image in pixels. `rows`: of a
    truncated upload, how many of its rows, as stored, were there. `frames_dropped`: of an
    animation, how many frames were not looked at.
    """

    probability: float
    upload: Size
    manifest: Manifest
    subject: Subject | None
    rows: int | None = None
    frames_dropped: int = 0


@dataclass(frozen=True)
class Result(Generic[T]):
    """A finished mask or cut-out.

    - `content` is a file or an array, as the source was one.
    - `size` is its size in pixels, `upload` that of the upright image it was made from.
    - `crop` is the part of the upload that it shows, in pixels, which may reach beyond it; None
      where all of it is shown.
    - `rows`: of a truncated upload, how many of its rows, as stored, were there.
    - `frames_dropped`: of an animation, how many frames the result lacks.
    """

    content: T
    size: Size
    upload: Size
    subject: Subject
    manifest: Manifest
    crop: Box | None = None
    rows: int | None = None
    frames_dropped: int = 0


class ImageSize(BaseModel):
    """Width and height of an image, in pixels."""

    width: int = Field(examples=[1200])
    height: int = Field(examples=[800])


class ModelId(BaseModel):
    """What identifies a model: name, version and the checksum of its network."""

    name: str = Field(examples=["classifier"])
    version: str = Field(examples=["1.0.0"])
    sha256: str = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )


class Prediction(BaseModel):
    """The classifier's answer to an image, as JSON."""

    label: Literal["foreground", "background"]
    probability: float = Field(description="of foreground, 0 to 1", examples=[0.87])
    threshold: float = Field(
        description="from this probability on the label is foreground", examples=[0.5]
    )
    image: ImageSize
    model: ModelId
    subject: Subject | None = None
    timings_ms: dict[str, float] = Field(
        examples=[{"receive": 0.3, "decode": 2.9, "inference": 0.5}]
    )

    @classmethod
    def of(cls, score: Score, clock: Clock) -> "Prediction":
        """Make a prediction of a score, and of the time that each stage took so far."""
        manifest = score.manifest
        return cls(
            label="foreground" if score.probability >= manifest.threshold else "background",
            probability=round(score.probability, 6),
            threshold=manifest.threshold,
            image=ImageSize(width=score.upload.width, height=score.upload.height),
            model=ModelId(
                name=manifest.name, version=manifest.version, sha256=manifest.model.sha256
            ),
            subject=score.subject,
            timings_ms={name: round(1000 * taken, 3) for name, taken in clock.seconds.items()},
        )


class ModelList(BaseModel):
    """The loaded models, with their manifests, and those that are used by default."""

    models: list[Manifest]
    default_for_masks: str = Field(examples=["segmenter"])
    default_for_predict: str = Field(examples=["classifier"])
