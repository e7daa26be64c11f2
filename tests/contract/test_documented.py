"""docs/migrating.md has a row for every field and every code of both APIs."""

import re

from pydantic import BaseModel

from app.api.compat.rembg import RembgForm, RembgUrl
from app.api.compat.removebg.responses import CONTRACT, TITLES
from app.api.compat.removebg.schemas import RemoveBgMultipart
from app.api.compat.removebg.translate import REFUSALS
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "migrating.md").read_text()


def rows(name: str) -> set[str]:
    """The names in the first column of a table."""
    table = TEXT.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    return {
        word
        for row in table.splitlines()
        for word in re.findall(r"`(\w+)`", row.partition(" | ")[0])
    }


def fields(*models: type[BaseModel]) -> set[str]:
    return {name for model in models for name in model.model_fields}


def test_every_parameter_of_rembg_has_a_row() -> None:
    assert rows("rembg") == fields(RembgForm, RembgUrl)


def test_every_field_of_remove_bg_has_a_row() -> None:
    assert rows("removebg") == fields(RemoveBgMultipart)


def test_every_code_of_remove_bg_is_there() -> None:
    codes = {code for _, code in (*CONTRACT.values(), *REFUSALS.values())} | set(TITLES)
    assert {code for code in codes if f"`{code}`" not in TEXT} == set()
