"""Finds what puts the rows of a past cycle back; writing it is in `apply`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.cycle.context import Cycle
from connector.cycle.review.apply import Leftover
from connector.cycle.review.reviewed_plan import ReviewedPlan
from connector.cycle.rows.arrivals import ArrivedRow
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.decisions import placement_data, placement_of
from connector.cycle.rows.reading import examine_rows, fetch_complete
from connector.state.plan_document import parse_reference
from connector.state.records import DecisionKind, DecisionRecord, Outcome, Previous
from connector.state.session import StateStore
from engine.plans.changes import OwnerChange, Placement, PlannedRow, SegmentChange, SequenceChange
from engine.plans.plan import build_plan
from engine.statuses import RoutingStatus

PAGE = 5000
"""Rows that are read and looked at together."""

WRITTEN = frozenset({Outcome.APPLIED, Outcome.ALREADY_SO})
"""Outcomes of decisions whose write is in the row."""

STANDING = WRITTEN | {Outcome.UNCHANGED, Outcome.MANUAL}
"""Outcomes of decisions that took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What a cycle wrote of one row, perhaps more than once.

    The first decision, the one numbered `number`, knows where the row stood before, the last one
    knows the version it was left at.
    """

    number: int
    first: DecisionRecord
    last: DecisionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """What was written of a row beside the row as it is now, None = gone.

    `latest` is the decision that took effect last, `before` the one that stood before the cycle.
    """

    written: _Written
    now: ArrivedRow | None
    latest: DecisionRecord
    before: DecisionRecord | None


def plan_undo(cycle: Cycle, cycle_id: str) -> tuple[ReviewedPlan, list[Leftover]]:
    """What puts owner, segment and sequence of a cycle's rows back.

    Rows touched since are left out.
    """
    written = list(_load_written(cycle, cycle_id).values())
    rows: list[PlannedRow] = []
    decisions: list[DecisionRecord] = []
    leftovers: list[Leftover] = []
    for start in range(0, len(written), PAGE):
        for compared in _compare(cycle, written[start : start + PAGE]):
            reason = _why_not(compared)
            if reason is not None or compared.now is None:
                row_id = compared.written.first.row_id
                leftovers.append(Leftover(row_id=row_id, reason=reason or ""))
            else:
                planned, decision = _put_back(cycle, compared, compared.now)
                rows.append(planned)
                decisions.append(decision)
    plan = build_plan(cycle.rule_set.checksum, rows)
    return ReviewedPlan(plan=plan, decisions=decisions), leftovers


def _load_written(cycle: Cycle, cycle_id: str) -> dict[str, _Written]:
    """What the cycle wrote, by row id, in the order it began to."""
    written: dict[str, _Written] = {}
    for number, decision in _page_through(cycle.store, cycle_id):
        if decision.table != cycle.table.name or decision.outcome not in WRITTEN:
            continue
        known = written.get(decision.row_id)
        if known is not None and _goes_on_from(known.last, decision):
            written[decision.row_id] = replace(known, last=decision)
        else:
            written[decision.row_id] = _Written(number=number, first=decision, last=decision)
    return written


def _goes_on_from(earlier: DecisionRecord, decision: DecisionRecord) -> bool:
    """Nobody gave the row away in between: then it would go back to whom they gave it."""
    left, found = (
        parse_reference(owner)
        for owner in (earlier.after.get("owner"), decision.before.get("owner"))
    )
    return (left and left.id) == (found and found.id)


def _page_through(store: StateStore, cycle_id: str) -> Iterator[tuple[int, DecisionRecord]]:
    last = 0
    while True:
        with store.begin() as session:
            page = session.page_cycle(cycle_id, after=last, limit=PAGE)
        if not page:
            return
        yield from page
        last = page[-1][0]


def _compare(cycle: Cycle, page: Sequence[_Written]) -> list[_Compared]:
    ids = [row.first.row_id for row in page]
    rows = fetch_complete(cycle, ids)
    with cycle.store.begin() as session:
        now = {row.record.id: row for row in examine_rows(cycle, session, rows).arrived}
        latest = session.load_latest(cycle.table.name, ids, STANDING)
        before = session.load_before([row.number for row in page], STANDING)
    return [
        _Compared(
            written=row, now=now.get(row_id), latest=latest[row_id], before=before.get(row_id)
        )
        for row_id, row in zip(ids, page, strict=True)
    ]


def _put_back(
    cycle: Cycle, compared: _Compared, row: ArrivedRow
) -> tuple[PlannedRow, DecisionRecord]:
    """What puts a row back, and what will be recorded of it."""
    undone = compared.written.first
    current = placement_of(cycle.table, row.record, row.before)
    earlier = _leave_out_undecided(compared.before)
    planned = _reverse(undone, row, current)
    return planned, _build_undo(cycle, undone, earlier, current=current)


def _why_not(compared: _Compared) -> str | None:
    """Why a row is left as it is; None when it is not."""
    last, row = compared.written.last, compared.now
    if row is None:
        return "deleted since"
    if compared.latest.cycle_id != last.cycle_id:
        return "decided again since"
    if last.etag is None or row.record.etag != last.etag:
        return "changed since"
    return None


def _build_undo(
    cycle: Cycle,
    undone: DecisionRecord,
    earlier: DecisionRecord | None,
    *,
    current: Placement,
) -> DecisionRecord:
    """What is recorded of a row that is put back to where the earlier decision had left it."""
    restored = _parse_placement(undone.before)
    return DecisionRecord(
        table=undone.table,
        row_id=undone.row_id,
        cycle_id=cycle.id,
        decided_at=cycle.now(),
        outcome=Outcome.INTENDED,
        plan_checksum="",
        rule_set_checksum=cycle.rule_set.checksum,
        segment=earlier.segment if earlier else None,
        rule=earlier.rule if earlier else None,
        message=f"undo of cycle {undone.cycle_id}",
        kind=DecisionKind.UNDONE,
        previous=Previous(was_decided=earlier is not None, was_manual=_was_manual(earlier)),
        before=placement_data(current),
        after=placement_data(replace(restored, owner=restored.owner or current.owner)),
    )


def _leave_out_undecided(earlier: DecisionRecord | None) -> DecisionRecord | None:
    """What stood before, unless it found nobody, or was undone to where nothing stood.

    A row that goes back to waiting must neither be given away at once nor be forgotten: it counts
    as never decided.
    """
    if earlier is None or not earlier.previous.was_decided:
        return None
    status = earlier.routing_status
    is_nobodys = status is not None and RoutingStatus(status).name.lower() in ROUTING_CODES
    return None if is_nobodys else earlier


def _was_manual(earlier: DecisionRecord | None) -> bool:
    """The row goes back to whom a person gave it."""
    if earlier is None:
        return False
    return earlier.kind is DecisionKind.MANUAL or earlier.previous.was_manual


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
