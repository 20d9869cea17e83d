"""Which days a recurrence falls on; what is worked on them is in `availability`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache

from dateutil.rrule import rrule, rruleset, rrulestr

from engine.sellers import RecurringHours

_UNTIL = re.compile(r"(UNTIL=\d{8})T\d{6}Z?")
_PART = (
    r"(INTERVAL|COUNT)=[1-9]\d{0,4}|UNTIL=\d{8}|WKST=[A-Z]{2}"
    r"|BY(DAY|MONTHDAY|MONTH|SETPOS)=[A-Z0-9,+-]+"
)
_PATTERN = re.compile(rf"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;({_PART}))*")


def check_pattern(pattern: str) -> None:
    """Raise ValueError unless a text is a recurrence of whole days."""
    _build(pattern, date.min)


def hours_by_day(
    recurring: Iterable[RecurringHours], days: Sequence[date]
) -> Mapping[date, Sequence[RecurringHours]]:
    """What recurs on each of the days (in order); only those of the highest rank of a day."""
    found: dict[date, list[RecurringHours]] = {}
    for hours in sorted(recurring, key=lambda each: -each.rank):
        for day in _days_of(hours, days[0], days[-1]):
            known = found.setdefault(day, [])
            if not known or known[0].rank == hours.rank:
                known.append(hours)
    return found


def works_on(recurring: Iterable[RecurringHours], day: date) -> bool:
    """Whether any hours are worked on a day."""
    return any(each.hours for each in hours_by_day(recurring, [day]).get(day, ()))


def _days_of(hours: RecurringHours, begin: date, end: date) -> list[date]:
    """The days of a recurrence between two days, both included."""
    begin = max(begin, hours.first)
    end = end if hours.last is None else min(end, hours.last)
    rule = _build(hours.pattern, hours.first)
    return [moment.date() for moment in rule.between(_midnight(begin), _midnight(end), inc=True)]


@lru_cache(maxsize=4096)
def _build(pattern: str, first: date) -> rrule | rruleset:
    text = _UNTIL.sub(r"\1", pattern.upper().strip().strip(";"))
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{pattern!r} is not a recurrence of days")
    return rrulestr(text, dtstart=_midnight(first), cache=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
