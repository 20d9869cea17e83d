"""Writes plans that were made before: reviewed ones, and those that put a cycle back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.clocks import clock_rule, clocks_of, touch_clock
from connector.cycle.deciding import (
    Batch,
    DecidedRow,
    build_intent,
    count_owned,
    placement_data,
    placement_of,
)
from connector.cycle.paging import close_intent
from connector.cycle.parts import CycleParts, CycleRun, pin_people
from connector.cycle.reading import examine_rows, fetch_complete
from connector.cycle.triage import ArrivedRow
from connector.cycle.writing import ARRIVED, UNDONE
from connector.plan_document import parse_reference
from connector.ports import StateSession
from connector.state import DecisionRecord
from engine.planning import (
    OwnerChange,
    Placement,
    PlannedRow,
    SegmentChange,
    SequenceChange,
    build_plan,
    raise_if_unsafe,
)
from engine.records import EntityReference

STANDING = frozenset({*ARRIVED, "unchanged", "manual"})
"""Outcomes of decisions that took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A row of a plan that was not written, and why."""

    row_id: str
    reason: str


def apply_plan(
    parts: CycleParts,
    run: CycleRun,
    planned: Sequence[PlannedRow],
    decisions: Mapping[str, DecisionRecord],
) -> tuple[bool, list[Leftover]]:
    """Write the rows whose version did not move; False when stopped, and the rows left out.

    `decisions` are those behind the rows, by row id; `raise_if_refused` has let the plan pass.
    """
    parts = pin_people(parts)
    rows = fetch_complete(parts, run, [row.id for row in planned])
    with parts.page_lock:
        with parts.store.begin() as session:
            now = {row.record.id: row for row in examine_rows(parts, run, session, rows).arrived}
            ready, leftovers = _sort(planned, now, decisions)
            batch = _build_batch(parts, run, session, ready)
            if not batch.plan.rows:
                return True, leftovers
            intent = build_intent(parts, run, batch)
            session.save_clocks(batch.clocks_after)
            session.save_intent(intent)
        return close_intent(parts, run, intent, batch), leftovers


def raise_if_refused(parts: CycleParts, run: CycleRun, planned: Sequence[PlannedRow]) -> None:
    """Hold a plan for the run's table against the limits; raises UnsafePlan."""
    if parts.options.is_forced:
        return
    with parts.store.begin() as session:
        owned = count_owned(session, run.table.name)
    raise_if_unsafe(build_plan(parts.rule_set.checksum, planned), parts.options.limits, owned=owned)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPlan:
    """What puts a cycle back, with what will be recorded of it, and the rows that are left out."""

    rows: list[PlannedRow] = field(default_factory=list[PlannedRow])
    decisions: list[DecisionRecord] = field(default_factory=list[DecisionRecord])
    leftovers: list[Leftover] = field(default_factory=list[Leftover])


def plan_undo(parts: CycleParts, run: CycleRun, cycle_id: str) -> UndoPlan:
    """What puts owner, segment and sequence of a cycle's rows back; rows touched since are not."""
    with parts.store.begin() as session:
        taken = session.list_decisions(cycle_id=cycle_id, limit=1_000_000)
        written = [
            decision
            for decision in taken
            if decision.table == run.table.name and decision.outcome in ARRIVED
        ]
        earlier = {decision.row_id: _load_latest(session, decision) for decision in written}
    rows = fetch_complete(parts, run, [decision.row_id for decision in written])
    with parts.store.begin() as session:
        now = {row.record.id: row for row in examine_rows(parts, run, session, rows).arrived}
    undo = UndoPlan()
    for decision in written:
        row, (latest, previous) = now.get(decision.row_id), earlier[decision.row_id]
        reason = _why_not(decision, row, latest)
        if reason is not None or row is None:
            undo.leftovers.append(Leftover(row_id=decision.row_id, reason=reason or ""))
            continue
        current = placement_of(run.table, row.record, row.before)
        undo.rows.append(_reverse(decision, row, current))
        undo.decisions.append(_build_undo(parts, run, decision, previous, current=current))
    return undo


