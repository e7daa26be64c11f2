"""README.zh-CN.md says what README.md says. A failure names what has to be brought over."""

import re
from collections import Counter

from docs.tables import PATTERN, ROOT

ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
CODE = re.compile(r"```\w+\n.*?```", re.DOTALL)


def prose(text: str) -> str:
    """Without code blocks and the tables that are made from the code."""
    return CODE.sub("", PATTERN.sub("", text))


def literals(text: str) -> Counter[str]:
    """What no language changes: code, links but the one to the other README, and figures of at
    least two digits."""
    text = re.sub(r"\[\w+\]\(README[\w.-]*\)", "", prose(text))
    code, targets = re.findall(r"`[^`]+`", text), re.findall(r"\]\(([^)]+)\)", text)
    figures = re.findall(
        r"\d[\d.]*\d", re.sub(r"`[^`]+`|\]\([^)]+\)|<http[^>]+>|390 万|3\.9 million", "", text)
    )
    return Counter([*code, *targets, *figures])


def test_headings_and_tables_are_the_same_in_number_and_order() -> None:
    shape = re.compile(r"^(#+ |\|[-|]+$|<!-- table: .*|\d\. )", re.MULTILINE)
    assert shape.findall(CODE.sub("", ENGLISH)) == shape.findall(CODE.sub("", CHINESE))


def test_code_blocks_are_the_same() -> None:
    assert CODE.findall(CHINESE) == CODE.findall(ENGLISH)


def test_figures_code_and_links_are_the_same() -> None:
    english, chinese = literals(ENGLISH), literals(CHINESE)
    assert {
        "only in README.md": english - chinese,
        "only in README.zh-CN.md": chinese - english,
    } == {
        "only in README.md": Counter(),
        "only in README.zh-CN.md": Counter(),
    }
