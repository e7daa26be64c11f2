"""The table "Where is it?" of docs/architecture.md leads to places that are there."""

import re

import pytest

from docs.tables import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()
TABLE = TEXT.partition("## Where is it?")[2].partition("\n## ")[0]
SYMBOL = re.compile(r"`(\w+)` in `([\w/.-]+)`")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([\w.-]+/[\w/.-]*|[\w-]+\.yml)`", TABLE)))
)
def test_every_path_of_the_map_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("symbol", "path"), SYMBOL.findall(TABLE))
def test_every_name_of_the_map_is_defined_there(symbol: str, path: str) -> None:
    defined = re.compile(rf"^(?:class |def )?{symbol}\b", re.MULTILINE)
    assert defined.search((ROOT / path).read_text())
