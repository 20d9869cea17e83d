"""Takes decisions and turns them into an open plan; writing it is in `writes`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from connector.cycle.context import Cycle, RowToDecide
from connector.cycle.rows.seller_clocks import (
    clocks_of,
    count_units,
    find_moved,
    hold_clocks,
)
from connector.state.fingerprints import build_fingerprint
from connector.state.plan_document import build_reference_data
from connector.state.records import (
    DecisionKind,
    DecisionRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
    Previous,
)
from connector.watched_tables.watched_table import WatchedTable
from engine.assignment.assembly import AssembledRules
from engine.assignment.decider import Decider
from engine.decisions.decision import AssignmentDecision
from engine.decisions.plain_data import trace_to_data
from engine.plans.changes import Placement, PlannedRow, Skip, choose_placement, plan_row
from engine.plans.plan import Plan, build_plan
from engine.records import Record
from engine.sellers import SellerClock


class DecidingState(Protocol):
    """What decisions start from: a session of the store, or what would be in it."""

    def load_clocks(self) -> Mapping[str, SellerClock]:
        """Every seller's clock, by seller id."""
        ...

    def count_open(self) -> Mapping[tuple[str, str, str], int]:
        """Open rows by table, owner id and the rule that assigned them ("" = none)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedRow:
    """A decided row with its plan; `decision` is what will be recorded once the outcome is known.

    `as_decided` is the watched set and fingerprint of a row that may have changed since it was
    decided; None when `record` is what was decided about.
    """

    record: Record
    before: LedgerRow | None
    planned: PlannedRow | Skip
    decision: DecisionRecord
    as_decided: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedPlan:
    """A plan and what stands behind it: rows decided together, and clocks before and after."""

    plan: Plan
    rows: Sequence[DecidedRow] = ()
    clocks: Sequence[SellerClock] = ()
    clocks_after: Sequence[SellerClock] = ()

    @property
    def written_rows(self) -> list[DecidedRow]:
        """The rows that the plan writes, in the order they were decided."""
        return [row for row in self.rows if isinstance(row.planned, PlannedRow)]

    @property
    def decisions(self) -> list[DecisionRecord]:
        """The decisions behind the rows that the plan writes, in the order they were taken."""
        return [row.decision for row in self.written_rows]


def decide_rows(
    cycle: Cycle, session: DecidingState, candidates: Sequence[RowToDecide]
) -> DecidedPlan:
    """Decide rows in order from the clocks and counts that stand; nothing is saved.

    A session must hold the clocks' lock until the open plan is saved.
    """
    if not candidates:
        return DecidedPlan(plan=build_plan(cycle.rule_set.checksum, ()))
    rules = cycle.assembled_rules or cycle.seams.assembled_rules()
    clocks = session.load_clocks()
    held = hold_clocks(clocks, cycle.now())
    consumed = count_units(session.count_open(), cycle.rule_set)
    decider = Decider(rules, held, consumed)
    now = cycle.now()
    rows = [_decide_one(cycle, decider, candidate, now) for candidate in candidates]
    plan = build_plan(cycle.rule_set.checksum, (row.planned for row in rows))
    moved = find_moved(clocks, {**_list_held_back(clocks, held, rules), **decider.list_moved()})
    return DecidedPlan(
        plan=plan,
        rows=[_with_checksum(row, plan) for row in rows],
        clocks=clocks_of(clocks, moved.keys()),
        clocks_after=[moved[seller] for seller in sorted(moved)],
    )


def _list_held_back(
    clocks: Mapping[str, SellerClock], held: Mapping[str, SellerClock], rules: AssembledRules
) -> dict[str, SellerClock]:
    """The clocks of today's people that had to be put back to now."""
    known = rules.members.by_id
    return {
        seller: clock
        for seller, clock in held.items()
        if clock is not clocks[seller] and seller in known
    }


def build_open_plan(cycle: Cycle, decided: DecidedPlan) -> OpenPlan:
    """What was decided as an open plan."""
    return OpenPlan(
        id=cycle.seams.new_id(),
        table=cycle.table.name,
        cycle_id=cycle.id,
        origin=cycle.origin,
        created_at=cycle.now(),
        plan=decided.plan,
        clocks=decided.clocks,
        clocks_after=decided.clocks_after,
        decisions=decided.decisions,
        watched_set=cycle.table.watched_set,
        fingerprints={
            row.record.id: build_fingerprint(row.record.row, cycle.table.watched)
            for row in decided.written_rows
        },
    )


def placement_of(table: WatchedTable, record: Record, before: LedgerRow | None) -> Placement:
    """Where a row stands now; without a sequence column the ledger knows its sequence."""
    sequence = table.lookup_of(record.row, table.writes.sequence)
    if table.writes.sequence is None and before is not None:
        sequence = before.sequence_id
    return Placement(
        owner=record.owner,
        segment_id=table.lookup_of(record.row, table.writes.segment),
        sequence_id=sequence,
    )


