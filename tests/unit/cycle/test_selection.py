"""Which of the rows that were read are decided: rows that wait, that somebody has, that are closed."""

from datetime import UTC, datetime

import pytest

from connector.cycle.rows.arrivals import UNDECIDED, Arrival, ArrivedRow
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.selection import select_changed, select_undecided, select_waiting
from connector.state.records import BacklogEntry, LedgerRow
from engine.records import EntityReference, Record
from tests.support.builders import guid

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEAD = guid(1)
OWNER = EntityReference(table="systemuser", id=guid(2))


def known(*, rule: str | None = None, is_manual: bool = False, fingerprint: str = "f") -> LedgerRow:
    """The lead as the ledger remembers it."""
    return LedgerRow(
        table="lead",
        id=LEAD,
        etag='W/"1"',
        owner=OWNER,
        is_open=True,
        watched_set="w",
        fingerprint=fingerprint,
        rule=rule,
        is_manual=is_manual,
    )


def arrived(
    before: LedgerRow | None, arrival: Arrival = Arrival.UPDATED, *, is_open: bool = True
) -> ArrivedRow:
    """The lead as it was read."""
    record = Record(table="lead", id=LEAD, row={}, is_open=is_open, owner=OWNER, etag='W/"2"')
    return ArrivedRow(record=record, before=before, seen=before or known(), arrival=arrival)


def entry(code: str) -> dict[str, BacklogEntry]:
    """The lead waiting for a reason."""
    waits = BacklogEntry(
        table="lead", row_id=LEAD, reason="waits", code=code, since=NOW, next_try_at=NOW
    )
    return {LEAD: waits}


@pytest.mark.parametrize(
    ("before", "code", "is_fresh"),
    [
        (None, None, True),
        (known(), None, False),
        (known(), "failed", True),
        (known(fingerprint=UNDECIDED), None, True),
        (known(rule="To all"), "failed", False),
        (known(rule="To all", fingerprint=UNDECIDED), None, False),
        (known(is_manual=True), "failed", False),
        (known(rule="To all"), ROUTING_CODES[0], True),
    ],
)
def test_rules_run_for_a_changed_row_that_is_still_owed_an_owner(
    before: LedgerRow | None, code: str | None, is_fresh: bool
) -> None:
    (row,) = select_changed([arrived(before)], entry(code) if code else {})
    assert row.is_fresh is is_fresh
    assert row.is_reassignment is (before is not None)


@pytest.mark.parametrize(
    ("before", "arrival", "is_taken"),
    [
        (known(), Arrival.UPDATED, True),
        (known(), Arrival.CREATED, False),
        (None, Arrival.UPDATED, False),
    ],
)
def test_only_a_known_row_that_changed_is_taken_from_somebody(
    before: LedgerRow | None, arrival: Arrival, is_taken: bool
) -> None:
    (row,) = select_changed([arrived(before, arrival)], {})
    assert row.is_reassignment is is_taken


@pytest.mark.parametrize(
    ("arrival", "is_open", "is_there"),
    [
        (Arrival.UNCHANGED, True, True),
        (Arrival.UPDATED, True, True),
        (Arrival.MANUAL, True, False),
        (Arrival.CLOSED, False, False),
        (Arrival.MANUAL, False, False),
    ],
)
def test_rows_that_a_person_gave_away_or_that_are_closed_are_left_alone(
    arrival: Arrival, is_open: bool, is_there: bool
) -> None:
    row = arrived(known(), arrival, is_open=is_open)
    assert len(select_undecided([row])) == is_there
    assert len(select_waiting([row], entry(ROUTING_CODES[0]), settled=())) == is_there


def test_a_row_that_was_settled_meanwhile_is_not_tried_again() -> None:
    assert select_waiting([arrived(known())], entry(ROUTING_CODES[0]), settled={LEAD}) == []
