"""Working time added to an instant: nights, weekends, time off, clock changes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.calendars.working_time import HORIZON, add_working_time
from engine.sellers import Calendar

DAYS = ("mon", "tue", "wed", "thu", "fri")
BERLIN = Calendar(
    time_zone="Europe/Berlin",
    weekly=dict.fromkeys(DAYS, (("09:00", "12:00"), ("13:00", "17:00"))),
    time_off=((date(2026, 11, 25), date(2026, 11, 25)),),
)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-11-23T08:00", 2, "2026-11-23T10:00"),
        ("2026-11-23T08:00", 3, "2026-11-23T11:00"),
        ("2026-11-23T08:00", 4, "2026-11-23T13:00"),
        ("2026-11-23T15:00", 2, "2026-11-24T09:00"),
        ("2026-11-24T15:30", 1, "2026-11-26T08:30"),
        ("2026-11-27T16:00", 7, "2026-11-30T16:00"),
        ("2026-11-28T12:00", 21, "2026-12-02T16:00"),
    ],
    ids=["same day", "up to noon", "over noon", "overnight", "day off", "weekend", "three days"],
)
def test_only_working_hours_count(begin: str, hours: int, end: str) -> None:
    assert add_working_time(BERLIN, instant(begin), timedelta(hours=hours)) == instant(end)


def test_an_hour_that_the_clock_repeats_is_worked_twice() -> None:
    night = Calendar(time_zone="Europe/Berlin", weekly={"sun": (("01:00", "05:00"),)})
    begin = instant("2026-10-24T12:00")
    assert add_working_time(night, begin, timedelta(hours=4)) == instant("2026-10-25T03:00")
    assert add_working_time(night, begin, timedelta(hours=5)) == instant("2026-10-25T04:00")


def test_without_a_calendar_every_hour_counts_and_without_hours_none() -> None:
    begin = instant("2026-11-28T12:00")
    assert add_working_time(None, begin, timedelta(hours=30)) == begin + timedelta(hours=30)
    nothing = Calendar(time_zone="UTC", weekly={})
    assert add_working_time(nothing, begin, timedelta(minutes=1)) == begin + HORIZON
