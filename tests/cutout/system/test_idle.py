"""Idle cores are lent for one part at a time, and taken back when another image arrives."""

import threading
from contextlib import ExitStack

import pytest

from cutout.system.idle import IdleCores


def test_results_keep_the_order_of_the_parts() -> None:
    assert IdleCores(4).each(lambda part: part * part, range(50)) == [n * n for n in range(50)]
    assert IdleCores(4).each(str, []) == []


def test_an_idle_core_works_on_another_part_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)
    names = IdleCores(2).each(lambda _: both.wait() in (0, 1) and _name(), [0, 1])
    assert len(set(names)) == 2


@pytest.mark.parametrize(("cores", "others"), [(1, 0), (2, 1), (4, 3)])
def test_without_an_idle_core_one_thread_does_all_parts(cores: int, others: int) -> None:
    idle = IdleCores(cores)
    with ExitStack() as stack:
        _take(stack, idle, others + 1)
        assert set(idle.each(lambda _: _name(), range(20))) == {_name()}


def test_a_lent_core_is_given_back_after_its_part_when_an_image_arrives() -> None:
    idle, arrived, done = IdleCores(2), threading.Event(), threading.Event()
    mine = _name()

    def work(part: int) -> str:
        if _name() != mine:
            done.wait(10)  # the one part that the lent core has in hand
        elif not arrived.is_set():
            arrived.set()
            _take(images, idle, 2)
        if part == 9:
            done.set()
        return _name()

    with ExitStack() as images:
        names = idle.each(work, range(10))
    assert sum(name != mine for name in names) <= 1


def test_an_error_in_any_thread_is_raised_and_every_core_given_back() -> None:
    idle = IdleCores(2)
    both = threading.Barrier(2, timeout=10)

    def fail(part: int) -> None:
        both.wait()
        raise ValueError(part)

    with pytest.raises(ValueError, match=r"[01]"):
        idle.each(fail, [0, 1])
    both.reset()
    assert len(set(idle.each(lambda _: both.wait() in (0, 1) and _name(), [0, 1]))) == 2


def test_work_is_started_ahead_on_an_idle_core_alone() -> None:
    idle = IdleCores(2)
    with ExitStack() as images:
        _take(images, idle, 1)
        wait = idle.ahead(_name)
        assert wait is not None
        assert wait() != _name()
        _take(images, idle, 1)
        assert idle.ahead(_name) is None


def test_work_ahead_raises_where_it_is_waited_for_and_gives_its_core_back() -> None:
    idle = IdleCores(2)
    wait = idle.ahead(lambda: 1 / 0)
    assert wait is not None
    with pytest.raises(ZeroDivisionError):
        wait()
    assert idle.ahead(_name) is not None


def _name() -> str:
    return threading.current_thread().name


def _take(stack: ExitStack, idle: IdleCores, images: int) -> None:
    for _ in range(images):
        stack.enter_context(idle.occupying_one())
