"""Processes one page: the unit of progress. Where the pages come from is in `table_cycle`."""

from collections.abc import Sequence
from dataclasses import replace

from connector.cycle.context import Cycle, RowToDecide
from connector.cycle.rows.arrivals import Arrival, ArrivedRow, leave_undecided
from connector.cycle.rows.decisions import (
    DecidedPlan,
    DecidingState,
    build_open_plan,
    count_owned,
    decide_rows,
    placement_data,
)
from connector.cycle.rows.late_writes import record_late_writes
from connector.cycle.rows.outcomes import record_rows, settle_clocks
from connector.cycle.rows.reading import (
    Examined,
    build_rejected,
    complete_rows,
    confirm_deleted,
    examine_rows,
    load_waiting,
)
from connector.cycle.rows.refusals import raise_if_unsafe
from connector.cycle.rows.selection import select_changed
from connector.cycle.rows.seller_clocks import touch_clock
from connector.cycle.rows.take_back_watch import note_touches
from connector.cycle.rows.writes import write_rows
from connector.ports import RowPage
from connector.state.records import (
    DecisionKind,
    DecisionRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
    Watermark,
)
from connector.state.session import StateSession
from engine.plans.changes import Placement, PlannedRow
from engine.plans.plan import Plan, count_taken
from engine.statuses import RoutingStatus


def record_baseline(cycle: Cycle, page: RowPage, *, after: Watermark) -> None:
    """First contact: remember rows as they are; nothing is decided."""
    with cycle.store.begin() as session:
        examined = examine_rows(cycle, session, page.rows)
        session.save_rows([arrived.seen for arrived in examined.arrived])
        _record_rejected(cycle, session, examined)
        session.save_watermark(after)
    cycle.counts["baseline"] += len(examined.arrived)


def process_page(cycle: Cycle, page: RowPage, *, after: Watermark) -> bool:
    """Decide, write and record one page of changes; False when it was stopped half-way.

    The watermark moves in the transaction that saves the last outcome, so that a page is done as a
    whole or comes again.
    """
    with cycle.store.begin() as session:
        record_late_writes(cycle, session, page.rows)
        examined = examine_rows(cycle, session, page.rows)
    examined = complete_rows(cycle, examined)
    gone = confirm_deleted(cycle, page)
    with cycle.store.begin() as session:
        candidates = select_changed(
            examined.arrived, load_waiting(session, cycle.table.name, examined.arrived)
        )
    if candidates:
        cycle.read_people()
    with cycle.seams.page_lock:
        with cycle.store.begin() as session:
            _record_undecided(cycle, session, examined)
            note_touches(cycle, session, examined.arrived)
            cycle.counts["deleted"] += session.delete_rows(cycle.table.name, gone)
            open_plan, decided = begin_plan(cycle, session, candidates)
            if open_plan is None:
                session.save_watermark(after)
                return True
        return write_plan(cycle, open_plan, decided, after=after)


def begin_plan(
    cycle: Cycle, session: StateSession, candidates: Sequence[RowToDecide]
) -> tuple[OpenPlan | None, DecidedPlan]:
    """Decide, and save the plan before its first write; None when there is nothing to write.

    Raises UnsafePlan. The clocks move here, in the same transaction: whoever decides next sees
    them.
    """
    session.lock_clocks()
    decided = decide_rows(cycle, session, candidates)
    _raise_if_unsafe(cycle, session, decided.plan)
    session.save_clocks(decided.clocks_after)
    unwritten = [
        row
        for row in decided.rows
        if not isinstance(row.planned, PlannedRow)
        and row.decision.kind is not DecisionKind.TAKEN_BACK
    ]
    record_rows(cycle, session, unwritten, {})
    if not decided.plan.rows:
        return None, decided
    open_plan = build_open_plan(cycle, decided)
    session.save_open_plan(open_plan)
    return open_plan, decided


def write_plan(
    cycle: Cycle,
    open_plan: OpenPlan,
    decided: DecidedPlan,
    *,
    after: Watermark | None = None,
) -> bool:
    """Write an open plan and record its outcomes; False when it was stopped and stays open."""
    results = write_rows(cycle, decided.plan.rows)
    planned = decided.written_rows
    tried = [row for row in planned if row.record.id in results]
    is_done = len(tried) == len(planned)
    with cycle.store.begin() as session:
        record_rows(cycle, session, tried, results)
        settle_clocks(session, open_plan, tried, results)
        if is_done:
            session.close_open_plan(open_plan.id, cycle.now())
            if after is not None:
                session.save_watermark(after)
    return is_done


