"""Refusals: the first go at once, a crowd's take turns."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.admission.pace import MAX_SECONDS, Pace

BODY: Message = {"type": "http.request", "body": b"x" * 1000, "more_body": True}
GONE: Message = {"type": "http.disconnect"}


@given(st.integers(1, 200), st.integers(1, 2000))
def test_a_second_of_refusals_goes_at_once_and_the_others_one_after_another(
    per_second: int, count: int
) -> None:
    pace = Pace(per_second, most=1, now=lambda: 1000.0)
    turns = [pace.turn() for _ in range(count)]
    assert turns[:per_second] == pytest.approx([0.0] * len(turns[:per_second]), abs=1e-9)
    expected = [
        min(MAX_SECONDS, number / per_second) for number in range(1, count - per_second + 1)
    ]
    assert turns[per_second:] == pytest.approx(expected, abs=1e-9)


def test_a_pause_makes_up_for_a_crowd() -> None:
    moments = iter([0.0] * 100 + [60.0])
    pace = Pace(2, most=1, now=lambda: next(moments))
    assert [pace.turn() for _ in range(100)][-1] == MAX_SECONDS
    assert pace.turn() == 0


def waited(
    pace: Pace, messages: Iterator[Message], headers: list[tuple[bytes, bytes]]
) -> list[Message]:
    """What is left of the messages after a wait of less than half a second."""

    async def receive() -> Message:
        return next(messages)

    asyncio.run(asyncio.wait_for(pace.wait({"headers": headers}, receive), 0.5))
    assert pace.waiting == 0
    return list(messages)


def busy(most: int) -> Pace:
    """The next turn is seconds away."""
    pace = Pace(1, most)
    for _ in range(4):
        pace.turn()
    return pace


def test_who_waits_has_its_body_thrown_away_until_it_goes() -> None:
    assert waited(busy(most=1), iter([BODY, BODY, GONE, BODY]), []) == [BODY]


def test_a_full_waiting_room_is_no_reason_to_wait() -> None:
    assert waited(busy(most=0), iter([BODY]), []) == [BODY]


def test_who_asks_for_leave_to_send_a_body_is_not_given_it() -> None:
    pace = Pace(1000, most=1)
    pace.turn()
    for _ in range(1000):
        pace.turn()
    assert waited(pace, iter([BODY]), [(b"expect", b"100-continue")]) == [BODY]
