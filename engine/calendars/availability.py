"""Working hours, time off and closures: when somebody is free; how they are read is in `calendars`.

"Manage seller availability" and "Understand lead and opportunity distribution" in the Dynamics 365
Sales documentation.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.calendars.calendar_data import WEEKDAYS, clock_time, parse_calendar
from engine.calendars.holidays import public_holidays
from engine.calendars.recurrences import hours_by_day
from engine.sellers import Calendar, Interval

__all__ = [
    "EARLIEST",
    "LATEST",
    "LONGEST_WINDOW",
    "Outlook",
    "Timeline",
    "bucket_of",
    "free_spans",
    "is_day_off",
    "parse_calendar",
    "wait_until_free",
    "workable",
]

LONGEST_WINDOW = timedelta(hours=120)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_CHUNK = timedelta(days=14)
_LOOK_BACK = timedelta(days=7)
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]
"""A half-open stretch of time."""
DayHours = tuple[date, Interval]
_WHOLE_DAY: Interval = ("00:00", "24:00")


def wait_until_free(calendar: Calendar | None, now: datetime) -> timedelta | None:
    """How long until a working moment: zero if `now` is one, None if there is none in 120 hours.

    No calendar = always available. `now` is aware.
    """
    if calendar is None:
        return timedelta(0)
    begin = workable(now)
    for start, _ in free_spans(calendar, begin, begin + LONGEST_WINDOW + _SECOND):
        wait = start - begin
        return wait if wait <= LONGEST_WINDOW else None
    return None


def workable(now: datetime) -> datetime:
    """`now` in UTC, kept a little away from the ends of the calendar so that windows fit in."""
    return min(max(now, EARLIEST), LATEST).astimezone(UTC)


def bucket_of(wait: timedelta) -> int:
    """The 24-hour bucket, 0D to 5D, of a wait; exactly 24 hours is still 1D."""
    return -(-wait // _DAY)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What holds at a moment: free or not, unchanged in [since, until), and when free next.

    `next_free` None while not free: not before `until`. `since` and `until` may be narrower than
    the truth, never wider.
    """

    is_free: bool
    since: datetime
    until: datetime
    next_free: datetime | None = None


class Timeline:
    """The working stretches of one calendar, worked out a fortnight at a time and kept."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._chunks: dict[int, tuple[Span, list[Span], list[datetime]]] = {}

    def outlook(self, now: datetime) -> Outlook:
        """What holds at `now` (aware, in UTC)."""
        now = workable(now)
        (begin, end), spans, starts = self._chunk((now - EARLIEST) // _CHUNK)
        at = bisect_right(starts, now) - 1
        if at >= 0 and spans[at][1] > now:
            return Outlook(True, *spans[at])
        since = spans[at][1] if at >= 0 else begin
        following = starts[at + 1] if at + 1 < len(starts) else None
        return Outlook(False, since, following or end, following)

    def _chunk(self, number: int) -> tuple[Span, list[Span], list[datetime]]:
        """A fortnight's stretches, with a week before and a fortnight behind it."""
        if number not in self._chunks:
            begin = EARLIEST + number * _CHUNK
            bounds = (begin - _LOOK_BACK, begin + 2 * _CHUNK)
            spans = free_spans(self._calendar, *bounds)
            self._chunks[number] = (bounds, spans, [start for start, _ in spans])
        return self._chunks[number]


def free_spans(calendar: Calendar, begin: datetime, end: datetime) -> list[Span]:
    """The working stretches in [begin, end), in UTC, in order, apart from each other.

    A moment is working when the wall clock in the calendar's zone stands inside working hours:
    hours that the clock skips are not worked, hours it shows twice are worked twice.
    """
    zone = ZoneInfo(calendar.time_zone)
    spans: list[Span] = []
    for piece_begin, piece_end, offset in _even_pieces(
        zone, begin.astimezone(UTC), end.astimezone(UTC)
    ):
        for start, stop in _wall_spans(calendar, piece_begin + offset, piece_end + offset):
            _append_joined(spans, (start - offset, stop - offset))
    return spans


