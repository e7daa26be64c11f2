"""Admission and deadlines."""

import asyncio
import threading
import time

import pytest

from app.clock import Clock
from app.cores import usable_cores
from app.errors import Abandoned, Overloaded, TooSlow
from app.workers import Workers


def test_a_burst_gets_as_many_places_as_there_are() -> None:
    workers = Workers(threads=2, queue=1)
    with workers.admit(), workers.admit(), workers.admit(), pytest.raises(Overloaded), workers.admit():
        pass
    assert workers.admitted == 0


def test_work_past_its_deadline_is_answered_and_then_dropped() -> None:
    started, finish = threading.Event(), threading.Event()
    reached = []

    def work(clock: Clock) -> None:
        with clock.stage("first"):
            started.set()
            finish.wait(10)
        with clock.stage("second"):
            reached.append("second")

    async def scenario() -> None:
        workers, clock = Workers(threads=1, queue=0), Clock()
        running = asyncio.ensure_future(workers.run(work, clock))
        await asyncio.to_thread(started.wait, 10)
        with pytest.raises(TooSlow):
            await workers.run(lambda clock: None, Clock(time.monotonic()))  # the only thread is busy
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        finish.set()
        await workers.close()

    asyncio.run(scenario())
    assert not reached


def test_a_clock_stops_work_that_nobody_waits_for() -> None:
    clock = Clock(deadline=time.monotonic() - 1)
    with pytest.raises(TooSlow), clock.stage("late"):
        pass
    clock = Clock()
    clock.abandon()
    with pytest.raises(Abandoned), clock.stage("in vain"):
        pass


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_a_container_s_quota_is_honoured(tmp_path, files, cores) -> None:  # type: ignore[no-untyped-def]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    assert usable_cores(tmp_path) == (cores or usable_cores(tmp_path / "none"))
