"""When scheduled runs are due: days, times, clock changes, and what was missed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.policies.scheduled_runs import find_due_run, find_next_run
from engine.rules.models import ScheduledRuns

BERLIN = "Europe/Berlin"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(*at: str, **fields: Any) -> ScheduledRuns:
    return ScheduledRuns(at=at, **fields)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24T06:59", None),
        ("2026-11-24T07:00", "2026-11-24T07:00"),
        ("2026-11-24T11:59", "2026-11-24T07:00"),
        ("2026-11-24T12:00", "2026-11-24T12:00"),
        ("2026-11-24T22:59", "2026-11-24T12:00"),
        ("2026-11-24T23:00", None),
    ],
    ids=["before", "at once", "until the next", "the next", "until midnight", "not tomorrow"],
)
def test_the_latest_run_of_the_day_is_due_until_the_day_is_over(now: str, due: str | None) -> None:
    found = find_due_run(schedule("08:00", "13:00"), BERLIN, instant(now))
    assert found == (None if due is None else instant(due))


def test_a_run_of_late_evening_has_an_hour() -> None:
    late = schedule("23:59")
    due = instant("2026-11-24T22:59")
    assert find_due_run(late, BERLIN, instant("2026-11-24T23:30")) == due
    assert find_due_run(late, BERLIN, instant("2026-11-24T23:58")) == due
    assert find_due_run(late, BERLIN, instant("2026-11-24T23:59")) is None


def test_days_and_the_first_day_are_those_of_the_zone() -> None:
    # Monday in Auckland begins on Sunday at eleven in UTC.
    mondays = schedule("00:30", days=("mon",))
    zone, sunday = "Pacific/Auckland", instant("2026-11-22T11:31")
    assert find_due_run(mondays, zone, sunday) == instant("2026-11-22T11:30")
    later = schedule("00:30", days=("mon",), starts_on="2026-11-24")
    assert find_due_run(later, zone, sunday) is None
    assert find_next_run(later, zone, sunday) == instant("2026-11-29T11:30")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-29T01:29", None),
        ("2026-03-29T01:30", "2026-03-29T01:30"),
        ("2026-10-25T00:29", None),
        ("2026-10-25T00:30", "2026-10-25T00:30"),
        ("2026-10-25T01:30", "2026-10-25T00:30"),
    ],
    ids=["skipped, before", "skipped, late", "twice, before", "twice, first", "twice, same run"],
)
def test_a_skipped_time_runs_late_and_a_repeated_one_once(now: str, due: str | None) -> None:
    found = find_due_run(schedule("02:30"), BERLIN, instant(now))
    assert found == (None if due is None else instant(due))


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("2026-11-24T06:00", "2026-11-24T07:00"),
        ("2026-11-24T07:00", "2026-11-24T12:00"),
        ("2026-11-24T12:00", "2026-11-27T07:00"),
        ("2026-03-27T12:30", "2026-03-31T06:00"),
    ],
)
def test_the_next_run_is_the_first_that_is_still_to_come(now: str, following: str) -> None:
    runs = schedule("13:00", "08:00", days=("tue", "fri"))
    assert find_next_run(runs, BERLIN, instant(now)) == instant(following)
