"""Takes up rows of the backlog, and rows that a backfill names."""

from collections.abc import Sequence

from connector.cycle.context import CycleParts, CycleRun, RowToDecide, pin_people
from connector.cycle.passes.page import begin_plan, record_closed, record_manual, write_plan
from connector.cycle.rows.arrivals import Arrival, ArrivedRow
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.late_writes import adopt_late_writes
from connector.cycle.rows.reading import build_rejected, examine_rows, fetch_complete, is_for_rules
from connector.state.records import BacklogEntry, PlanOrigin


def retry_due(parts: CycleParts, run: CycleRun, *, everything: bool = False) -> bool:
    """Decide the rows of the backlog that are due again, oldest first; False when stopped.

    With `everything` those that are not due are tried as well.
    """
    due_at = None if everything else parts.clock.now()
    with parts.store.begin() as session:
        entries = session.list_backlog(
            table=run.table.name, due_at=due_at, limit=parts.options.retry_rows
        )
    return _decide_entries(parts, run, entries)


def retry_segment(parts: CycleParts, run: CycleRun, segment: str) -> bool:
    """Decide the unassigned rows of a segment, those created first first; False when stopped."""
    with parts.store.begin() as session:
        entries = session.list_unassigned(
            run.table.name, segment, codes=ROUTING_CODES, limit=parts.options.retry_rows
        )
    return _decide_entries(parts, run, entries)


def _decide_entries(parts: CycleParts, run: CycleRun, entries: Sequence[BacklogEntry]) -> bool:
    origin, run.origin = run.origin, PlanOrigin.BACKLOG
    try:
        return decide_again(parts, run, [entry.row_id for entry in entries])
    finally:
        run.origin = origin


def decide_again(parts: CycleParts, run: CycleRun, ids: Sequence[str]) -> bool:
    """Decide rows that wait, or that a backfill names, anew; False when stopped.

    Rules run unless somebody has the row already and something else about it waits.
    """
    if not ids:
        return True
    rows = fetch_complete(parts, run, ids)
    parts = pin_people(parts)
    with parts.page_lock:
        with parts.store.begin() as session:
            settled = adopt_late_writes(parts, run, session, rows)
            examined = examine_rows(parts, run, session, rows)
            session.save_rejected(build_rejected(parts, examined.rejected))
            present = {row.record.id for row in examined.arrived}
            present |= {row.id for row in examined.rejected if row.id}
            session.delete_rows(run.table.name, [row for row in ids if row not in present])
            manual = [row for row in examined.arrived if row.arrival is Arrival.MANUAL]
            record_manual(parts, run, session, manual)
            closed = [
                row
                for row in examined.arrived
                if not row.record.is_open and row.arrival is not Arrival.MANUAL
            ]
            record_closed(run, session, closed)
            waiting = session.load_backlog(run.table.name, ids)
            candidates = [
                _build_candidate(run, row, waiting.get(row.record.id))
                for row in examined.arrived
                if row.record.is_open
                and row.arrival is not Arrival.MANUAL
                and row.record.id not in settled
            ]
            run.counts["retried"] += len(candidates)
            open_plan, batch = begin_plan(parts, run, session, candidates)
        return open_plan is None or write_plan(parts, run, open_plan, batch)


def _build_candidate(run: CycleRun, row: ArrivedRow, entry: BacklogEntry | None) -> RowToDecide:
    """A backfill takes rows from their owners."""
    is_backfill = run.origin is PlanOrigin.BACKFILL
    return RowToDecide(
        record=row.record,
        before=row.before,
        is_fresh=is_backfill or is_for_rules(row.before, entry),
        is_reassignment=is_backfill,
    )
