"""The operator's handbook leaves nothing out."""

import re

from app.settings import Settings
from docs.tables import LIMITS, ROOT

HANDBOOK = (ROOT / "docs" / "operations.md").read_text()


def test_every_alert_is_explained() -> None:
    alerts = re.findall(
        r"^ *- alert: (\w+)",
        (ROOT / "deploy" / "monitoring" / "alerts.yml").read_text(),
        re.MULTILINE,
    )
    assert alerts
    assert re.findall(r"^\| `(Cutout\w+)` \|", HANDBOOK, re.MULTILINE) == alerts


def test_every_setting_that_is_a_number_is_among_the_limits() -> None:
    said = {"host", "port", "workers", "intra_op_threads"}
    numbers = {
        name
        for name, field in Settings.model_fields.items()
        if re.search(r"\bint\b|float", str(field.annotation))
    }
    assert numbers - said == set(LIMITS)
