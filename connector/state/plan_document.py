"""Plans and references as plain data for files and the store.

What a plan means is in the engine.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from engine.errors import ConfigProblem
from engine.plans.changes import (
    Change,
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
    Skip,
)
from engine.plans.plan import Plan
from engine.records import EntityReference

FORMAT = 1
"""The version of a plan document; another one is refused."""

_CHANGES: Mapping[str, type[Change]] = {
    "owner": OwnerChange,
    "queue": QueueChange,
    "segment": SegmentChange,
    "sequence": SequenceChange,
}
_NAMES = {kind: name for name, kind in _CHANGES.items()}
"""What a document calls each kind of change."""


def build_plan_document(plan: Plan) -> dict[str, object]:
    """The plan as plain data, its checksum included."""
    return {
        "format": FORMAT,
        "checksum": plan.checksum,
        "rule_set_checksum": plan.rule_set_checksum,
        "rows": _rows_data(plan.rows),
        "skips": msgspec.to_builtins(plan.skips),
    }


def parse_plan_document(document: object) -> Plan:
    """Plain data as a plan; raises ConfigProblem when it is not a plan or was changed since."""
    try:
        plan = _parse_plan(cast("Mapping[str, object]", document))
        checksum = cast("Mapping[str, object]", document)["checksum"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigProblem(
            "this is not a plan that `leadrobin plan --out` wrote; make a new one"
        ) from error
    if checksum != plan.checksum:
        raise ConfigProblem(
            "the plan was changed after it was made (its checksum does not match); make a new one"
        )
    return plan


def build_reference_data(reference: EntityReference | None) -> dict[str, str | None] | None:
    """A reference as plain data."""
    data: dict[str, str | None] | None = msgspec.to_builtins(reference)
    return data


def parse_reference(data: object) -> EntityReference | None:
    """Plain data as a reference; raises ValueError when it is none."""
    return msgspec.convert(data, EntityReference | None)


def _parse_plan(document: Mapping[str, Any]) -> Plan:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    return Plan(
        rule_set_checksum=str(document["rule_set_checksum"]),
        rows=tuple(_parse_row(row) for row in document["rows"]),
        skips=msgspec.convert(document["skips"], tuple[Skip, ...]),
    )


def _rows_data(rows: Sequence[PlannedRow]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.to_builtins(list(rows))
    for row, data in zip(rows, found, strict=True):
        changes = zip(row.changes, data.pop("changes"), strict=True)
        data["changes"] = [{"change": _NAMES[type(change)], **values} for change, values in changes]
    return found


def _parse_row(data: Mapping[str, Any]) -> PlannedRow:
    fields = dict(data)
    fields["changes"] = tuple(
        msgspec.convert(change, _CHANGES[change["change"]]) for change in data["changes"]
    )
    return PlannedRow(**fields)
