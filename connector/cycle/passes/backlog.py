"""Takes up rows that wait in the backlog; which of them are decided is in `selection`."""

from collections.abc import Collection, Sequence

from connector.cycle.context import Cycle
from connector.cycle.passes.page import begin_plan, record_closed, record_manual, write_plan
from connector.cycle.rows.arrivals import Arrival
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.late_writes import record_late_writes
from connector.cycle.rows.reading import (
    build_rejected,
    examine_rows,
    fetch_complete,
    load_waiting,
)
from connector.cycle.rows.selection import select_waiting
from connector.cycle.rows.take_back_watch import note_touches
from connector.state.records import BacklogEntry, PlanOrigin
from connector.state.session import StateSession

EVERYTHING = 2**31 - 1
"""More rows than wait anywhere."""


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


def list_due_ids(cycle: Cycle, session: StateSession, woken: Collection[str]) -> list[str]:
    """The rows that would be tried again now if those with some codes were woken, oldest first."""
    table, now, limit = cycle.table.name, cycle.now(), cycle.options.retry_rows
    if not woken:
        due = session.list_backlog(table=table, due_at=now, limit=limit)
        return [entry.row_id for entry in due]
    due = [
        entry
        for entry in session.list_backlog(table=table, limit=EVERYTHING)
        if entry.code in woken or (entry.next_try_at is not None and entry.next_try_at <= now)
    ]
    return [entry.row_id for entry in due[:limit]]


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
    """Decide rows that wait anew; False when stopped."""
    if not ids:
        return True
    rows = fetch_complete(cycle, ids)
    cycle.read_people()
    with cycle.seams.page_lock:
        with cycle.store.begin() as session:
            late = record_late_writes(cycle, session, rows)
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
            note_touches(cycle, session, examined.arrived)
            waiting = load_waiting(session, cycle.table.name, examined.arrived)
            candidates = select_waiting(examined.arrived, waiting, settled=late.ids)
            cycle.counts["retried"] += len(candidates)
            open_plan, decided = begin_plan(cycle, session, candidates)
        return open_plan is None or write_plan(cycle, open_plan, decided)