def _append_joined(spans: list[Span], span: Span) -> None:
    if spans and spans[-1][1] >= span[0]:
        spans[-1] = (spans[-1][0], max(spans[-1][1], span[1]))
    else:
        spans.append(span)


def _even_pieces(
    zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cut [begin, end) where the zone's offset changes; each piece with its offset from UTC."""
    piece_begin = begin
    offset = _offset(zone, begin)
    at = begin
    while at < end:
        later = min(at + _DAY / 4, end)
        if _offset(zone, later) != offset:
            change = _change_between(zone, at, later)
            yield piece_begin, change, offset
            piece_begin, offset = change, _offset(zone, later)
        at = later
    if piece_begin < end:
        yield piece_begin, end, offset


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant with the later offset; offsets change on whole seconds."""
    low, high = before.replace(microsecond=0), after.replace(microsecond=0)
    offset = _offset(zone, low)
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _wall_spans(calendar: Calendar, begin: datetime, end: datetime) -> list[Span]:
    """The working stretches between two wall-clock times (written as if they were UTC)."""
    days = _days(begin.date() - _DAY, end.date())
    working: list[Span] = []
    for start, stop in sorted(_spans(_working_hours(calendar, days))):
        if start < end and stop > begin:
            _append_joined(working, (max(start, begin), min(stop, end)))
    blocked: list[Span] = []
    off = [(_midnight(day), _midnight(day) + _DAY) for day in days if is_day_off(calendar, day)]
    for span in sorted([*off, *_spans(_breaks(calendar, days))]):
        _append_joined(blocked, span)
    return [span for stretch in working for span in _without(stretch, blocked)]


def is_day_off(calendar: Calendar, day: date) -> bool:
    """Whether `day`, in the calendar's zone, is time off, a closure or a public holiday."""
    if day in calendar.closures or any(first <= day <= last for first, last in calendar.time_off):
        return True
    if calendar.country is None:
        return False
    return day in public_holidays(calendar.country, calendar.subdivision, day.year)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _working_hours(calendar: Calendar, days: list[date]) -> Iterator[DayHours]:
    if calendar.recurring:
        for day, found in hours_by_day(calendar.recurring, days).items():
            yield from ((day, interval) for each in found for interval in each.hours)
    elif calendar.weekly is None:
        yield from ((day, _WHOLE_DAY) for day in days)
    else:
        yield from _weekly(calendar.weekly, days)


def _breaks(calendar: Calendar, days: list[date]) -> Iterator[DayHours]:
    if calendar.recurring:
        for day, found in hours_by_day(calendar.recurring, days).items():
            yield from ((day, interval) for each in found for interval in each.breaks)
    elif calendar.breaks:
        yield from _weekly(calendar.breaks, days)


def _weekly(hours: Mapping[str, tuple[Interval, ...]], days: list[date]) -> Iterator[DayHours]:
    for day in days:
        yield from ((day, interval) for interval in hours.get(WEEKDAYS[day.weekday()], ()))


def _spans(hours: Iterable[DayHours]) -> Iterator[Span]:
    """The stretches of intervals; one whose end is not after its start runs into the next day."""
    for day, (start, end) in hours:
        midnight, opens, closes = _midnight(day), clock_time(start), clock_time(end)
        yield midnight + opens, midnight + (closes if closes > opens else closes + _DAY)


def _without(stretch: Span, blocked: list[Span]) -> Iterator[Span]:
    """What is left of a stretch outside the blocked ones (sorted, apart)."""
    start, stop = stretch
    for block_start, block_stop in blocked:
        if block_start >= stop or block_stop <= start:
            continue
        if block_start > start:
            yield start, block_start
        start = block_stop
    if start < stop:
        yield start, stop
