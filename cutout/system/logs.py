"""Log lines: where they go, and in which format."""

import faulthandler
import logging
import os
import sys
from pathlib import Path
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

KNOWN = frozenset({*RESERVED_ATTRS, "color_message"})  # the second is uvicorn's, for terminals


class TextFormatter(logging.Formatter):
    """A formatter of lines for people: time, level, logger, event, and each field as key=value."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Format the message, and append the fields of the record."""
        fields = (
            f"{key}={_shown(value)}" for key, value in vars(record).items() if key not in KNOWN
        )
        return " ".join([super().formatMessage(record), *fields])


def _shown(value: object) -> str:
    """Write a value as logfmt does: lists and stages with commas, quoted where it has spaces."""
    if isinstance(value, dict):
        value = ",".join(f"{key}:{item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    text = _visible(str(value))
    if text and not set(text) & set(' "='):
        return text
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def _visible(text: str) -> str:
    """Escape what is not printable: a path comes from the client, and may contain line ends."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def log_config(level: str, form: str) -> dict[str, Any]:
    """Make a `logging` configuration: JSON lines or plain text, to standard error.

    `form` is json, text, or auto, which is text if standard error is a terminal.
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
        "loggers": {
            "httpx": {"level": "WARNING"},
            "python_multipart": {"level": "ERROR"},
            # Its lines about starting and stopping say less than our events.
            "uvicorn.error": {"level": "DEBUG" if level == "debug" else "WARNING"},
        },
    }


def omit_unused_fields() -> None:
    """Do not record the caller, process, thread and task of log lines, as no line shows them.

    That saves a third of the time of a line.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def silence_decoders() -> None:
    """Keep messages of libpng and libjpeg, which they write to file descriptor 2, out of the log.

    That is one line per bad chunk, and an upload can have a million. A crash is still reported,
    with the stack of each thread.
    """
    sys.stderr.flush()
    kept = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    sys.stderr = kept
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            # Handlers keep the stream that they were made with.
            handler.setStream(kept)
    faulthandler.enable(kept)
