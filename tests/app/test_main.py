"""How much the composition root admits where nothing is set."""

import pytest

from app.main import queue
from app.settings import Settings

GIB = 2**30


@pytest.mark.parametrize(
    ("given", "gibibytes", "waiting"),
    [
        ({}, 8, 32),
        ({"max_pixels": 40_000_000}, 2, 32),
        ({}, 1, 16),
        ({"workers": 2}, 2, 16),
        ({"max_upload_bytes": 2**20}, 1.25, 32),
        ({"queue": 5}, 1, 5),
        ({"queue": 0}, 1, 0),
    ],
)
def test_a_burst_may_wait_where_memory_holds_it(
    given: dict[str, int], gibibytes: float, waiting: int
) -> None:
    settings = Settings.model_validate(given)
    assert queue(settings, cores=2, memory=int(gibibytes * GIB)) == waiting
