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
├── RequestFailed                 a server that responds, but not to this request
├── ServiceMissing                a command of a part that is not installed
├── ProviderMissing               onnxruntime does not have an execution provider
├── BundleError                   a bundle is missing, corrupt or inconsistent with its manifest
└── DataError                     training images or masks are missing, corrupt or inconsistent
"""

from typing import ClassVar


class CutoutError(Exception):
    """The root of all errors that this project raises on purpose.

    `code` is stable: programs may switch on it. `detail` is a sentence for people.
    """

    code: ClassVar[str] = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ClientError(CutoutError):
    """A request that cannot be processed as it is: its image or its options are at fault."""

    code = "bad_request"


class Unauthorized(ClientError):
    """A request without an API key, or with an unknown one."""

    code = "unauthorized"


class MalformedRequest(ClientError):
    """A body or a form that cannot be parsed."""

    code = "malformed_request"


class SlowUpload(ClientError):
    """A body that did not arrive in time."""

    code = "slow_upload"


class UploadTooLarge(ClientError):
    """An upload of more bytes than the operator allows."""

    code = "upload_too_large"


class ImageTooLarge(ClientError):
    """An image, or a result, of more pixels than the operator allows."""

    code = "image_too_large"


class UnsupportedFormat(ClientError):
    """A file that is not of a supported image format."""

    code = "unsupported_format"


class UndecodableImage(ClientError):
    """A file of a supported format that is corrupt, truncated or of a variant that is not read."""

    code = "undecodable_image"


class EmptyImage(UndecodableImage):
    """An image whose header says a width or height of 0."""

    code = "empty_image"


class UnknownModel(ClientError):
    """A name that no loaded model has."""

    code = "unknown_model"


class InvalidUrl(ClientError):
    """A text that is not an http or https URL."""

    code = "invalid_url"


class DownloadFailed(ClientError):
    """A URL that cannot or must not be fetched."""

    code = "download_failed"


class InvalidOption(ClientError):
    """An option with an invalid value, or options that exclude each other."""

    code = "invalid_option"


class RegionOutOfBounds(InvalidOption):
    """A region of interest, or a point, beyond the image's edge."""

    code = "region_out_of_bounds"


class RegionEmpty(InvalidOption):
    """A region of interest without a pixel."""

    code = "region_empty"


class Overloaded(CutoutError):
    """A request for which no permit is free; retry later."""

    code = "overloaded"


class RateLimited(CutoutError):
    """A request beyond its client's rate limit; retry after `seconds`."""

    code = "rate_limited"

    def __init__(self, detail: str, seconds: float) -> None:
        super().__init__(detail)
        self.seconds = seconds


class TooSlow(CutoutError):
    """A request that took longer than its time limit."""

    code = "too_slow"


class OutOfMemory(CutoutError):
    """An image for which the machine has no memory left."""

    code = "out_of_memory"


class Abandoned(CutoutError):
    """A request whose client has disconnected: nobody waits for the response."""

    code = "abandoned"


class ServiceMissing(CutoutError):
    """A command of a part that is not installed."""

    code = "service_missing"


class NoImages(CutoutError):
    """A directory without a supported image."""

    code = "no_images"


class OutputRefused(CutoutError):
    """A file or directory that must not be written to."""

    code = "output_refused"


class Unreachable(CutoutError):
    """A server that does not respond, or is not a cutout server."""

    code = "unreachable"


class RequestFailed(CutoutError):
    """A request to which a server fails to respond, though it responds to others."""

    code = "request_failed"


class ProviderMissing(CutoutError):
    """An execution provider that this onnxruntime does not have, or that does not start."""

    code = "provider_missing"


class BundleError(CutoutError):
    """A bundle that is missing, corrupt or inconsistent with its manifest."""

    code = "bundle_error"


class DataError(CutoutError):
    """Training images or masks that are missing, corrupt or inconsistent."""

    code = "data_error"
