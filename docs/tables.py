"""`python -m docs.tables`: write the tables of settings and options anew, from the code that defines them.

They stand in README.md and docs/ between `<!-- table: NAME -->` and `<!-- /table -->`. A test holds them in step.
"""

import re
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.api.schemas import CutoutForm, MaskForm, PredictForm
from app.settings import Settings

ROOT = Path(__file__).parent.parent
FILES = ("README.md", "README.zh-CN.md", "docs/*.md", "deploy/*/README.md")
PATTERN = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)


def settings_table() -> str:
    rows = [
        f"| `CUTOUT_{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what |", "|---|---|---|", *rows]) + "\n"


def options_table(form: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in form.model_fields.items()]
    return "\n".join(["| field | default | what |", "|---|---|---|", *rows]) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "predict-options": lambda: options_table(PredictForm),
    "mask-options": lambda: options_table(MaskForm),
    "cutout-options": lambda: options_table(CutoutForm),
}


def filled(text: str) -> str:
    """The text with each table between its marks as the code has it now. Raises KeyError for an unknown table."""
    return PATTERN.sub(lambda match: match[1] + TABLES[match[2]]() + match[4], text)


def documents() -> list[Path]:
    return sorted(path for pattern in FILES for path in ROOT.glob(pattern))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None or value is None or value == () or value == "":
        return "–"
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    for document in documents():
        document.write_text(filled(document.read_text()))
