"""Admission and deadlines."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from app.admission.room import Room
from app.admission.threads import HUNG
from app.admission.workers import Job, Workers
from cutout.errors import Overloaded, TooSlow, UnsupportedFormat
from cutout.system.clock import Clock
from tests.support.service import PATIENCE


class WaitingClock(Clock):
    """Tells when a job that is prepared has looked for room and found none: then it looks at its
    clock."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared = False
        self.looked = threading.Event()

    def check(self) -> None:
        if self.prepared:
            self.looked.set()
        super().check()


async def happens(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


ROOM = Room(pixels=10_000)


def test_a_burst_gets_as_many_places_as_there_are() -> None:
    workers = Workers(threads=2, queue=1, room=ROOM)
    with (
        workers.permits.hold(),
        workers.permits.hold(),
        workers.permits.hold(),
        pytest.raises(Overloaded),
        workers.permits.hold(),
    ):
        pass
    assert workers.permits.taken == 0


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
            await workers.run(
                lambda: Job(1, lambda clock: None), Clock(0)
            )  # the only thread is busy
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        finish.set()
        await workers.close()

    asyncio.run(scenario())
    assert not reached


def test_images_wait_for_room_in_the_order_in_which_they_came() -> None:
    done: list[str] = []
    entered = {name: threading.Event() for name in ("first", "large", "last")}
    leave = {name: threading.Event() for name in entered}

    def run(workers: Workers, name: str, pixels: int, clock: WaitingClock) -> asyncio.Future[None]:
        def prepare() -> Job[None]:
            clock.prepared = True
            return Job(pixels, work)

        def work(clock: Clock) -> None:
            entered[name].set()
            assert leave[name].wait(PATIENCE)
            done.append(name)

        return asyncio.ensure_future(workers.run(prepare, clock))

    async def scenario() -> None:
        workers = Workers(threads=3, queue=0, room=ROOM)
        running = [run(workers, "first", 3000, WaitingClock())]
        await happens(entered["first"])
        large_waits, last_waits = WaitingClock(), WaitingClock()
        running.append(run(workers, "large", 12_000, large_waits))  # more than there is
        await happens(large_waits.looked)
        running.append(run(workers, "last", 3000, last_waits))
        leave["last"].set()
        await happens(last_waits.looked)  # there is room, but it is not its turn
        in_line = time.perf_counter()
        leave["first"].set()
        await happens(entered["large"])
        last_waits.looked.clear()
        await happens(last_waits.looked)  # it still waits
        waited = time.perf_counter() - in_line
        leave["large"].set()
        await asyncio.gather(*running)
        assert last_waits.seconds["queue"] > waited
        await workers.close()

    asyncio.run(scenario())
    assert done == ["first", "large", "last"]


def test_a_job_that_waits_too_long_for_room_gives_up_its_turn() -> None:
    room, patient = Room(pixels=10_000), Clock()
    with room.hold(9000, patient):
        with pytest.raises(TooSlow), room.hold(3000, Clock(0.01)):
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
import asyncio, contextlib, threading
from cutout.system.clock import Clock
from app.admission.room import Room
from app.admission.workers import Job, Workers

PATIENCE = 0.2

async def give_up(workers: Workers, finish: threading.Event) -> None:
    started = threading.Event()
    job = Job(1, lambda clock: (started.set(), finish.wait()))
    given_up = asyncio.ensure_future(workers.run(lambda: job, Clock()))
    await asyncio.to_thread(started.wait)
    given_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await given_up

async def serve() -> None:
    workers = Workers(threads=1, queue=1, room=Room(1), patience=PATIENCE)
    late, never = threading.Event(), threading.Event()
    await give_up(workers, late)
    late.set()
    await workers.run(lambda: Job(1, lambda clock: None), Clock())  # the only thread has come back
    await asyncio.sleep(2 * PATIENCE)
    print("late", flush=True)
    await give_up(workers, never)
    await asyncio.sleep(2 * PATIENCE)
    print("still here", flush=True)

asyncio.run(serve())
"""


def test_a_process_with_a_thread_that_never_comes_back_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (HUNG, "late\n")
    assert "worker thread hung, exiting" in ended.stderr
