"""`python -m docs.tables`: write the generated tables of the documents, from code and results.

They are between `<!-- table: NAME -->` and `<!-- /table -->`; a test fails if one is out of date.
README.zh-CN.md has its own headings for figures from the same place, and gets the code blocks of
README.md, so that an English change does not need a translation.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app import admission
from app.admission.rates import MAX_CALLERS
from app.api.intake.forms import MAX_NAME, MAX_PARTS, MAX_TEXT_BYTES
from app.api.native.schemas import CutoutForm, MaskForm, PredictForm
from app.api.problems import STATUS
from app.fetch import MAX_URL
from app.metrics import Metrics
from app.server.limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PIPELINED
from app.settings import Settings
from cutout import errors
from cutout.explain import choices
from cutout.imaging.decode import MAX_SIDE
from docs.figures import CHINESE, ENGLISH, quality_table, speed_table
from docs.tree import tree

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
CODE = re.compile(r"^```(?!text)\w+\n.*?^```$", re.DOTALL | re.MULTILINE)
TRANSLATED = "README.zh-CN.md"

FIRST_SETTINGS = (
    "host",
    "port",
    "api_keys",
    "models",
    "workers",
    "max_pixels",
    "max_upload_bytes",
    "log_format",
)
SETTINGS = {
    "Models": ("default_model", "providers", "intra_op_threads"),
    "Load": (
        "threads",
        "queue",
        "pixels_at_once",
        "max_frames",
        "deadline_seconds",
        "drain_seconds",
    ),
    "Connections": (
        "connections",
        "header_seconds",
        "upload_seconds",
        "send_seconds",
        "min_bytes_per_second",
        "keep_alive_seconds",
    ),
    "Access": ("requests_per_minute", "cors_origins", "trusted_hosts"),
    "Images by URL": ("allow_urls", "url_seconds", "url_redirects"),
}
FIRST_OPTIONS = (
    "file",
    "background",
    "background_image",
    "format",
    "crop",
    "margin",
    "size",
    "threshold",
)
OPTIONS = {
    "Which subject, and its mask": (
        "model",
        "refine",
        "roi",
        "points",
        "box",
        "invert",
        "mask",
    ),
    "Where the subject is": ("canvas", "scale", "position", "megapixels"),
    "What is added": ("shadow", "outline"),
}
OTHER = "Other"

LIMITS = (
    *(
        "max_upload_bytes",
        "max_pixels",
        "max_frames",
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
HTTP_ERRORS = {
    (403, "origin_refused"): "a page of an origin that is not in CUTOUT_CORS_ORIGINS",
    (404, "not_found"): "no such path",
    (404, "unknown_model"): "`GET /models/{name}`: no loaded model has that name",
    (405, "method_not_allowed"): "the path has other methods; `Allow` names them",
    (421, "unknown_host"): "a Host header that is not in CUTOUT_TRUSTED_HOSTS",
    (422, "missing_field"): "a required field is missing",
    (500, "internal_error"): "a bug; the log has `unhandled exception`",
    (501, "not_implemented"): "a body in a transfer coding other than chunked",
    (503, "shutting_down"): "the server stopped before the request was done; retry",
    (505, "http_version_not_supported"): "HTTP/2 without TLS; HTTP/1.1 is spoken",
}
FIXED = {
    "bytes of the request headers; then 400": MAX_HEADER_BYTES,
    "headers of a request; then 400": MAX_HEADERS,
    "requests pipelined on one connection; then 400": MAX_PIPELINED,
    "fields and files of a form, each; then 400": MAX_PARTS,
    "characters of the name of a form field; then 400": MAX_NAME,
    "bytes of a form field that is not an image; then 400": MAX_TEXT_BYTES,
    "characters of a URL to fetch; then 400": MAX_URL,
    "pixels of an image's longer side; then 413": MAX_SIDE,
    "pixels that OpenCV decodes, whatever the settings": int(
        os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"]
    ),
    "callers whose rates are remembered": MAX_CALLERS,
}


def settings_table(names: Iterable[str] = Settings.model_fields) -> str:
    """Format settings: variable, default, description."""
    rows = [
        f"| `CUTOUT_{name.upper()}` | {_default(Settings.model_fields[name])} "
        f"| {Settings.model_fields[name].description} |"
        for name in names
    ]
    return _table(("variable", "default", "what"), rows)


def grouped_settings() -> str:
    """Format all settings but the first ones, a table for each group; new ones come under Other."""
    groups = _grouped(Settings.model_fields, FIRST_SETTINGS, SETTINGS)
    return "\n".join(f"### {name}\n\n{settings_table(names)}" for name, names in groups)


def grouped_options(form: type[BaseModel]) -> str:
    """Format all options of a form but the first ones, a table for each group."""
    groups = _grouped(form.model_fields, FIRST_OPTIONS, OPTIONS)
    return "\n".join(f"#### {name}\n\n{options_table(form, names)}" for name, names in groups)


def errors_table() -> str:
    """Codes with their statuses; meanings from the tree of `cutout.errors`."""
    meanings = dict(re.findall(r"── (\w+) +(.+)", str(errors.__doc__)))
    rows = [
        (status, f"`{kind.code}`", meanings[kind.__name__])
        for kind, status in STATUS.items()
        if kind is not errors.Abandoned
    ]
    rows += [(status, f"`{code}`", meaning) for (status, code), meaning in HTTP_ERRORS.items()]
    lines = [f"| {status} | {code} | {meaning} |" for status, code, meaning in sorted(rows)]
    return _table(("status", "code", "what is wrong"), lines)


def decisions() -> str:
    """Return a line for each decision, with its status."""
    lines = []
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title, _, status = path.read_text().splitlines()[:3]
        number, _, name = title.removeprefix("# ").partition(". ")
        status = status.removeprefix("Status: ").partition(".")[0]
        lines.append(f"| {number} | [{name}]({path.name}) | {status} |")
    return _table(("", "decision", "status"), lines)


def ladder() -> str:
    """Return the drawing in the docstring of `app.admission`."""
    _, drawing, _ = str(admission.__doc__).split("\n\n", 2)
    return f"```text\n{drawing}\n```\n"


def limits_table() -> str:
    """Format the settings that are limits, and the limits that are fixed."""
    return settings_table(LIMITS) + "".join(
        f"| fixed | `{value}` | {what} |\n" for what, value in FIXED.items()
    )


def metrics_table() -> str:
    """Format every metric: name, kind, what it counts."""
    rows = []
    for metric in Metrics().registry.collect():
        suffix = {"counter": "_total", "histogram": "_bucket, _sum, _count"}.get(metric.type, "")
        rows.append(f"| `{metric.name}{suffix}` | {metric.type} | {metric.documentation} |")
    return _table(("metric", "kind", "what"), rows)


def options_table(form: type[BaseModel], names: Iterable[str] | None = None) -> str:
    """Format options of a form: field, default, description."""
    fields = form.model_fields
    rows = [
        f"| `{name}` | {_default(fields[name])} | {fields[name].description} |"
        for name in names or fields
    ]
    return _table(("field", "default", "what"), rows)


def _table(head: tuple[str, ...], rows: Iterable[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows]) + "\n"


def _grouped(
    names: Iterable[str], first: Iterable[str], groups: dict[str, tuple[str, ...]]
) -> list[tuple[str, list[str]]]:
    """Return the names of each group in its order, then what is in none; without the first ones."""
    known = {*first, *(name for group in groups.values() for name in group)}
    there = list(names)
    found = [(title, [name for name in group if name in there]) for title, group in groups.items()]
    found.append((OTHER, [name for name in there if name not in known]))
    return [(title, members) for title, members in found if members]


TABLES: dict[str, Callable[[], str]] = {
    "quality": lambda: quality_table(ENGLISH),
    "quality-zh": lambda: quality_table(CHINESE),
    "speed": lambda: speed_table(ENGLISH),
    "speed-zh": lambda: speed_table(CHINESE),
    "first-settings": lambda: settings_table(FIRST_SETTINGS),
    "grouped-settings": grouped_settings,
    "first-options": lambda: options_table(CutoutForm, FIRST_OPTIONS),
    "grouped-options": lambda: grouped_options(CutoutForm),
    "errors": errors_table,
    "ladder": ladder,
    "decisions": decisions,
    "tree-cutout": lambda: tree("cutout"),
    "tree-app": lambda: tree("app"),
    "tree-model-export": lambda: tree("model_export"),
    "limits": limits_table,
    "metrics": metrics_table,
    "predict-options": lambda: options_table(PredictForm),
    "mask-options": lambda: options_table(MaskForm),
}


def filled(text: str) -> str:
    """Fill every table of a document. Raises KeyError for an unknown table."""
    return PATTERN.sub(lambda match: match[1] + TABLES[match[2]]() + match[4], text)


def current(document: Path) -> str:
    """Return a document with tables filled; in the translation, with the code of README.md."""
    text = filled(document.read_text())
    if document.name != TRANSLATED:
        return text
    blocks = CODE.findall((ROOT / "README.md").read_text())
    if len(blocks) != len(CODE.findall(text)):  # a block was added, which waits for its translation
        return text
    remaining = iter(blocks)
    return CODE.sub(lambda _: next(remaining), text)


def documents() -> list[Path]:
    """Return every document that may have tables."""
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
        document.write_text(current(document))
