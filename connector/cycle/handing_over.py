"""Keeps in mind which rows sellers may lose again; taking them back is in `taking_back`."""

from collections.abc import Sequence
from datetime import datetime

from connector.cycle.deciding import TAKEN_FROM, DecidedRow
from connector.cycle.parts import CycleParts, CycleRun
from connector.cycle.triage import Arrival, ArrivedRow
from connector.ports import StateSession
from connector.state import DecisionRecord, Handover
from engine.planning import PlannedRow
from engine.records import EntityReference
from engine.ruleset import Rule
from engine.statuses import RoutingStatus
from engine.take_backs import is_touched_by_change
from engine.working_time import add_working_time

_STILL_THERE = frozenset({Arrival.UPDATED, Arrival.UNCHANGED, Arrival.HELD})
"""How a row arrives that its owner still has open."""


def note_handovers(
    parts: CycleParts,
    session: StateSession,
    rows: Sequence[tuple[DecidedRow, DecisionRecord]],
) -> None:
    """Remember rows that arrived at a seller under a rule that takes them back when untouched.

    A row that went elsewhere is forgotten. Who had a row, and how often it was taken back, is
    kept until somebody touches it.
    """
    given = [(row, decision, find_rule(parts, decision)) for row, decision in rows]
    watched = [found for found in given if found[2] is not None and found[2].take_back]
    moved = [row.record.id for row, _ in rows if _new_owner(row)]
    if not watched and not moved:
        return
    table = rows[0][0].record.table
    known = session.load_handovers(table, [row.record.id for row, _ in rows])
    kept = [
        _build_handover(parts, rule, decision, seller=seller, before=known.get(decision.row_id))
        for row, decision, rule in watched
        if rule is not None and (seller := _given_seller(row, decision)) is not None
    ]
    session.remove_handovers(table, sorted(known.keys() & set(moved)))
    session.save_handovers(kept)


def note_touches(
    parts: CycleParts, run: CycleRun, session: StateSession, arrived: Sequence[ArrivedRow]
) -> None:
    """Forget handovers of rows that somebody worked on, closed, or gave to somebody."""
    news = {row.record.id: row for row in arrived if row.arrival is not Arrival.ECHO}
    known = session.load_handovers(run.table.name, list(news))
    ended = [
        row_id for row_id, handover in known.items() if _is_over(parts, handover, news[row_id])
    ]
    session.remove_handovers(run.table.name, ended)


def find_rule(parts: CycleParts, decision: DecisionRecord | Handover) -> Rule | None:
    """The rule that a decision or a handover names."""
    return parts.rule_set.find_rule(decision.table, decision.segment, decision.rule)


def find_due(parts: CycleParts, rule: Rule, *, seller_id: str, since: datetime) -> datetime | None:
    """When a row that a seller has had since then is taken back; None when the rule does not."""
    if rule.take_back is None:
        return None
    sellers = parts.directory().sellers
    calendar = next((seller.calendar for seller in sellers if seller.id == seller_id), None)
    return add_working_time(calendar, since, rule.take_back.delay)


def _build_handover(
    parts: CycleParts,
    rule: Rule,
    decision: DecisionRecord,
    *,
    seller: EntityReference,
    before: Handover | None,
) -> Handover:
    now = parts.clock.now()
    hops = (before.hops if before else 0) + (TAKEN_FROM in decision.after)
    had_by = dict.fromkeys([*(before.had_by if before else ()), seller.id])
    is_last = rule.take_back is None or hops >= rule.take_back.hops
    return Handover(
        table=decision.table,
        row_id=decision.row_id,
        owner_id=seller.id,
        segment=decision.segment,
        rule=rule.name,
        assigned_at=now,
        due_at=None if is_last else find_due(parts, rule, seller_id=seller.id, since=now),
        hops=hops,
        had_by=tuple(had_by),
    )


def _given_seller(row: DecidedRow, decision: DecisionRecord) -> EntityReference | None:
    """The seller who has the row by this decision."""
    if decision.routing_status != RoutingStatus.OWNER_ASSIGNED:
        return None
    owner = _new_owner(row) or row.record.owner
    return owner if owner is not None and owner.table == "systemuser" else None


def _new_owner(row: DecidedRow) -> EntityReference | None:
    change = row.planned.owner_change if isinstance(row.planned, PlannedRow) else None
    return None if change is None else change.after


def _is_over(parts: CycleParts, handover: Handover, row: ArrivedRow) -> bool:
    owner = row.record.owner
    if row.arrival not in _STILL_THERE or owner is None or owner.id != handover.owner_id:
        return True
    rule = find_rule(parts, handover)
    if rule is None or rule.take_back is None:
        return True
    # Where we know the version that we wrote, another one is not ours, whoever is named.
    is_known = row.before is not None and row.before.etag is not None
    our_id = None if is_known else parts.user_id
    return is_touched_by_change(rule.take_back, row.record.row, owner_id=owner.id, our_id=our_id)
