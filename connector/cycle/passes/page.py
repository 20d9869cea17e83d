"""Processes one page: the unit of progress. Where the pages come from is in `table_cycle`."""

from collections.abc import Sequence
from dataclasses import replace

from connector.cycle.context import CycleParts, CycleRun, RowToDecide, pin_people
from connector.cycle.rows.arrivals import TO_DECIDE, Arrival, ArrivedRow, leave_undecided
from connector.cycle.rows.decisions import (
    Batch,
    build_open_plan,
    decide_rows,
    placement_data,
)
from connector.cycle.rows.late_writes import adopt_late_writes
from connector.cycle.rows.outcomes import record_rows, settle_clocks
from connector.cycle.rows.reading import (
    Examined,
    build_rejected,
    examine_rows,
    fetch_complete,
    find_candidates,
)
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
from engine.statuses import RoutingStatus


def record_baseline(parts: CycleParts, run: CycleRun, page: RowPage, *, after: Watermark) -> None:
    """First contact: remember rows as they are; nothing is decided."""
    with parts.store.begin() as session:
        examined = examine_rows(parts, run, session, page.rows)
        session.save_rows([arrived.seen for arrived in examined.arrived])
        _record_rejected(parts, run, session, examined)
        session.save_watermark(after)
    run.counts["baseline"] += len(examined.arrived)


def process_page(parts: CycleParts, run: CycleRun, page: RowPage, *, after: Watermark) -> bool:
    """Decide, write and record one page of changes; False when it was stopped half-way.

    The watermark moves in the transaction that saves the last outcome, so that a page is done as a
    whole or comes again.
    """
    with parts.store.begin() as session:
        adopt_late_writes(parts, run, session, page.rows)
        examined = examine_rows(parts, run, session, page.rows)
    examined = _complete(parts, run, examined)
    gone = _confirm_deleted(parts, run, page)
    with parts.store.begin() as session:
        candidates = find_candidates(session, run.table.name, examined.arrived)
    parts = pin_people(parts) if candidates else parts
    with parts.page_lock:
        with parts.store.begin() as session:
            _record_undecided(parts, run, session, examined)
            note_touches(parts, run, session, examined.arrived)
            run.counts["deleted"] += session.delete_rows(run.table.name, gone)
            open_plan, batch = begin_plan(parts, run, session, candidates)
            if open_plan is None:
                session.save_watermark(after)
                return True
        return write_plan(parts, run, open_plan, batch, after=after)


def begin_plan(
    parts: CycleParts, run: CycleRun, session: StateSession, candidates: Sequence[RowToDecide]
) -> tuple[OpenPlan | None, Batch]:
    """Decide, and save the plan before its first write; None when there is nothing to write.

    The clocks move here, in the same transaction: whoever decides next sees them.
    """
    session.lock_clocks()
    batch = decide_rows(parts, run, session, candidates)
    session.save_clocks(batch.clocks_after)
    unwritten = [
        row
        for row in batch.rows
        if not isinstance(row.planned, PlannedRow)
        and row.decision.kind is not DecisionKind.TAKEN_BACK
    ]
    record_rows(parts, run, session, unwritten, {})
    if not batch.plan.rows:
        return None, batch
    open_plan = build_open_plan(parts, run, batch)
    session.save_open_plan(open_plan)
    return open_plan, batch


def write_plan(
    parts: CycleParts,
    run: CycleRun,
    open_plan: OpenPlan,
    batch: Batch,
    *,
    after: Watermark | None = None,
) -> bool:
    """Write an open plan and record its outcomes; False when it was stopped and stays open."""
    results = write_rows(parts, run, batch.plan.rows)
    planned = [row for row in batch.rows if isinstance(row.planned, PlannedRow)]
    tried = [row for row in planned if row.record.id in results]
    is_done = len(tried) == len(planned)
    with parts.store.begin() as session:
        record_rows(parts, run, session, tried, results)
        settle_clocks(session, open_plan, tried, results)
        if is_done:
            session.close_open_plan(open_plan.id, parts.clock.now())
            if after is not None:
                session.save_watermark(after)
    return is_done


def record_closed(run: CycleRun, session: StateSession, closed: Sequence[ArrivedRow]) -> None:
    """Closed rows wait for nothing; what is still to be decided of them is when they are open."""
    ids = [arrived.record.id for arrived in closed]
    waiting = session.load_backlog(run.table.name, ids)
    session.save_rows(
        [
            leave_undecided(arrived)
            if arrived.is_news or arrived.record.id in waiting
            else arrived.seen
            for arrived in closed
        ]
    )
    session.remove_backlog(run.table.name, ids)


