"""What may be searched: choices, ranges, grids."""

import json
import tomllib
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutout.errors import DataError
from model_export.config import override
from model_export.tuning.space import overrides, read_space
from tests.support.training import GRID, RANGES, write_space


def test_a_grid_is_every_combination(tmp_path: Path) -> None:
    grid = read_space(write_space(tmp_path, GRID)).grid()
    assert {(values["training.optimizer"], values["network.kernel_size"]) for values in grid} == {
        ("adam", 5),
        ("adam", 7),
        ("sgd", 5),
        ("sgd", 7),
    }
    with pytest.raises(DataError, match="learning_rate: a grid needs"):
        read_space(write_space(tmp_path, RANGES)).grid()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to search"),
        ("[training]\nepochs = 3", "training.epochs: expected a list"),
        ("[training]\nepochs = []", "needs values"),
        ("[training]\nepochs = [1, 1]", "each once"),
        ("[training]\nepochs = { low = 3, high = 1 }", r"training\.epochs: .*low.*high"),
        ("[training]\nepochs = { low = 1, high = 3, steps = 1 }", "unknown: steps"),
        ("[training]\nepochs = {", "not a readable TOML file"),
    ],
)
def test_what_is_no_space_is_refused_with_the_entrys_name(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_space(write_space(tmp_path, text))


values = st.one_of(
    st.booleans(),
    st.integers(1, 99),
    st.sampled_from(["adam", "x y"]),
    st.lists(st.integers(), max_size=3),
)


@given(value=values)
def test_a_choice_of_any_kind_reaches_the_config_as_it_was_write_space(value: Any) -> None:
    text = "x = [" + json.dumps(value) + "]"
    (distribution,) = [
        optuna.distributions.CategoricalDistribution([label]) for label in labels(text)
    ]
    (setting,) = overrides({"x": distribution.choices[0]})
    table: dict[str, Any] = {}
    override(table, setting)
    assert table["x"] == value
    assert type(table["x"]) is type(value)


def labels(text: str) -> list[str]:
    return [
        value if isinstance(value, str) else json.dumps(value) for value in tomllib.loads(text)["x"]
    ]
