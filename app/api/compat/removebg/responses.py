"""Responses as remove.bg's clients expect them: its headers, and errors under its codes."""

import base64
import time
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cutout.results import Result
from cutout.sources import File
from cutout.system.clock import Clock

from ....admission.permits import Permits
from ...native.routes import ANSWER_HEADERS, image_response
from ...problems import RETRY_AFTER_SECONDS, Problem
from ...services import services_of
from ..common import WITHOUT_EFFECT_HEADER, name_without_effect
from .translate import Translated

# Native code -> status and code here. Any other client error is a 400 with its native code.
CONTRACT = {
    "unauthorized": (403, "auth_failed"),
    "overloaded": (429, "rate_limit_exceeded"),
    "rate_limited": (429, "rate_limit_exceeded"),
    "upload_too_large": (400, "file_too_large"),
    "image_too_large": (400, "resolution_too_high"),
    "unsupported_format": (400, "invalid_file_type"),
    "undecodable_image": (400, "failed_to_read_image"),
    "empty_image": (400, "invalid_dimensions"),
    "region_out_of_bounds": (400, "roi_exceeds_bounds"),
    "region_empty": (400, "roi_region_empty"),
}
OWN_STATUSES = frozenset({402, 403, 405, 429})  # all other errors of clients are a 400

TITLES = {
    "auth_failed": "API Key invalid",
    "failed_bg_download": "Failed to download the background image",
    "failed_image_download": "Failed to download the image",
    "failed_to_read_image": "The image can't be read",
    "file_too_large": "File too large",
    "invalid_dimensions": "The image has no width or no height",
    "invalid_file_type": "Invalid file type",
    "missing_source": "No image given",
    "multiple_bg_sources": "Multiple background sources given",
    "multiple_sources": "Multiple image sources given",
    "rate_limit_exceeded": "Rate limit exceeded",
    "resolution_too_high": "Resolution too high",
    "roi_exceeds_bounds": "ROI exceeds image bounds",
    "roi_region_empty": "ROI region is empty",
    "unknown_foreground": "Could not identify foreground in image",
}

NUMBERS = {
    "X-Width": "of the answer, pixels",
    "X-Height": "of the answer, pixels",
    "X-Max-Width": "of the answer to size=full, pixels",
    "X-Max-Height": "of the answer to size=full, pixels",
    "X-Credits-Charged": "always 0",
    "X-RateLimit-Limit": "permits of the server",
    "X-RateLimit-Remaining": "permits that are free",
    "X-RateLimit-Reset": "when to try again, Unix seconds",
}
FOREGROUND = ("Left", "Top", "Width", "Height")
HEADERS: dict[str, dict[str, Any]] = {
    **{
        name: {"description": description, "schema": {"type": "integer"}}
        for name, description in NUMBERS.items()
    },
    **{
        f"X-Foreground-{name}": {
            "description": "of the subject in the upload, pixels",
            "schema": {"type": "integer"},
        }
        for name in FOREGROUND
    },
    "X-Type": {
        "description": "the type that was asked for, else other",
        "schema": {"type": "string"},
    },
    **ANSWER_HEADERS,
    **WITHOUT_EFFECT_HEADER,
}


class RemoveBgErrorRoute(APIRoute):
    """A route whose errors are written as remove.bg writes them."""

    def render_problem(self, problem: Problem, request: Request) -> Response:
        """Write a problem in remove.bg's form, under its code."""
        status, code = CONTRACT.get(problem.code, (problem.status, problem.code))
        if status < 500 and status not in OWN_STATUSES:
            status = 400
        item = {"title": TITLES.get(code, code.replace("_", " ").capitalize()), "code": code}
        if code != "auth_failed":
            item["detail"] = problem.detail
        headers = {}
        if status == 429:
            permits = services_of(request.app).workers.permits
            headers = _rate_limit(permits, request.state.retry_after, refused=True)
        return JSONResponse({"errors": [item]}, status, headers)


def answer(
    result: Result[File], translated: Translated, permits: Permits, clock: Clock, as_json: bool
) -> Response:
    """Write the finished image, in base64 in JSON if `as_json`, with remove.bg's headers."""
    response = image_response(result, clock)
    if as_json:
        native = response.headers
        encoded = base64.b64encode(result.content.data).decode()
        response = JSONResponse({"data": {"result_b64": encoded}})
        response.headers.update(
            {name: text for name, text in native.items() if not name.startswith("content-")}
        )
    response.headers.update(_rate_limit(permits))
    response.headers.update(_sizes(result, translated))
    response.headers["X-Credits-Charged"] = "0"
    if translated.x_type is not None:
        response.headers["X-Type"] = translated.x_type
    return name_without_effect(response, translated.ignored)


def wants_json(request: Request) -> bool:
    """Tell whether the client accepts JSON and no image; those that accept `*/*` want the image."""
    accept = request.headers.get("accept", "").split(",")
    kinds = [item.partition(";")[0].strip().lower() for item in accept]
    accepts_image = any(
        kind in ("*/*", "application/zip") or kind.startswith("image/") for kind in kinds
    )
    return "application/json" in kinds and not accepts_image


def _sizes(result: Result[File], translated: Translated) -> dict[str, str]:
    """Return headers for the size of the result, its size with size=full, and the subject's box."""
    now = result.upload.fitting(translated.options.megapixels)
    full = result.upload.fitting(translated.full)
    sizes = {
        "X-Width": result.size.width,
        "X-Height": result.size.height,
        "X-Max-Width": round(result.size.width * full.width / now.width),
        "X-Max-Height": round(result.size.height * full.height / now.height),
    }
    if (box := result.subject.box) is not None:
        numbers = zip(FOREGROUND, (box.left, box.top, box.width, box.height), strict=True)
        sizes |= {f"X-Foreground-{name}": pixels for name, pixels in numbers}
    return {name: str(pixels) for name, pixels in sizes.items()}


def _rate_limit(
    permits: Permits, wait: int = RETRY_AFTER_SECONDS, refused: bool = False
) -> dict[str, str]:
    """Return rate-limit headers: permits of this server instead of calls per minute.

    The permit that this request holds counts as free. `wait` is in how many seconds to try again.
    """
    free = 0 if refused else max(0, permits.total - permits.taken + 1)
    return {
        "X-RateLimit-Limit": str(permits.total),
        "X-RateLimit-Remaining": str(min(free, permits.total)),
        "X-RateLimit-Reset": str(int(time.time()) + wait),
    }
