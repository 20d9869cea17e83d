"""Adds working time to an instant; what working time is, is in `availability`."""

from datetime import datetime, timedelta

from engine.calendars.availability import free_spans
from engine.sellers import Calendar

HORIZON = timedelta(days=60)
"""How far ahead working time is looked for."""

_CHUNK = timedelta(days=14)


def add_working_time(calendar: Calendar | None, begin: datetime, length: timedelta) -> datetime:
    """When somebody has worked for `length` since `begin` (aware), in UTC; at most 60 days later.

    No calendar = always at work. The length is over 0.
    """
    if calendar is None:
        return min(begin + length, begin + HORIZON)
    left, at, end = length, begin, begin + HORIZON
    while at < end:
        until = min(at + _CHUNK, end)
        for start, stop in free_spans(calendar, at, until):
            if stop - start >= left:
                return start + left
            left -= stop - start
        at = until
    return end
