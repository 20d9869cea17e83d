"""Takes rows back from sellers who did not touch them in time, and gives them to somebody else.

Whether a row was touched is judged in the engine; what is kept in mind is in `take_back_watch`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.cycle.context import Cycle, RowToDecide
from connector.cycle.passes.page import begin_plan, write_plan
from connector.cycle.rows.arrivals import Arrival, ArrivedRow
from connector.cycle.rows.decisions import DecidedPlan
from connector.cycle.rows.reading import examine_rows, fetch_complete
from connector.cycle.rows.selection import select_overdue
from connector.cycle.rows.take_back_watch import find_due, find_rule
from connector.state.records import Handover, LedgerRow, PlanOrigin
from connector.state.session import HandoverState
from engine.plans.changes import PlannedRow
from engine.policies.take_backs import is_touched_by_column
from engine.rules.models import Rule
from engine.sellers import Directory

AFTER_A_FAILURE = timedelta(hours=1)
"""How soon a row is looked at again whose write did not arrive."""


def take_back_due(cycle: Cycle) -> bool:
    """Decide rows again that nobody touched in time; False when stopped. Raises UnsafePlan.

    A row that changed since the last page is left to the next cycle, which will know whether that
    was a touch. One for which nobody else is found stays where it is and is looked at again after
    as much working time.
    """
    due = _load_due(cycle)
    if not due:
        return True
    rows = fetch_complete(cycle, list(due))
    cycle.read_people()
    with cycle.as_origin(PlanOrigin.TAKE_BACK), cycle.seams.page_lock:
        with cycle.store.begin() as session:
            sorted_out = _sort(cycle, due, examine_rows(cycle, session, rows).arrived)
            session.save_handovers(sorted_out.later)
            session.remove_handovers(cycle.table.name, sorted_out.over)
            open_plan, decided = begin_plan(cycle, session, sorted_out.ready)
            _put_off(cycle, session, due, decided)
        return open_plan is None or write_plan(cycle, open_plan, decided)


def list_overdue(
    cycle: Cycle, assumed: Mapping[str, LedgerRow], touched: Collection[str]
) -> Sequence[RowToDecide]:
    """The rows that would be taken back now; nothing is saved.

    `assumed` are rows as the ledger would remember them, `touched` those that would be over.
    """
    due = _load_due(cycle)
    rows = fetch_complete(cycle, list(due))
    cycle.read_people()
    with cycle.store.begin() as session:
        arrived = examine_rows(cycle, session, rows, assumed=assumed).arrived
    return _sort(cycle, due, [row for row in arrived if row.record.id not in touched]).ready


@dataclass(frozen=True, slots=True, kw_only=True)
class _SortedOut:
    """Rows to take back, those due later by today's calendars, and ids of what is over."""

    ready: list[RowToDecide] = field(default_factory=list[RowToDecide])
    later: list[Handover] = field(default_factory=list[Handover])
    over: list[str] = field(default_factory=list[str])


def _load_due(cycle: Cycle) -> dict[str, Handover]:
    now, limit = cycle.now(), cycle.options.retry_rows
    with cycle.store.begin() as session:
        found = session.list_handovers(cycle.table.name, now, limit)
    return {handover.row_id: handover for handover in found}


def _sort(cycle: Cycle, due: Mapping[str, Handover], arrived: Iterable[ArrivedRow]) -> _SortedOut:
    """Candidates for the same people stand together, so that they share an engine."""
    found = _SortedOut()
    for row in arrived:
        handover = due[row.record.id]
        rule = find_rule(cycle.rule_set, handover)
        if rule is None or rule.take_back is None:
            found.over.append(handover.row_id)
        elif row.arrival is not Arrival.ECHO:
            continue
        elif not _is_with_seller(row, handover) or is_touched_by_column(
            rule.take_back, row.record.row, handover.assigned_at
        ):
            found.over.append(handover.row_id)
        elif (at := _find_due_today(cycle.people, handover, rule)) > cycle.now():
            found.later.append(replace(handover, due_at=at))
        else:
            found.ready.append(select_overdue(row, handover))
    found.ready.sort(key=lambda candidate: sorted(candidate.passed_over))
    return found


def _is_with_seller(row: ArrivedRow, handover: Handover) -> bool:
    """The row is open and with the seller.

    Where that ended is noticed when a plan is settled or a row is tried again, too; the page that
    comes later shows it as known, not as news that ends the watch.
    """
    owner = row.record.owner
    return row.record.is_open and owner is not None and owner.id == handover.owner_id


def _find_due_today(people: Directory, handover: Handover, rule: Rule) -> datetime:
    """When the row is due by the calendar as it is now: its owner may have been away since."""
    due = find_due(rule, people, seller_id=handover.owner_id, since=handover.assigned_at)
    return due or handover.assigned_at


def _put_off(
    cycle: Cycle, session: HandoverState, due: Mapping[str, Handover], decided: DecidedPlan
) -> None:
    """Look again after as much working time, or in an hour should a write not arrive."""
    now = cycle.now()
    later: list[Handover] = []
    for row in decided.rows:
        handover, at = due[row.record.id], now + AFTER_A_FAILURE
        rule = find_rule(cycle.rule_set, handover)
        if rule is not None and not isinstance(row.planned, PlannedRow):
            at = find_due(rule, cycle.people, seller_id=handover.owner_id, since=now) or at
        later.append(replace(handover, due_at=at))
    session.save_handovers(later)
