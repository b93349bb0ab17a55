"""The end of a process, so that no request is lost at it: proxies first, then the socket, then what is open.

Whoever closes a socket at once resets the connections that a proxy has just opened to it. A process that is told to
end therefore says for a while that it is not ready, and answers all the same.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def left_at_sigterm() -> Iterator[None]:
    """Have SIGTERM leave the block as an exception does. uvicorn, having ended its requests, raises the signal once
    more, and by default the process would be gone before what the block holds is closed."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def leaving_late(delay_s: float) -> Iterator[threading.Event]:
    """Hand SIGTERM on to the server that runs the block after `delay_s` seconds, or at once where it comes again. The
    event says that it came. Elsewhere than in the main thread, which alone may, nothing is changed."""
    asked = threading.Event()
    server = signal.getsignal(signal.SIGTERM)
    if delay_s <= 0 or not callable(server) or threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def leave(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            server(number, frame)
            return
        asked.set()
        timer = threading.Timer(delay_s, server, (number, frame))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, leave)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, server)
