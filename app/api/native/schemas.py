"""The bodies of requests and answers."""

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, Field

from cutout.options import CutoutOptions, MaskOptions, PredictOptions

Upload = Annotated[
    UploadFile,
    Field(description="an image: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF or AVIF"),
]


class PredictForm(PredictOptions):
    file: Upload


class MaskForm(MaskOptions):
    file: Upload


class CutoutForm(CutoutOptions):
    file: Upload
    background_image: Annotated[
        UploadFile | None,
        Field(
            description="an image to put behind, scaled to cover; `background`, or white, where it is transparent"
        ),
    ] = None


class Health(BaseModel):
    status: Literal["ok", "ready"]
