"""Sellers' calendars as the sales add-ons keep them; when somebody is free is up to the engine.

A seller's calendar hangs on their `msdyn_extendedusersetting`. It holds rules: recurring ones lead
to an inner calendar with the hours of a day, single ones are days off. What cannot be read as that
is left out, and a seller without a readable calendar counts as always available.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import cast

from connector.environment.time_zone_codes import TIME_ZONES
from connector.ports import TableReader
from engine.records import Row
from engine.schema import TableSchema
from engine.sellers import Calendar, Interval

RULES = "calendar_calendar_rules"
RULE_COLUMNS = (
    "pattern",
    "starttime",
    "effectiveintervalend",
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

Intervals = Mapping[str, tuple[Interval, ...]]


def read_calendars(
    reader: TableReader, find: Callable[[str], TableSchema | None]
) -> Mapping[str, Calendar]:
    """Calendars by seller id; empty where the environment has no such tables."""
    settings, calendar = find("msdyn_extendedusersetting"), find("calendar")
    if settings is None or calendar is None or RULES not in calendar.relationships:
        return {}
    rules = {
        _key(row, "calendarid"): _children(row)
        for row in reader.read_rows("calendar", ("calendarid",), expand={RULES: RULE_COLUMNS})
    }
    found: dict[str, Calendar] = {}
    for row in reader.read_rows(settings.name, ("msdyn_userid", "msdyn_calendarid")):
        own = rules.get(_key(row, "msdyn_calendarid"))
        if own:
            found[_key(row, "msdyn_userid")] = build_calendar(own, rules)
    return found


def build_calendar(outer: Sequence[Row], rules: Mapping[str, Sequence[Row]]) -> Calendar:
    """One seller's calendar from its rules; `rules` has those of the inner calendars by id."""
    weekly: defaultdict[str, list[Interval]] = defaultdict(list)
    breaks: defaultdict[str, list[Interval]] = defaultdict(list)
    time_off: list[tuple[date, date]] = []
    zone = "UTC"
    for rule in outer:
        zone = TIME_ZONES.get(_whole(rule, "timezonecode"), zone)
        inner = rules.get(_key(rule, "_innercalendarid_value"), ())
        if any(_whole(hours, "timecode") == UNAVAILABLE for hours in inner):
            time_off.extend(_days_off(rule))
            continue
        for day in _weekdays(str(rule.get("pattern") or "")):
            for hours in inner:
                is_break = _whole(hours, "subcode") == BREAK
                (breaks if is_break else weekly)[day].append(_interval(hours))
    return Calendar(
        time_zone=zone,
        weekly=_frozen(weekly) if weekly else None,
        breaks=_frozen(breaks),
        time_off=tuple(sorted(time_off)),
    )


def _weekdays(pattern: str) -> Iterator[str]:
    """The days of `FREQ=WEEKLY;…;BYDAY=MO,TU`; a daily pattern without days is every day."""
    parts = dict(part.split("=", 1) for part in pattern.split(";") if "=" in part)
    days = parts.get("BYDAY", ",".join(WEEKDAYS)) if "FREQ" in parts else ""
    for day in days.split(","):
        if day in WEEKDAYS:
            yield WEEKDAYS[day]


def _interval(hours: Row) -> Interval:
    start = _whole(hours, "offset")
    end = min(start + _whole(hours, "duration"), DAY_MINUTES)
    return _clock_time(start), _clock_time(end)


def _days_off(rule: Row) -> Iterator[tuple[date, date]]:
    """The days of a rule for time off: from its start to the end of its interval."""
    first = _day(rule.get("starttime"))
    if first is None:
        return
    end = _day(rule.get("effectiveintervalend"))
    last = end - timedelta(days=1) if end is not None else first
    yield first, max(first, last)


def _clock_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _day(value: object) -> date | None:
    return datetime.fromisoformat(value).date() if isinstance(value, str) and value else None


def _frozen(days: Mapping[str, Sequence[Interval]]) -> Intervals:
    return {day: tuple(sorted(intervals)) for day, intervals in days.items()}


def _whole(row: Row, column: str) -> int:
    value = row.get(column)
    return value if isinstance(value, int) else 0


def _key(row: Row, column: str) -> str:
    return str(row.get(column) or "").lower()


def _children(row: Row) -> Sequence[Row]:
    return cast("Sequence[Row]", row.get(RULES) or ())
