"""Keeps in mind which rows sellers may lose again; taking them back is in `take_backs`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from connector.cycle.context import Cycle
from connector.cycle.rows.arrivals import Arrival, ArrivedRow
from connector.cycle.rows.decisions import DecidedRow
from connector.state.records import DecisionKind, DecisionRecord, Handover
from connector.state.session import HandoverState
from engine.calendars.working_time import add_working_time
from engine.plans.changes import PlannedRow
from engine.policies.take_backs import is_touched_by_change
from engine.records import EntityReference
from engine.rules.models import Rule
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory
from engine.statuses import RoutingStatus

_STILL_THERE = frozenset({Arrival.UPDATED, Arrival.UNCHANGED, Arrival.HELD})
"""How a row arrives that its owner still has open."""


class Given(NamedTuple):
    """A decision in force: the owner it gave the row to, or the one it left it with."""

    decision: DecisionRecord
    owner: EntityReference | None
    is_moved: bool


def note_handovers(
    cycle: Cycle,
    session: HandoverState,
    rows: Sequence[tuple[DecidedRow, DecisionRecord]],
) -> None:
    """Remember rows that arrived at a seller under a rule that takes them back when untouched.

    A row that went elsewhere is forgotten. Who had a row, and how often it was taken back, is
    kept until somebody touches it.
    """
    given: list[Given] = []
    for row, decision in rows:
        owner = _new_owner(row)
        given.append(Given(decision, owner or row.record.owner, is_moved=owner is not None))

    def find(rule: Rule, seller_id: str) -> datetime | None:
        return find_due(rule, cycle.people, seller_id=seller_id, since=cycle.now())

    _note(cycle, session, given, find)


def note_late_handovers(cycle: Cycle, session: HandoverState, given: Sequence[Given]) -> None:
    """The same of writes that were seen to have arrived.

    Working hours are asked for at the next look: here people may not be read.
    """
    _note(cycle, session, given, lambda _rule, _seller_id: cycle.now())


def note_touches(cycle: Cycle, session: HandoverState, arrived: Sequence[ArrivedRow]) -> None:
    """Forget handovers of rows that somebody worked on, closed, or gave to somebody."""
    session.remove_handovers(cycle.table.name, list_touched(cycle, session, arrived))


def list_touched(cycle: Cycle, session: HandoverState, arrived: Sequence[ArrivedRow]) -> list[str]:
    """The ids of rows whose handover is over."""
    news = {row.record.id: row for row in arrived if row.arrival is not Arrival.ECHO}
    known = session.load_handovers(cycle.table.name, list(news))
    return [row_id for row_id, handover in known.items() if _is_over(cycle, handover, news[row_id])]


def find_rule(rule_set: RuleSet, decision: DecisionRecord | Handover) -> Rule | None:
    """The rule that a decision or a handover names."""
    return rule_set.find_rule(decision.table, decision.segment, decision.rule)


def find_due(rule: Rule, people: Directory, *, seller_id: str, since: datetime) -> datetime | None:
    """When a row that a seller has had since then is taken back; None when the rule does not."""
    if rule.take_back is None:
        return None
    calendar = next((seller.calendar for seller in people.sellers if seller.id == seller_id), None)
    return add_working_time(calendar, since, rule.take_back.delay)


def _note(
    cycle: Cycle,
    session: HandoverState,
    given: Sequence[Given],
    due: Callable[[Rule, str], datetime | None],
) -> None:
    rules = {found.decision.row_id: find_rule(cycle.rule_set, found.decision) for found in given}
    watched = [row_id for row_id, rule in rules.items() if rule is not None and rule.take_back]
    moved = {found.decision.row_id for found in given if found.is_moved}
    if not watched and not moved:
        return
    table = given[0].decision.table
    known = session.load_handovers(table, list(rules))
    kept: list[Handover] = []
    for found in given:
        row_id = found.decision.row_id
        rule, seller = rules[row_id], _given_seller(found)
        if rule is None or rule.take_back is None or seller is None:
            continue
        made = _build_handover(found.decision, seller, at=cycle.now(), before=known.get(row_id))
        is_last = made.hops >= rule.take_back.hops
        kept.append(replace(made, due_at=None if is_last else due(rule, seller.id)))
    session.remove_handovers(table, sorted(known.keys() & moved))
    session.save_handovers(kept)


def _build_handover(
    decision: DecisionRecord,
    seller: EntityReference,
    *,
    at: datetime,
    before: Handover | None,
) -> Handover:
    return Handover(
        table=decision.table,
        row_id=decision.row_id,
        owner_id=seller.id,
        segment=decision.segment,
        rule=decision.rule or "",
        assigned_at=at,
        due_at=None,
        hops=(before.hops if before else 0) + (decision.kind is DecisionKind.TAKEN_BACK),
        had_by=tuple(dict.fromkeys([*(before.had_by if before else ()), seller.id])),
    )


def _given_seller(found: Given) -> EntityReference | None:
    """The seller who has the row by a decision."""
    is_assigned = found.decision.routing_status == RoutingStatus.OWNER_ASSIGNED
    owner = found.owner if is_assigned else None
    return owner if owner is not None and owner.table == "systemuser" else None


def _new_owner(row: DecidedRow) -> EntityReference | None:
    change = row.planned.owner_change if isinstance(row.planned, PlannedRow) else None
    return None if change is None else change.after


def _is_over(cycle: Cycle, handover: Handover, row: ArrivedRow) -> bool:
    owner = row.record.owner
    if row.arrival not in _STILL_THERE or owner is None or owner.id != handover.owner_id:
        return True
    rule = find_rule(cycle.rule_set, handover)
    if rule is None or rule.take_back is None:
        return True
    # Where we know the version that we wrote, another one is not ours, whoever is named.
    is_known = row.before is not None and row.before.etag is not None
    our_id = None if is_known else cycle.seams.user_id
    return is_touched_by_change(rule.take_back, row.record.row, owner_id=owner.id, our_id=our_id)
