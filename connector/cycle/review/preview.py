"""Decides without saving anything: what a cycle or a backfill would do, as a plan to review.

Which rows are decided, and how, is asked where a cycle asks; what a cycle would have saved by then
is assumed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from connector.cycle.context import Cycle, RowToDecide, Seams
from connector.cycle.cycle_records import build_cycle
from connector.cycle.passes import backlog, scheduled_runs
from connector.cycle.passes.take_backs import list_overdue
from connector.cycle.review.preview_state import Assumed
from connector.cycle.rows.arrivals import TO_DECIDE, Arrival, ArrivedRow
from connector.cycle.rows.decisions import DecidedPlan, decide_rows
from connector.cycle.rows.late_writes import LateWrites, find_late_writes
from connector.cycle.rows.reading import (
    complete_rows,
    confirm_deleted,
    examine_rows,
    fetch_complete,
    load_waiting,
)
from connector.cycle.rows.selection import select_changed, select_undecided, select_waiting
from connector.cycle.rows.take_back_watch import list_touched
from connector.cycle.rows.wake_ups import list_woken_codes
from connector.cycle.table_cycle import fetch_marked, load_mark, start_over
from connector.errors import ResyncRequired
from connector.ports import RowPage
from connector.state.records import LedgerRow, PlanOrigin, ReadMode
from connector.state.session import StateSession
from connector.watched_tables.watched_table import WatchedTable
from engine.plans.plan import Plan, build_plan
from engine.records import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be done with one table; `is_first_contact` = there is no baseline yet."""

    table: str
    decided: DecidedPlan
    is_first_contact: bool = False
    open_plans: int = 0

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.decided.plan


def preview_cycle(seams: Seams, table: WatchedTable, assumed: Assumed) -> Preview:
    """Read what changed, and the backlog that is due, and decide it.

    Nothing is saved or written; what it would leave behind is added to `assumed`.
    """
    cycle = build_cycle(seams, table, PlanOrigin.CYCLE)
    assumed.begin_table()
    mark = load_mark(cycle)
    with cycle.store.begin() as session:
        open_plans = len(session.list_open_plans(table.name))
    empty = DecidedPlan(plan=build_plan(cycle.rule_set.checksum, ()))
    if mark.mode is ReadMode.BASELINE:
        return Preview(
            table=table.name, decided=empty, is_first_contact=True, open_plans=open_plans
        )
    found: dict[str, RowToDecide] = {}
    for page in _pages(cycle):
        found.update({row.record.id: row for row in _select_changed(cycle, page, assumed)})
    for row in _select_waiting(cycle, assumed):
        found.setdefault(row.record.id, row)
    for row in list_overdue(cycle, assumed.seen, assumed.touched):
        found.setdefault(row.record.id, row)
    decided = _decide(cycle, list(found.values()), assumed)
    assumed.add_decided(decided)
    return Preview(table=table.name, decided=decided, open_plans=open_plans)


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
    return Preview(table=table.name, decided=_decide(cycle, list(islice(found, limit)), Assumed()))


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
        rows = fetch_complete(cycle, [row.id for row in page])
        with cycle.store.begin() as session:
            arrived = examine_rows(cycle, session, rows).arrived
        yield select_undecided(arrived)


def _keep_segment(
    cycle: Cycle, candidates: Sequence[RowToDecide], segment: str
) -> list[RowToDecide]:
    decided = _decide(cycle, candidates, Assumed())
    wanted = {row.record.id for row in decided.rows if row.decision.segment == segment}
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


def _select_changed(cycle: Cycle, page: RowPage, assumed: Assumed) -> list[RowToDecide]:
    with cycle.store.begin() as session:
        late = _assume_late_writes(cycle, session, page.rows, assumed)
        examined = examine_rows(cycle, session, page.rows, assumed=late.rows)
    examined = complete_rows(cycle, examined, late.rows)
    gone = confirm_deleted(cycle, page)
    with cycle.store.begin() as session:
        _assume_noted(cycle, session, examined.arrived, assumed)
        assumed.add_deleted(session.load_rows(cycle.table.name, gone).values())
        waiting = load_waiting(session, cycle.table.name, examined.arrived)
    still = {row_id: entry for row_id, entry in waiting.items() if row_id not in late.ids}
    return select_changed(examined.arrived, still)


def _assume_late_writes(
    cycle: Cycle, session: StateSession, rows: Sequence[Row], assumed: Assumed
) -> LateWrites:
    late = find_late_writes(session, cycle.table, rows)
    assumed.add_late_writes(session, late, cycle.rule_set)
    return late


def _assume_noted(
    cycle: Cycle, session: StateSession, arrived: Sequence[ArrivedRow], assumed: Assumed
) -> None:
    """What a cycle notes about rows of a page."""
    assumed.touched.update(list_touched(cycle, session, arrived))
    is_counted = cycle.table.name in cycle.rule_set.counted_tables
    for row in arrived:
        if row.arrival in TO_DECIDE or row.arrival is Arrival.ECHO:
            continue
        assumed.add_seen(row)
        owner = row.record.owner
        if row.arrival is Arrival.MANUAL:
            assumed.manual.add(row.record.id)
        if row.arrival is Arrival.MANUAL and owner is not None and is_counted:
            assumed.add_turn(session, owner.id, row.record.modified_on or cycle.now())


def _select_waiting(cycle: Cycle, assumed: Assumed) -> list[RowToDecide]:
    cycle.read_people()
    table, now = cycle.table.name, cycle.now()
    with cycle.store.begin() as session:
        woken = list_woken_codes(cycle, session, assumed.lay_over(session).count_open())
        scheduled = scheduled_runs.list_due_ids(cycle.rule_set, session, table, now=now)
        ids = list(dict.fromkeys([*scheduled, *backlog.list_due_ids(cycle, session, woken)]))
    rows = fetch_complete(cycle, ids)
    with cycle.store.begin() as session:
        late = _assume_late_writes(cycle, session, rows, assumed)
        known = {**assumed.seen, **late.rows}
        examined = examine_rows(cycle, session, rows, assumed=known)
        waiting = load_waiting(session, table, examined.arrived)
    return select_waiting(examined.arrived, waiting, settled=late.ids | assumed.manual)


def _decide(cycle: Cycle, candidates: Sequence[RowToDecide], assumed: Assumed) -> DecidedPlan:
    """Rows of plans that are still open stand as these intend once they are settled, which comes
    before anything reviewed is written: decided here too they would be assigned twice.
    """
    cycle.read_people()
    with cycle.store.begin() as session:
        open_plans = session.list_open_plans(cycle.table.name)
        pending = {row.id for open_plan in open_plans for row in open_plan.plan.rows}
        settled = [found for found in candidates if found.record.id not in pending]
        return decide_rows(cycle, assumed.lay_over(session), settled)
