"""The bodies of requests and responses of remove.bg's API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class RemoveBgJson(BaseModel):
    """The fields of a request: exactly one source, all else optional. Other names are ignored."""

    image_url: Annotated[
        str, Field(description="source: an http or https URL, where the operator allows URLs")
    ] = ""
    image_file_b64: Annotated[str, Field(description="source: the file in base64")] = ""
    size: Annotated[
        Literal["preview", "small", "regular", "medium", "hd", "full", "4k", "50MP", "auto"],
        Field(
            description="megapixels: preview, small, regular 0.25; medium 1.5; hd 4; "
            "full, 4k, auto 25 (PNG: 10); 50MP"
        ),
    ] = "preview"
    type: Annotated[str, Field(description="without effect, but that X-Type repeats it")] = "auto"
    type_level: Annotated[
        Literal["none", "1", "2", "latest"],
        Field(description="how fine X-Type is; none leaves it out"),
    ] = "1"
    format: Annotated[
        Literal["auto", "png", "jpg", "webp", "zip"],
        Field(
            description="auto: png if anything is transparent, else jpg; "
            "zip: color.jpg and alpha.png"
        ),
    ] = "auto"
    roi: Annotated[str, Field(description="x1 y1 x2 y2, each px or %; all else is background")] = (
        "0% 0% 100% 100%"
    )
    crop: Annotated[bool, Field(description="crop to the subject")] = False
    crop_margin: Annotated[
        str, Field(description="one, two or four lengths in px or %, each at most 500px or 50%")
    ] = "0"
    scale: Annotated[
        str, Field(description="the subject's size, 10% to 100% of the canvas, or original")
    ] = "original"
    position: Annotated[str, Field(description="original, center, p%, or x% y%")] = "original"
    channels: Annotated[Literal["rgba", "alpha"], Field(description="alpha: the mask instead")] = (
        "rgba"
    )
    add_shadow: Annotated[
        bool, Field(description="a soft shadow; of type=car one where it touches the ground")
    ] = False
    shadow_method: Annotated[str, Field(description="without effect")] = "latest"
    shadow_type: Annotated[
        str,
        Field(
            description="auto, drop: a soft shadow; 3D, car: one where it touches the ground; "
            "none: as add_shadow says"
        ),
    ] = "none"
    shadow_opacity: Annotated[str, Field(description="without effect")] = "100"
    semitransparency: Annotated[
        bool, Field(description="without effect: soft edges and glass stay soft")
    ] = True
    bg_color: Annotated[
        str, Field(description="hex of 3, 4, 6 or 8 digits, or a CSS colour name")
    ] = ""
    bg_image_url: Annotated[str, Field(description="a background image, by URL")] = ""


class RemoveBgMultipart(RemoveBgJson):
    """The fields of a form, which may hold images as files too."""

    image_file: Annotated[bytes, Field(description="source: the file")] = b""
    bg_image_file: Annotated[bytes, Field(description="a background image")] = b""


class RemoveBgData(BaseModel):
    """The finished image in base64."""

    result_b64: str


class RemoveBgResult(BaseModel):
    """The body of a response in JSON."""

    data: RemoveBgData


class RemoveBgError(BaseModel):
    """One error: what it is, and remove.bg's code for it."""

    title: str = Field(examples=["Invalid roi"])
    code: str = Field(examples=["invalid_roi"])
    detail: str | None = None


class RemoveBgErrors(BaseModel):
    """The body of an error."""

    errors: list[RemoveBgError]


class Credits(BaseModel):
    """A balance of credits, by where they come from."""

    total: int
    subscription: int
    payg: int
    enterprise: int


class ApiUse(BaseModel):
    """What is left of free calls."""

    free_calls: int
    sizes: Literal["all"]


class AccountAttributes(BaseModel):
    """The balance of an account, and its use of the API."""

    credits: Credits
    api: ApiUse


class AccountData(BaseModel):
    """The account, in the envelope of JSON:API."""

    attributes: AccountAttributes


class Account(BaseModel):
    """The body of the response to `GET /v1.0/account`."""

    data: AccountData
