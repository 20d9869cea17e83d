"""Decides without saving anything: what a cycle or a backfill would do, as a plan to review."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from connector.cycle.context import CycleParts, CycleRun, RowToDecide, pin_people
from connector.cycle.cycle_records import build_run
from connector.cycle.passes.scheduled_runs import list_due_ids
from connector.cycle.passes.take_backs import list_overdue
from connector.cycle.review.preview_state import Carried
from connector.cycle.rows.arrivals import TO_DECIDE, Arrival, ArrivedRow
from connector.cycle.rows.decisions import Batch, DecidedRow, decide_rows
from connector.cycle.rows.reading import examine_rows, fetch_complete, find_candidates, is_for_rules
from connector.cycle.table_cycle import fetch_marked, load_mark, start_over
from connector.errors import ResyncRequired
from connector.ports import RowPage
from connector.state.records import LedgerRow, PlanOrigin, ReadMode
from connector.state.session import StateSession
from connector.watched_tables.watched_table import WatchedTable
from engine.plans.plan import Plan, build_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be done with one table; `is_first_contact` = there is no baseline yet."""

    table: str
    batch: Batch
    is_first_contact: bool = False
    open_plans: int = 0

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.batch.plan


def preview_cycle(parts: CycleParts, table: WatchedTable, carried: Carried) -> Preview:
    """Read what changed, and the backlog that is due, and decide it.

    Nothing is saved or written; what it would leave behind is added to `carried`.
    """
    run = build_run(parts, table, PlanOrigin.CYCLE)
    mark = load_mark(parts, run)
    with parts.store.begin() as session:
        open_plans = len(session.list_open_plans(table.name))
    empty = Batch(plan=build_plan(parts.rule_set.checksum, ()))
    if mark.mode is ReadMode.BASELINE:
        return Preview(table=table.name, batch=empty, is_first_contact=True, open_plans=open_plans)
    candidates: dict[str, RowToDecide] = {}
    for page in _pages(parts, run):
        found = _examine(parts, run, page, carried)
        candidates.update({candidate.record.id: candidate for candidate in found})
    for due in _due(parts, run):
        candidates.setdefault(due.record.id, due)
    for overdue in list_overdue(parts, run):
        candidates.setdefault(overdue.record.id, overdue)
    batch = _decide(parts, run, list(candidates.values()), carried)
    carried.add_batch(batch)
    return Preview(table=table.name, batch=batch, open_plans=open_plans)


def preview_backfill(
    parts: CycleParts, table: WatchedTable, *, segment: str | None = None, limit: int | None = None
) -> Preview:
    """Decide rows that never were, oldest first, as if they were new.

    So are those that were decided while their segment had no rules, once it has some. At most
    `limit` rows. With `segment` only rows of it: the table is read on until so many are found.
    """
    run = build_run(parts, table, PlanOrigin.BACKFILL)
    most = parts.options.backfill_rows
    size = most if segment is not None or limit is None else min(limit, most)
    found = chain.from_iterable(
        page if segment is None else _keep_segment(parts, run, page, segment)
        for page in _undecided(parts, run, size)
    )
    return Preview(
        table=table.name, batch=_decide(parts, run, list(islice(found, limit)), Carried())
    )


def _undecided(parts: CycleParts, run: CycleRun, size: int) -> Iterator[list[RowToDecide]]:
    """The open rows that no rule was asked about, page by page; those so far when stopped."""
    table = run.table.name
    ruled = {rule.segment for rule in parts.rule_set.rules if rule.table == table and rule.active}
    last: LedgerRow | None = None
    while not parts.is_stopping():
        with parts.store.begin() as session:
            page = session.list_undecided(table, last, size, with_rules=ruled)
        if not page:
            return
        last = page[-1]
        yield list(_fresh(parts, run, [row.id for row in page], is_reassignment=True))


def _keep_segment(
    parts: CycleParts, run: CycleRun, candidates: Sequence[RowToDecide], segment: str
) -> list[RowToDecide]:
    batch = _decide(parts, run, candidates, Carried())
    wanted = {row.record.id for row in batch.rows if row.decision.segment == segment}
    return [found for found in candidates if found.record.id in wanted]


