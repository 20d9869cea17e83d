"""The plan: what would be written, as a value that can be sorted, hashed and refused.

Writing is elsewhere.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from engine.plans.changes import (
    Change,
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
    Skip,
)
from engine.records import EntityReference


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


def build_plan(rule_set_checksum: str, planned: Iterable[PlannedRow | Skip]) -> Plan:
    """Sort what was planned into a plan."""
    entries = sorted(planned, key=lambda entry: (entry.table, entry.id))
    return Plan(
        rule_set_checksum=rule_set_checksum,
        rows=tuple(entry for entry in entries if isinstance(entry, PlannedRow)),
        skips=tuple(entry for entry in entries if isinstance(entry, Skip)),
    )


def count_taken(plan: Plan) -> Counter[str]:
    """How many rows a plan takes from each owner who had them before, by owner id."""
    return Counter(
        change.before.id
        for row in plan.rows
        if row.is_reassignment and (change := row.owner_change) is not None and change.before
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
