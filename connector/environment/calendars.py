"""Sellers' calendars as the sales add-ons keep them; when somebody is free is up to the engine.

A seller's calendar hangs on their `msdyn_extendedusersetting`. It holds rules: recurring ones lead
to an inner calendar with the hours of a day, single ones are days off. What cannot be read as that
is left out, and a seller without a readable calendar counts as always available.

Hours that repeat every week for good become the calendar's week; others (every second week, the
first Monday of a month, until a day) stay recurrences, which the engine lays out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from connector.environment.row_values import children, key, text, whole
from connector.environment.time_zone_codes import TIME_ZONES
from connector.ports import TableReader
from engine.calendars.recurrences import check_pattern
from engine.records import Row
from engine.schema import TableSchema
from engine.sellers import Calendar, Interval, RecurringHours

RULES = "calendar_calendar_rules"
RULE_COLUMNS = (
    "pattern",
    "starttime",
    "effectiveintervalend",
    "rank",
    "offset",
    "duration",
    "timecode",
    "subcode",
    "timezonecode",
    "_innercalendarid_value",
)
AVAILABLE, UNAVAILABLE = 0, 2
BREAK = 4
DAY_MINUTES = 24 * 60
WEEKDAYS = {
    "MO": "mon",
    "TU": "tue",
    "WE": "wed",
    "TH": "thu",
    "FR": "fri",
    "SA": "sat",
    "SU": "sun",
}
_SPAN_KEYS = frozenset({"FREQ", "INTERVAL", "COUNT"})
_LONGEST_COUNT = 3660
_STEADY = frozenset({"DAILY", "WEEKLY"})
_OFF_RANK = 1 << 30
_ENDLESS_YEAR = 9000
_WEEKLY_KEYS = frozenset({"FREQ", "INTERVAL", "BYDAY", "WKST"})
_ALWAYS = RecurringHours(
    pattern="FREQ=DAILY", first=date(1900, 1, 1), rank=-_OFF_RANK, hours=(("00:00", "24:00"),)
)
Intervals = Mapping[str, tuple[Interval, ...]]


def read_calendars(
    reader: TableReader, find: Callable[[str], TableSchema | None]
) -> Mapping[str, Calendar]:
    """Calendars by seller id; empty where the environment has no such tables."""
    settings, calendar = find("msdyn_extendedusersetting"), find("calendar")
    if settings is None or calendar is None or RULES not in calendar.relationships:
        return {}
    rules = {
        key(row, "calendarid"): children(row, RULES)
        for row in reader.read_rows("calendar", ("calendarid",), expand={RULES: RULE_COLUMNS})
    }
    found: dict[str, Calendar] = {}
    for row in reader.read_rows(settings.name, ("msdyn_userid", "msdyn_calendarid")):
        own = rules.get(key(row, "msdyn_calendarid"))
        if own:
            found[key(row, "msdyn_userid")] = build_calendar(own, rules)
    return found


def build_calendar(outer: Sequence[Row], rules: Mapping[str, Sequence[Row]]) -> Calendar:
    """One seller's calendar from its rules; `rules` has those of the inner calendars by id."""
    zone = _find_zone(outer)
    found = [_OuterRule(rule, rules.get(key(rule, "_innercalendarid_value"), ())) for rule in outer]
    readable = [rule for rule in found if rule.is_readable]
    working = [rule for rule in readable if not rule.is_off]
    off = [rule for rule in readable if rule.is_off]
    days_off = tuple(sorted(rule.span() for rule in off if rule.is_one_span))
    recurring_off = [rule.recur() for rule in off if not rule.is_one_span]
    ranks = {rule.rank for rule in working}
    if recurring_off or len(ranks) > 1 or not all(rule.is_weekly for rule in working):
        hours = [rule.recur() for rule in working] or [_ALWAYS]
        return Calendar(time_zone=zone, recurring=(*hours, *recurring_off), time_off=days_off)
    weekly = _by_weekday((day, rule.hours) for rule in working for day in rule.weekdays())
    breaks = _by_weekday((day, rule.breaks) for rule in working for day in rule.weekdays())
    return Calendar(time_zone=zone, weekly=weekly or None, breaks=breaks, time_off=days_off)


def _find_zone(outer: Sequence[Row]) -> str:
    """The zone of the last rule that names one we know."""
    codes = [whole(rule, "timezonecode") for rule in outer]
    zones = [TIME_ZONES[code] for code in codes if code is not None and code in TIME_ZONES]
    return zones[-1] if zones else "UTC"


