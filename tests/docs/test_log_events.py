"""docs/reference/log-events.md has every event that is logged, with its level and fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.api.observe import request_fields
from docs.tables import ROOT

TEXT = (ROOT / "docs" / "reference" / "log-events.md").read_text()
ROW = re.compile(r"^\| `([a-z, ]+)` \| ([A-Z]+) \| [\w.]+ \| (.*?) \|", re.MULTILINE)
LEVELS = {"info": "INFO", "warning": "WARNING", "exception": "ERROR", "critical": "CRITICAL"}


def calls(path: Path) -> list[ast.Call]:
    """Every call of a method of `log` in a module."""
    nodes = ast.walk(ast.parse(path.read_text()))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func).startswith("log.")]


def logged() -> Iterator[tuple[str, str, set[str]]]:
    """Event, level and fields, as far as they are written at the call."""
    for room in ("app", "cutout"):
        for path in (ROOT / room).rglob("*.py"):
            for call in calls(path):
                assert isinstance(call.func, ast.Attribute)
                if call.func.attr in LEVELS:
                    event = ast.literal_eval(call.args[0])
                    extra = next(
                        (word.value for word in call.keywords if word.arg == "extra"), None
                    )
                    keys = extra.keys if isinstance(extra, ast.Dict) else []
                    fields = {str(ast.literal_eval(key)) for key in keys if key is not None}
                    yield event, LEVELS[call.func.attr], fields


def test_every_event_is_documented_with_its_level_and_fields() -> None:
    documented = {event: (level, fields) for event, level, fields in ROW.findall(TEXT)}
    found = list(logged())
    assert {event for event, _, _ in found} == documented.keys()
    for event, level, fields in found:
        assert documented[event][0] == level, event
        assert fields <= set(re.findall(r"`(\w+)`", documented[event][1])), event


def test_every_field_of_a_request_is_documented() -> None:
    state = {
        "request_id": "5f0c",
        "key": 1,
        "trace_id": "4bf9",
        "problem": "invalid_option",
        "fields": ["size"],
    }
    scope = {"state": state, "method": "POST", "path": "/cutout"}
    (row,) = (fields for event, _, fields in ROW.findall(TEXT) if event == "request")
    assert set(request_fields(scope, 422, 0.1, {})) <= set(re.findall(r"`(\w+)`", row))
