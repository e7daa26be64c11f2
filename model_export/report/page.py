"""From a report's contents to one HTML file that needs nothing else."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from model_export.training.provenance import code_version

Context = dict[str, Any]


def render(template: str, context: Context) -> str:
    """Render a template with values; these are escaped, and a missing name is an error.

    Templates are `report.html`, `compare.html` and `tuning.html`. Raises jinja2.UndefinedError for
    a missing name.
    """
    environment = Environment(
        loader=PackageLoader("model_export.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = environment.get_template(template)
    return page.render(
        {"refresh": None, "code_version": code_version(), "written": written, **context}
    )
