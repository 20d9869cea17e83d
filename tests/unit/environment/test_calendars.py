"""Calendars of sellers from the rules that Dataverse keeps."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from connector.environment.calendars import build_calendar
from engine.calendars.availability import free_spans
from engine.calendars.recurrences import works_on
from engine.sellers import Calendar
from engine.sequences.timing import WorkingDays

MONDAY = date(2026, 11, 23)
DAYS = "BYDAY=MO,TU,WE,TH,FR"
Rules = Sequence[Mapping[str, object]]


def hours(start: int, end: int, **columns: object) -> dict[str, object]:
    return {"offset": start * 60, "duration": (end - start) * 60, "timecode": 0, **columns}


OFFICE = [hours(9, 17)]
LUNCH = hours(12, 13, timecode=0, subcode=4)
OFF = [hours(0, 24, timecode=2, subcode=6)]


def rule(pattern: str, inner: str = "office", **columns: object) -> dict[str, object]:
    return {
        "pattern": pattern,
        "starttime": "2026-11-23T00:00:00Z",
        "timezonecode": 92,
        "_innercalendarid_value": inner,
        **columns,
    }


def build(*outer: Mapping[str, object], **inner: Rules) -> Calendar:
    return build_calendar(outer, {"office": OFFICE, "off": OFF, **inner})


def spans(calendar: Calendar, days: int = 28) -> list[str]:
    """The working stretches from the Monday on, as `Mon 23 09-17`."""
    begin = datetime.combine(MONDAY, datetime.min.time(), UTC)
    return [
        f"{start:%a %d %H}-{stop:%H}"
        for start, stop in free_spans(calendar, begin, begin + timedelta(days=days))
    ]


def days_of(calendar: Calendar, days: int = 28) -> list[int]:
    """How many days after the Monday somebody works, by the hours and by the working days."""
    worked = [MONDAY + timedelta(days=number) for number in range(days)]
    by_hours = {
        start.date()
        for day in worked
        for start, _ in free_spans(
            calendar,
            datetime.combine(day, datetime.min.time(), UTC),
            datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC),
        )
    }
    by_days = {day for day in worked if WorkingDays(calendar=calendar).is_working(day)}
    assert by_hours == by_days
    return [(day - MONDAY).days for day in sorted(by_hours)]


@pytest.mark.parametrize(
    ("pattern", "days"),
    [
        ("FREQ=DAILY", [0, 1, 2, 3, 4, 5, 6]),
        ("FREQ=DAILY;INTERVAL=1;BYDAY=MO,TU", [0, 1]),
        ("FREQ=WEEKLY;INTERVAL=1;BYDAY=SU,MO", [0, 6]),
        ("freq=weekly;byday=we;", [2]),
        ("FREQ=WEEKLY", [0]),
    ],
)
def test_hours_of_every_week_are_the_calendars_week(pattern: str, days: list[int]) -> None:
    calendar = build(rule(pattern))
    assert calendar.recurring == ()
    assert days_of(calendar, 14) == [*days, *(day + 7 for day in days)]


@pytest.mark.parametrize(
    ("pattern", "days"),
    [
        ("FREQ=DAILY;INTERVAL=3", [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),
        ("FREQ=DAILY;COUNT=2", [0, 1]),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20261127T000000Z", [0, 2, 4]),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20261127", [0, 2, 4]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", [0, 4, 14, 18]),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=TU,WE", [1, 2, 8]),
        ("FREQ=MONTHLY;BYDAY=1MO", [14]),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1", [7]),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", [8, 22]),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=5", [12]),
    ],
)
def test_other_recurrences_are_laid_out(pattern: str, days: list[int]) -> None:
    assert days_of(build(rule(pattern))) == days


def test_a_rule_holds_until_its_interval_ends_and_the_next_one_begins() -> None:
    calendar = build(
        rule(f"FREQ=WEEKLY;{DAYS}", effectiveintervalend="2026-11-25T00:00:00Z"),
        rule(f"FREQ=WEEKLY;{DAYS}", "late", starttime="2026-11-25T00:00:00Z"),
        late=[hours(13, 21)],
    )
    assert spans(calendar, 5) == [
        "Mon 23 09-17",
        "Tue 24 09-17",
        "Wed 25 13-21",
        "Thu 26 13-21",
        "Fri 27 13-21",
    ]


def test_an_end_that_means_never_is_none() -> None:
    end = "9999-12-30T00:00:00Z"
    assert build(rule("FREQ=WEEKLY;BYDAY=MO", effectiveintervalend=end)).recurring == ()


def test_hours_may_change_from_week_to_week() -> None:
    calendar = build(
        rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"),
        rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "late", starttime="2026-11-30T00:00:00Z"),
        late=[hours(13, 21)],
    )
    assert spans(calendar, 21) == ["Mon 23 09-17", "Mon 30 13-21", "Mon 07 09-17"]


def test_a_day_of_its_own_hides_the_rules_below_it() -> None:
    calendar = build(
        rule(f"FREQ=WEEKLY;{DAYS}", rank=0),
        rule("FREQ=DAILY;COUNT=1", "short", starttime="2026-11-24T00:00:00Z", rank=1),
        short=[hours(10, 12)],
    )
    assert spans(calendar, 3) == ["Mon 23 09-17", "Tue 24 10-12", "Wed 25 09-17"]


def test_breaks_are_taken_from_recurring_hours_as_from_weekly_ones() -> None:
    inner: Rules = [*OFFICE, LUNCH]
    weekly = build(rule("FREQ=WEEKLY;BYDAY=MO"), office=inner)
    recurring = build(rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"), office=inner)
    assert spans(weekly, 1) == spans(recurring, 1) == ["Mon 23 09-12", "Mon 23 13-17"]


@pytest.mark.parametrize(
    ("off", "days"),
    [
        (rule("FREQ=DAILY;COUNT=3", "off", effectiveintervalend="2026-11-26T00:00:00Z"), [3, 4]),
        (rule("FREQ=DAILY;COUNT=3", "off"), [3, 4]),
        (rule("FREQ=DAILY;INTERVAL=1;UNTIL=20261124", "off"), [2, 3, 4]),
        (rule("", "off", effectiveintervalend="2026-11-25T00:00:00Z"), [2, 3, 4]),
        (rule("", "off"), [1, 2, 3, 4]),
        (rule("FREQ=WEEKLY;BYDAY=FR", "off"), [0, 1, 2, 3]),
        (rule("FREQ=DAILY;INTERVAL=2", "off"), [1, 3]),
        (rule("FREQ=HOURLY", "off"), [0, 1, 2, 3, 4]),
        (rule("FREQ=DAILY;COUNT=3", "off", starttime=None), [0, 1, 2, 3, 4]),
    ],
)
def test_time_off_is_off(off: Mapping[str, object], days: list[int]) -> None:
    assert days_of(build(rule(f"FREQ=WEEKLY;{DAYS}"), off), 7) == days


def test_who_has_recurring_time_off_alone_is_free_at_all_other_times() -> None:
    calendar = build(rule("FREQ=WEEKLY;BYDAY=TU", "off"))
    assert spans(calendar, 3) == ["Mon 23 00-00", "Wed 25 00-00"]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "FREQ=SECONDLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=WEEKLY;BYDAY=XX",
    ],
)
def test_hours_without_a_recurrence_of_days_are_left_out(pattern: str) -> None:
    assert build(rule(pattern)) == Calendar(time_zone="Etc/UTC")


def test_the_zone_is_that_of_the_rules_which_name_one() -> None:
    outer = [
        rule("FREQ=DAILY", timezonecode=85),
        rule("FREQ=DAILY", timezonecode=None),
        rule("FREQ=DAILY", timezonecode=-1),
    ]
    assert build(*outer).time_zone == "Europe/London"
    assert build(outer[1]).time_zone == "UTC"


@pytest.mark.parametrize(
    "pattern",
    ["FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=8", "FREQ=WEEKLY;INTERVAL=01;BYDAY=MO"],
)
def test_parts_that_mean_nothing_in_a_weekly_pattern_keep_its_days(pattern: str) -> None:
    rule = {
        "pattern": pattern,
        "starttime": "2026-01-05T00:00:00Z",
        "_innercalendarid_value": "a",
    }
    calendar = build_calendar([rule], {"a": [{"offset": 480, "duration": 540}]})
    weekly = dict(calendar.weekly or {})
    days = {date(2026, 1, 5) + timedelta(days=n) for n in range(14)}
    laid_out = {day for day in days if works_on(calendar.recurring, day)}
    mondays = {date(2026, 1, 5), date(2026, 1, 12)}
    assert set(weekly) == {"mon"} or laid_out == mondays
