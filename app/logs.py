"""Where log lines go, and in which form."""

from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS


def log_config(level: str, form: str) -> dict[str, Any]:
    """A `logging` configuration: JSON lines or plain text, to standard error. Headers and forms never get into it."""
    text = {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    fields = {"asctime": "time", "levelname": "level", "name": "logger"}
    structured = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        "rename_fields": fields,
        "reserved_attrs": [*RESERVED_ATTRS, "color_message"],  # uvicorn's, for terminals
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": structured if form == "json" else text},
        "handlers": {"default": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["default"], "level": level.upper()},
        "loggers": {"httpx": {"level": "WARNING"}},
    }
