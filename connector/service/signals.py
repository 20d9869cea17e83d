"""Signals ask for a stop; what is under way is finished and saved by those who look."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from connector.telemetry.logs import get_log


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Generator[None]:
    """SIGINT and SIGTERM set `stop` instead of ending the process; the old handlers come back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: FrameType | None) -> None:
        get_log().info("stopping", action="stop_requested", signal=signal.Signals(number).name)
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
