"""When a row that could not be handled is tried again."""

from datetime import timedelta

import pytest

from connector.cycle.waiting import wait_for_routing, wait_for_write
from connector.ports import WriteOutcome
from connector.state import BacklogEntry, DecisionRecord
from tests.support.fake_dataverse import START

MINUTE = timedelta(minutes=1)


def decision(status: int | None, rule: str | None = None) -> DecisionRecord:
    return DecisionRecord(
        table="lead",
        row_id="1",
        cycle_id="c",
        decided_at=START,
        outcome="unchanged",
        plan_checksum="",
        rule_set_checksum="",
        rule=rule,
        routing_status=status,
    )


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
    assert wait_for_routing(decision(status), None, START) is None


@pytest.mark.parametrize(("status", "waits"), [(4, None), (10, timedelta(minutes=15))])
def test_the_status_says_how_long(status: int, waits: timedelta | None) -> None:
    found = wait_for_routing(decision(status, "To London"), None, START)
    assert found is not None
    assert found.reason.endswith("(rule To London)")
    if waits is None:
        assert found.next_try_at is None


def test_a_known_chance_wins_and_the_wait_goes_on_counting() -> None:
    chance = START + timedelta(hours=14)
    found = wait_for_routing(decision(6), entry(3), START, chance_at=chance)
    assert found is not None
    assert (found.next_try_at, found.since, found.attempts) == (chance, entry(3).since, 4)


@pytest.mark.parametrize(
    ("attempts", "waits"), [(0, MINUTE), (1, 2 * MINUTE), (4, 16 * MINUTE), (50, 60 * MINUTE)]
)
def test_writes_that_fail_are_tried_ever_later(attempts: int, waits: timedelta) -> None:
    before = entry(attempts) if attempts else None
    found = wait_for_write(decision(2), WriteOutcome.FAILED, before, START, message="no answer")
    assert found.next_try_at == START + waits
    assert found.reason.endswith(": no answer")


def test_a_conflict_is_due_at_once() -> None:
    found = wait_for_write(decision(2), WriteOutcome.CONFLICT, entry(5), START, message=None)
    assert found.next_try_at == START
