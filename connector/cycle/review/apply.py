"""Writes plans that were made before: reviewed ones, and those that put a cycle back.

What puts a cycle back is found in `undo`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connector.cycle.context import Cycle
from connector.cycle.passes.page import write_plan
from connector.cycle.passes.recovery import is_so
from connector.cycle.rows.arrivals import ArrivedRow
from connector.cycle.rows.decisions import (
    DecidedPlan,
    DecidedRow,
    build_open_plan,
    count_owned,
    placement_of,
)
from connector.cycle.rows.reading import examine_rows, fetch_complete
from connector.cycle.rows.refusals import raise_if_unsafe
from connector.cycle.rows.seller_clocks import clock_rule, clocks_of, touch_clock
from connector.state.records import DecisionKind, DecisionRecord
from connector.state.session import SellerClockState
from engine.plans.changes import PlannedRow
from engine.plans.plan import build_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A row of a plan that was not written, and why."""

    row_id: str
    reason: str


def apply_plan(
    cycle: Cycle,
    planned: Sequence[PlannedRow],
    decisions: Mapping[str, DecisionRecord],
) -> tuple[bool, list[Leftover]]:
    """Write the rows whose version did not move; False when stopped, and the rows left out.

    `decisions` are those behind the rows, by row id; `raise_if_refused` has let the plan pass.
    """
    cycle.read_people()
    rows = fetch_complete(cycle, [row.id for row in planned])
    with cycle.seams.page_lock:
        with cycle.store.begin() as session:
            now = {row.record.id: row for row in examine_rows(cycle, session, rows).arrived}
            ready, leftovers = _sort(cycle, planned, now, decisions)
            decided = _build_decided(cycle, session, ready)
            if not decided.plan.rows:
                return True, leftovers
            open_plan = build_open_plan(cycle, decided)
            session.save_clocks(decided.clocks_after)
            session.save_open_plan(open_plan)
        return write_plan(cycle, open_plan, decided), leftovers


def raise_if_refused(cycle: Cycle, planned: Sequence[PlannedRow]) -> None:
    """Hold a plan for the cycle's table against the limits; raises UnsafePlan."""
    if cycle.options.is_forced:
        return
    with cycle.store.begin() as session:
        owned = count_owned(session, cycle.table.name)
    raise_if_unsafe(build_plan(cycle.rule_set.checksum, planned), cycle.options.limits, owned=owned)


def _sort(
    cycle: Cycle,
    planned: Sequence[PlannedRow],
    now: Mapping[str, ArrivedRow],
    decisions: Mapping[str, DecisionRecord],
) -> tuple[list[DecidedRow], list[Leftover]]:
    ready: list[DecidedRow] = []
    leftovers: list[Leftover] = []
    for row in planned:
        found = now.get(row.id)
        if found is None:
            leftovers.append(Leftover(row_id=row.id, reason="deleted since the plan was made"))
        elif row.etag is None or found.record.etag != row.etag:
            leftovers.append(Leftover(row_id=row.id, reason=_why_moved(cycle, row, found)))
        else:
            ready.append(
                DecidedRow(
                    record=found.record,
                    before=found.before,
                    planned=row,
                    decision=decisions[row.id],
                )
            )
    return ready, leftovers


def _why_moved(cycle: Cycle, row: PlannedRow, found: ArrivedRow) -> str:
    """Who applies a plan again behind a crash wants to know which rows still need a look."""
    current = placement_of(cycle.table, found.record, found.before)
    if row.changes and all(is_so(current, change) for change in row.changes):
        return "is as planned already"
    return "changed since the plan was made"


def _build_decided(
    cycle: Cycle, session: SellerClockState, ready: Sequence[DecidedRow]
) -> DecidedPlan:
    """The rows as decided now; their sellers' clocks move as they would have in a cycle."""
    session.lock_clocks()
    plan = build_plan(cycle.rule_set.checksum, (row.planned for row in ready))
    clocks = dict(session.load_clocks())
    moved: list[str] = []
    for row in ready:
        change = row.planned.owner_change if isinstance(row.planned, PlannedRow) else None
        if change is not None and row.decision.kind is not DecisionKind.UNDONE:
            seller, now = change.after.id, cycle.now()
            rule = clock_rule(cycle.rule_set, row.decision.rule)
            clocks[seller] = touch_clock(clocks, seller, now, rule=rule)
            moved.append(seller)
    return DecidedPlan(
        plan=plan,
        rows=[
            replace(
                row,
                decision=replace(row.decision, cycle_id=cycle.id, plan_checksum=plan.checksum),
            )
            for row in ready
        ],
        clocks=clocks_of(session.load_clocks(), set(moved)),
        clocks_after=[clocks[seller] for seller in sorted(set(moved))],
    )
