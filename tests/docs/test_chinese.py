"""README.zh-CN.md is current without a translator: its tables and code are generated."""

import re

from docs.tables import CODE, ROOT, current

ENGLISH = (ROOT / "README.md").read_text()
CHINESE = ROOT / "README.zh-CN.md"


def test_figures_and_code_come_from_the_same_places_as_in_english() -> None:
    text = CHINESE.read_text()
    assert text == current(CHINESE), "run: python -m docs.tables"
    assert {f"{name}-zh" for name in tables(ENGLISH)} == set(tables(text))


def test_code_is_copied_where_both_have_the_same_blocks() -> None:
    text = CHINESE.read_text()
    if len(CODE.findall(text)) == len(CODE.findall(ENGLISH)):
        assert CODE.findall(text) == CODE.findall(ENGLISH)


def test_prose_has_no_figures_that_are_measured() -> None:
    prose = re.sub(
        r"<!-- table.*?<!-- /table -->", "", CODE.sub("", CHINESE.read_text()), flags=re.DOTALL
    )
    assert re.findall(r"\b\d+\.\d{2,}|\d+\.\d+ (?:MB|ms|s)\b", re.sub(r"3\.1\d", "", prose)) == []


def tables(text: str) -> list[str]:
    return re.findall(r"<!-- table: ([\w-]+) -->", text)
