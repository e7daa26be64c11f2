"""The limits of one connection, and the settings they come from."""

from dataclasses import dataclass

from ..settings import CHUNK, GRACE_SECONDS, Settings

MAX_HEADER_BYTES = 64 * 1024  # of the path and the headers of one request
LINGER_SECONDS = 2.0  # for which data that still arrives is read after the response
MAX_HEADERS = 200  # of one request; each takes 130 bytes of memory, even if it is empty
MAX_PIPELINED = 16  # requests received ahead of the one being answered


@dataclass(frozen=True)
class Limits:
    """Limits of one connection, all times in seconds.

    `connections` is the limit for the whole process. `chunk_seconds` is the time for one chunk of a
    response to leave, `response_seconds` for all of it once its reader lags.
    """

    connections: int
    header_seconds: float
    body_seconds: float
    chunk_seconds: float
    response_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Take the limits from the settings."""
        return cls(
            connections=settings.connections,
            header_seconds=settings.header_seconds,
            body_seconds=settings.upload_seconds,
            chunk_seconds=GRACE_SECONDS + CHUNK / settings.min_bytes_per_second,
            response_seconds=settings.send_seconds,
        )
