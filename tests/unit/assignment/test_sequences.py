"""When steps open and fall due, and what ends a sequence."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.conditions.language.context import Context
from engine.rules.durations import Duration, parse_duration
from engine.rules.models import Sequence
from engine.sellers import Calendar
from engine.sequences.timing import (
    EndReason,
    WorkingDays,
    add_duration,
    find_current_step,
    find_end,
    schedule_steps,
)
from tests.support.builders import NOW, at, eq, record, rules

LONDON = WorkingDays(time_zone="Europe/London")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 working days", Duration(3, "day", working=True)),
        ("1 Working Day", Duration(1, "day", working=True)),
        ("2 days", Duration(2, "day")),
        (" 4  hours ", Duration(4, "hour")),
        ("1 week", Duration(1, "week")),
        ("30 minutes", Duration(30, "minute")),
    ],
)
def test_lengths_of_time_are_read(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "write"),
        ("", "write"),
        ("-1 days", "write"),
        ("1.5 days", "write"),
        ("3 working hours", "only days can be working days"),
        ("10000 days", "write"),
    ],
)
def test_other_texts_are_no_lengths_of_time(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3 working days", "1 working day", "1 hour", "2 weeks"])
def test_a_length_prints_as_it_is_written(text: str) -> None:
    assert str(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("30 minutes", datetime(2026, 11, 27, 16, 30, tzinfo=UTC)),
        ("24 hours", datetime(2026, 11, 28, 16, tzinfo=UTC)),
        ("2 days", datetime(2026, 11, 29, 16, tzinfo=UTC)),
        ("1 week", datetime(2026, 12, 4, 16, tzinfo=UTC)),
        ("0 days", datetime(2026, 11, 27, 16, tzinfo=UTC)),
        ("1 working day", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("3 working days", datetime(2026, 12, 2, 16, tzinfo=UTC)),
    ],
)
def test_lengths_from_a_friday_afternoon(length: str, expected: datetime) -> None:
    friday = datetime(2026, 11, 27, 16, tzinfo=UTC)
    assert add_duration(friday, parse_duration(length), LONDON) == expected


def test_days_keep_the_wall_clock_across_a_change_and_hours_do_not() -> None:
    saturday = datetime(2026, 3, 28, 9, tzinfo=UTC)
    assert add_duration(saturday, parse_duration("1 day"), LONDON) == datetime(
        2026, 3, 29, 8, tzinfo=UTC
    )
    assert add_duration(saturday, parse_duration("24 hours"), LONDON) == datetime(
        2026, 3, 29, 9, tzinfo=UTC
    )


def test_working_days_are_the_sellers() -> None:
    calendar = Calendar(
        time_zone="Asia/Tokyo",
        weekly={"mon": (("09:00", "17:00"),), "wed": (("09:00", "17:00"),), "fri": ()},
        time_off=((date(2026, 11, 25), date(2026, 11, 26)),),
        closures=frozenset({date(2026, 11, 30)}),
    )
    days = WorkingDays(time_zone="UTC", calendar=calendar)
    assert add_duration(NOW, parse_duration("1 working day"), days) == at("12:00") + (
        datetime(2026, 12, 2, tzinfo=UTC) - datetime(2026, 11, 23, tzinfo=UTC)
    )


def test_a_calendar_without_hours_works_monday_to_friday_but_for_time_off() -> None:
    calendar = Calendar(time_off=((date(2026, 11, 24), date(2026, 11, 24)),))
    days = WorkingDays(calendar=calendar)
    assert add_duration(NOW, parse_duration("1 working day"), days) == at("12:00", 25)


def test_a_calendar_without_any_working_day_is_refused() -> None:
    days = WorkingDays(calendar=Calendar(weekly={}))
    with pytest.raises(ValueError, match="no working day"):
        add_duration(NOW, parse_duration("1 working day"), days)


STEPS = [
    {"email": "Introduce yourself", "within": "3 working days"},
    {"wait": "2 days"},
    {"task": "Prepare"},
    {"phone_call": "Follow up", "within": "1 working day"},
]


def sequence(**fields: Any) -> Sequence:
    part = {"name": "S", "table": "lead", "steps": STEPS} | fields
    return rules(sequences=[part]).sequences[0]


def test_steps_follow_each_other_by_their_due_times() -> None:
    steps = schedule_steps(sequence(), NOW, days=LONDON)
    assert [(step.kind, step.opens_at, step.due_at) for step in steps] == [
        ("email", NOW, at("12:00", 26)),
        ("wait", at("12:00", 26), at("12:00", 28)),
        ("task", at("12:00", 28), None),
        ("phone_call", at("12:00", 28), at("12:00", 30)),
    ]
    assert [step.text for step in steps][:2] == ["Introduce yourself", "2 days"]
    assert [step.index for step in steps] == [0, 1, 2, 3]


def test_what_is_done_early_pulls_the_rest_forward() -> None:
    steps = schedule_steps(sequence(), NOW, days=LONDON, completed_at=[at("13:00")])
    assert steps[0].completed_at == at("13:00")
    assert (steps[1].opens_at, steps[1].due_at) == (at("13:00"), at("13:00", 25))
    current = find_current_step(steps)
    assert current is not None
    assert current.kind == "wait"
    done = schedule_steps(sequence(), NOW, days=LONDON, completed_at=[at("13:00")] * 4)
    assert find_current_step(done) is None


def test_a_step_is_overdue_only_after_its_time() -> None:
    first, _, task, _ = schedule_steps(sequence(), NOW, days=LONDON)
    assert not first.is_overdue(at("12:00", 26))
    assert first.is_overdue(at("12:01", 26))
    assert not task.is_overdue(at("12:01", 30))
    done = schedule_steps(sequence(), NOW, days=LONDON, completed_at=[at("13:00")])[0]
    assert not done.is_overdue(at("12:01", 30))


@pytest.mark.parametrize(
    ("fields", "columns", "done", "reply", "expected"),
    [
        ({}, {}, 0, False, None),
        ({}, {"statecode": 1}, 0, False, EndReason.REGARDING_DEACTIVATED),
        ({}, {}, 3, True, None),
        ({"exit_on_reply": True}, {}, 3, True, EndReason.EXIT_CRITERION_MET),
        ({"exit_on_reply": True}, {}, 3, False, None),
        (
            {"exit_when": eq("subject", "x")},
            {"subject": "X"},
            0,
            False,
            EndReason.EXIT_CRITERION_MET,
        ),
        ({"exit_when": eq("subject", "x")}, {"subject": "y"}, 0, False, None),
        ({}, {}, 4, False, EndReason.COMPLETED),
    ],
)
def test_what_ends_a_sequence(
    fields: dict[str, Any],
    columns: dict[str, Any],
    done: int,
    reply: bool,
    expected: EndReason | None,
) -> None:
    context = Context(now=NOW, table="lead")
    found = find_end(
        sequence(**fields), record(**columns), context, completed_steps=done, has_reply=reply
    )
    assert found is expected
