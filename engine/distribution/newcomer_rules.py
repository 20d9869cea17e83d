"""Calibration of newcomers and returners, off by default; the choice itself is in `pool`.

Without it, who has never been assigned comes first in every round robin, and whose capacity is
untouched gets everything under load balancing until the others' level is reached. With it, somebody
who joins or comes back from an absence

* stands at the end of the line from that moment on, so waits one round like everybody else;
* counts, in load balancing only, as loaded as the median seller; this head start melts away
  in equal daily steps, so nobody is given everything at once and nobody stays behind for good.

Absences are the time off in the calendar. Nothing is taken from memory of earlier runs but what the
directory carries (`joined_at`, `head_start`), so the same input gives the same answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

from engine.sellers import Calendar

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessSettings:
    """`absence_days` off in a row make a returner; the head start melts over `ramp_days`."""

    absence_days: int = 5
    ramp_days: int = 14


def returns_of(calendar: Calendar | None, absence_days: int) -> list[datetime]:
    """When long enough absences end (UTC, ascending): at midnight in the calendar's zone."""
    if calendar is None:
        return []
    zone = ZoneInfo(calendar.time_zone)
    return [
        datetime.combine(last + _DAY, time(), zone).astimezone(UTC)
        for first, last in _merged(calendar.time_off)
        if (last - first).days + 1 >= absence_days and date.min < last < date.max - _DAY
    ]


def _merged(ranges: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """Ranges of days that touch or overlap, made one."""
    merged: list[tuple[date, date]] = []
    for first, last in sorted(ranges):
        if merged and (first - merged[-1][1]).days <= 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def median_available(available: Iterable[int | None]) -> int | None:
    """The lower median of the capacities that have a limit; None when none has."""
    known = [units for units in available if units is not None]
    return median_low(known) if known else None


def head_start(available: int | None, median: int | None) -> int:
    """Units by which somebody is less loaded than the median; 0 where there is no limit."""
    if available is None or median is None:
        return 0
    return max(0, available - median)


def remaining_head_start(units: int, joined_at: datetime, now: datetime, ramp_days: int) -> int:
    """What is left of a head start at `now`, a step less every whole day since `joined_at`."""
    days = (now - joined_at) // _DAY
    return units * max(0, ramp_days - max(0, days)) // ramp_days


def next_step(joined_at: datetime, now: datetime, ramp_days: int) -> datetime | None:
    """The first moment after `now` at which a head start melts further; None once it is gone."""
    days = max(0, (now - joined_at) // _DAY + 1)
    return joined_at + days * _DAY if days <= ramp_days else None
