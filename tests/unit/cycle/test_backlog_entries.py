"""When a row that could not be handled is tried again."""

from datetime import timedelta

import pytest

from connector.cycle.rows.backlog_entries import Waiting, wait_for_routing, wait_for_write
from connector.ports import WriteOutcome
from connector.state.records import BacklogEntry, DecisionRecord, Outcome
from engine.rules.models import Retry
from tests.support.fake_dataverse import START

MINUTE = timedelta(minutes=1)


def decision(status: int | None, rule: str | None = None) -> DecisionRecord:
    return DecisionRecord(
        table="lead",
        row_id="1",
        cycle_id="c",
        decided_at=START,
        outcome=Outcome.UNCHANGED,
        plan_checksum="",
        rule_set_checksum="",
        rule=rule,
        routing_status=status,
    )


def waiting(status: int | None, rule: str | None = None, *, tried: int = 0) -> Waiting:
    before = entry(tried) if tried else None
    return Waiting(decision=decision(status, rule), before=before)


def entry(attempts: int) -> BacklogEntry:
    since = START - timedelta(days=1)
    return BacklogEntry(
        table="lead",
        row_id="1",
        reason="",
        code="failed",
        since=since,
        next_try_at=START,
        attempts=attempts,
    )


@pytest.mark.parametrize("status", [None, 2, 9, 17])
def test_a_row_that_needs_nobody_does_not_wait(status: int | None) -> None:
    assert wait_for_routing(waiting(status), START) is None


@pytest.mark.parametrize(("status", "waits"), [(4, None), (10, timedelta(minutes=15))])
def test_the_status_says_how_long(status: int, waits: timedelta | None) -> None:
    found = wait_for_routing(waiting(status, "To London"), START)
    assert found is not None
    assert found.reason.endswith("(rule To London)")
    if waits is None:
        assert found.next_try_at is None


def test_a_known_chance_wins_and_the_wait_goes_on_counting() -> None:
    chance = START + timedelta(hours=14)
    found = wait_for_routing(waiting(6, tried=3), START, chance_at=chance)
    assert found is not None
    assert (found.next_try_at, found.since, found.attempts) == (chance, entry(3).since, 4)


@pytest.mark.parametrize(
    ("attempts", "waits"), [(0, MINUTE), (1, 2 * MINUTE), (4, 16 * MINUTE), (50, 60 * MINUTE)]
)
def test_writes_that_fail_are_tried_ever_later(attempts: int, waits: timedelta) -> None:
    row = waiting(2, tried=attempts)
    found = wait_for_write(row, WriteOutcome.FAILED, START, message="no answer")
    assert found.next_try_at == START + waits
    assert found.reason.endswith(": no answer")


def test_a_conflict_is_due_at_once() -> None:
    found = wait_for_write(waiting(2, tried=5), WriteOutcome.CONFLICT, START, message=None)
    assert found.next_try_at == START


@pytest.mark.parametrize(
    ("policy", "status", "tried", "minutes", "note"),
    [
        (Retry(every_minutes=30), 7, 0, 30, None),
        (Retry(every_minutes=30), 4, 0, 30, None),
        (Retry(every_minutes=30), 11, 0, None, None),
        (Retry(attempts=3), 10, 1, 60, None),
        (Retry(attempts=3), 10, 2, None, "given up after 3 tries"),
        (Retry(attempts=1), 7, 0, None, "given up after 1 try"),
        (Retry(every_minutes=5, for_hours=25), 7, 1, 5, None),
        (Retry(every_minutes=5, for_hours=24), 7, 1, None, "given up after 24 hours"),
    ],
)
def test_a_rule_says_how_soon_how_long_and_how_often(
    policy: Retry, status: int, tried: int, minutes: int | None, note: str | None
) -> None:
    found = wait_for_routing(waiting(status, "R", tried=tried), START, policy=policy)
    assert found is not None
    due = None if minutes is None else START + timedelta(minutes=minutes)
    assert found.next_try_at == due
    assert found.reason.partition("; ")[2] == (note or "")


def test_an_opening_counts_beside_a_policy_and_after_it() -> None:
    chance = START + timedelta(minutes=20)
    often, seldom, spent = (
        wait_for_routing(waiting(6, "R"), START, policy=policy, chance_at=chance)
        for policy in (Retry(every_minutes=5), Retry(every_minutes=60), Retry(attempts=1))
    )
    assert often is not None
    assert often.next_try_at == START + timedelta(minutes=5)
    for found in (seldom, spent):
        assert found is not None
        assert found.next_try_at == chance
