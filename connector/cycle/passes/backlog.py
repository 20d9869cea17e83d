"""Takes up rows of the backlog, and rows that a backfill names."""

from collections.abc import Sequence

from connector.cycle.context import Cycle, RowToDecide
from connector.cycle.passes.page import begin_plan, record_closed, record_manual, write_plan
from connector.cycle.rows.arrivals import Arrival, ArrivedRow
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.late_writes import adopt_late_writes
from connector.cycle.rows.reading import build_rejected, examine_rows, fetch_complete, is_for_rules
from connector.state.records import BacklogEntry, PlanOrigin


def retry_due(cycle: Cycle, *, everything: bool = False) -> bool:
    """Decide the rows of the backlog that are due again, oldest first; False when stopped.

    With `everything` those that are not due are tried as well.
    """
    due_at = None if everything else cycle.now()
    with cycle.store.begin() as session:
        entries = session.list_backlog(
            table=cycle.table.name, due_at=due_at, limit=cycle.options.retry_rows
        )
    return _decide_entries(cycle, entries)


def retry_segment(cycle: Cycle, segment: str) -> bool:
    """Decide the unassigned rows of a segment, those created first first; False when stopped."""
    with cycle.store.begin() as session:
        entries = session.list_unassigned(
            cycle.table.name, segment, codes=ROUTING_CODES, limit=cycle.options.retry_rows
        )
    return _decide_entries(cycle, entries)


def _decide_entries(cycle: Cycle, entries: Sequence[BacklogEntry]) -> bool:
    with cycle.as_origin(PlanOrigin.BACKLOG):
        return decide_again(cycle, [entry.row_id for entry in entries])


def decide_again(cycle: Cycle, ids: Sequence[str]) -> bool:
    """Decide rows that wait, or that a backfill names, anew; False when stopped.

    Rules run unless somebody has the row already and something else about it waits.
    """
    if not ids:
        return True
    rows = fetch_complete(cycle, ids)
    cycle.read_people()
    with cycle.seams.page_lock:
        with cycle.store.begin() as session:
            settled = adopt_late_writes(cycle, session, rows)
            examined = examine_rows(cycle, session, rows)
            session.save_rejected(build_rejected(examined.rejected, cycle.now()))
            present = {row.record.id for row in examined.arrived}
            present |= {row.id for row in examined.rejected if row.id}
            session.delete_rows(cycle.table.name, [row for row in ids if row not in present])
            manual = [row for row in examined.arrived if row.arrival is Arrival.MANUAL]
            record_manual(cycle, session, manual)
            closed = [
                row
                for row in examined.arrived
                if not row.record.is_open and row.arrival is not Arrival.MANUAL
            ]
            record_closed(session, cycle.table.name, closed)
            waiting = session.load_backlog(cycle.table.name, ids)
            candidates = [
                _build_candidate(cycle, row, waiting.get(row.record.id))
                for row in examined.arrived
                if row.record.is_open
                and row.arrival is not Arrival.MANUAL
                and row.record.id not in settled
            ]
            cycle.counts["retried"] += len(candidates)
            open_plan, batch = begin_plan(cycle, session, candidates)
        return open_plan is None or write_plan(cycle, open_plan, batch)


def _build_candidate(cycle: Cycle, row: ArrivedRow, entry: BacklogEntry | None) -> RowToDecide:
    """A backfill takes rows from their owners."""
    is_backfill = cycle.origin is PlanOrigin.BACKFILL
    return RowToDecide(
        record=row.record,
        before=row.before,
        is_fresh=is_backfill or is_for_rules(row.before, entry),
        is_reassignment=is_backfill,
    )
