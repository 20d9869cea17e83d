"""ExpandCalendar: the working hours in a calendar's rules as blocks of time.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/expandcalendar
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import Organization
from connector.emulator.protocol.errors import invalid_argument
from connector.emulator.protocol.guids import EMPTY_GUID
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Response
from connector.emulator.seed.names import PLACES
from connector.emulator.storage.database import StoredRow, StoredValue

LONGEST_SPAN = timedelta(days=366)
ZONES = {place.zone_code: place.time_zone for place in PLACES} | {92: "UTC", 93: "UTC"}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True)
class Block:
    """A span of time with its codes."""

    start: datetime
    end: datetime
    time_code: int
    sub_code: int
    calendar_id: str


def expand_calendar(
    organization: Organization, calendar_id: str, start: datetime, end: datetime
) -> list[Block]:
    """The blocks of a calendar between two instants: higher ranks hide lower ones."""
    rules = _rules_of(organization, calendar_id)
    rules.sort(key=lambda rule: int(rule["rank"] or 0), reverse=True)
    blocks: list[Block] = []
    hidden: set[date] = set()
    for rule in rules:
        days = [day for day in _occurrences(rule, start, end) if day not in hidden]
        blocks += [block for day in days for block in _blocks_of_day(organization, rule, day)]
        if int(rule["rank"] or 0) > 0:
            hidden.update(days)
    inside = (block for block in blocks if block.end > start and block.start < end)
    return sorted(inside, key=lambda block: block.start)


def _rules_of(organization: Organization, calendar_id: StoredValue) -> list[StoredRow]:
    table = organization.catalog.tables["calendarrule"]
    return organization.storage.fetch_rows_where(table, {"calendarid": calendar_id})


def _zone_of(rule: StoredRow) -> ZoneInfo:
    return ZoneInfo(ZONES.get(int(rule["timezonecode"] or 92), "UTC"))


def _occurrences(rule: StoredRow, start: datetime, end: datetime) -> Iterator[date]:
    """The days on which a rule holds, from the day before `start`."""
    zone, first = _zone_of(rule), _day(rule["starttime"], date(1900, 1, 1))
    last = _day(rule["effectiveintervalend"], date(9999, 12, 31))
    days, count = _read_pattern(str(rule["pattern"] or ""))
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        is_counted = count is None or (day - first).days < count
        if first <= day <= last and _DAYS[day.weekday()] in days and is_counted:
            yield day
        day += timedelta(days=1)


def _day(stored: StoredValue, otherwise: date) -> date:
    return date.fromisoformat(str(stored)[:10]) if stored else otherwise


def _read_pattern(pattern: str) -> tuple[Collection[str], int | None]:
    """The days of the week and the number of days in a recurrence pattern."""
    parts = dict(part.split("=", 1) for part in pattern.split(";") if "=" in part)
    days, count = parts.get("BYDAY", ""), parts.get("COUNT", "")
    return days.split(",") if days else _DAYS, int(count) if count.isdecimal() else None


def _blocks_of_day(organization: Organization, rule: StoredRow, day: date) -> Iterator[Block]:
    for inner in _rules_of(organization, rule["innercalendarid"]):
        begins = datetime.combine(day, time()) + timedelta(minutes=int(inner["offset"] or 0))
        ends = begins + timedelta(minutes=int(inner["duration"] or 0))
        start, end = (
            each.replace(tzinfo=_zone_of(rule)).astimezone(UTC) for each in (begins, ends)
        )
        codes = int(inner["timecode"] or 0), int(inner["subcode"] or 0)
        yield Block(start, end, *codes, str(rule["innercalendarid"]))


def _expand_calendar(call: Call) -> Response:
    calendar_id = str(call.bound_row("calendar")["calendarid"])
    start, end = _instant(call, "Start"), _instant(call, "End")
    if not start < end <= start + LONGEST_SPAN:
        raise invalid_argument("'End' must follow 'Start' within a year.")
    blocks = expand_calendar(call.organization, calendar_id, start, end)
    return call.answer("ExpandCalendarResponse", {"result": [_time_info(each) for each in blocks]})


def _time_info(block: Block) -> dict[str, Json]:
    codes = ("Available", "Busy", "Unavailable", "Filter")
    return {
        "Start": timestamp(block.start),
        "End": timestamp(block.end),
        "TimeCode": codes[block.time_code] if block.time_code < len(codes) else "Available",
        "SubCode": {1: "Schedulable", 4: "Break", 6: "Vacation"}.get(block.sub_code, "Unspecified"),
        "SourceId": EMPTY_GUID,
        "CalendarId": block.calendar_id,
        "SourceTypeCode": 0,
        "IsActivity": False,
        "ActivityStatusCode": -1,
        "Effort": 1.0,
        "DisplayText": "",
    }


def _instant(call: Call, name: str) -> datetime:
    value = call.operation.parameters.get(name)
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise invalid_argument(f"'{name}' must be an instant.") from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


CALENDAR_OPERATIONS: dict[str, tuple[str, Handler]] = {"ExpandCalendar": ("GET", _expand_calendar)}
