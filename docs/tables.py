"""`python -m docs.tables`: write the tables of settings and options from the code that
defines them.

They stand in README.md and docs/ between `<!-- table: NAME -->` and `<!-- /table -->`. A test holds
them in step.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.admission.rates import MAX_CALLERS
from app.api.intake.forms import MAX_NAME, MAX_PARTS, MAX_TEXT_BYTES
from app.api.native.schemas import CutoutForm, MaskForm, PredictForm
from app.fetch import MAX_URL
from app.metrics import Metrics
from app.server.limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PIPELINED
from app.settings import Settings
from cutout.explain import choices
from cutout.imaging.decode import LONGEST_SIDE

ROOT = Path(__file__).parent.parent
FILES = (
    "README.md",
    "README.zh-CN.md",
    "docs/*.md",
    "docs/reference/*.md",
    "docs/decisions/*.md",
    "deploy/*/README.md",
)
PATTERN = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)


LIMITS = (
    *(
        "max_upload_bytes",
        "max_pixels",
        "pixels_at_once",
        "threads",
        "queue",
        "connections",
        "header_seconds",
    ),
    *(
        "upload_seconds",
        "min_bytes_per_second",
        "deadline_seconds",
        "send_seconds",
        "keep_alive_seconds",
    ),
    *("drain_seconds", "requests_per_minute", "url_seconds", "url_redirects"),
)
FIXED = {
    "bytes of the request headers; then 400": MAX_HEADER_BYTES,
    "headers of a request; then 400": MAX_HEADERS,
    "requests pipelined on one connection; then 400": MAX_PIPELINED,
    "fields and files of a form, each; then 400": MAX_PARTS,
    "characters of the name of a form field; then 400": MAX_NAME,
    "bytes of a form field that is not an image; then 400": MAX_TEXT_BYTES,
    "characters of a URL to fetch; then 400": MAX_URL,
    "pixels of an image's longer side; then 413": LONGEST_SIDE,
    "pixels that OpenCV decodes, whatever the settings": int(
        os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"]
    ),
    "callers whose rates are remembered": MAX_CALLERS,
}


def settings_table(names: Iterable[str] = Settings.model_fields) -> str:
    rows = [
        f"| `CUTOUT_{name.upper()}` | {_default(Settings.model_fields[name])} "
        f"| {Settings.model_fields[name].description} |"
        for name in names
    ]
    return "\n".join(["| variable | default | what |", "|---|---|---|", *rows]) + "\n"


def limits_table() -> str:
    return settings_table(LIMITS) + "".join(
        f"| fixed | `{value}` | {what} |\n" for what, value in FIXED.items()
    )


def metrics_table() -> str:
    rows = []
    for metric in Metrics().registry.collect():
        suffix = {"counter": "_total", "histogram": "_bucket, _sum, _count"}.get(metric.type, "")
        rows.append(f"| `{metric.name}{suffix}` | {metric.type} | {metric.documentation} |")
    return "\n".join(["| metric | kind | what |", "|---|---|---|", *rows]) + "\n"


def options_table(form: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_default(field)} | {field.description} |"
        for name, field in form.model_fields.items()
    ]
    return "\n".join(["| field | default | what |", "|---|---|---|", *rows]) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "limits": limits_table,
    "metrics": metrics_table,
    "predict-options": lambda: options_table(PredictForm),
    "mask-options": lambda: options_table(MaskForm),
    "cutout-options": lambda: options_table(CutoutForm),
}


def filled(text: str) -> str:
    """The text with each table between its marks as the code has it now.

    Raises KeyError for an unknown table.
    """
    return PATTERN.sub(lambda match: match[1] + TABLES[match[2]]() + match[4], text)


def documents() -> list[Path]:
    return sorted(path for pattern in FILES for path in ROOT.glob(pattern))


def _default(field: FieldInfo) -> str:
    """With what else can be chosen, where that can be counted and the description does not tell."""
    if field.is_required():
        return "required"
    extra = field.json_schema_extra
    value = extra["default"] if isinstance(extra, dict) else field.default
    if value in (None, PydanticUndefined, (), ""):
        return "–"
    if isinstance(value, tuple):
        value = ",".join(value)
    shown = f"`{str(value).lower() if isinstance(value, bool) else value}`"
    others = [f"`{word}`" for word in choices(field.annotation) if word != value]
    if not others or all(word in str(field.description) for word in others):
        return shown
    return f"{shown}, or {', '.join(others)}"


if __name__ == "__main__":
    for document in documents():
        document.write_text(filled(document.read_text()))
