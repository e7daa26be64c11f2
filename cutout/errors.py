"""Every error of the domain. A route turns them into a status by one table (`app.api.problems`).

CutoutError
├── ClientError                   the request can't be answered as it stands
│   ├── Unauthorized              no key, or one that the operator did not give out
│   ├── MalformedRequest          the form or the option can't be read
│   ├── SlowUpload                the body did not arrive in time
│   ├── UploadTooLarge            more bytes than the operator allows
│   ├── ImageTooLarge             more pixels than the operator allows
│   ├── UnsupportedFormat         not an image type this service reads
│   ├── UndecodableImage          an image type it reads, but broken
│   │   └── EmptyImage            its header announces no width or no height
│   ├── UnknownModel              no bundle of that name is loaded
│   ├── InvalidUrl                not an http or https URL
│   ├── DownloadFailed            a URL that can't or mustn't be fetched
│   └── InvalidOption             an option out of its range
│       ├── RegionOutOfBounds     a region of interest that reaches beyond the image
│       └── RegionEmpty           a region of interest without a pixel
├── Overloaded                    no permit to be had; try again later
├── RateLimited                   one caller asks too often
├── TooSlow                       the deadline of the request has passed
├── Abandoned                     the client has gone; nobody waits for the answer
├── NoImages                      a folder without an image of a type that is read
├── OutputRefused                 a file or folder that must not be written to
├── Unreachable                   a server that does not answer, or not as this service does
├── ServiceMissing                `cutout serve` where only the engine is installed
├── ProviderMissing               an execution provider was asked for that onnxruntime does not have
├── BundleError                   a bundle is missing, damaged or not what its manifest says
└── DataError                     training images or masks are missing, damaged or don't fit
"""

from typing import ClassVar


class CutoutError(Exception):
    """The root. `code` is stable: clients may switch on it."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ClientError(CutoutError):
    code = "bad_request"


class Unauthorized(ClientError):
    code = "unauthorized"


class MalformedRequest(ClientError):
    code = "malformed_request"


class SlowUpload(ClientError):
    code = "slow_upload"


class UploadTooLarge(ClientError):
    code = "upload_too_large"


class ImageTooLarge(ClientError):
    code = "image_too_large"


class UnsupportedFormat(ClientError):
    code = "unsupported_format"


class UndecodableImage(ClientError):
    code = "undecodable_image"


class EmptyImage(UndecodableImage):
    code = "empty_image"


class UnknownModel(ClientError):
    code = "unknown_model"


class InvalidUrl(ClientError):
    code = "invalid_url"


class DownloadFailed(ClientError):
    code = "download_failed"


class InvalidOption(ClientError):
    code = "invalid_option"


class RegionOutOfBounds(InvalidOption):
    code = "region_out_of_bounds"


class RegionEmpty(InvalidOption):
    code = "region_empty"


class Overloaded(CutoutError):
    code = "overloaded"


class RateLimited(CutoutError):
    """`seconds` is how long to wait."""

    code = "rate_limited"

    def __init__(self, detail: str, seconds: float) -> None:
        super().__init__(detail)
        self.seconds = seconds


class TooSlow(CutoutError):
    code = "too_slow"


class Abandoned(CutoutError):
    code = "abandoned"


class ServiceMissing(CutoutError):
    code = "service_missing"


class NoImages(CutoutError):
    code = "no_images"


class OutputRefused(CutoutError):
    code = "output_refused"


class Unreachable(CutoutError):
    code = "unreachable"


class ProviderMissing(CutoutError):
    code = "provider_missing"


class BundleError(CutoutError):
    code = "bundle_error"


class DataError(CutoutError):
    code = "data_error"
