"""Signals that end long work on the command line."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on the first SIGINT or SIGTERM, so that the work can stop in order.

    A second signal has its previous effect. SIGINT is handled even if a shell started this process
    with it ignored. Without effect outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def interrupt(*_: object) -> None:
        restore()
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        restore()


@contextmanager
def signals_told(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` in a thread as soon as the first SIGINT or SIGTERM arrives.

    Python runs a signal's handler only once the main thread returns from the C code it is in: after
    a whole step, where a network trains. Enclose `signals_interrupt` in it; without effect outside
    the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    # `set_wakeup_fd` refuses a blocking one.
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        # Nothing is received once `writer` is closed, which ends the thread.
        while received := reader.recv(1):
            if received[0] in (signal.SIGINT, signal.SIGTERM):
                tell()
                return

    thread = threading.Thread(target=wait, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Before `writer` is closed: a signal would be written to whatever has its number then.
        signal.set_wakeup_fd(before)
        writer.close()
        thread.join()
        reader.close()