def _sort(
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
            leftovers.append(Leftover(row_id=row.id, reason="changed since the plan was made"))
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


def _build_batch(
    parts: CycleParts, run: CycleRun, session: StateSession, ready: Sequence[DecidedRow]
) -> Batch:
    """The rows as a batch; their sellers' clocks move as they would have in a cycle."""
    session.lock_clocks()
    plan = build_plan(parts.rule_set.checksum, (row.planned for row in ready))
    clocks = dict(session.load_clocks())
    moved: list[str] = []
    for row in ready:
        change = row.planned.owner_change if isinstance(row.planned, PlannedRow) else None
        if change is not None and UNDONE not in row.decision.after:
            seller, now = change.after.id, parts.clock.now()
            rule = clock_rule(parts.rule_set, row.decision.rule)
            clocks[seller] = touch_clock(clocks, seller, now, rule=rule)
            moved.append(seller)
    return Batch(
        plan=plan,
        rows=[
            replace(
                row,
                decision=replace(row.decision, cycle_id=run.id, plan_checksum=plan.checksum),
            )
            for row in ready
        ],
        clocks=clocks_of(session.load_clocks(), set(moved)),
        clocks_after=[clocks[seller] for seller in sorted(set(moved))],
    )


def _load_latest(
    session: StateSession, decision: DecisionRecord
) -> tuple[DecisionRecord, DecisionRecord | None]:
    """What was recorded of the row last, and what stood before the decision."""
    row = EntityReference(table=decision.table, id=decision.row_id)
    known = session.list_decisions(row=row)
    older = [
        found
        for found in known[known.index(decision) + 1 :]
        if found.cycle_id != decision.cycle_id and found.outcome in STANDING
    ]
    return known[0], older[0] if older else None


def _why_not(
    decision: DecisionRecord, row: ArrivedRow | None, latest: DecisionRecord
) -> str | None:
    if row is None:
        return "deleted since"
    if latest.cycle_id != decision.cycle_id:
        return "decided again since"
    if decision.etag is None or row.record.etag != decision.etag:
        return "changed since"
    return None


def _build_undo(
    parts: CycleParts,
    run: CycleRun,
    undone: DecisionRecord,
    previous: DecisionRecord | None,
    *,
    current: Placement,
) -> DecisionRecord:
    """What is recorded of a row that is put back to where the previous decision had left it."""
    restored = _parse_placement(undone.before)
    return DecisionRecord(
        table=undone.table,
        row_id=undone.row_id,
        cycle_id=run.id,
        decided_at=parts.clock.now(),
        outcome="intended",
        plan_checksum="",
        rule_set_checksum=parts.rule_set.checksum,
        segment=previous.segment if previous else None,
        rule=previous.rule if previous else None,
        message=f"undo of cycle {undone.cycle_id}",
        before=placement_data(current),
        after={
            **placement_data(replace(restored, owner=restored.owner or current.owner)),
            UNDONE: True,
            "was_decided": previous is not None,
        },
    )


def _reverse(decision: DecisionRecord, row: ArrivedRow, current: Placement) -> PlannedRow:
    before = _parse_placement(decision.before)
    changes: list[OwnerChange | SegmentChange | SequenceChange] = []
    if before.owner is not None and before.owner != current.owner:
        changes.append(OwnerChange(before=current.owner, after=before.owner))
    if before.segment_id != current.segment_id:
        changes.append(SegmentChange(before=current.segment_id, after=before.segment_id))
    if before.sequence_id != current.sequence_id:
        changes.append(SequenceChange(before=current.sequence_id, after=before.sequence_id))
    return PlannedRow(
        table=decision.table,
        id=decision.row_id,
        etag=row.record.etag,
        changes=tuple(changes),
        reason="undo",
        is_reassignment=False,
    )


def _parse_placement(data: Mapping[str, object]) -> Placement:
    segment, sequence = data.get("segment_id"), data.get("sequence_id")
    return Placement(
        owner=parse_reference(data.get("owner")),
        segment_id=None if segment is None else str(segment),
        sequence_id=None if sequence is None else str(sequence),
    )
