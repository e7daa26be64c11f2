"""Progress of long work: a bar on standard error."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items, and show a bar on standard error."""
    yield from tqdm(items, desc=description, unit="", leave=False, mininterval=1.0)