def record_closed(session: StateSession, table: str, closed: Sequence[ArrivedRow]) -> None:
    """Closed rows wait for nothing; what is still to be decided of them is when they are open."""
    ids = [arrived.record.id for arrived in closed]
    waiting = session.load_backlog(table, ids)
    session.save_rows(
        [
            leave_undecided(arrived)
            if arrived.is_news or arrived.record.id in waiting
            else arrived.seen
            for arrived in closed
        ]
    )
    session.remove_backlog(table, ids)


def record_manual(cycle: Cycle, session: StateSession, moved: Sequence[ArrivedRow]) -> None:
    """Somebody gave rows to somebody: noted with status 9; it counts as that seller's turn."""
    if not moved:
        return
    session.lock_clocks()
    now = cycle.now()
    clocks = dict(session.load_clocks())
    for arrived in moved:
        owner = arrived.record.owner
        if owner is not None and cycle.table.name in cycle.rule_set.counted_tables:
            at = arrived.record.modified_on or now
            clocks[owner.id] = touch_clock(clocks, owner.id, at)
    owners = {arrived.record.owner.id for arrived in moved if arrived.record.owner}
    session.save_clocks([clocks[owner] for owner in sorted(owners) if owner in clocks])
    session.save_rows([_as_manual(arrived) for arrived in moved])
    session.remove_backlog(cycle.table.name, [arrived.record.id for arrived in moved])
    session.add_decisions([_manual_decision(cycle, arrived) for arrived in moved])
    cycle.counts[Arrival.MANUAL.value] += len(moved)


def _raise_if_unsafe(cycle: Cycle, session: DecidingState, plan: Plan) -> None:
    """Hold what a plan takes from owners, with what the cycle took before, against the limits."""
    if not cycle.options.is_forced:
        owned = count_owned(session, cycle.table.name)
        raise_if_unsafe(plan, cycle.options.limits, owned=owned, already=cycle.reassigned)
    cycle.reassigned += count_taken(plan)


def _record_undecided(cycle: Cycle, session: StateSession, examined: Examined) -> None:
    """Save everything about a page that needs no decision."""
    _record_rejected(cycle, session, examined)
    by_arrival: dict[Arrival, list[ArrivedRow]] = {arrival: [] for arrival in Arrival}
    for arrived in examined.arrived:
        by_arrival[arrived.arrival].append(arrived)
    record_manual(cycle, session, by_arrival.pop(Arrival.MANUAL))
    record_closed(session, cycle.table.name, by_arrival[Arrival.CLOSED])
    kept = (Arrival.UNCHANGED, Arrival.HELD)
    session.save_rows([arrived.seen for kind in kept for arrived in by_arrival[kind]])
    echoes = [arrived.record.id for arrived in by_arrival[Arrival.ECHO]]
    session.mark_rows(cycle.table.name, echoes, cycle.generation)
    for arrival, rows in by_arrival.items():
        cycle.counts[arrival.value] += len(rows)


def _record_rejected(cycle: Cycle, session: StateSession, examined: Examined) -> None:
    session.save_rejected(build_rejected(examined.rejected, cycle.now()))
    # They are there: a full read must not take them for gone, and later for new.
    present = [row.id for row in examined.rejected if row.id]
    session.mark_rows(cycle.table.name, present, cycle.generation)
    readable = [arrived.record.id for arrived in examined.arrived]
    session.release_rejected(cycle.table.name, readable)
    cycle.counts["rejected"] += len(examined.rejected)


def _as_manual(arrived: ArrivedRow) -> LedgerRow:
    return replace(
        arrived.seen,
        is_manual=True,
        rule=None,
        routing_status=int(RoutingStatus.OWNER_ASSIGNED_MANUALLY),
    )


def _manual_decision(cycle: Cycle, arrived: ArrivedRow) -> DecisionRecord:
    before = arrived.before
    old = Placement(owner=before.owner if before else None)
    return DecisionRecord(
        table=cycle.table.name,
        row_id=arrived.record.id,
        cycle_id=cycle.id,
        decided_at=cycle.now(),
        outcome=Outcome.MANUAL,
        kind=DecisionKind.MANUAL,
        plan_checksum="",
        rule_set_checksum=cycle.rule_set.checksum,
        segment=before.segment if before else None,
        routing_status=int(RoutingStatus.OWNER_ASSIGNED_MANUALLY),
        before=placement_data(old),
        after=placement_data(replace(old, owner=arrived.record.owner)),
        etag=arrived.record.etag,
    )
