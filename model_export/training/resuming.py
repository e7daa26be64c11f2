"""The check of what a resumed run may change: how many epochs it has, and nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cutout.errors import DataError
from model_export.config import TrainConfig, read_run_config
from model_export.data.pairs import Pair
from model_export.training.provenance import noted, run_start

LENGTH = {"training.epochs", "training.warmup_epochs", "training.decay_epochs"}


def refuse_another_run(config: TrainConfig, pairs: Sequence[Pair], out: Path) -> None:
    """Check that a resumed run has the settings and images with which it began.

    `pairs` must be all that there are. Its config and its fingerprint describe the whole run, so
    both have to stay; more epochs, with the warm-up and decay that go with them, are allowed.
    Raises DataError, which names what differs.
    """
    began = read_run_config(out)
    changed = [
        f"{name} {before!r} -> {now!r}"
        for name, before, now in _differences(began.model_dump(), config.model_dump(), "")
        if name not in LENGTH
    ]
    if changed:
        raise DataError(
            f"{out}: this run was started with other settings ({'; '.join(changed)}); --resume can "
            "only change the number of epochs: for other settings give another --out"
        )
    note = noted(out)
    if note is not None and note.fingerprint != run_start(pairs).fingerprint:
        raise DataError(
            f"{out}: this run was started with other images than those in --data; resume it with "
            "the same ones, or give another --out"
        )


def _differences(
    before: dict[str, Any], now: dict[str, Any], prefix: str
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, before, now) of each entry that differs."""
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", old, new