def _pages(parts: CycleParts, run: CycleRun) -> Iterator[RowPage]:
    mark = load_mark(parts, run)
    while True:
        try:
            page = fetch_marked(parts, run, mark)
        except ResyncRequired:
            mark = start_over(mark)
            page = fetch_marked(parts, run, mark)
        yield page
        if page.next_link is None:
            return
        mark = replace(mark, link=page.next_link)


def _examine(
    parts: CycleParts, run: CycleRun, page: RowPage, carried: Carried
) -> list[RowToDecide]:
    with parts.store.begin() as session:
        arrived = examine_rows(parts, run, session, page.rows).arrived
        _carry(parts, run, session, arrived, carried)
        carried.add_deleted(session.load_rows(run.table.name, page.deleted).values())
    if run.table.needs_related_rows:
        arrived = [row for row in arrived if row.arrival in TO_DECIDE]
        complete = fetch_complete(parts, run, [row.record.id for row in arrived])
        with parts.store.begin() as session:
            arrived = examine_rows(parts, run, session, complete).arrived
    with parts.store.begin() as session:
        return find_candidates(session, run.table.name, arrived)


def _carry(
    parts: CycleParts,
    run: CycleRun,
    session: StateSession,
    arrived: Sequence[ArrivedRow],
    carried: Carried,
) -> None:
    """What a cycle notes about rows it does not decide."""
    for row in arrived:
        if row.arrival in TO_DECIDE or row.arrival is Arrival.ECHO:
            continue
        carried.add_seen(row)
        owner = row.record.owner
        is_counted = run.table.name in parts.rule_set.counted_tables
        if row.arrival is Arrival.MANUAL and owner is not None and is_counted:
            carried.add_turn(session, owner.id, row.record.modified_on or parts.clock.now())


def _due(parts: CycleParts, run: CycleRun) -> Iterator[RowToDecide]:
    with parts.store.begin() as session:
        entries = session.list_backlog(
            table=run.table.name, due_at=parts.clock.now(), limit=parts.options.retry_rows
        )
        scheduled = list_due_ids(parts, session, run.table.name)
    ids = dict.fromkeys([*scheduled, *(entry.row_id for entry in entries)])
    yield from _fresh(parts, run, list(ids), is_reassignment=False)


def _fresh(
    parts: CycleParts, run: CycleRun, ids: Sequence[str], *, is_reassignment: bool
) -> Iterator[RowToDecide]:
    rows = fetch_complete(parts, run, ids)
    with parts.store.begin() as session:
        examined = examine_rows(parts, run, session, rows)
        waiting = session.load_backlog(run.table.name, ids)
    for row in examined.arrived:
        if row.record.is_open and row.arrival is not Arrival.MANUAL:
            entry = waiting.get(row.record.id)
            yield RowToDecide(
                record=row.record,
                before=row.before,
                is_fresh=is_reassignment or is_for_rules(row.before, entry),
                is_reassignment=is_reassignment,
            )


def _decide(
    parts: CycleParts, run: CycleRun, candidates: Sequence[RowToDecide], carried: Carried
) -> Batch:
    """Rows of plans that are still open stand as these intend once they are settled, which comes
    before anything reviewed is written: decided here too they would be assigned twice.
    """
    unrefused = replace(pin_people(parts), options=replace(parts.options, is_forced=True))
    with parts.store.begin() as session:
        open_plans = session.list_open_plans(run.table.name)
        pending = {row.id for open_plan in open_plans for row in open_plan.plan.rows}
        settled = [found for found in candidates if found.record.id not in pending]
        return decide_rows(unrefused, run, carried.lay_over(session), settled)


def written_rows(batch: Batch) -> list[DecidedRow]:
    """The decided rows that the plan writes, in the order they were decided."""
    planned = {(row.table, row.id) for row in batch.plan.rows}
    return [row for row in batch.rows if (row.record.table, row.record.id) in planned]
