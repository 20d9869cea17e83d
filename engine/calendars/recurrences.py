"""Which days a recurrence falls on; what is worked on them is in `availability`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache

from dateutil.rrule import rrulestr

from engine.sellers import RecurringHours

_UNTIL = re.compile(r";UNTIL=(\d{8})(?:T\d{6}Z?)?")
_TIMES = re.compile(r";BY(?:HOUR|MINUTE|SECOND)=[\d,]*")
_DAY = r"[+-]?\d{0,2}(MO|TU|WE|TH|FR|SA|SU)"
_MONTH = r"0?[1-9]|1[0-2]"
_DAY_OF_MONTH = r"[+-]?(0?[1-9]|[12]\d|3[01])"
_PLACE = r"[+-]?[1-9]\d{0,2}"
_PART = (
    r"(INTERVAL|COUNT)=0*[1-9]\d{0,4}|UNTIL=\d{8}|WKST=(MO|TU|WE|TH|FR|SA|SU)"
    rf"|BYDAY={_DAY}(,{_DAY})*|BYMONTH=({_MONTH})(,({_MONTH}))*"
    rf"|BYMONTHDAY={_DAY_OF_MONTH}(,{_DAY_OF_MONTH})*|BYSETPOS={_PLACE}(,{_PLACE})*"
)
_PATTERN = re.compile(rf"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;({_PART}))*")


def check_pattern(pattern: str) -> None:
    """Raise ValueError unless a text is a recurrence of whole days."""
    _lay_out(pattern, date.min, date.min, date.min)


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


def _days_of(hours: RecurringHours, begin: date, end: date) -> Sequence[date]:
    """The days of a recurrence between two days, both included."""
    end = end if hours.last is None else min(end, hours.last)
    return _lay_out(hours.pattern, hours.first, max(begin, hours.first), end)


@lru_cache(maxsize=16_384)
def _lay_out(pattern: str, first: date, begin: date, end: date) -> tuple[date, ...]:
    """The answer is kept, not the rule: one that keeps its answers hangs once it ended."""
    text = _TIMES.sub("", pattern.upper().strip().strip(";"))
    if not _PATTERN.fullmatch(_UNTIL.sub(r";UNTIL=\1", text)):
        raise ValueError(f"{pattern!r} is not a recurrence of days")
    rule = rrulestr(_bound(text, end), dtstart=_midnight(first))
    days = rule.between(_midnight(begin), _midnight(end), inc=True)
    return tuple(moment.date() for moment in days)


def _bound(text: str, end: date) -> str:
    """The recurrence up to the last day asked for, lest a day that never comes is sought.

    One that counts its days ends by itself.
    """
    if "COUNT=" in text:
        return _UNTIL.sub(r";UNTIL=\1", text)
    until = [f"{end:%Y%m%d}".rjust(8, "0"), *_UNTIL.findall(text)]
    return f"{_UNTIL.sub('', text)};UNTIL={min(until)}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
