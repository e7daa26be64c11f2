"""The learning curves of a run, from its `history.jsonl`."""

import json
from dataclasses import dataclass
from pathlib import Path

from model_export.training.run_folder import HISTORY

Series = tuple[list[int], list[float]]


@dataclass(frozen=True)
class History:
    """The values of every epoch; scores are only in the epochs that were validated."""

    epochs: tuple[dict[str, float], ...]

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose network was kept: the highest validation score."""
        scored = [entry for entry in self.epochs if "score" in entry]
        return int(max(scored, key=lambda entry: entry["score"])["epoch"]) if scored else None

    @property
    def minutes(self) -> float:
        """How many minutes all epochs took."""
        return self.epochs[-1].get("seconds", 0.0) / 60 if self.epochs else 0.0

    def series(self, key: str) -> Series:
        """Return the epochs that have a value for `key`, and the values."""
        found = [(int(entry["epoch"]), entry[key]) for entry in self.epochs if key in entry]
        return [epoch for epoch, _ in found], [value for _, value in found]


def read_history(folder: Path) -> History | None:
    """Read the history in a run's or a bundle's folder; None where there is none.

    A truncated last line is left out. A resumed run may have written an epoch twice: the later line
    counts.
    """
    try:
        lines = (folder / HISTORY).read_text().splitlines()
    except OSError:
        return None
    epochs: dict[int, dict[str, float]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            epochs[int(entry["epoch"])] = entry
        except (ValueError, KeyError, TypeError):
            continue
    return History(tuple(epochs[number] for number in sorted(epochs))) if epochs else None
