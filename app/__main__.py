"""`python -m app`: run the service by its settings, and end with 0 when told to stop."""

import signal
import sys
from types import FrameType

import cv2
import uvicorn
from pydantic import ValidationError

from app.main import create_app
from app.settings import Settings


def main() -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors():
            print(f"CUTOUT_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}", file=sys.stderr)
        raise SystemExit(2) from None
    cv2.setNumThreads(1)  # a request has one thread; OpenCV's own pool would fight the others for the cores
    # uvicorn raises the signal again when it has drained: a stop that was asked for is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_cleanly)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_seconds),
    )


def _exit_cleanly(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
