"""The bodies of requests and responses of the native routes."""

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, Field

from cutout.options import CutoutOptions, MaskOptions, PredictOptions

Upload = Annotated[
    UploadFile,
    Field(description="an image: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF or HEIC"),
]


GivenMask = Annotated[
    UploadFile | None,
    Field(
        description="a trimap, what is known of the mask: white is kept, black removed, exactly; "
        "the network decides where it is grey. Scaled to the image's size. If it has transparency, "
        "that is used instead of its grey values"
    ),
]


class PredictForm(PredictOptions):
    """The form of `POST /predict`: an image, and the options of a score."""

    file: Upload


class MaskForm(MaskOptions):
    """The form of `POST /mask`: an image, and the options of a mask."""

    file: Upload
    mask: GivenMask = None


class CutoutForm(CutoutOptions):
    """The form of `POST /cutout`: an image, and the options of a cut-out."""

    file: Upload
    mask: GivenMask = None
    background_image: Annotated[
        UploadFile | None,
        Field(
            description="an image to put behind, scaled to cover; where it is transparent, "
            "`background` or white"
        ),
    ] = None


class Health(BaseModel):
    """The body of a probe's response."""

    status: Literal["ok", "ready"]