def record_manual(
    parts: CycleParts, run: CycleRun, session: StateSession, moved: Sequence[ArrivedRow]
) -> None:
    """Somebody gave rows to somebody: noted with status 9; it counts as that seller's turn."""
    if not moved:
        return
    session.lock_clocks()
    now = parts.clock.now()
    clocks = dict(session.load_clocks())
    for arrived in moved:
        owner = arrived.record.owner
        if owner is not None and run.table.name in parts.rule_set.counted_tables:
            at = arrived.record.modified_on or now
            clocks[owner.id] = touch_clock(clocks, owner.id, at)
    owners = {arrived.record.owner.id for arrived in moved if arrived.record.owner}
    session.save_clocks([clocks[owner] for owner in sorted(owners) if owner in clocks])
    session.save_rows([_as_manual(arrived) for arrived in moved])
    session.remove_backlog(run.table.name, [arrived.record.id for arrived in moved])
    session.add_decisions([_manual_decision(parts, run, arrived) for arrived in moved])
    run.counts[Arrival.MANUAL.value] += len(moved)


def _complete(parts: CycleParts, run: CycleRun, examined: Examined) -> Examined:
    """Read rows to be decided once more, with their related rows, and examine what came back.

    A row may have changed again since the feed named it; then the newer state counts.
    """
    if not run.table.needs_related_rows:
        return examined
    wanted = [row.record.id for row in examined.arrived if row.arrival in TO_DECIDE]
    if not wanted:
        return examined
    rows = fetch_complete(parts, run, wanted)
    with parts.store.begin() as session:
        again = examine_rows(parts, run, session, rows)
    settled = [row for row in examined.arrived if row.arrival not in TO_DECIDE]
    return Examined(
        arrived=[*settled, *again.arrived], rejected=[*examined.rejected, *again.rejected]
    )


def _confirm_deleted(parts: CycleParts, run: CycleRun, page: RowPage) -> list[str]:
    """The deletions that stand: a row named as changed, too, may have been restored."""
    changed = {str(row.get(run.table.primary_id, "")).lower() for row in page.rows}
    deleted = [row_id.lower() for row_id in page.deleted]
    doubtful = [row_id for row_id in deleted if row_id in changed]
    present = {
        str(row.get(run.table.primary_id, "")).lower()
        for row in fetch_complete(parts, run, doubtful)
    }
    return [row_id for row_id in deleted if row_id not in present]


def _record_undecided(
    parts: CycleParts, run: CycleRun, session: StateSession, examined: Examined
) -> None:
    """Save everything about a page that needs no decision."""
    _record_rejected(parts, run, session, examined)
    by_arrival: dict[Arrival, list[ArrivedRow]] = {arrival: [] for arrival in Arrival}
    for arrived in examined.arrived:
        by_arrival[arrived.arrival].append(arrived)
    record_manual(parts, run, session, by_arrival.pop(Arrival.MANUAL))
    record_closed(run, session, by_arrival[Arrival.CLOSED])
    kept = (Arrival.UNCHANGED, Arrival.HELD)
    session.save_rows([arrived.seen for kind in kept for arrived in by_arrival[kind]])
    echoes = [arrived.record.id for arrived in by_arrival[Arrival.ECHO]]
    session.mark_rows(run.table.name, echoes, run.generation)
    for arrival, rows in by_arrival.items():
        run.counts[arrival.value] += len(rows)


def _record_rejected(
    parts: CycleParts, run: CycleRun, session: StateSession, examined: Examined
) -> None:
    session.save_rejected(build_rejected(parts, examined.rejected))
    # They are there: a full read must not take them for gone, and later for new.
    present = [row.id for row in examined.rejected if row.id]
    session.mark_rows(run.table.name, present, run.generation)
    readable = [arrived.record.id for arrived in examined.arrived]
    session.release_rejected(run.table.name, readable)
    run.counts["rejected"] += len(examined.rejected)


def _as_manual(arrived: ArrivedRow) -> LedgerRow:
    return replace(
        arrived.seen,
        is_manual=True,
        rule=None,
        routing_status=int(RoutingStatus.OWNER_ASSIGNED_MANUALLY),
    )


def _manual_decision(parts: CycleParts, run: CycleRun, arrived: ArrivedRow) -> DecisionRecord:
    before = arrived.before
    old = Placement(owner=before.owner if before else None)
    return DecisionRecord(
        table=run.table.name,
        row_id=arrived.record.id,
        cycle_id=run.id,
        decided_at=parts.clock.now(),
        outcome=Outcome.MANUAL,
        kind=DecisionKind.MANUAL,
        plan_checksum="",
        rule_set_checksum=parts.rule_set.checksum,
        segment=before.segment if before else None,
        routing_status=int(RoutingStatus.OWNER_ASSIGNED_MANUALLY),
        before=placement_data(old),
        after=placement_data(replace(old, owner=arrived.record.owner)),
        etag=arrived.record.etag,
    )
