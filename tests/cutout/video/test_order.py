"""Results in order, and no more work begun than asked for."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cutout.video.order import in_order


def test_results_come_in_order_whichever_is_done_first() -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(30)
        if number == 1:
            second_is_done.set()
        return number

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(9), ahead=2)) == list(range(9))


def test_items_are_taken_only_as_fast_as_results_are() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, str, items(), ahead=3)
        assert next(results) == "0"
        assert taken == [0, 1, 2, 3]
        results.close()


def test_an_error_comes_out_where_its_result_would() -> None:
    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, lambda number: 1 // number, [1, 0, 1], ahead=1)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
