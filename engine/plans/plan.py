"""The plan: what would be written, as a value that can be sorted, hashed and refused.

Writing is elsewhere.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from engine.decisions.decision import AssignmentDecision
from engine.errors import UnsafePlan
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
    """All changes to one row, written together and guarded by the row version they were.

    Derived from.

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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Changes and skips sorted by table and id: equal inputs give an equal value and checksum."""

    rule_set_checksum: str
    rows: tuple[PlannedRow, ...] = ()
    skips: tuple[Skip, ...] = ()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over rows and their versions, changes and skips; wording takes no part."""
        plain = {
            "rule_set": self.rule_set_checksum,
            "rows": [_canonical_row(row) for row in self.rows],
            "skips": [[skip.table, skip.id] for skip in self.skips],
        }
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def owner_changes(self) -> int:
        """How many rows get another owner."""
        return sum(1 for row in self.rows if row.owner_change is not None)

    @property
    def reassignments(self) -> int:
        """How many rows are taken from somebody who had them before."""
        return sum(1 for row in self.rows if row.is_reassignment and row.owner_change is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """When a plan is refused: by its share of the table's owned rows, by its share of one seller's.

    Both count from `min_rows` owned rows on. Or by its size.
    """

    max_owner_change_share: float = 0.5
    max_seller_change_share: float = 1.0
    min_rows: int = 20
    max_changes: int | None = None


MOST_NAMED = 8
"""How many sellers a refusal names."""


def build_plan(rule_set_checksum: str, planned: Iterable[PlannedRow | Skip]) -> Plan:
    """Sort what was planned into a plan."""
    entries = sorted(planned, key=lambda entry: (entry.table, entry.id))
    return Plan(
        rule_set_checksum=rule_set_checksum,
        rows=tuple(entry for entry in entries if isinstance(entry, PlannedRow)),
        skips=tuple(entry for entry in entries if isinstance(entry, Skip)),
    )


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


def raise_if_unsafe(
    plan: Plan,
    limits: SafetyLimits,
    *,
    owned: Mapping[str, int],
    already: Mapping[str, int] | None = None,
) -> None:
    """Refuse a plan for one table that takes too much work from people, or changes too much.

    `owned` counts the open rows of the table by owner as they were before; `already` are those
    taken from each earlier in the same cycle, so that many small pages add up. Raises UnsafePlan
    with the numbers of the table and of each seller.
    """
    taken = Counter(already or {}) + count_taken(plan)
    moved, total = taken.total(), sum(owned.values())
    table = plan.rows[0].table if plan.rows else ""
    if _is_too_much(moved, total, limits.max_owner_change_share, limits):
        raise UnsafePlan(
            f"the plan gives {moved} of {total} owned rows of {table} ({moved / total:.0%}) to "
            f"somebody else, more than the limit of {limits.max_owner_change_share:.0%}: "
            f"{_list_movements(plan, taken, owned)}; {_advise('MAX_OWNER_CHANGE_SHARE')}"
        )
    for seller, count in taken.most_common():
        share = limits.max_seller_change_share
        if _is_too_much(count, owned.get(seller, 0), share, limits):
            raise UnsafePlan(
                f"the plan takes {count} of {owned[seller]} rows of {table} "
                f"({count / owned[seller]:.0%}) from {_name_owner(plan, seller)}, more than the "
                f"limit of {share:.0%} for one seller: {_list_movements(plan, taken, owned)}; "
                f"{_advise('MAX_SELLER_CHANGE_SHARE')}"
            )
    if limits.max_changes is not None and len(plan.rows) > limits.max_changes:
        raise UnsafePlan(
            f"the plan changes {len(plan.rows)} rows of {table}, more than the limit of "
            f"{limits.max_changes}; {_advise('MAX_CHANGES')}"
        )


def count_taken(plan: Plan) -> Counter[str]:
    """How many rows a plan takes from each owner who had them before, by owner id."""
    return Counter(
        change.before.id
        for row in plan.rows
        if row.is_reassignment and (change := row.owner_change) is not None and change.before
    )


def _is_too_much(moved: int, owned: int, share: float, limits: SafetyLimits) -> bool:
    return owned > 0 and owned >= limits.min_rows and moved / owned > share


def _list_movements(plan: Plan, taken: Counter[str], owned: Mapping[str, int]) -> str:
    """Whom rows are taken from, of how many, and whom they go to; the largest numbers first."""
    losing = [
        f"{_name_owner(plan, seller)} {count} of {owned.get(seller, 0)}"
        for seller, count in taken.most_common()
    ]
    gains = Counter(
        change.after.name or change.after.id
        for row in plan.rows
        if row.is_reassignment and (change := row.owner_change) is not None
    )
    gaining = [f"{name} {count}" for name, count in gains.most_common()]
    return f"from {_shorten(losing)}; to {_shorten(gaining)}"


def _name_owner(plan: Plan, owner_id: str) -> str:
    owners = (change.before for row in plan.rows if (change := row.owner_change) is not None)
    names = (owner.name for owner in owners if owner is not None and owner.id == owner_id)
    return next(filter(None, names), owner_id)


def _shorten(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_NAMED
    return ", ".join([*texts[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _advise(setting: str) -> str:
    return (
        "review it with `leadrobin plan` and repeat with --force, or raise "
        f"LEADROBIN_SAFETY__{setting}"
    )


def count_by(plan: Plan, key: Callable[[PlannedRow], str | None]) -> Mapping[str, int]:
    """Count the planned rows by a key, such as their new owner's name.

    Rows without the key are left out.
    """
    counts: dict[str, int] = {}
    for row in plan.rows:
        name = key(row)
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


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


def _canonical_row(row: PlannedRow) -> list[object]:
    return [
        row.table,
        row.id,
        row.etag,
        row.segment,
        row.rule,
        [_canonical(c) for c in row.changes],
    ]


def _canonical(change: Change) -> list[object]:
    match change:
        case OwnerChange(before=before, after=after):
            return ["owner", _key(before), _key(after)]
        case QueueChange(after=after):
            return ["queue", _key(after)]
        case SegmentChange(before=before_id, after=after_id):
            return ["segment", before_id, after_id]
        case SequenceChange(before=before_id, after=after_id):
            return ["sequence", before_id, after_id]
        case _:
            assert_never(change)


def _key(reference: EntityReference | None) -> list[str] | None:
    return None if reference is None else [reference.table, reference.id]
