"""ISO 8601 text → instants and days, DST-safe; ranges relative to now are in `periods`."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import ConfigProblem

Moment = date | datetime
"""A day, or an instant; an instant without an offset is naive until a zone is given to it."""

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
TICK = timedelta(microseconds=1)
"""The finest step of an instant; Dataverse keeps whole seconds."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises ConfigProblem when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigProblem(f"there is no time zone “{name}”: use an IANA name") from error


def parse_moment(text: str) -> Moment | None:
    """A day or an instant in extended ISO 8601 form; None for any other text. Never raises."""
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    try:
        if found[4] is None:
            return date(year, month, day)
        fraction = int((found[7] or "0")[:6].ljust(6, "0"))
        return datetime(
            year,
            month,
            day,
            int(found[4]),
            int(found[5]),
            int(found[6] or 0),
            fraction,
            tzinfo=_offset(found[8]),
        )
    except ValueError:
        return None


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in {"Z", "z"}:
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def to_utc(moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant in UTC, a naive one read as `zone`'s wall clock; None beyond the calendar."""
    try:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return aware.astimezone(UTC)
    except OverflowError:
        return None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a day begins in `zone`, in UTC; the change where the clock skips midnight."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    try:
        return begin.astimezone(UTC)
    except OverflowError:
        return begin.replace(tzinfo=UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an instant in `zone`; at the ends of the calendar the day in UTC."""
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def cell_moment(cell: object) -> Moment | None:
    """What a cell says of time: a day, an instant in UTC (Dataverse sends UTC), or None."""
    moment = cell
    if isinstance(cell, str):
        # Dataverse writes T and Z in capitals; other spellings are only read in rules.
        is_wire = cell[10:11] in {"", "T"} and not cell.endswith("z")
        moment = parse_moment(cell) if is_wire else None
    if isinstance(moment, datetime):
        return to_utc(moment, _UTC_ZONE)
    return moment if isinstance(moment, date) else None


_UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, half-open, for instants (UTC) and for columns that hold only a day.

    `start`/`end` are instants, `first`/`until` ordinals of days (`date.toordinal`); None is
    unbounded.
    """

    start: datetime | None
    end: datetime | None
    first: int | None
    until: int | None

    def holds(self, moment: Moment) -> bool:
        """Whether an instant in UTC, or a day, lies inside."""
        if isinstance(moment, datetime):
            after = self.start is None or moment >= self.start
            return after and (self.end is None or moment < self.end)
        ordinal = moment.toordinal()
        after = self.first is None or ordinal >= self.first
        return after and (self.until is None or ordinal < self.until)


def following_tick(instant: datetime) -> datetime | None:
    """The next instant; None at the end of the calendar."""
    try:
        return instant + TICK
    except OverflowError:
        return None
