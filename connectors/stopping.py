"""The wish that this process stop: set by a signal, heard by sources, which then end as if their topic had ended."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_STOPPING: Final = threading.Event()


def request_stop() -> None:
    """Ask all sources of this process to end; the flow then snapshots, flushes and returns."""
    _STOPPING.set()


def stopping() -> bool:
    """Whether this process was asked to stop."""
    return _STOPPING.is_set()


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Within: SIGTERM and SIGINT ask for a stop, a second one is the interpreter's. Only the main thread hears signals."""
    _STOPPING.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, _frame: FrameType | None) -> None:
        _STOPPING.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _STOPPING.clear()
