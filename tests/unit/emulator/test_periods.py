"""Relative and fiscal periods in the caller's zone, clock changes and unusual calendars included."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.sql.context import QueryContext, instant_text
from connector.emulator.query.sql.periods import time_range_of
from connector.emulator.storage.sql_functions import local_text


def window(context: QueryContext, operator: str, *numbers: int, **changes: Any) -> tuple[str, str]:
    found = time_range_of(operator, numbers, replace(context, **changes))
    assert found is not None
    start = instant_text(found.start) if found.start else "-"
    return start, instant_text(found.end) if found.end else "-"


LONDON = {"time_zone": "Europe/London", "now": datetime(2026, 3, 29, 12, 0, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("operator", "numbers", "expected"),
    [
        ("today", (), ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z")),
        ("yesterday", (), ("2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z")),
        ("tomorrow", (), ("2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z")),
        ("this-month", (), ("2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z")),
        ("last-x-hours", (13,), ("2026-03-28T23:00:00Z", "2026-03-29T12:00:01Z")),
        ("last-x-days", (1,), ("2026-03-28T00:00:00Z", "2026-03-29T12:00:01Z")),
        ("next-x-days", (1,), ("2026-03-29T12:00:00Z", "2026-03-30T23:00:00Z")),
        ("next-x-hours", (1,), ("2026-03-29T12:00:00Z", "2026-03-29T13:00:01Z")),
        ("olderthan-x-minutes", (30,), ("-", "2026-03-29T11:30:00Z")),
        ("olderthan-x-weeks", (1,), ("-", "2026-03-22T00:00:00Z")),
        ("last-x-months", (1,), ("2026-02-28T00:00:00Z", "2026-03-29T12:00:01Z")),
        ("next-x-years", (1,), ("2026-03-29T12:00:00Z", "2027-03-29T23:00:00Z")),
        ("next-seven-days", (), ("2026-03-29T12:00:00Z", "2026-04-05T23:00:00Z")),
    ],
)
def test_days_are_the_callers_days_on_both_sides_of_a_clock_change(
    context: QueryContext, operator: str, numbers: tuple[int, ...], expected: tuple[str, str]
) -> None:
    assert window(context, operator, *numbers, **LONDON) == expected


def test_weeks_start_where_the_organization_says(context: QueryContext) -> None:
    assert window(context, "this-week")[0] == "2026-03-15T00:00:00Z"
    assert window(context, "this-week", week_start=0)[0] == "2026-03-16T00:00:00Z"
    assert window(context, "next-week", week_start=2) == (
        "2026-03-25T00:00:00Z",
        "2026-04-01T00:00:00Z",
    )


@pytest.mark.parametrize(
    ("operator", "numbers", "start", "end"),
    [
        ("this-fiscal-year", (), "2025-07-01", "2026-07-01"),
        ("last-fiscal-year", (), "2024-07-01", "2025-07-01"),
        ("next-fiscal-year", (), "2026-07-01", "2027-07-01"),
        ("this-fiscal-period", (), "2026-01-01", "2026-04-01"),
        ("last-fiscal-period", (), "2025-10-01", "2026-01-01"),
        ("last-x-fiscal-periods", (2,), "2025-07-01", "2026-01-01"),
        ("next-x-fiscal-periods", (2,), "2026-04-01", "2026-10-01"),
        ("last-x-fiscal-years", (2,), "2023-07-01", "2025-07-01"),
        ("next-x-fiscal-years", (1,), "2026-07-01", "2027-07-01"),
        ("in-fiscal-year", (2026,), "2026-07-01", "2027-07-01"),
        ("in-fiscal-period-and-year", (1, 2025), "2025-07-01", "2025-10-01"),
    ],
)
def test_the_fiscal_year_may_start_in_july(
    context: QueryContext, operator: str, numbers: tuple[int, ...], start: str, end: str
) -> None:
    expected = (f"{start}T00:00:00Z", f"{end}T00:00:00Z")
    assert window(context, operator, *numbers, fiscal_month=7) == expected


def test_open_fiscal_stretches(context: QueryContext) -> None:
    operator = "in-or-before-fiscal-period-and-year"
    assert window(context, operator, 1, 2026) == ("-", "2026-04-01T00:00:00Z")


@pytest.mark.parametrize(
    ("operator", "numbers"),
    [
        ("in-fiscal-period-and-year", (5, 2026)),
        ("in-fiscal-year", (99999,)),
        ("last-x-years", (9000,)),
    ],
)
def test_what_leaves_the_calendar_is_refused(
    context: QueryContext, operator: str, numbers: tuple[int, ...]
) -> None:
    with pytest.raises(ODataError, match="outside of the calendar"):
        time_range_of(operator, numbers, context)


def test_other_operators_are_no_period(context: QueryContext) -> None:
    assert time_range_of("eq", (), context) is None
    assert time_range_of("in-fiscal-period", (1,), context) is None


def test_local_text_follows_the_zone() -> None:
    assert local_text("2026-03-29T12:00:00Z", "Europe/London") == "2026-03-29T13:00:00"
    assert local_text("2026-03-29", "Europe/London") == "2026-03-29"
    assert local_text(None, "UTC") is None
