"""Recurrences that cannot be laid out, that never come, and that are looked at twice."""

from datetime import date, timedelta

import pytest

from engine.calendars.recurrences import check_pattern, works_on
from engine.sellers import RecurringHours

MONDAY = date(2026, 1, 5)


def recurring(pattern: str) -> list[RecurringHours]:
    return [RecurringHours(pattern=pattern, first=MONDAY, hours=(("08:00", "17:00"),))]


@pytest.mark.parametrize(
    "pattern",
    [
        "FREQ=YEARLY;BYMONTH=13;BYDAY=1MO",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "FREQ=HOURLY",
    ],
)
def test_what_cannot_be_laid_out_is_refused_beforehand(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a recurrence of days"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["FREQ=DAILY;COUNT=2", "FREQ=DAILY;UNTIL=20260106T000000Z"])
def test_a_recurrence_that_ended_is_asked_as_often_as_one_likes(pattern: str) -> None:
    for _ in range(3):
        worked = [works_on(recurring(pattern), MONDAY + timedelta(days=n)) for n in range(4)]
        assert worked == [True, True, False, False]


def test_a_day_that_never_comes_is_not_sought_for_ever() -> None:
    assert not works_on(recurring("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), date(2027, 2, 28))
