"""The end of a process without losing a request: first the proxies turn away, then the socket and the service close.

A process that closes its socket at once resets the connections that a proxy has just opened. After SIGTERM a process
therefore reports for a while that it is not ready, and still answers every request.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def left_at_sigterm() -> Iterator[None]:
    """Make SIGTERM raise SystemExit in the block, so that its resources are closed.

    uvicorn raises the signal again after it has finished its requests; by default that would end the process at once.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def leaving_late(delay_s: float) -> Iterator[threading.Event]:
    """Delay SIGTERM for the server that runs the block by `delay_s` seconds; a second SIGTERM is not delayed.

    The event is set as soon as the signal arrives. Outside the main thread, which alone may handle signals, nothing
    changes.
    """
    leaving = threading.Event()
    server = signal.getsignal(signal.SIGTERM)
    if delay_s <= 0 or not callable(server) or threading.current_thread() is not threading.main_thread():
        yield leaving
        return

    def leave(number: int, frame: FrameType | None) -> None:
        if leaving.is_set():
            server(number, frame)
            return
        leaving.set()
        timer = threading.Timer(delay_s, server, (number, frame))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, leave)
    try:
        yield leaving
    finally:
        signal.signal(signal.SIGTERM, server)
