"""What date operators mean; NOW is Monday 23 November 2026, 09:00 UTC."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.conditions.evaluation.interpreter import holds
from engine.conditions.evaluation.periods import (
    FISCAL_PERIODS,
    add_days,
    add_months,
    fiscal_calendar,
    span_of,
    week_start,
)
from engine.conditions.language.context import Context, DateSettings
from engine.conditions.language.model import Compare, Operator, Value
from engine.conditions.language.moments import parse_moment, zone_of
from engine.errors import ConfigProblem
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, check

LONDON = DateSettings("Europe/London")


def instant(text: str, operator: str, value: object = None, **settings: Any) -> bool:
    return check(compare("createdon", operator, value), {"createdon": text}, **settings)


def day(text: str, operator: str, value: object = None, **settings: Any) -> bool:
    return check(compare("closedate", operator, value), {"closedate": text}, **settings)


@pytest.mark.parametrize(
    ("operator", "value", "first", "last"),
    [
        ("yesterday", None, "2026-11-22", "2026-11-22"),
        ("today", None, "2026-11-23", "2026-11-23"),
        ("tomorrow", None, "2026-11-24", "2026-11-24"),
        ("last-week", None, "2026-11-15", "2026-11-21"),
        ("this-week", None, "2026-11-22", "2026-11-28"),
        ("next-week", None, "2026-11-29", "2026-12-05"),
        ("last-month", None, "2026-10-01", "2026-10-31"),
        ("this-month", None, "2026-11-01", "2026-11-30"),
        ("next-month", None, "2026-12-01", "2026-12-31"),
        ("last-year", None, "2025-01-01", "2025-12-31"),
        ("this-year", None, "2026-01-01", "2026-12-31"),
        ("next-year", None, "2027-01-01", "2027-12-31"),
        ("on", "2026-11-20", "2026-11-20", "2026-11-20"),
        ("on", "2026-11-20T23:30:00Z", "2026-11-20", "2026-11-20"),
        ("this-fiscal-period", None, "2026-10-01", "2026-12-31"),
        ("last-fiscal-period", None, "2026-07-01", "2026-09-30"),
        ("next-fiscal-period", None, "2027-01-01", "2027-03-31"),
        ("this-fiscal-year", None, "2026-01-01", "2026-12-31"),
        ("last-fiscal-year", None, "2025-01-01", "2025-12-31"),
        ("next-fiscal-year", None, "2027-01-01", "2027-12-31"),
        ("last-x-fiscal-periods", 2, "2026-04-01", "2026-09-30"),
        ("next-x-fiscal-periods", 2, "2027-01-01", "2027-06-30"),
        ("last-x-fiscal-years", 2, "2024-01-01", "2025-12-31"),
        ("next-x-fiscal-years", 1, "2027-01-01", "2027-12-31"),
        ("in-fiscal-year", 2025, "2025-01-01", "2025-12-31"),
        ("in-fiscal-period-and-year", [2, 2026], "2026-04-01", "2026-06-30"),
    ],
)
def test_whole_days_are_held_from_their_first_to_their_last_second(
    operator: str, value: object, first: str, last: str
) -> None:
    before, after = (
        add_days(date.fromisoformat(first), -1).isoformat(),
        add_days(date.fromisoformat(last), 1).isoformat(),
    )
    assert instant(f"{first}T00:00:00Z", operator, value)
    assert instant(f"{last}T23:59:59Z", operator, value)
    assert not instant(f"{before}T23:59:59Z", operator, value)
    assert not instant(f"{after}T00:00:00Z", operator, value)
    assert day(first, operator, value)
    assert day(last, operator, value)
    assert not day(before, operator, value)
    assert not day(after, operator, value)


@pytest.mark.parametrize(
    ("operator", "value", "first", "first_day"),
    [
        ("last-seven-days", None, "2026-11-16T00:00:00Z", "2026-11-16"),
        ("last-x-days", 3, "2026-11-20T00:00:00Z", "2026-11-20"),
        ("last-x-weeks", 2, "2026-11-09T00:00:00Z", "2026-11-09"),
        ("last-x-months", 1, "2026-10-23T00:00:00Z", "2026-10-23"),
        ("last-x-years", 1, "2025-11-23T00:00:00Z", "2025-11-23"),
        ("last-x-hours", 10, "2026-11-22T23:00:00Z", "2026-11-22"),
    ],
)
def test_the_last_ones_run_to_now_and_for_days_to_today(
    operator: str, value: int | None, first: str, first_day: str
) -> None:
    start = datetime.fromisoformat(first)
    assert instant(first, operator, value)
    assert instant("2026-11-23T09:00:00Z", operator, value)
    assert not instant("2026-11-23T09:00:01Z", operator, value)
    earlier = datetime.fromtimestamp(start.timestamp() - 1, UTC)
    assert not instant(earlier.isoformat(), operator, value)
    assert day(first_day, operator, value)
    assert day("2026-11-23", operator, value)
    assert not day("2026-11-24", operator, value)
    assert not day(add_days(date.fromisoformat(first_day), -1).isoformat(), operator, value)


@pytest.mark.parametrize(
    ("operator", "value", "last", "last_day"),
    [
        ("next-seven-days", None, "2026-11-30T23:59:59Z", "2026-11-30"),
        ("next-x-days", 3, "2026-11-26T23:59:59Z", "2026-11-26"),
        ("next-x-weeks", 2, "2026-12-07T23:59:59Z", "2026-12-07"),
        ("next-x-months", 1, "2026-12-23T23:59:59Z", "2026-12-23"),
        ("next-x-years", 1, "2027-11-23T23:59:59Z", "2027-11-23"),
        ("next-x-hours", 20, "2026-11-24T05:00:00Z", "2026-11-24"),
    ],
)
def test_the_next_ones_run_from_now_and_for_days_from_today(
    operator: str, value: int | None, last: str, last_day: str
) -> None:
    assert instant("2026-11-23T09:00:00Z", operator, value)
    assert not instant("2026-11-23T08:59:59Z", operator, value)
    assert instant(last, operator, value)
    later = datetime.fromtimestamp(datetime.fromisoformat(last).timestamp() + 1, UTC)
    assert not instant(later.isoformat(), operator, value)
    assert day("2026-11-23", operator, value)
    assert day(last_day, operator, value)
    assert not day("2026-11-22", operator, value)
    assert not day(add_days(date.fromisoformat(last_day), 1).isoformat(), operator, value)


@pytest.mark.parametrize(
    ("operator", "value", "limit", "limit_day"),
    [
        ("olderthan-x-minutes", 30, "2026-11-23T08:30:00Z", "2026-11-23"),
        ("olderthan-x-hours", 10, "2026-11-22T23:00:00Z", "2026-11-22"),
        ("olderthan-x-days", 3, "2026-11-20T00:00:00Z", "2026-11-20"),
        ("olderthan-x-weeks", 1, "2026-11-16T00:00:00Z", "2026-11-16"),
        ("olderthan-x-months", 1, "2026-10-23T00:00:00Z", "2026-10-23"),
        ("olderthan-x-years", 1, "2025-11-23T00:00:00Z", "2025-11-23"),
    ],
)
def test_older_is_strictly_before_the_limit(
    operator: str, value: int, limit: str, limit_day: str
) -> None:
    earlier = datetime.fromtimestamp(datetime.fromisoformat(limit).timestamp() - 1, UTC)
    assert instant(earlier.isoformat(), operator, value)
    assert not instant(limit, operator, value)
    assert day(add_days(date.fromisoformat(limit_day), -1).isoformat(), operator, value)
    assert not day(limit_day, operator, value)


@pytest.mark.parametrize(
    ("operator", "value", "holding", "failing"),
    [
        ("eq", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00+01:00", "2026-11-20T10:00:01Z"),
        ("eq", "2026-11-20", "2026-11-20T00:00:00Z", "2026-11-20T00:00:01Z"),
        ("ne", "2026-11-20", "2026-11-20T00:00:01Z", "2026-11-20T00:00:00Z"),
        ("gt", "2026-11-20", "2026-11-20T00:00:01Z", "2026-11-20T00:00:00Z"),
        ("ge", "2026-11-20", "2026-11-20T00:00:00Z", "2026-11-19T23:59:59Z"),
        ("lt", "2026-11-20", "2026-11-19T23:59:59Z", "2026-11-20T00:00:00Z"),
        ("le", "2026-11-20", "2026-11-20T00:00:00Z", "2026-11-20T00:00:01Z"),
        ("le", "2026-11-20T10:00:00.5Z", "2026-11-20T10:00:00Z", "2026-11-20T10:00:01Z"),
        ("ge", "2026-11-20T10:00:00.5Z", "2026-11-20T10:00:01Z", "2026-11-20T10:00:00Z"),
        ("in", ["2026-11-20", "2026-11-21"], "2026-11-21T00:00:00Z", "2026-11-21T01:00:00Z"),
        ("on-or-before", "2026-11-20", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"),
        ("on-or-after", "2026-11-20T22:00:00Z", "2026-11-20T00:00:00Z", "2026-11-19T23:59:59Z"),
        ("between", ["2026-11-20", "2026-11-21"], "2026-11-21T00:00:00Z", "2026-11-21T00:00:01Z"),
        ("in-or-after-fiscal-period-and-year", [2, 2026], "2026-04-01T00:00:00Z", "2026-03-31"),
        ("in-or-before-fiscal-period-and-year", [2, 2026], "2026-06-30T23:59:59Z", "2026-07-01"),
        ("in-fiscal-period", 4, "2019-11-20T00:00:00Z", "2026-09-30T23:59:59Z"),
        ("in-fiscal-period", 4, "2019-12-31", "2026-09-30"),
    ],
)
def test_a_day_on_a_column_of_instants_means_its_midnight(
    operator: str, value: object, holding: str, failing: str
) -> None:
    assert instant(holding, operator, value)
    assert not instant(failing, operator, value)


@pytest.mark.parametrize(
    ("operator", "value", "holding", "failing"),
    [
        ("eq", "2026-11-20T10:00:00Z", "2026-11-20", "2026-11-21"),
        ("gt", "2026-11-20T10:00:00Z", "2026-11-21", "2026-11-20"),
        ("ge", "2026-11-20T10:00:00Z", "2026-11-20", "2026-11-19"),
        ("lt", "2026-11-20", "2026-11-19", "2026-11-20"),
        ("le", "2026-11-20", "2026-11-20", "2026-11-21"),
        ("on-or-before", "2026-11-20", "2026-11-20", "2026-11-21"),
        ("on-or-after", "2026-11-20", "2026-11-20", "2026-11-19"),
        ("between", ["2026-11-20", "2026-11-21"], "2026-11-21", "2026-11-22"),
        ("on", "9999-12-31", "9999-12-31", "9999-12-30"),
    ],
)
def test_a_column_that_holds_only_a_day_is_compared_by_days(
    operator: str, value: object, holding: str, failing: str
) -> None:
    assert day(holding, operator, value)
    assert not day(failing, operator, value)


@pytest.mark.parametrize(
    "cell",
    [
        "soon",
        "2026-13-45T99:99:99Z",
        "2026-02-30",
        "2026-11-23T24:00:00Z",
        "2026-W48-1T09:00:00Z",
        "2026-11-23T08:00:00Zx",
        "2026-11-23 08:00:00Z",
        "2026-11-23t08:00:00Z",
        "2026-11-23T08:00:00z",
        "20261123T080000Z",
        20261123,
        [],
        True,
    ],
)
def test_what_is_no_date_satisfies_no_date_operator(cell: object) -> None:
    for operator in ("today", "this-year", "last-x-hours", "on-or-after"):
        value = {"last-x-hours": 9, "on-or-after": "2000-01-01"}.get(operator)
        assert not check(compare("createdon", operator, value), {"createdon": cell})
        assert not check(compare("closedate", operator, value), {"closedate": cell})
    assert not check(compare("createdon", "in-fiscal-period", 4), {"createdon": cell})
    assert check({"not": compare("createdon", "today")}, {"createdon": cell})


def test_other_spellings_of_an_instant_are_read_too() -> None:
    for text in ("2026-11-23T08:00Z", "2026-11-23T09:30:00.1234567+01:30"):
        assert instant(text, "today")
        assert instant(text, "last-x-hours", 2)
    assert instant("2026-11-23", "last-x-hours", 1)
    assert instant("2026-11-23T08:00:00", "eq", "2026-11-23T08:00:00Z")
    assert check(compare("createdon", "today"), {"createdon": NOW})
    assert check(compare("closedate", "today"), {"closedate": NOW.date()})


def test_days_begin_at_midnight_of_the_time_zone_across_clock_changes() -> None:
    # The clocks of London go forward at 01:00 UTC on 29 March and back at 01:00 UTC on 25 October.
    spring, autumn = (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
    for now, first, last in (
        (spring, "2026-03-29T00:00:00Z", "2026-03-29T22:59:59Z"),
        (autumn, "2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z"),
    ):
        assert instant(first, "today", dates=LONDON, now=now)
        assert instant(last, "today", dates=LONDON, now=now)
        start, end = (datetime.fromisoformat(text).timestamp() for text in (first, last))
        assert not instant(_utc(start - 1), "today", dates=LONDON, now=now)
        assert not instant(_utc(end + 1), "today", dates=LONDON, now=now)
        assert instant(first, "last-x-hours", 48, dates=LONDON, now=now)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_day_begins_with_the_change_where_midnight_is_skipped() -> None:
    # In Beirut the clocks go from 00:00 to 01:00 on 29 March 2026.
    settings = {"dates": DateSettings("Asia/Beirut"), "now": datetime(2026, 3, 29, 9, tzinfo=UTC)}
    assert instant("2026-03-28T22:00:00Z", "today", **settings)
    assert not instant("2026-03-28T21:59:59Z", "today", **settings)
    assert instant("2026-03-28T21:59:59Z", "yesterday", **settings)


def test_constants_without_an_offset_are_wall_clock_time_of_the_time_zone() -> None:
    dates = DateSettings("America/New_York")
    assert instant("2026-11-20T15:00:00Z", "eq", "2026-11-20T10:00:00", dates=dates)
    assert instant("2026-11-20T05:00:00Z", "eq", "2026-11-20", dates=dates)
    assert instant("2026-11-20T03:00:00Z", "on", "2026-11-19", dates=dates)
    assert instant("2026-11-20T06:00:00Z", "on", "2026-11-21T04:59:59Z", dates=dates)
    assert day("2026-11-20", "eq", "2026-11-21T04:59:59Z", dates=dates)


def test_the_week_starts_on_the_day_of_the_settings() -> None:
    monday = DateSettings(week_starts_on="Monday")
    assert not instant("2026-11-22T12:00:00Z", "this-week", dates=monday)
    assert instant("2026-11-22T12:00:00Z", "last-week", dates=monday)
    with pytest.raises(ConfigProblem, match="week_starts_on"):
        week_start(DateSettings(week_starts_on="someday"))


@pytest.mark.parametrize(
    ("start", "period", "number", "first", "last"),
    [
        ("04-06", "quarter", 3, "2026-10-06", "2027-01-05"),
        ("04-06", "year", 1, "2026-04-06", "2027-04-05"),
        ("07-31", "month", 4, "2026-10-31", "2026-11-29"),
        ("01-01", "half_year", 2, "2026-07-01", "2026-12-31"),
        ("01-01", "four_weeks", 12, "2026-11-05", "2026-12-02"),
        ("02-29", "quarter", 3, "2026-08-28", "2026-11-27"),
    ],
)
def test_fiscal_periods_follow_the_settings(
    start: str, period: str, number: int, first: str, last: str
) -> None:
    dates = DateSettings(fiscal_year_start=start, fiscal_period=period)
    for operator, value in (
        ("this-fiscal-period", None),
        ("in-fiscal-period-and-year", [number, 2026]),
    ):
        assert day(first, operator, value, dates=dates)
        assert day(last, operator, value, dates=dates)
        assert not day(_shift(first, -1), operator, value, dates=dates)
        assert not day(_shift(last, 1), operator, value, dates=dates)
    assert day(first, "in-fiscal-period", number, dates=dates)
    assert day(last, "in-fiscal-period", number, dates=dates)


def _shift(text: str, days: int) -> str:
    return add_days(date.fromisoformat(text), days).isoformat()


def test_the_thirteenth_period_of_four_weeks_runs_to_the_end_of_the_year() -> None:
    dates = DateSettings(fiscal_period="four_weeks")
    assert day("2026-12-31", "in-fiscal-period-and-year", [13, 2026], dates=dates)
    assert not day("2027-01-01", "in-fiscal-period-and-year", [13, 2026], dates=dates)


def test_a_period_that_the_year_does_not_have_is_never() -> None:
    assert not day("2027-01-01", "in-fiscal-period-and-year", [5, 2026])
    assert not instant("2027-01-01T00:00:00Z", "in-fiscal-period-and-year", [5, 2026])
    assert not day("2026-12-31", "in-fiscal-period", 5)


@pytest.mark.parametrize(
    "settings",
    [
        DateSettings(time_zone="Mars/Base"),
        DateSettings(time_zone="../etc"),
        DateSettings(fiscal_year_start="13-01"),
        DateSettings(fiscal_year_start="April"),
        DateSettings(fiscal_period="week"),
    ],
)
def test_settings_that_make_no_calendar_are_refused(settings: DateSettings) -> None:
    with pytest.raises(ConfigProblem):
        span_of(Operator.THIS_FISCAL_PERIOD, None, NOW, settings)


def test_no_date_operator_leaves_the_calendar() -> None:
    for now in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        for zone in ("Pacific/Apia", "America/New_York", "Asia/Kathmandu"):
            for period in FISCAL_PERIODS:
                dates = DateSettings(zone, fiscal_period=period)
                for operator in Operator:
                    condition = Compare(("createdon",), operator, _extreme(operator))
                    for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31"):
                        answer = holds(condition, {"createdon": text}, Context(now, dates))
                        assert answer in {True, False}


def _extreme(operator: Operator) -> Value:
    if "period-and-year" in operator:
        return (13, 9999)
    if "between" in operator:
        return ("0001-01-01", "9999-12-31")
    if "-x-" in operator or operator is Operator.IN_FISCAL_PERIOD:
        return 10**12 if "-x-" in operator else 13
    return 9999 if operator is Operator.IN_FISCAL_YEAR else "9999-12-31T23:59:59-12:00"


def test_days_and_months_are_held_at_the_ends_of_the_calendar() -> None:
    assert add_days(date.max, 5) == date.max
    assert add_days(date.min, -5) == date.min
    assert add_months(date.max, 5) == date.max
    assert add_months(date.min, -5) == date.min
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    calendar = fiscal_calendar(DateSettings())
    assert calendar.year_start(0) == date.min
    assert calendar.year_start(10_000) == date.max


def test_the_last_instant_of_the_calendar_has_no_next_one() -> None:
    last = "9999-12-31T23:59:59.999999Z"
    assert instant(last, "eq", last)
    assert instant("9999-12-31T23:59:59Z", "lt", last)


def test_only_extended_iso_text_is_a_moment() -> None:
    assert parse_moment("2026-11-23") == date(2026, 11, 23)
    assert parse_moment("2026-11-23t09:00z") == NOW
    shifted = parse_moment("2026-11-23T09:00:00-0130")
    assert isinstance(shifted, datetime)
    assert shifted.utcoffset() is not None
    assert parse_moment("2026-11-23T09:00:00+99:00") is None
    assert parse_moment("23.11.2026") is None
    assert zone_of("UTC") is zone_of("UTC")


@pytest.mark.parametrize(
    ("now", "cell", "expected"),
    [
        ("2026-02-01", "2025-04-05", False),
        ("2026-02-01", "2025-04-06", True),
        ("2026-02-01", "2026-04-05", True),
        ("2026-02-01", "2026-04-06", False),
        ("2026-04-05", "2026-04-06", False),
        ("2026-04-06", "2026-04-06", True),
        ("2026-04-06", "2026-04-05", False),
    ],
)
def test_a_fiscal_year_is_the_one_that_began_last(now: str, cell: str, expected: bool) -> None:
    dates = DateSettings(fiscal_year_start="04-06")
    at = datetime.fromisoformat(now).replace(hour=12, tzinfo=UTC)
    row = {"closedate": cell}
    assert check(compare("closedate", "this-fiscal-year"), row, dates=dates, now=at) is expected


@pytest.mark.parametrize(
    ("year", "cell", "expected"),
    [
        (1, "0001-01-02", False),
        (1, "0001-04-06", True),
        (9999, "9999-04-05", False),
        (9999, "9999-04-06", True),
        (9999, "9999-12-30", True),
    ],
)
def test_the_first_and_the_last_fiscal_year_begin_on_their_day(
    year: int, cell: str, expected: bool
) -> None:
    dates = DateSettings(fiscal_year_start="04-06")
    condition = compare("closedate", "in-fiscal-year", year)
    assert check(condition, {"closedate": cell}, dates=dates) is expected


@pytest.mark.parametrize(
    ("operator", "cell"),
    [("last-x-hours", "0001-01-02T00:00:00Z"), ("next-x-hours", "9999-12-30T00:00:00Z")],
)
def test_hours_beyond_the_calendar_reach_to_its_end(operator: str, cell: str) -> None:
    assert check(compare("createdon", operator, 10**9), {"createdon": cell})
    assert not check(compare("createdon", operator, 10), {"createdon": cell})


@pytest.mark.parametrize(
    ("operator", "value", "days"),
    [
        ("last-x-hours", 4, {"2026-11-23", "2026-11-24"}),
        ("next-x-hours", 22, {"2026-11-24", "2026-11-25"}),
        ("olderthan-x-hours", 1, {"2026-11-22", "2026-11-23"}),
        ("olderthan-x-minutes", 120, {"2026-11-22", "2026-11-23"}),
    ],
)
def test_hours_take_in_the_days_they_touch_in_the_time_zone(
    operator: str, value: int, days: set[str]
) -> None:
    tokyo = DateSettings(time_zone="Asia/Tokyo")
    now = datetime(2026, 11, 23, 17, tzinfo=UTC)
    found = {
        day
        for day in ("2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26")
        if check(compare("closedate", operator, value), {"closedate": day}, dates=tokyo, now=now)
    }
    assert found == days


def test_today_is_the_day_in_the_time_zone() -> None:
    now = datetime(2026, 11, 23, 20, tzinfo=UTC)
    for zone, day in (("UTC", "2026-11-23"), ("Asia/Tokyo", "2026-11-24")):
        dates = DateSettings(time_zone=zone)
        for cell in ("2026-11-23", "2026-11-24"):
            found = check(compare("closedate", "today"), {"closedate": cell}, dates=dates, now=now)
            assert found is (cell == day)


def test_the_fiscal_period_of_an_instant_is_that_of_its_local_day() -> None:
    row = {"createdon": "2026-03-31T16:00:00Z"}
    for zone, period in (("UTC", 1), ("Asia/Tokyo", 2)):
        for number in (1, 2):
            condition = compare("createdon", "in-fiscal-period", number)
            found = check(condition, row, dates=DateSettings(time_zone=zone))
            assert found is (number == period)
