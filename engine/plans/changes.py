"""The change a decision asks of one row, as a value; what many make together is in `plan`."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.decisions.decision import AssignmentDecision
from engine.records import EntityReference, Record
from engine.statuses import SegmentationStatus, SequenceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerChange:
    """The row gets another owner."""

    before: EntityReference | None
    after: EntityReference


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChange:
    """The row is put into a queue; its owner stays."""

    after: EntityReference


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChange:
    """The row's segment lookup changes; None clears it."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceChange:
    """The row's sequence changes; None clears it."""

    before: str | None
    after: str | None


Change = OwnerChange | QueueChange | SegmentChange | SequenceChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a row stands: who owns it, its segment and its sequence (ids of the tenant's rows)."""

    owner: EntityReference | None = None
    segment_id: str | None = None
    sequence_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A decided row that needs no write; `reason` is for people."""

    table: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """All changes to one row, written together, guarded by the version they were derived from.

    `is_reassignment` = the row was known and owned before, so that a change of owner takes work
    from somebody. `segment`, `rule` and `reason` say where the changes come from.
    """

    table: str
    id: str
    etag: str | None
    changes: tuple[Change, ...]
    segment: str | None = None
    rule: str | None = None
    reason: str = ""
    is_reassignment: bool = False

    @property
    def owner_change(self) -> OwnerChange | None:
        """The change of owner, if there is one."""
        return next((change for change in self.changes if isinstance(change, OwnerChange)), None)


def plan_row(
    record: Record,
    decision: AssignmentDecision,
    *,
    current: Placement,
    wanted: Placement,
    is_known: bool,
) -> PlannedRow | Skip:
    """Compare where a row stands with where the decision puts it; only differences are planned."""
    changes = tuple(_changes(current, wanted))
    if not changes:
        return Skip(table=record.table, id=record.id, reason=_reason(decision))
    return PlannedRow(
        table=record.table,
        id=record.id,
        etag=record.etag,
        changes=changes,
        segment=decision.segment,
        rule=decision.rule,
        reason=_reason(decision),
        is_reassignment=is_known and current.owner is not None,
    )


def choose_placement(
    decision: AssignmentDecision,
    current: Placement,
    *,
    segment_id: str | None,
    sequence_id: str | None,
    clears_segment: bool,
) -> Placement:
    """Where the decision puts the row.

    `segment_id` and `sequence_id` are the tenant's rows behind the decided names, None where
    there is none or the table has no column for it. `clears_segment` = the exit policy empties
    the segment of a row that no segment matches any more.
    """
    segment = current.segment_id
    if decision.segmentation_status is SegmentationStatus.SUCCESSFUL and segment_id is not None:
        segment = segment_id
    if decision.segmentation_status is SegmentationStatus.NO_MATCHING_SEGMENTS and clears_segment:
        segment = None
    sequence = current.sequence_id
    if decision.sequence_status is SequenceStatus.CONNECTED and sequence_id is not None:
        sequence = sequence_id
    return Placement(
        owner=decision.assigned_to or current.owner, segment_id=segment, sequence_id=sequence
    )


def _changes(current: Placement, wanted: Placement) -> Iterable[Change]:
    if wanted.owner is not None and wanted.owner != current.owner:
        if wanted.owner.table == "queue":
            yield QueueChange(after=wanted.owner)
        else:
            yield OwnerChange(before=current.owner, after=wanted.owner)
    if wanted.segment_id != current.segment_id:
        yield SegmentChange(before=current.segment_id, after=wanted.segment_id)
    if wanted.sequence_id != current.sequence_id:
        yield SequenceChange(before=current.sequence_id, after=wanted.sequence_id)


def _reason(decision: AssignmentDecision) -> str:
    status = decision.routing_status
    return (status if status is not None else decision.segmentation_status).name.lower()