def _decide_one(
    cycle: Cycle, decider: Decider, candidate: RowToDecide, now: datetime
) -> DecidedRow:
    record = _as_seen_by_rules(cycle.table, candidate)
    decision = decider.decide(
        record, now, trace=cycle.options.keeps_traces, passed_over=candidate.passed_over
    )
    current = placement_of(cycle.table, candidate.record, candidate.before)
    wanted = _choose_placement(cycle.table, decision, current, candidate)
    if candidate.handover is not None:
        return _take_back(cycle, candidate, decision, current=current, wanted=wanted)
    planned = plan_row(
        candidate.record,
        decision,
        current=current,
        wanted=wanted,
        is_known=candidate.is_reassignment,
    )
    return DecidedRow(
        record=candidate.record,
        before=candidate.before,
        planned=planned,
        decision=_build_decision(cycle, decision, current, wanted),
    )


def _take_back(
    cycle: Cycle,
    candidate: RowToDecide,
    decision: AssignmentDecision,
    *,
    current: Placement,
    wanted: Placement,
) -> DecidedRow:
    """A row taken back from its owner, or left there when nobody new is found for it."""
    record, taken = candidate.record, decision.assigned_to
    planned: PlannedRow | Skip
    if taken is None or taken.id in candidate.passed_over:
        planned = Skip(table=record.table, id=record.id, reason="nobody else is found for it")
    else:
        planned = plan_row(record, decision, current=current, wanted=wanted, is_known=True)
    made = _build_decision(cycle, decision, current, wanted)
    known = candidate.before.owner if candidate.before else None
    owner = record.owner if record.owner and record.owner.name else known or record.owner
    name = (owner.name or owner.id) if owner else "nobody"
    return DecidedRow(
        record=record,
        before=candidate.before,
        planned=planned,
        decision=replace(
            made,
            message=f"taken back from {name}, untouched",
            kind=DecisionKind.TAKEN_BACK,
            previous=Previous(owner=record.owner),
        ),
    )


def _as_seen_by_rules(table: WatchedTable, candidate: RowToDecide) -> Record:
    """The record with the segment the engine has to take as the previous one.

    A fresh row has none; another one has the row's own, or the one the ledger remembers where the
    tenant has no column or no row for it. Who created a row counts once, when it is new.
    """
    record, before = candidate.record, candidate.before
    if candidate.is_fresh:
        created_now = before is None
        return replace(
            record, segment_id=None, creator_id=record.creator_id if created_now else None
        )
    previous = table.lookup_of(record.row, table.writes.segment)
    name = before.segment if before else None
    if previous is None and name is not None and not table.has_segment_row(name):
        previous = table.engine_segment_ids.get(name)
    return replace(record, segment_id=previous, creator_id=None)


def _choose_placement(
    table: WatchedTable, decision: AssignmentDecision, current: Placement, candidate: RowToDecide
) -> Placement:
    left = candidate.before.segment if candidate.before else None
    writes = table.writes
    sequence_id = table.sequence_ids.get(decision.sequence or "")
    return choose_placement(
        decision,
        current,
        segment_id=table.segment_ids.get(decision.segment or "") if writes.segment else None,
        sequence_id=sequence_id if table.connects_sequences else None,
        clears_segment=left in table.clears,
    )


def _build_decision(
    cycle: Cycle,
    decision: AssignmentDecision,
    current: Placement,
    wanted: Placement,
) -> DecisionRecord:
    trace = None if decision.trace is None else trace_to_data(decision.trace)
    return DecisionRecord(
        table=decision.table,
        row_id=decision.id,
        cycle_id=cycle.id,
        decided_at=decision.now,
        outcome=Outcome.INTENDED,
        plan_checksum="",
        rule_set_checksum=cycle.rule_set.checksum,
        segment=decision.segment,
        rule=decision.rule,
        segmentation_status=int(decision.segmentation_status),
        routing_status=None if decision.routing_status is None else int(decision.routing_status),
        sequence_status=None if decision.sequence_status is None else int(decision.sequence_status),
        before=placement_data(current),
        after={
            **placement_data(wanted),
            "assigned_to": build_reference_data(decision.assigned_to),
            "secondary": [build_reference_data(other) for other in decision.secondary],
            "sequence": decision.sequence,
        },
        trace=trace,
    )


def placement_data(placement: Placement) -> dict[str, object]:
    """A placement as plain data."""
    return {
        "owner": build_reference_data(placement.owner),
        "segment_id": placement.segment_id,
        "sequence_id": placement.sequence_id,
    }


def _with_checksum(row: DecidedRow, plan: Plan) -> DecidedRow:
    return replace(row, decision=replace(row.decision, plan_checksum=plan.checksum))


def count_owned(session: DecidingState, table: str) -> Counter[str]:
    """Open rows of a table by the id of their owner."""
    owned: Counter[str] = Counter()
    for (name, owner, _), count in session.count_open().items():
        if name == table:
            owned[owner] += count
    return owned


def sellers_of(rows: Iterable[DecidedRow]) -> list[str]:
    """The ids that rows were given to, in the order they were decided."""
    return [
        change.after.id
        for row in rows
        if isinstance(row.planned, PlannedRow) and (change := row.planned.owner_change)
    ]
