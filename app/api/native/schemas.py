"""The bodies of requests and answers."""

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, Field

from cutout import remover
from cutout.inference.manifest import Manifest
from cutout.options import CutoutOptions, MaskOptions, PredictOptions

Upload = Annotated[UploadFile, Field(description="a picture: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF or AVIF")]


class PredictForm(PredictOptions):
    file: Upload


class MaskForm(MaskOptions):
    file: Upload


class CutoutForm(CutoutOptions):
    file: Upload
    background_image: Annotated[
        UploadFile | None,
        Field(description="a picture to put behind, scaled to cover; `background`, or white, where it is transparent"),
    ] = None


class Size(BaseModel):
    width: int = Field(examples=[1200])
    height: int = Field(examples=[800])


class Box(Size):
    left: int = Field(examples=[310])
    top: int = Field(examples=[95])


class Subject(BaseModel):
    """What a mask says of a picture."""

    found: bool
    coverage: float = Field(description="share of the picture that is foreground, 0 to 1", examples=[0.31])
    box: Box | None = Field(description="rectangle around the subject, without faint veils and specks, pixels")

    @classmethod
    def of(cls, subject: remover.Subject) -> "Subject":
        box = subject.box
        rounded = round(subject.coverage, 6)
        if box is None:
            return cls(found=subject.found, coverage=rounded, box=None)
        return cls(
            found=subject.found,
            coverage=rounded,
            box=Box(left=box.left, top=box.top, width=box.width, height=box.height),
        )


class ModelId(BaseModel):
    name: str = Field(examples=["classifier"])
    version: str = Field(examples=["1.0.0"])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])

    @classmethod
    def of(cls, manifest: Manifest) -> "ModelId":
        return cls(name=manifest.name, version=manifest.version, sha256=manifest.model.sha256)


class Prediction(BaseModel):
    """The classifier's answer to a picture."""

    label: Literal["foreground", "background"]
    probability: float = Field(description="of foreground, 0 to 1", examples=[0.87])
    threshold: float = Field(description="from this probability on the label is foreground", examples=[0.5])
    image: Size
    model: ModelId
    subject: Subject | None = None
    timings_ms: dict[str, float] = Field(examples=[{"receive": 0.3, "decode": 2.9, "inference": 0.5}])


class ModelList(BaseModel):
    models: list[Manifest]
    default_for_masks: str = Field(examples=["segmenter"])
    default_for_predict: str = Field(examples=["classifier"])


class Health(BaseModel):
    status: Literal["ok", "ready"]