@dataclass(frozen=True, slots=True)
class _OuterRule:
    """A rule of a seller's calendar, with the rules of the day it leads to."""

    row: Row
    day: Sequence[Row]

    @property
    def pattern(self) -> str:
        return text(self.row, "pattern").upper().strip().strip(";")

    @property
    def parts(self) -> Mapping[str, str]:
        return dict(part.split("=", 1) for part in self.pattern.split(";") if "=" in part)

    @property
    def first(self) -> date | None:
        return _day(self.row.get("starttime"))

    @property
    def end(self) -> date | None:
        """The first day on which it holds no more."""
        return _day(self.row.get("effectiveintervalend"))

    @property
    def is_endless(self) -> bool:
        return self.end is None or self.end.year >= _ENDLESS_YEAR

    @property
    def rank(self) -> int:
        return whole(self.row, "rank") or 0

    @property
    def is_off(self) -> bool:
        return any(whole(hours, "timecode") == UNAVAILABLE for hours in self.day)

    @property
    def hours(self) -> tuple[Interval, ...]:
        return tuple(_interval(row) for row in self.day if whole(row, "subcode") != BREAK)

    @property
    def breaks(self) -> tuple[Interval, ...]:
        return tuple(_interval(row) for row in self.day if whole(row, "subcode") == BREAK)

    @property
    def is_readable(self) -> bool:
        """A day off needs a day, working hours a recurrence, and its start unless it is weekly."""
        if self.is_off and self.is_one_span and not self.parts:
            return self.first is not None
        return bool(self.day) and (self.first is not None or self.is_weekly) and self.can_recur

    @property
    def can_recur(self) -> bool:
        try:
            check_pattern(self.pattern)
        except ValueError:
            return False
        return True

    @property
    def is_weekly(self) -> bool:
        """It holds on the same days of every week, for good."""
        parts = self.parts
        is_plain = parts.keys() <= _WEEKLY_KEYS and parts.get("INTERVAL", "1") == "1"
        return is_plain and self.is_endless and parts.get("FREQ") in _STEADY

    @property
    def is_one_span(self) -> bool:
        """It holds on days in a row."""
        parts = self.parts
        keys = _SPAN_KEYS if self.end is None else _SPAN_KEYS | {"UNTIL"}
        is_daily = parts.get("FREQ", "DAILY") == "DAILY" and parts.get("INTERVAL", "1") == "1"
        return is_daily and parts.keys() <= keys

    def weekdays(self) -> Iterator[str]:
        """The days of `FREQ=WEEKLY;…;BYDAY=MO,TU`; without BYDAY the day it starts on, or all."""
        days = list(WEEKDAYS)
        if self.parts["FREQ"] == "WEEKLY" and self.first is not None:
            days = [days[self.first.weekday()]]
        named = self.parts.get("BYDAY")
        for day in named.split(",") if named else days:
            yield WEEKDAYS[day.lstrip("+-0123456789")]

    def span(self) -> tuple[date, date]:
        """The first and the last of its days in a row; needs a start."""
        first = self.first or date.min
        days = min(int(self.parts.get("COUNT", "1")), _LONGEST_COUNT)
        last = first + timedelta(days=days - 1)
        return first, max(first, last if self.end is None else self.end - timedelta(days=1))

    def recur(self) -> RecurringHours:
        """The rule as a recurrence; one for days off goes before all hours."""
        return RecurringHours(
            pattern=self.pattern,
            first=self.first or date(1900, 1, 1),
            last=None if self.is_endless or not self.end else self.end - timedelta(days=1),
            rank=_OFF_RANK if self.is_off else self.rank,
            hours=() if self.is_off else self.hours,
            breaks=() if self.is_off else self.breaks,
        )


def _by_weekday(found: Iterator[tuple[str, tuple[Interval, ...]]]) -> Intervals:
    days: defaultdict[str, list[Interval]] = defaultdict(list)
    for day, hours in found:
        days[day].extend(hours)
    return {day: tuple(sorted(hours)) for day, hours in days.items() if hours}


def _interval(hours: Row) -> Interval:
    start = whole(hours, "offset") or 0
    end = min(start + (whole(hours, "duration") or 0), DAY_MINUTES)
    return _clock_time(start), _clock_time(end)


def _clock_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _day(value: object) -> date | None:
    return datetime.fromisoformat(value).date() if isinstance(value, str) and value else None
