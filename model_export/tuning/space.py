"""The space of a search: a TOML file like a config's, with a list or a range for each value.

[training]
learning_rate = { low = 1e-4, high = 1e-2, log = true }     # a range
optimizer = ["adam", "sgd"]                                 # a choice

[network]
dropout = { low = 0.0, high = 0.5, step = 0.1 }             # a range in steps, as grids need
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from cutout.errors import DataError
from cutout.explain import reason

RANGE_KEYS = {"low", "high", "step", "log"}
MAX_GRID = 10_000

Values = dict[str, Any]
"""Config entry -> value: a number, or for a choice its text in TOML's notation."""


@dataclass(frozen=True)
class Space:
    """The values that each config entry, by `section.key`, may take."""

    entries: Mapping[str, BaseDistribution]

    def grid(self) -> list[Values]:
        """Return every combination.

        Raises DataError where an entry is a range without steps, or there are more than
        MAX_GRID.
        """
        axes = {key: _points(key, distribution) for key, distribution in self.entries.items()}
        combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
        if len(combinations) > MAX_GRID:
            raise DataError(
                f"the grid has {len(combinations)} combinations; the limit is {MAX_GRID}: use "
                "--sampler random or tpe"
            )
        return combinations

    def ends(self) -> Iterator[Values]:
        """Yield what has to be valid: each entry alone, at an end of its range or at one choice."""
        for key, distribution in self.entries.items():
            if isinstance(distribution, CategoricalDistribution):
                yield from ({key: choice} for choice in distribution.choices)
            elif isinstance(distribution, FloatDistribution | IntDistribution):
                yield from ({key: distribution.low}, {key: distribution.high})


def read_space(path: Path) -> Space:
    """Read a space from a TOML file.

    Raises DataError, which names the file and the entry, for anything that is neither a list nor a
    range.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable TOML file: {error}") from error
    try:
        entries = dict(_entries(values, ""))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if not entries:
        raise DataError(f"{path}: nothing to search; give an entry a list or a range")
    return Space(entries)


def overrides(values: Values) -> list[str]:
    """Return the values as `section.key=value`, as `--set` takes them."""
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in values.items()
    ]


def _entries(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, BaseDistribution]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, list):
            yield name, _choice(name, value)
        elif isinstance(value, dict) and {"low", "high"} <= set(value):
            yield name, _range(name, value)
        elif isinstance(value, dict):
            yield from _entries(value, f"{name}.")
        else:
            raise ValueError(
                f"{name}: expected a list of values or {{ low = ..., high = ... }}; --set fixes a "
                "value"
            )


def _choice(name: str, values: list[Any]) -> BaseDistribution:
    # as text: Optuna's choices should be numbers or text, and a value may be a list
    labels = [value if isinstance(value, str) else json.dumps(value) for value in values]
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"{name}: a choice needs values, each once")
    return CategoricalDistribution(labels)


def _range(name: str, table: Mapping[str, Any]) -> BaseDistribution:
    unknown = set(table) - RANGE_KEYS
    if unknown:
        raise ValueError(
            f"{name}: unknown: {', '.join(sorted(unknown))}; a range has "
            f"{', '.join(sorted(RANGE_KEYS))}"
        )
    low = table["low"]
    high = table["high"]
    step = table.get("step")
    log = table.get("log", False)
    try:
        # not isinstance, by which True is an int as well
        if all(type(value) is int for value in (low, high, 1 if step is None else step)):
            return IntDistribution(low, high, log=log, step=1 if step is None else step)
        return FloatDistribution(float(low), float(high), log=log, step=step)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error


def _points(key: str, distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution) and distribution.step:
        count = round((distribution.high - distribution.low) / distribution.step) + 1
        # or .1 * 3 would be .30000000000000004
        return [round(distribution.low + number * distribution.step, 12) for number in range(count)]
    raise DataError(f"{key}: a grid needs a list of values, or a range with a step")
