"""Decides without saving anything: what a cycle or a backfill would do, as a plan to review."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from connector.cycle.context import Cycle, RowToDecide, Seams
from connector.cycle.cycle_records import build_cycle
from connector.cycle.passes.scheduled_runs import list_due_ids
from connector.cycle.passes.take_backs import list_overdue
from connector.cycle.review.preview_state import Carried
from connector.cycle.rows.arrivals import TO_DECIDE, Arrival, ArrivedRow
from connector.cycle.rows.decisions import Batch, DecidedRow, DecidingState, decide_rows
from connector.cycle.rows.reading import examine_rows, fetch_complete, find_candidates, is_for_rules
from connector.cycle.table_cycle import fetch_marked, load_mark, start_over
from connector.errors import ResyncRequired
from connector.ports import RowPage
from connector.state.records import LedgerRow, PlanOrigin, ReadMode
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


def preview_cycle(seams: Seams, table: WatchedTable, carried: Carried) -> Preview:
    """Read what changed, and the backlog that is due, and decide it.

    Nothing is saved or written; what it would leave behind is added to `carried`.
    """
    cycle = build_cycle(seams, table, PlanOrigin.CYCLE)
    mark = load_mark(cycle)
    with cycle.store.begin() as session:
        open_plans = len(session.list_open_plans(table.name))
    empty = Batch(plan=build_plan(cycle.rule_set.checksum, ()))
    if mark.mode is ReadMode.BASELINE:
        return Preview(table=table.name, batch=empty, is_first_contact=True, open_plans=open_plans)
    candidates: dict[str, RowToDecide] = {}
    for page in _pages(cycle):
        found = _examine(cycle, page, carried)
        candidates.update({candidate.record.id: candidate for candidate in found})
    for due in _due(cycle):
        candidates.setdefault(due.record.id, due)
    for overdue in list_overdue(cycle):
        candidates.setdefault(overdue.record.id, overdue)
    batch = _decide(cycle, list(candidates.values()), carried)
    carried.add_batch(batch)
    return Preview(table=table.name, batch=batch, open_plans=open_plans)


def preview_backfill(
    seams: Seams, table: WatchedTable, *, segment: str | None = None, limit: int | None = None
) -> Preview:
    """Decide rows that never were, oldest first, as if they were new.

    So are those that were decided while their segment had no rules, once it has some. At most
    `limit` rows. With `segment` only rows of it: the table is read on until so many are found.
    """
    cycle = build_cycle(seams, table, PlanOrigin.BACKFILL)
    most = cycle.options.backfill_rows
    size = most if segment is not None or limit is None else min(limit, most)
    found = chain.from_iterable(
        page if segment is None else _keep_segment(cycle, page, segment)
        for page in _undecided(cycle, size)
    )
    return Preview(table=table.name, batch=_decide(cycle, list(islice(found, limit)), Carried()))


def _undecided(cycle: Cycle, size: int) -> Iterator[list[RowToDecide]]:
    """The open rows that no rule was asked about, page by page; those so far when stopped."""
    table = cycle.table.name
    ruled = {rule.segment for rule in cycle.rule_set.rules if rule.table == table and rule.active}
    last: LedgerRow | None = None
    while not cycle.seams.is_stopping():
        with cycle.store.begin() as session:
            page = session.list_undecided(table, last, size, with_rules=ruled)
        if not page:
            return
        last = page[-1]
        yield list(_fresh(cycle, [row.id for row in page], is_reassignment=True))


def _keep_segment(
    cycle: Cycle, candidates: Sequence[RowToDecide], segment: str
) -> list[RowToDecide]:
    batch = _decide(cycle, candidates, Carried())
    wanted = {row.record.id for row in batch.rows if row.decision.segment == segment}
    return [found for found in candidates if found.record.id in wanted]


def _pages(cycle: Cycle) -> Iterator[RowPage]:
    mark = load_mark(cycle)
    while True:
        try:
            page = fetch_marked(cycle.source, cycle.table.query, mark)
        except ResyncRequired:
            mark = start_over(mark)
            page = fetch_marked(cycle.source, cycle.table.query, mark)
        yield page
        if page.next_link is None:
            return
        mark = replace(mark, link=page.next_link)


def _examine(cycle: Cycle, page: RowPage, carried: Carried) -> list[RowToDecide]:
    with cycle.store.begin() as session:
        arrived = examine_rows(cycle, session, page.rows).arrived
        _carry(cycle, session, arrived, carried)
        carried.add_deleted(session.load_rows(cycle.table.name, page.deleted).values())
    if cycle.table.needs_related_rows:
        arrived = [row for row in arrived if row.arrival in TO_DECIDE]
        complete = fetch_complete(cycle, [row.record.id for row in arrived])
        with cycle.store.begin() as session:
            arrived = examine_rows(cycle, session, complete).arrived
    with cycle.store.begin() as session:
        return find_candidates(session, cycle.table.name, arrived)


def _carry(
    cycle: Cycle,
    session: DecidingState,
    arrived: Sequence[ArrivedRow],
    carried: Carried,
) -> None:
    """What a cycle notes about rows it does not decide."""
    for row in arrived:
        if row.arrival in TO_DECIDE or row.arrival is Arrival.ECHO:
            continue
        carried.add_seen(row)
        owner = row.record.owner
        is_counted = cycle.table.name in cycle.rule_set.counted_tables
        if row.arrival is Arrival.MANUAL and owner is not None and is_counted:
            carried.add_turn(session, owner.id, row.record.modified_on or cycle.now())


def _due(cycle: Cycle) -> Iterator[RowToDecide]:
    with cycle.store.begin() as session:
        entries = session.list_backlog(
            table=cycle.table.name, due_at=cycle.now(), limit=cycle.options.retry_rows
        )
        scheduled = list_due_ids(cycle.rule_set, session, cycle.table.name, now=cycle.now())
    ids = dict.fromkeys([*scheduled, *(entry.row_id for entry in entries)])
    yield from _fresh(cycle, list(ids), is_reassignment=False)


def _fresh(cycle: Cycle, ids: Sequence[str], *, is_reassignment: bool) -> Iterator[RowToDecide]:
    rows = fetch_complete(cycle, ids)
    with cycle.store.begin() as session:
        examined = examine_rows(cycle, session, rows)
        waiting = session.load_backlog(cycle.table.name, ids)
    for row in examined.arrived:
        if row.record.is_open and row.arrival is not Arrival.MANUAL:
            entry = waiting.get(row.record.id)
            yield RowToDecide(
                record=row.record,
                before=row.before,
                is_fresh=is_reassignment or is_for_rules(row.before, entry),
                is_reassignment=is_reassignment,
            )


def _decide(cycle: Cycle, candidates: Sequence[RowToDecide], carried: Carried) -> Batch:
    """Rows of plans that are still open stand as these intend once they are settled, which comes
    before anything reviewed is written: decided here too they would be assigned twice.
    """
    cycle.read_people()
    with cycle.store.begin() as session:
        open_plans = session.list_open_plans(cycle.table.name)
        pending = {row.id for open_plan in open_plans for row in open_plan.plan.rows}
        settled = [found for found in candidates if found.record.id not in pending]
        return decide_rows(cycle, carried.lay_over(session), settled)


def written_rows(batch: Batch) -> list[DecidedRow]:
    """The decided rows that the plan writes, in the order they were decided."""
    planned = {(row.table, row.id) for row in batch.plan.rows}
    return [row for row in batch.rows if (row.record.table, row.record.id) in planned]
