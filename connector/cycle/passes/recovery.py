"""Settles plans that a crash or a stop left open, before anything new is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.cycle.context import Cycle
from connector.cycle.passes.page import record_manual
from connector.cycle.rows.arrivals import ArrivedRow
from connector.cycle.rows.decisions import DecidedRow, placement_of
from connector.cycle.rows.late_writes import leave_unreadable
from connector.cycle.rows.outcomes import record_rows, settle_clocks
from connector.cycle.rows.reading import build_rejected, examine_rows, fetch_complete
from connector.cycle.rows.writes import write_rows
from connector.ports import WriteOutcome, WriteResult
from connector.state.records import OpenPlan
from engine.plans.changes import (
    Change,
    OwnerChange,
    Placement,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """Where the rows of an open plan stand now.

    `to_write` has what is still missing of them.
    """

    rows: Sequence[DecidedRow]
    results: Mapping[str, WriteResult]
    to_write: Sequence[PlannedRow]
    manual: Sequence[ArrivedRow]


def settle_open_plans(cycle: Cycle) -> bool:
    """Bring every open plan of the table to its end; False when stopped before that.

    Each row is read again. One that is as planned was written: the reply was lost, not the write.
    One whose version did not move is written now, to the seller who was chosen then. Where only
    a part arrived that travels in a request of its own, the rest follows. One that moved is left
    alone and waits to be decided again.
    """
    with cycle.store.begin() as session:
        open_plans = session.list_open_plans(cycle.table.name)
    for open_plan in open_plans:
        with cycle.seams.page_lock:
            if not _settle(cycle, open_plan):
                return False
        cycle.counts["settled_plans"] += 1
    return True


def _settle(cycle: Cycle, open_plan: OpenPlan) -> bool:
    cycle.read_people()
    rows = fetch_complete(cycle, [row.id for row in open_plan.plan.rows])
    with cycle.store.begin() as session:
        examined = examine_rows(cycle, session, rows)
        # Those whose outcome was saved before the stop.
        recorded = frozenset(session.list_recorded(open_plan.cycle_id, open_plan.plan.checksum))
        arrived = [row for row in examined.arrived if row.record.id not in recorded]
        standing = _find_standing(cycle, open_plan, arrived)
        unreadable = {row.id for row in examined.rejected if row.id} - recorded
        leave_unreadable(cycle, session, open_plan, unreadable)
        session.save_rejected(build_rejected(examined.rejected, cycle.now()))
    written = write_rows(cycle, standing.to_write)
    results = {**standing.results, **written}
    tried = [row for row in standing.rows if row.record.id in results]
    is_done = len(written) == len(standing.to_write)
    with cycle.store.begin() as session:
        record_rows(cycle, session, tried, results)
        settle_clocks(session, open_plan, tried, results)
        # After the conflicts that they are: the last word is the person's.
        record_manual(cycle, session, standing.manual)
        if is_done:
            session.close_open_plan(open_plan.id, cycle.now())
    return is_done


def _find_standing(
    cycle: Cycle,
    open_plan: OpenPlan,
    arrived: Sequence[ArrivedRow],
) -> _Standing:
    now = {row.record.id: row for row in arrived}
    rows: list[DecidedRow] = []
    results: dict[str, WriteResult] = {}
    to_write: list[PlannedRow] = []
    manual: list[ArrivedRow] = []
    for row, planned in _planned_rows(open_plan, now):
        rows.append(row)
        outcome, missing = _judge(cycle, open_plan, row, planned)
        if outcome is None:
            to_write.append(missing)
        else:
            if outcome is WriteOutcome.CONFLICT and _was_given_away(row, planned):
                manual.append(now[planned.id])
            results[planned.id] = WriteResult(
                table=planned.table, id=planned.id, outcome=outcome, etag=row.record.etag
            )
    return _Standing(rows=rows, results=results, to_write=to_write, manual=manual)


def _planned_rows(
    open_plan: OpenPlan, now: Mapping[str, ArrivedRow]
) -> Iterator[tuple[DecidedRow, PlannedRow]]:
    """The rows of a plan that are still there, in the order they were decided."""
    planned = {row.id: row for row in open_plan.plan.rows}
    for decision in open_plan.decisions:
        found = now.get(decision.row_id)
        if found is None:
            continue
        own = planned[decision.row_id]
        is_same = own.etag is not None and own.etag == found.record.etag
        fingerprint = open_plan.fingerprints[decision.row_id]
        row = DecidedRow(
            record=found.record,
            before=found.before,
            planned=own,
            decision=decision,
            as_decided=None if is_same else (open_plan.watched_set, fingerprint),
        )
        yield row, own


def _judge(
    cycle: Cycle, open_plan: OpenPlan, row: DecidedRow, planned: PlannedRow
) -> tuple[WriteOutcome | None, PlannedRow]:
    """How the write of a row ended as far as can be seen; None = not yet, and what is missing."""
    current = placement_of(cycle.table, row.record, row.before)
    missing = tuple(change for change in planned.changes if not is_so(current, change))
    if not missing:
        return WriteOutcome.ALREADY_SO, planned
    is_same_rule_set = open_plan.plan.rule_set_checksum == cycle.rule_set.checksum
    if row.as_decided is None and is_same_rule_set:
        return None, planned
    arrived = len(missing) < len(planned.changes)
    by_action, splits_owner = cycle.table.writes.by_action, cycle.options.splits_owner
    if arrived and all(
        _travels_alone(change, current, by_action=by_action, splits_owner=splits_owner)
        for change in missing
    ):
        return None, replace(planned, etag=row.record.etag, changes=missing)
    owner = planned.owner_change
    if owner is not None and owner not in missing:
        # Owner and lookups travel together: somebody changed the lookups after we wrote them.
        return WriteOutcome.ALREADY_SO, planned
    return WriteOutcome.CONFLICT, planned


def _travels_alone(
    change: Change, current: Placement, *, by_action: bool, splits_owner: bool
) -> bool:
    """The change is sent after the others, so that they may have arrived without it."""
    match change:
        case QueueChange():
            return True
        case SequenceChange():
            return by_action
        case OwnerChange(before=owner):
            return splits_owner and current.owner == owner
        case SegmentChange():
            return False


def is_so(current: Placement, change: Change) -> bool:
    """Whether a row stands as a change would leave it; what queue it is in is not known."""
    match change:
        case OwnerChange(after=owner):
            return current.owner == owner
        case SegmentChange(after=segment):
            return current.segment_id == segment
        case SequenceChange(after=sequence):
            return current.sequence_id == sequence
        case QueueChange():
            return False


def _was_given_away(row: DecidedRow, planned: PlannedRow) -> bool:
    """Somebody else gave the row to somebody else meanwhile."""
    change = planned.owner_change
    if change is None:
        return False
    return row.record.owner is not None and row.record.owner not in {change.before, change.after}
