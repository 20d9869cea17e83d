"""ExpandCalendar: the working hours in a calendar's rules as blocks of time.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/expandcalendar
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import Organization
from connector.emulator.protocol.errors import invalid_argument
from connector.emulator.protocol.guids import EMPTY_GUID
from connector.emulator.protocol.messages import Response
from connector.emulator.seed.names import PLACES
from connector.emulator.storage.database import StoredRow

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
    table = organization.catalog.tables["calendarrule"]
    rules = organization.storage.fetch_rows_where(table, {"calendarid": calendar_id})
    rules.sort(key=lambda rule: int(rule["rank"] or 0), reverse=True)
    blocks: list[Block] = []
    hidden: set[str] = set()
    for rule in rules:
        for day, zone in _occurrences(rule, start, end):
            if day in hidden:
                continue
            blocks += _blocks_of_day(organization, rule, day, zone)
            if int(rule["rank"] or 0) > 0:
                hidden.add(day)
    inside = [block for block in blocks if block.end > start and block.start < end]
    return sorted(inside, key=lambda block: block.start)


def _occurrences(rule: StoredRow, start: datetime, end: datetime) -> Iterator[tuple[str, ZoneInfo]]:
    zone = ZoneInfo(ZONES.get(int(rule["timezonecode"] or 92), "UTC"))
    parts = dict(
        part.split("=", 1) for part in str(rule["pattern"] or "").split(";") if "=" in part
    )
    days = parts.get("BYDAY", "")
    first = str(rule["starttime"] or "1900-01-01")[:10]
    last = str(rule["effectiveintervalend"] or "9999-12-31")[:10]
    count = int(parts["COUNT"]) if parts.get("COUNT", "").isdecimal() else None
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        text = day.isoformat()
        since = (day - datetime.fromisoformat(first).date()).days
        is_on = not days or _DAYS[day.weekday()] in days.split(",")
        if first <= text <= last and is_on and (count is None or 0 <= since < count):
            yield text, zone
        day += timedelta(days=1)


def _blocks_of_day(
    organization: Organization, rule: StoredRow, day: str, zone: ZoneInfo
) -> Iterator[Block]:
    table = organization.catalog.tables["calendarrule"]
    midnight = datetime.fromisoformat(day)
    for inner in organization.storage.fetch_rows_where(
        table, {"calendarid": rule["innercalendarid"]}
    ):
        begins = midnight + timedelta(minutes=int(inner["offset"] or 0))
        ends = begins + timedelta(minutes=int(inner["duration"] or 0))
        yield Block(
            begins.replace(tzinfo=zone).astimezone(UTC),
            ends.replace(tzinfo=zone).astimezone(UTC),
            int(inner["timecode"] or 0),
            int(inner["subcode"] or 0),
            str(rule["innercalendarid"]),
        )


def _expand_calendar(call: Call) -> Response:
    if call.bound_table().logical_name != "calendar":
        raise invalid_argument("ExpandCalendar is called on a calendar.")
    start, end = _instant(call, "Start"), _instant(call, "End")
    if not start < end <= start + LONGEST_SPAN:
        raise invalid_argument("'End' must follow 'Start' within a year.")
    calendar_id = str(call.bound_row()["calendarid"])
    blocks = expand_calendar(call.organization, calendar_id, start, end)
    return call.answer("ExpandCalendarResponse", {"result": [_time_info(each) for each in blocks]})


def _time_info(block: Block) -> dict[str, Any]:
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
