"""Decisions have one form: status and date, context, decision, consequences; and one list."""

import re
from pathlib import Path

import pytest

from docs.tables import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
FORM = re.compile(
    r"# (\d+)\. \S[^\n]*\n\n"
    r"Status: (?:proposed|accepted|superseded by \d+)\. Date: \d{4}-\d\d-\d\d\.\n\n"
    r"## Context\n\n.+\n## Decision\n\n.+\n## Consequences\n\n.+",
    re.DOTALL,
)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_the_form(path: Path) -> None:
    match = FORM.fullmatch(path.read_text())
    assert match, "see docs/decisions/README.md"
    assert int(match[1]) == int(path.name[:4])
