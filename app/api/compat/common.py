"""What both compat layers share: a picture by URL, and the header that names what had no effect."""

from collections.abc import Sequence

from starlette.responses import Response

from cutout.errors import DownloadFailed
from cutout.system.clock import Clock

from ...fetch import UrlFetcher, parse_url

WITHOUT_EFFECT = "X-Without-Effect"
WITHOUT_EFFECT_HEADER = {
    WITHOUT_EFFECT: {
        "description": "the options of the request that changed nothing, separated by commas; absent where none",
        "schema": {"type": "string"},
    }
}


async def fetch(url: str, fetcher: UrlFetcher | None, clock: Clock) -> bytes:
    """What a URL holds, as the stage `fetch`. Raises InvalidUrl or DownloadFailed."""
    if fetcher is None:
        parse_url(url)
        raise DownloadFailed(
            "this server fetches no URLs; its operator can allow it with CUTOUT_ALLOW_URLS=true"
        )
    with clock.stage("fetch"):
        return await fetcher.fetch(url, clock.remaining())


def name_without_effect(response: Response, options: Sequence[str]) -> Response:
    if options:
        response.headers[WITHOUT_EFFECT] = ", ".join(options)
    return response
