"""The seed's calendars: when sellers work and when they are away."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.emulator.organization.clock import day_of
from connector.emulator.organization.organization import fixed_id
from connector.emulator.seed.names import Place
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow

_INNER_RULE: StoredRow = {
    "name": "Hours",
    "rank": 0,
    "effort": 1,
    "issimple": 1,
    "timezonecode": -1,
}
_WORKING: StoredRow = {
    "name": "Working hours",
    "pattern": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
    "effectiveintervalstart": None,
    "rank": 0,
    "extentcode": 1,
}
_AWAY: StoredRow = {"name": "Time off", "pattern": "FREQ=DAILY;COUNT=3", "rank": 1, "extentcode": 2}


@dataclass(frozen=True, slots=True)
class SeededSeller:
    """A seller the pipeline can be given to."""

    id: str
    name: str
    place: Place
    attributes: dict[str, tuple[str, ...]]


def seed_calendars(rows: SeedRows, sellers: list[SeededSeller]) -> None:
    """Calendars for five of six sellers; some of those are away for a few days soon."""
    working = [(index, seller) for index, seller in enumerate(sellers) if index % 6 != 5]
    calendars = [row for index, seller in working for row in _calendars(index, seller)]
    rules = [row for index, seller in working for row in _rules(rows, index, seller)]
    rows.add("calendar", calendars)
    rows.add("calendarrule", rules)
    rows.add("msdyn_extendedusersetting", [_setting(seller) for _, seller in working])


def _is_away(index: int) -> bool:
    return index % 8 == 3


def _setting(seller: SeededSeller) -> StoredRow:
    return {
        "msdyn_extendedusersettingid": fixed_id(f"extendedusersetting/{seller.id}"),
        "msdyn_name": seller.name,
        "msdyn_userid": seller.id,
        "msdyn_calendarid": fixed_id(f"calendar/{seller.id}"),
    }


def _calendars(index: int, seller: SeededSeller) -> Iterator[StoredRow]:
    yield _calendar(f"calendar/{seller.id}", seller.name, 0)
    yield _calendar(f"calendar/inner/{seller.id}", f"{seller.name} hours", -1)
    if _is_away(index):
        yield _calendar(f"calendar/away/{seller.id}", f"{seller.name} away", -1)


def _calendar(key: str, name: str, kind: int) -> StoredRow:
    return {"calendarid": fixed_id(key), "name": name, "type": kind}


def _rules(rows: SeedRows, index: int, seller: SeededSeller) -> Iterator[StoredRow]:
    since = f"{day_of(rows.ago(days=400))}T00:00:00Z"
    yield _rule("", "inner/", seller) | _WORKING | {"starttime": since}
    start = rows.dice.pick((480, 510, 540))
    yield _inner_rule("inner/", seller, start, 540) | {"timecode": 0, "subcode": 1}
    if _is_away(index):
        first, last = (f"{day_of(rows.ago(days=-days))}T00:00:00Z" for days in (2, 5))
        away: StoredRow = {"starttime": first, "effectiveintervalend": last}
        yield _rule("away/", "away/", seller) | _AWAY | away
        yield _inner_rule("away/", seller, 0, 1440) | {"timecode": 2, "subcode": 6}


def _rule(key: str, inner: str, seller: SeededSeller) -> StoredRow:
    return {
        "calendarruleid": fixed_id(f"calendarrule/{key}{seller.id}"),
        "calendarid": fixed_id(f"calendar/{seller.id}"),
        "innercalendarid": fixed_id(f"calendar/{inner}{seller.id}"),
        "duration": 1440,
        "offset": 0,
        "timezonecode": seller.place.zone_code,
        "isvaried": 0,
    }


def _inner_rule(inner: str, seller: SeededSeller, offset: int, duration: int) -> StoredRow:
    name = "inner/" if inner == "inner/" else f"{inner}inner/"
    return _INNER_RULE | {
        "calendarruleid": fixed_id(f"calendarrule/{name}{seller.id}"),
        "calendarid": fixed_id(f"calendar/{inner}{seller.id}"),
        "offset": offset,
        "duration": duration,
    }
