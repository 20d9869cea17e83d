"""Finds writes that arrived although no answer did, so that they are not taken for a person's."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.cycle.context import Cycle
from connector.cycle.rows.arrivals import is_another
from connector.cycle.rows.backlog_entries import Waiting, wait_for_write
from connector.cycle.rows.outcomes import may_stay, with_decision
from connector.cycle.rows.seller_clocks import clock_rule, touch_clock
from connector.cycle.rows.take_back_watch import Given, note_late_handovers
from connector.ports import WriteOutcome
from connector.state.plan_document import parse_reference
from connector.state.records import (
    DecisionKind,
    DecisionRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
)
from connector.state.session import DecisionState, SellerClockState, StateSession
from connector.watched_tables.watched_table import WatchedTable
from engine.normalise import normalise
from engine.records import EntityReference, Record, Row
from engine.rules.rule_set import RuleSet
from engine.sellers import SellerClock

UNREADABLE = "the row could not be read when the plan it was in was settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LateWrite:
    """A decision that counted as not written, the row as it was known, and as it is now."""

    decision: DecisionRecord
    before: LedgerRow
    record: Record

    @property
    def after(self) -> LedgerRow:
        """What the ledger is to remember of the row: what was decided about it."""
        # Without a version the next look compares fingerprints, and sees what changed meanwhile.
        decided = with_decision(self.before, self.decision)
        return replace(decided, owner=self.record.owner, etag=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateWrites:
    """Writes that arrived although no answer did, and the ids of rows that stay as they are.

    Those were to be taken back or undone.
    """

    arrived: Sequence[LateWrite] = ()
    stayed: Sequence[str] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The rows that wait for nothing any more."""
        return frozenset([*(late.record.id for late in self.arrived), *self.stayed])

    @property
    def rows(self) -> dict[str, LedgerRow]:
        """What the ledger is to remember of the rows that were written, by id."""
        return {late.record.id: late.after for late in self.arrived}


def find_late_writes(session: StateSession, table: WatchedTable, rows: Sequence[Row]) -> LateWrites:
    """The writes of some rows that counted as failed and are in force after all."""
    by_id = {str(row.get(table.primary_id, "")).lower(): row for row in rows}
    waiting = session.load_backlog(table.name, list(by_id)).values()
    failed = [entry.row_id for entry in waiting if entry.code == WriteOutcome.FAILED.value]
    ledger = session.load_rows(table.name, failed)
    arrived: list[LateWrite] = []
    stayed: list[str] = []
    for row_id in failed:
        record = normalise(by_id[row_id], table=table.name, primary_id=table.primary_id)
        decision = _find_decision(session, table.name, row_id)
        before = ledger.get(row_id)
        if decision is None or before is None or not isinstance(record, Record):
            continue
        if is_another(before, record):
            # Nothing of ours was written to this one; it is decided as the new row that it is.
            continue
        if _is_in_force(decision, before, record):
            arrived.append(LateWrite(decision=decision, before=before, record=record))
        elif may_stay(decision):
            # Its owner has it still; when it is due again, `take_backs` will know, and who wants
            # it undone may say so again.
            stayed.append(row_id)
    return LateWrites(arrived=arrived, stayed=stayed)


def record_late_writes(cycle: Cycle, session: StateSession, rows: Sequence[Row]) -> LateWrites:
    """Note decisions whose write counted as failed and is in force after all.

    The ledger then knows the row as it was decided, so that later changes are still seen. None of
    the rows waits any more.
    """
    found = find_late_writes(session, cycle.table, rows)
    session.save_rows([late.after for late in found.arrived])
    session.add_decisions(
        [_arrived(late.decision, cycle.id, now=cycle.now()) for late in found.arrived]
    )
    given = [Given(late.decision, late.record.owner, is_moved=True) for late in found.arrived]
    note_late_handovers(cycle, session, given)
    _take_turns(cycle.rule_set, session, [late.decision for late in found.arrived])
    session.remove_backlog(cycle.table.name, sorted(found.ids))
    cycle.counts["arrived_late"] += len(found.arrived)
    return found


def _take_turns(
    rule_set: RuleSet, session: SellerClockState, decisions: Sequence[DecisionRecord]
) -> None:
    """The clocks went back when the writes seemed to have failed; an undo never moves them."""
    decisions = [decision for decision in decisions if decision.kind is not DecisionKind.UNDONE]
    if not decisions:
        return
    session.lock_clocks()
    clocks = dict(session.load_clocks())
    moved: dict[str, SellerClock] = {}
    for decision in decisions:
        owner = parse_reference(decision.after.get("owner"))
        if owner is not None:
            rule = clock_rule(rule_set, decision.rule)
            moved[owner.id] = touch_clock(clocks, owner.id, decision.decided_at, rule=rule)
            clocks.update(moved)
    session.save_clocks(moved.values())


def leave_unreadable(
    cycle: Cycle,
    session: StateSession,
    open_plan: OpenPlan,
    ids: Collection[str],
) -> None:
    """Note rows of an open plan that cannot be read: whether they were written is not known.

    They wait as failed writes do, and count as written if they turn out as planned. Their
    sellers keep the turn.
    """
    known = session.load_rows(cycle.table.name, sorted(ids))
    waiting = session.load_backlog(cycle.table.name, sorted(ids))
    now = cycle.now()
    for decision in open_plan.decisions:
        if decision.row_id not in ids:
            continue
        failed = replace(decision, outcome=Outcome.FAILED, message=UNREADABLE)
        row = Waiting(decision=failed, before=waiting.get(decision.row_id))
        session.save_rows(
            [
                _as_planned(
                    open_plan, decision, known.get(decision.row_id), generation=cycle.generation
                )
            ]
        )
        session.save_backlog([wait_for_write(row, WriteOutcome.FAILED, now, message=UNREADABLE)])
        session.add_decisions([failed])


def _as_planned(
    open_plan: OpenPlan, decision: DecisionRecord, before: LedgerRow | None, *, generation: int
) -> LedgerRow:
    """The row as it was decided about, before anything was written."""
    found = before or LedgerRow(
        table=decision.table,
        id=decision.row_id,
        etag=None,
        owner=parse_reference(decision.before.get("owner")),
        is_open=True,
        watched_set="",
        fingerprint="",
    )
    return replace(
        found,
        etag=None,
        watched_set=open_plan.watched_set,
        fingerprint=open_plan.fingerprints[decision.row_id],
        generation=generation,
    )


def _find_decision(session: DecisionState, table: str, row_id: str) -> DecisionRecord | None:
    row = EntityReference(table=table, id=row_id)
    latest = next(iter(session.list_decisions(row=row, limit=1)), None)
    is_failed = latest is not None and latest.outcome is Outcome.FAILED
    return latest if is_failed else None


def _is_in_force(decision: DecisionRecord, before: LedgerRow, record: Record) -> bool:
    """The row has the owner it was to get, and did not have it before."""
    wanted = parse_reference(decision.after.get("owner"))
    return wanted is not None and record.owner == wanted and before.owner != wanted


def _arrived(decision: DecisionRecord, cycle_id: str, *, now: datetime) -> DecisionRecord:
    return replace(
        decision,
        cycle_id=cycle_id,
        outcome=Outcome.ALREADY_SO,
        message=f"the write of cycle {decision.cycle_id} arrived although no answer did",
        request_id=None,
        decided_at=now,
        trace=None,
    )
