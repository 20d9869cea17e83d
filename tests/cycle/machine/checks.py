"""What must hold once everything was left in peace: the store against the book and the environment."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.ports import WriteOutcome
from connector.state.records import BacklogEntry
from engine.records import EntityReference
from engine.statuses import RoutingStatus
from tests.cycle.machine.book import is_matched, read_by_rules
from tests.cycle.machine.hands import Hands
from tests.cycle.machine.scene import CAPACITY, ISLAND, seeded
from tests.support.builders import guid

WAITS_FOR_CAPACITY = RoutingStatus.NO_CAPACITY.name.lower()


def leave_in_peace(hands: Hands) -> None:
    """Left in peace, everything ends decided, and repeating it writes nothing."""
    for row_id in sorted(hands.unreadable):
        hands.unreadable.discard(row_id)
        if row_id in hands.tenant.leads():
            # A row that can be read again is seen when it changes.
            hands.put(row_id, statecode=0, statuscode=1)
            hands.put(row_id, subject="Sesame again")
    _catch_up(hands)
    _check_repeat(hands)
    _check_store(hands)
    _check_rows(hands)
    _check_history(hands)
    hands.book.settle()


def _catch_up(hands: Hands) -> None:
    # A clock that ran ahead and was put right leaves times to wait for in its wake.
    times = [entry.next_try_at for entry in _backlog(hands) if entry.next_try_at]
    clock = hands.tenant.clock
    if times and max(times) > clock.now():
        hands.move_clock(max(times) - clock.now())
    for _ in range(4):
        hands.move_clock(timedelta(hours=3))
        hands.run_cycle(may_fail=False)


def _backlog(hands: Hands) -> list[BacklogEntry]:
    with hands.process.store.begin() as session:
        return list(session.list_backlog(table="lead"))


def _check_repeat(hands: Hands) -> None:
    checksums = {hands.preview_checksum() for _ in range(2)}
    assert len(checksums) == 1, "the same state gave two plans"
    log = hands.tenant.emulator.server.log
    log.clear()
    hands.run_cycle(may_fail=False)
    writes = [entry for entry in log.entries if entry.method != "GET"]
    assert writes == [], "a repeated cycle wrote"


def _check_store(hands: Hands) -> None:
    with hands.process.store.begin() as session:
        assert session.list_open_plans("lead") == [], "a plan is still open"
        kept = {key: rows for key, rows in session.count_open().items() if rows}
        assert kept == session.recount_open()
        assert session.list_rejected(10) == []
    load: Counter[str] = Counter()
    for (_, owner, _), rows in kept.items():
        load[owner] += rows
    assert load == _count_load(hands), "consumed capacity differs from the environment"


def _check_rows(hands: Hands) -> None:
    rows, stories = hands.tenant.leads(), hands.book.stories
    with hands.process.store.begin() as session:
        ledger = session.load_rows("lead", [guid(number) for number in range(8)])
    assert set(ledger) == set(rows), "the ledger has other rows than the table"
    waiting = {entry.row_id: entry for entry in _backlog(hands)}
    assert set(waiting) <= {row for row in rows if rows[row]["statecode"] == 0}
    assert [entry for entry in waiting.values() if entry.code in set(WriteOutcome)] == []
    for row_id, row in rows.items():
        known, story = ledger[row_id], stories[row_id]
        assert known.owner is not None
        assert known.owner.id == row["ownerid"]
        assert known.is_open == (row["statecode"] == 0)
        assert not known.is_manual or story.is_by_hand, "our write is taken for a choice"
        if is_matched(row) and story.put_back != read_by_rules(row):
            # Undone, a row counts as never decided: it is taken up when it changes.
            _check_matched_row(hands, row, waiting.get(row_id))


def _check_history(hands: Hands) -> None:
    for row_id, story in hands.book.stories.items():
        with hands.process.store.begin() as session:
            decisions = session.list_decisions(row=EntityReference(table="lead", id=row_id))
        told = json.dumps([dict(decision.after) for decision in decisions])
        for change in story.ours:
            assert change.after in told, f"no decision tells that {row_id} went to {change.after}"


def _check_matched_row(hands: Hands, row: Mapping[str, Any], waits: BacklogEntry | None) -> None:
    if waits is None:
        assert row["ownerid"] in seeded().sellers, f"{row} is nobody's and does not wait"
        return
    assert row["address1_country"] != ISLAND, "an islander waits though anybody may have it"
    assert waits.code == WAITS_FOR_CAPACITY
    assert waits.next_try_at is not None
    assert all(_count_load(hands)[seller] >= CAPACITY for seller in seeded().sellers)


def _count_load(hands: Hands) -> Counter[str]:
    rows = hands.tenant.leads().values()
    return Counter(str(row["ownerid"]) for row in rows if row["statecode"] == 0)
