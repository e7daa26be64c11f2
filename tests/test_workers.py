"""Admission and deadlines."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from app.admission.room import Room
from app.admission.threads import HUNG
from app.admission.workers import Job, Workers
from cutout.errors import Abandoned, TooSlow, UnsupportedFormat
from cutout.system.clock import Clock
from cutout.system.cores import usable_cores

ROOM = Room(pixels=10_000)


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
        workers, clock = Workers(threads=1, queue=0, room=ROOM), Clock()
        running = asyncio.ensure_future(workers.run(lambda: Job(1, work), clock))
        await asyncio.to_thread(started.wait, 10)
        with pytest.raises(TooSlow):
            await workers.run(lambda: Job(1, lambda clock: None), Clock(time.monotonic()))  # the only thread is busy
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        finish.set()
        await workers.close()

    asyncio.run(scenario())
    assert not reached


def test_pictures_wait_for_room_in_the_order_in_which_they_came() -> None:
    done: list[str] = []
    entered = {name: threading.Event() for name in ("first", "large", "last")}
    leave = {name: threading.Event() for name in entered}

    def job(name: str, pixels: int) -> Callable[[], Job[None]]:
        def wait(clock: Clock) -> None:
            entered[name].set()
            assert leave[name].wait(10)
            done.append(name)

        return lambda: Job(pixels, wait)

    async def scenario() -> None:
        workers, clocks = Workers(threads=3, queue=0, room=ROOM), [Clock(), Clock(), Clock()]
        running = [asyncio.ensure_future(workers.run(job("first", 3000), clocks[0]))]
        await asyncio.to_thread(entered["first"].wait, 10)
        running.append(asyncio.ensure_future(workers.run(job("large", 12_000), clocks[1])))  # more than there is
        assert not await asyncio.to_thread(entered["large"].wait, 0.05)
        running.append(asyncio.ensure_future(workers.run(job("last", 3000), clocks[2])))
        leave["last"].set()
        assert not await asyncio.to_thread(entered["last"].wait, 0.05)  # there is room, but it is not its turn
        leave["first"].set()
        await asyncio.to_thread(entered["large"].wait, 10)
        assert not await asyncio.to_thread(entered["last"].wait, 0.05)
        leave["large"].set()
        await asyncio.gather(*running)
        assert clocks[2].seconds["queue"] > 0.05
        await workers.close()

    asyncio.run(scenario())
    assert done == ["first", "large", "last"]


def test_a_job_that_waits_too_long_for_room_gives_up_its_turn() -> None:
    room, patient = Room(pixels=10_000), Clock()
    with room.hold(9000, patient):
        with pytest.raises(TooSlow), room.hold(3000, Clock(time.monotonic() + 0.01)):
            pass
        with room.hold(1000, patient):
            pass
    with room.hold(10_000, patient):
        pass


def test_what_cannot_be_prepared_is_never_given_room() -> None:
    def refuse() -> Job[None]:
        raise UnsupportedFormat("not an image")

    async def scenario() -> None:
        workers = Workers(threads=1, queue=0, room=ROOM)
        with workers.room.hold(10_000, Clock()), pytest.raises(UnsupportedFormat):
            await workers.run(refuse, Clock())
        await workers.close()

    asyncio.run(scenario())


HANGING = """
import asyncio, threading, time
from cutout.system.clock import Clock
from cutout.errors import TooSlow
from app.admission.room import Room
from app.admission.workers import Job, Workers

async def serve(never: threading.Event) -> None:
    workers = Workers(threads=1, queue=1, room=Room(1), patience=0.2)
    for work in (lambda clock: time.sleep(0.02), lambda clock: never.wait()):
        try:
            await workers.run(lambda: Job(1, work), Clock(time.monotonic() + 0.01))
        except TooSlow:
            print("too slow", flush=True)
        await asyncio.sleep(0.5)
    print("still here")

asyncio.run(serve(threading.Event()))
"""


def test_a_process_with_a_thread_that_never_comes_back_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (HUNG, "too slow\ntoo slow\n")
    assert "worker thread hung, exiting" in ended.stderr


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
        ({"own": "0::/system.slice/cutout.service", "system.slice/cutout.service/cpu.max": "100000 100000"}, 1),
        ({"own": "0::/system.slice/cutout.service", "system.slice/cpu.max": "100000 100000"}, 1),
        ({"own": "0::/system.slice/cutout.service", "user.slice/cpu.max": "100000 100000"}, None),
        (
            {
                "own": "5:memory:/a\n4:cpu,cpuacct:/a",
                "cpu/a/cpu.cfs_quota_us": "100000",
                "cpu/a/cpu.cfs_period_us": "100000",
            },
            1,
        ),
        ({"own": "nonsense"}, None),
    ],
)
def test_a_container_s_quota_is_honoured(tmp_path, files, cores) -> None:  # type: ignore[no-untyped-def]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    unlimited = usable_cores(tmp_path / "none", tmp_path / "none")
    assert usable_cores(tmp_path, tmp_path / "own") == (cores or unlimited)
