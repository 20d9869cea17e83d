"""Reads a seller's calendar from plain data; when somebody is free is in `availability`."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from typing import TypeVar, cast
from zoneinfo import ZoneInfo, available_timezones

from engine.calendars.holidays import public_holidays
from engine.errors import InvalidDocument, Path, Problem
from engine.nearest import find_nearest
from engine.sellers import Calendar, Interval

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = (
    "time_zone",
    "weekly",
    "breaks",
    "time_off",
    "closures",
    "country",
    "subdivision",
)
_DAY = timedelta(days=1)
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}|[0-9]{2}:[0-9]{2}:[0-9]{2}")
Weekly = dict[str, tuple[Interval, ...]]
Item = TypeVar("Item")


def parse_calendar(data: object, path: Path = (), *, time_zone: str = "UTC") -> Calendar:
    """Read `{time_zone, weekly, breaks, time_off, closures, country, subdivision}`, all optional.

    `path` leads to `data` in its document; `time_zone` holds where the calendar names none. Raises
    InvalidDocument with every problem.
    """
    reader = _Reader()
    raw = reader.mapping(data, path, "a calendar is an object with time_zone, weekly and time_off")
    for key in raw:
        if key not in _KEYS:
            reader.refuse((*path, key), f"a calendar has no {key!r}; {_nearest(key, _KEYS)}")
    zone = raw.get("time_zone")
    calendar = Calendar(
        time_zone=reader.zone(time_zone if zone is None else zone, (*path, "time_zone")),
        weekly=None
        if (weekly := raw.get("weekly")) is None
        else reader.weekly(weekly, (*path, "weekly")),
        breaks=reader.weekly(raw.get("breaks") or {}, (*path, "breaks")),
        time_off=reader.each(raw.get("time_off"), (*path, "time_off"), reader.day_range),
        closures=frozenset(reader.each(raw.get("closures"), (*path, "closures"), reader.day)),
        country=reader.text(raw.get("country"), (*path, "country")),
        subdivision=reader.text(raw.get("subdivision"), (*path, "subdivision")),
    )
    reader.check_country(calendar, path)
    if reader.problems:
        raise InvalidDocument(reader.problems)
    return calendar


def clock_time(text: str) -> timedelta:
    """Time since midnight of "08:00", "8:00", "08:00:30", "24:00"; ValueError for another text."""
    if text == "24:00":
        return _DAY
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(text)
    parsed = time.fromisoformat(text.rjust(len("00:00"), "0"))
    return timedelta(hours=parsed.hour, minutes=parsed.minute, seconds=parsed.second)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = find_nearest(word, known)
    return f"known are {', '.join(known)}" if near is None else f"did you mean {near!r}?"


class _Reader:
    """Collects the problems while the parts are read; a bad part reads as an empty one."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def mapping(self, data: object, path: Path, message: str) -> Mapping[str, object]:
        if isinstance(data, Mapping):
            return {str(key): value for key, value in cast("Mapping[object, object]", data).items()}
        self.refuse(path, message)
        return {}

    def each(
        self, data: object, path: Path, read: Callable[[object, Path], Item | None]
    ) -> tuple[Item, ...]:
        if data is None:
            return ()
        if not isinstance(data, list | tuple):
            self.refuse(path, "this is a list")
            return ()
        items = cast("Iterable[object]", data)
        found = [read(item, (*path, number)) for number, item in enumerate(items)]
        return tuple(item for item in found if item is not None)

    def zone(self, data: object, path: Path) -> str:
        name = str(data)
        try:
            return ZoneInfo(name).key
        except (KeyError, ValueError, OSError):
            hint = _nearest(name, available_timezones()).split("; ")[0]
            known = hint if hint.startswith("did") else "use a name such as Europe/London"
            self.refuse(path, f"{name!r} is not a time zone; {known}")
            return "UTC"

    def weekly(self, data: object, path: Path) -> Weekly:
        raw = self.mapping(data, path, "hours are given by weekday: {mon: [['08:00', '17:00']]}")
        found: Weekly = {}
        for name, intervals in raw.items():
            day = name[:3].lower()
            if day not in WEEKDAYS:
                message = f"{name!r} is not a weekday; use {', '.join(WEEKDAYS)}"
                self.refuse((*path, name), message)
            else:
                read = self.each(intervals, (*path, name), self.interval)
                found[day] = (*found.get(day, ()), *read)
        return found

    def interval(self, data: object, path: Path) -> Interval | None:
        try:
            start, end = cast("Iterable[object]", data)
            clock_time(str(start))
            clock_time(str(end))
        except (TypeError, ValueError):
            self.refuse(path, f"{data!r} is not a pair of times such as ['08:00', '17:00']")
            return None
        return str(start), str(end)

    def day(self, data: object, path: Path) -> date | None:
        try:
            return date.fromisoformat(str(data))
        except ValueError:
            self.refuse(path, f"{data!r} is not a day such as 2026-12-24")
            return None

    def day_range(self, data: object, path: Path) -> tuple[date, date] | None:
        if not isinstance(data, list | tuple):
            day = self.day(data, path)
            return None if day is None else (day, day)
        days = self.each(cast("list[object]", data), path, self.day)
        if len(cast("list[object]", data)) != 2 or (len(days) == 2 and days[0] > days[1]):
            self.refuse(path, f"{data!r} is not a first and a last day, in this order")
            return None
        return (days[0], days[1]) if len(days) == 2 else None

    def text(self, data: object, path: Path) -> str | None:
        if data is None or isinstance(data, str):
            return data
        self.refuse(path, f"{data!r} is not a code such as GB")
        return None

    def check_country(self, calendar: Calendar, path: Path) -> None:
        if calendar.country is None:
            if calendar.subdivision is not None:
                self.refuse((*path, "subdivision"), "a subdivision needs its country beside it")
            return
        try:
            public_holidays(calendar.country, calendar.subdivision, 2000)
        except NotImplementedError:
            place = " ".join(filter(None, (calendar.country, calendar.subdivision)))
            message = f"no public holidays are known for {place!r}; list the days under closures"
            self.refuse((*path, "country"), message)
