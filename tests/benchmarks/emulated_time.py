"""Time that stands still while anybody works and jumps once everybody waits.

An hour of it takes as long as what happens in it.
"""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

from typing_extensions import override

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class EmulatedTime:
    """A clock for several threads that moves to the next wake-up once all of them wait."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._changed = threading.Condition()
        self._running = 0
        self._alarms: dict[int, float] = {}
        self._numbers = count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def seconds(self) -> float:
        return self._seconds

    def join(self) -> None:
        """One more thread that time has to wait for."""
        with self._changed:
            self._running += 1

    def leave(self) -> None:
        with self._changed:
            self._running -= 1
            self._ring()

    def sleep(self, seconds: float) -> None:
        with self._changed:
            number = next(self._numbers)
            until = self._seconds + max(0.0, seconds)
            self._alarms[number] = until
            self._ring()
            while self._seconds < until:
                self._changed.wait()
            self._alarms.pop(number, None)

    def _ring(self) -> None:
        """Move on when nobody works: threads whose alarm rang count as working again."""
        waiting = [until for until in self._alarms.values() if until > self._seconds]
        ringing = len(self._alarms) - len(waiting)
        if waiting and not ringing and len(waiting) >= self._running:
            self._seconds = min(waiting)
            self._changed.notify_all()


class EmulatedCondition(threading.Condition):
    """Waits in emulated time, and looks again now and then."""

    time: EmulatedTime

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.release()
        try:
            self.time.sleep(0.05)
        finally:
            self.acquire()
        return True
