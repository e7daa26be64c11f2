"""What both compat layers need: images by URL, and a header for options without effect."""

from collections.abc import Sequence

from starlette.responses import Response

from cutout.errors import DownloadFailed
from cutout.system.clock import Clock

from ...fetch import UrlFetcher, parse_url

WITHOUT_EFFECT = "X-Without-Effect"
WITHOUT_EFFECT_HEADER = {
    WITHOUT_EFFECT: {
        "description": "the options of the request that had no effect, separated by commas; "
        "absent if none",
        "schema": {"type": "string"},
    }
}


async def fetch(url: str, fetcher: UrlFetcher | None, clock: Clock) -> bytes:
    """Fetch a URL, as the stage `fetch`.

    Raises InvalidUrl for a malformed one, DownloadFailed where URLs are disabled or the fetch
    fails, and TooSlow after the deadline.
    """
    if fetcher is None:
        # A malformed URL is the client's error, whatever the operator allows.
        parse_url(url)
        raise DownloadFailed(
            "fetching URLs is disabled; the operator can enable it: CUTOUT_ALLOW_URLS=true"
        )
    with clock.stage("fetch"):
        return await fetcher.fetch(url, clock.remaining())


def name_without_effect(response: Response, options: Sequence[str]) -> Response:
    """Name the options without effect in a header of the response, and return it."""
    if options:
        response.headers[WITHOUT_EFFECT] = ", ".join(options)
    return response
