"""Every error of the domain. One table turns them into HTTP statuses (`app.api.problems`).

CutoutError
├── ClientError                   the request cannot be processed as it is
│   ├── Unauthorized              no API key, or an unknown one
│   ├── MalformedRequest          the body or the form cannot be parsed
│   ├── SlowUpload                the body did not arrive in time
│   ├── UploadTooLarge            more bytes than the operator allows
│   ├── ImageTooLarge             more pixels than the operator allows
│   ├── UnsupportedFormat         not a supported image format
│   ├── UndecodableImage          a supported format, but corrupt or truncated
│   │   └── EmptyImage            the header says a width or height of 0
│   ├── UnknownModel              no loaded model has that name
│   ├── InvalidUrl                not an http or https URL
│   ├── DownloadFailed            a URL that cannot or must not be fetched
│   └── InvalidOption             an option with an invalid value
│       ├── RegionOutOfBounds     a region of interest beyond the image's edge
│       └── RegionEmpty           a region of interest without a pixel
├── Overloaded                    all permits are taken; retry later
├── RateLimited                   one client sends too many requests
├── TooSlow                       the request took longer than its time limit
├── OutOfMemory                   the machine has no memory left for this image
├── Abandoned                     the client disconnected; nobody waits for the response
├── NoImages                      a directory without a supported image
├── OutputRefused                 a file or directory that must not be written to
├── Unreachable                   a server that does not respond, or is not a cutout server
├── ServiceMissing                a command of a part that is not installed
├── ProviderMissing               onnxruntime does not have an execution provider
├── BundleError                   a bundle is missing, corrupt or inconsistent with its manifest
└── DataError                     training images or masks are missing, corrupt or inconsistent
"""

from typing import ClassVar


class CutoutError(Exception):
    """The root. `code` is stable: programs may switch on it; `detail` is for people."""

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
    """`seconds` is how long to wait before the next request."""

    code = "rate_limited"

    def __init__(self, detail: str, seconds: float) -> None:
        super().__init__(detail)
        self.seconds = seconds


class TooSlow(CutoutError):
    code = "too_slow"


class OutOfMemory(CutoutError):
    code = "out_of_memory"


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
