"""When scheduled runs over unassigned rows are due; running them is the connector's.

"Manage unassigned records" (wa-manage-unassigned-records) and the properties of a segment in the
Dynamics 365 Sales documentation: start date, days of the week, times of the day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.calendars.calendar_data import WEEKDAYS
from engine.rules.models import ScheduledRuns

GRACE = timedelta(hours=1)
"""How long a run of late evening is made up for on the next day."""

_DAY = timedelta(days=1)


def find_due_run(schedule: ScheduledRuns, time_zone: str, now: datetime) -> datetime | None:
    """The latest run that should have begun by `now` (aware), in UTC; None when it is too late.

    A run is made up for until the end of its day in `time_zone`, and for an hour at least. A time
    that the clock skips runs as long after midnight as on any other day, one that the clock shows
    twice runs at the first.
    """
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    past = [
        (day, at)
        for day in (today - _DAY, today)
        for at in _runs_of(schedule, zone, day)
        if at <= now
    ]
    if not past:
        return None
    day, at = max(past, key=lambda found: found[1])
    return at if day == today or now < at + GRACE else None


def find_next_run(schedule: ScheduledRuns, time_zone: str, now: datetime) -> datetime:
    """The first run after `now` (aware), in UTC."""
    zone = ZoneInfo(time_zone)
    day = now.astimezone(zone).date()
    if schedule.starts_on is not None:
        day = max(day, date.fromisoformat(schedule.starts_on))
    while True:
        later = [at for at in _runs_of(schedule, zone, day) if at > now]
        if later:
            return min(later)
        day += _DAY


def _runs_of(schedule: ScheduledRuns, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The instants of one day's runs, in UTC."""
    if WEEKDAYS[day.weekday()] not in schedule.days or not _has_begun(schedule, day):
        return
    for clock in schedule.at:
        wall = datetime.combine(day, time.fromisoformat(clock), zone)
        yield wall.astimezone(UTC)


def _has_begun(schedule: ScheduledRuns, day: date) -> bool:
    return schedule.starts_on is None or day >= date.fromisoformat(schedule.starts_on)
