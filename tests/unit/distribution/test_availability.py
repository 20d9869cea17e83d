"""When somebody is free: weekly hours, breaks, days off, and clocks that are put forward and back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.calendars.availability import (
    Timeline,
    bucket_of,
    free_spans,
    is_day_off,
    wait_until_free,
)
from engine.distribution.windows import TimelineShelf, Window
from engine.sellers import Calendar

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = timedelta(hours=1)


def daily(*intervals: tuple[str, str], zone: str = "UTC", **values: Any) -> Calendar:
    return Calendar(time_zone=zone, weekly=dict.fromkeys(WEEKDAYS, intervals), **values)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wait_hours(calendar: Calendar, text: str) -> float | None:
    wait = wait_until_free(calendar, utc(text))
    return None if wait is None else wait / HOURS


def spans(calendar: Calendar, begin: str, end: str) -> list[tuple[str, str]]:
    found = free_spans(calendar, utc(begin), utc(end))
    return [(f"{start:%d %H:%M}", f"{stop:%d %H:%M}") for start, stop in found]


def test_no_calendar_is_always_available() -> None:
    assert wait_until_free(None, utc("2026-11-23T03:00")) == timedelta(0)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-23T08:00", 1.0),
        ("2026-11-23T09:00", 0.0),
        ("2026-11-23T11:59:59", 0.0),
        ("2026-11-23T12:00", 1.0),
        ("2026-11-23T13:00", 0.0),
        ("2026-11-23T17:00", 16.0),
    ],
)
def test_hours_are_half_open_and_a_gap_between_intervals_is_not_worked(
    now: str, hours: float
) -> None:
    assert wait_hours(daily(("09:00", "12:00"), ("13:00", "17:00")), now) == hours


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-11-23T12:00", 0.5), ("2026-11-23T12:30", 0.0)], ids=["in", "after"]
)
def test_breaks_are_not_worked(now: str, hours: float) -> None:
    lunch = {"mon": (("12:00", "12:30"),)}
    assert wait_hours(daily(("09:00", "17:00"), breaks=lunch), now) == hours


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-23T21:59", 1 / 60),
        ("2026-11-23T23:59", 0.0),
        ("2026-11-24T05:59", 0.0),
        ("2026-11-24T06:00", None),
        ("2026-11-25T22:00", 120.0),
        ("2026-11-25T21:59", None),
    ],
)
def test_hours_past_midnight_run_into_the_next_day(now: str, hours: float | None) -> None:
    calendar = Calendar(weekly={"mon": (("22:00", "06:00"),)})
    assert wait_hours(calendar, now) == hours


@pytest.mark.parametrize(
    "interval", [("00:00", "24:00"), ("00:00", "00:00"), ("08:00", "08:00")], ids=str
)
def test_a_whole_day_can_be_written_in_several_ways(interval: tuple[str, str]) -> None:
    assert wait_hours(daily(interval), "2026-11-23T23:59:59") == 0.0


def test_nobody_with_an_empty_week_is_ever_free() -> None:
    assert wait_hours(Calendar(weekly={}), "2026-11-23T09:00") is None


def test_time_off_without_hours_leaves_all_other_times() -> None:
    off = Calendar(
        time_zone="America/New_York", time_off=((date(2026, 12, 24), date(2026, 12, 26)),)
    )
    assert wait_hours(off, "2026-12-24T04:59") == 0.0
    assert wait_hours(off, "2026-12-24T05:00") == 72.0
    assert wait_hours(off, "2026-12-27T05:00") == 0.0


def test_days_off_are_local_days_even_for_hours_that_began_before() -> None:
    calendar = daily(("22:00", "06:00"), time_off=((date(2026, 11, 24), date(2026, 11, 24)),))
    assert spans(calendar, "2026-11-23T20:00", "2026-11-25T12:00") == [
        ("23 22:00", "24 00:00"),
        ("25 00:00", "25 06:00"),
    ]


def test_closures_and_public_holidays_are_days_off() -> None:
    calendar = Calendar(closures=frozenset({date(2026, 11, 27)}), country="GB", subdivision="SCT")
    days = [date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 25), date(2026, 12, 1)]
    assert [is_day_off(calendar, day) for day in days] == [True, True, True, False]
    assert wait_hours(calendar, "2026-11-27T12:00") == 12.0


@pytest.mark.parametrize(
    ("zone", "interval", "begin", "end", "expected"),
    [
        pytest.param(
            "Europe/London",
            ("01:30", "09:00"),
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            [("29 01:00", "29 08:00")],
            id="London-forward-start-is-skipped",
        ),
        pytest.param(
            "Europe/London",
            ("00:00", "01:30"),
            "2026-10-24T12:00",
            "2026-10-25T12:00",
            [("24 23:00", "25 00:30"), ("25 01:00", "25 01:30")],
            id="London-back-half-hour-twice",
        ),
        pytest.param(
            "Europe/London",
            ("09:00", "17:00"),
            "2026-10-24T00:00",
            "2026-10-26T00:00",
            [("24 08:00", "24 16:00"), ("25 09:00", "25 17:00")],
            id="London-office-hours-move-in-utc",
        ),
        pytest.param(
            "America/New_York",
            ("02:15", "02:45"),
            "2026-03-07T12:00",
            "2026-03-09T12:00",
            [("09 06:15", "09 06:45")],
            id="New-York-hours-that-never-come",
        ),
        pytest.param(
            "America/New_York",
            ("22:00", "06:00"),
            "2026-10-31T12:00",
            "2026-11-01T18:00",
            [("01 02:00", "01 11:00")],
            id="New-York-a-night-of-nine-hours",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            ("01:45", "03:00"),
            "2026-10-03T00:00",
            "2026-10-04T00:00",
            [("03 15:15", "03 16:00")],
            id="Lord-Howe-half-an-hour-forward",
        ),
        pytest.param(
            "America/Sao_Paulo",
            ("00:00", "02:00"),
            "2018-11-03T12:00",
            "2018-11-04T12:00",
            [("04 03:00", "04 04:00")],
            id="Sao-Paulo-midnight-is-skipped",
        ),
        pytest.param(
            "Africa/Cairo",
            ("23:00", "00:30"),
            "2026-10-29T12:00",
            "2026-10-30T12:00",
            [("29 20:00", "29 22:30")],
            id="Cairo-the-hour-before-midnight-twice",
        ),
    ],
)
def test_hours_follow_the_wall_clock(
    zone: str, interval: tuple[str, str], begin: str, end: str, expected: list[tuple[str, str]]
) -> None:
    assert spans(daily(interval, zone=zone), begin, end) == expected


def test_a_stretch_may_end_where_the_clock_changes() -> None:
    calendar = daily(("00:00", "24:00"), zone="Europe/London")
    expected = [("28 12:00", "29 01:00")]
    assert spans(calendar, "2026-03-28T12:00", "2026-03-29T01:00") == expected


def test_days_that_a_zone_left_out_do_no_harm() -> None:
    apia = daily(("09:00", "10:00"), zone="Pacific/Apia")
    found = free_spans(apia, utc("2011-12-28T00:00"), utc("2012-01-01T00:00"))
    local = [start.astimezone(ZoneInfo("Pacific/Apia")).day for start, _ in found]
    assert local == [28, 29, 31, 1]


def test_time_off_over_a_clock_change_lasts_as_long_as_the_days_do() -> None:
    off = Calendar(time_zone="Europe/London", time_off=((date(2026, 3, 29), date(2026, 3, 29)),))
    assert wait_hours(off, "2026-03-29T00:00") == 23.0


@pytest.mark.parametrize(
    ("hours", "bucket"), [(0, 0), (0.01, 1), (24, 1), (24.01, 2), (48, 2), (96.5, 5), (120, 5)]
)
def test_buckets_are_of_twenty_four_hours_with_their_upper_end(hours: float, bucket: int) -> None:
    assert bucket_of(hours * HOURS) == bucket


def test_a_timeline_says_what_a_fresh_look_says() -> None:
    calendar = daily(
        ("22:15", "06:00"),
        ("13:00", "15:30"),
        zone="Europe/London",
        time_off=((date(2026, 3, 20), date(2026, 3, 30)), (date(2026, 4, 10), date(2026, 5, 20))),
    )
    timeline = Timeline(calendar)
    now = utc("2026-03-15T00:00")
    while now < utc("2026-05-25T00:00"):
        outlook, wait = timeline.outlook(now), wait_until_free(calendar, now)
        assert outlook.since <= now < outlook.until
        assert outlook.is_free == (wait == timedelta(0))
        if wait:
            assert outlook.next_free == now + wait
        now += timedelta(hours=5, minutes=15)


@pytest.mark.parametrize(
    "steps",
    [[5.25], [-5.25], [31.0], [1.0], [9.0, -4.0]],
    ids=["forward", "back", "leaps", "hourly", "to-and-fro"],
)
@pytest.mark.parametrize("window", [1, 24, 60, 120])
def test_a_window_keeps_the_buckets_as_time_moves(window: int, steps: list[float]) -> None:
    night = daily(("22:15", "06:00"), zone="Europe/London")
    monday = Calendar(weekly={"mon": (("09:00", "17:00"),)})
    never = Calendar(weekly={})
    sabbatical = daily(("09:00", "17:00"), time_off=((date(2026, 3, 1), date(2026, 5, 31)),))
    calendars = [(None,), (night,), (monday,), (never,), (monday, night), (night,), (sabbatical,)]
    kept = Window(TimelineShelf(calendars), window, len(calendars))
    now = utc("2026-03-28T00:00")
    for step in steps * (80 // len(steps)):
        before = list(kept.buckets)
        changed = kept.advance(now)
        expected = [bucket(each, now, window) for each in calendars]
        assert kept.buckets == expected
        moved = [
            at for at, pair in enumerate(zip(before, expected, strict=True)) if pair[0] != pair[1]
        ]
        assert sorted(changed) == moved
        now += step * HOURS


def bucket(calendars: tuple[Calendar | None, ...], now: datetime, window: int) -> int | None:
    waits = [wait_until_free(calendar, now) for calendar in calendars]
    known = [wait for wait in waits if wait is not None and wait <= window * HOURS]
    return bucket_of(min(known)) if known else None
