"""Where log lines go, and in which form."""

import faulthandler
import logging
import os
import sys
from pathlib import Path
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

KNOWN = frozenset({*RESERVED_ATTRS, "color_message"})  # the second is uvicorn's, for terminals


class TextFormatter(logging.Formatter):
    """A line for people: time, level, logger, message, and every field of the JSON form as key=value."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = (
            f"{key}={_visible(value)}" for key, value in vars(record).items() if key not in KNOWN
        )
        return " ".join([super().formatMessage(record), *fields])


def _visible(value: object) -> str:
    """A value with what isn't printable escaped: paths are the client's, and may hold line ends and worse."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in str(value)
    )


def log_config(level: str, form: str) -> dict[str, Any]:
    """A `logging` configuration: JSON lines or plain text, to standard error. Headers and forms never get into it.

    `form` is json, text, or auto: text where a person looks on.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    text = {"()": TextFormatter, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    fields = {"asctime": "time", "levelname": "level", "name": "logger"}
    structured = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        "rename_fields": fields,
        "reserved_attrs": sorted(KNOWN),
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": structured if as_json else text},
        "handlers": {"default": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["default"], "level": level.upper()},
        "loggers": {"httpx": {"level": "WARNING"}, "python_multipart": {"level": "ERROR"}},
    }


def leave_out_unused() -> None:
    """Spare every record what no line shows: who called, in which process, thread and task. A third of a line's time.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def hush_decoders() -> None:
    """Keep standard error for Python's own: libpng and libjpeg write to descriptor 2 what an image makes them say.

    That is a line for each bad chunk, of which one upload can hold a million. A crash still tells where it came from.
    """
    sys.stderr.flush()
    kept = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    sys.stderr = kept
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(kept)
    faulthandler.enable(kept)
