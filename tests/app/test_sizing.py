"""How much a server does at the same time where nothing is set."""

import pytest

from app.settings import Settings
from app.sizing import Sizing

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
    assert Sizing.of(settings, cores=2, memory=int(gibibytes * GIB)).queue == waiting


@pytest.mark.parametrize(
    ("given", "cores", "workers", "threads"),
    [
        ({}, 1, 1, 1),
        ({}, 7, 1, 7),
        ({}, 8, 2, 4),
        ({"workers": "auto"}, 32, 8, 4),
        ({"workers": 1}, 32, 1, 32),
        ({"intra_op_threads": 4}, 32, 8, 1),
        ({"intra_op_threads": 8}, 32, 4, 1),
        ({"intra_op_threads": 16}, 8, 1, 1),
        ({"providers": ("cuda", "cpu")}, 32, 1, 32),
        ({"threads": 3}, 8, 2, 3),
    ],
)
def test_a_worker_for_every_four_cores_uses_all_of_them(
    given: dict[str, object], cores: int, workers: int, threads: int
) -> None:
    sizing = Sizing.of(Settings.model_validate(given), cores, memory=64 * GIB)
    assert (sizing.workers, sizing.threads) == (workers, threads)
