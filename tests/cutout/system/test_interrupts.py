"""Signals that end long work."""

import hashlib
import os
import signal
import threading

import pytest

from cutout.system.interrupts import signals_interrupt, signals_told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_a_signal_is_told_while_the_main_thread_is_still_at_work() -> None:
    """Hashing, like a step of training, is one call without the GIL in which no handler runs."""
    working = threading.Event()
    told: list[bool] = []

    def interrupt() -> None:
        working.wait()
        os.kill(os.getpid(), signal.SIGINT)

    def work() -> None:
        with signals_told(lambda: told.append(working.is_set())), signals_interrupt():
            working.set()
            try:
                hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)
            finally:
                working.clear()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert told == [True]
    assert signal.set_wakeup_fd(-1) == -1
