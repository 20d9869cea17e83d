"""Plans and references as plain data for files and the store.

What a plan means is in the engine.
"""

from collections.abc import Mapping, Sequence
from typing import cast

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


def build_plan_document(plan: Plan) -> dict[str, object]:
    """The plan as plain data, its checksum included."""
    return {
        "format": FORMAT,
        "checksum": plan.checksum,
        "rule_set_checksum": plan.rule_set_checksum,
        "rows": [_row_data(row) for row in plan.rows],
        "skips": [
            {"table": skip.table, "id": skip.id, "reason": skip.reason} for skip in plan.skips
        ],
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
    if reference is None:
        return None
    return {"table": reference.table, "id": reference.id, "name": reference.name}


def parse_reference(data: object) -> EntityReference | None:
    """Plain data as a reference."""
    if data is None:
        return None
    fields = cast("Mapping[str, str]", data)
    return EntityReference(table=fields["table"], id=fields["id"], name=fields.get("name"))


def _parse_plan(document: Mapping[str, object]) -> Plan:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    rows = cast("Sequence[Mapping[str, object]]", document["rows"])
    skips = cast("Sequence[Mapping[str, str]]", document["skips"])
    return Plan(
        rule_set_checksum=str(document["rule_set_checksum"]),
        rows=tuple(_parse_row(row) for row in rows),
        skips=tuple(Skip(table=s["table"], id=s["id"], reason=s["reason"]) for s in skips),
    )


def _row_data(row: PlannedRow) -> dict[str, object]:
    return {
        "table": row.table,
        "id": row.id,
        "etag": row.etag,
        "segment": row.segment,
        "rule": row.rule,
        "reason": row.reason,
        "is_reassignment": row.is_reassignment,
        "changes": [_change_data(change) for change in row.changes],
    }


def _parse_row(data: Mapping[str, object]) -> PlannedRow:
    changes = cast("Sequence[Mapping[str, object]]", data["changes"])
    return PlannedRow(
        table=str(data["table"]),
        id=str(data["id"]),
        etag=cast("str | None", data["etag"]),
        changes=tuple(_parse_change(change) for change in changes),
        segment=cast("str | None", data["segment"]),
        rule=cast("str | None", data["rule"]),
        reason=str(data["reason"]),
        is_reassignment=bool(data["is_reassignment"]),
    )


def _change_data(change: Change) -> dict[str, object]:
    match change:
        case OwnerChange(before=owner, after=after):
            return {
                "change": "owner",
                "before": build_reference_data(owner),
                "after": build_reference_data(after),
            }
        case QueueChange(after=queue):
            return {"change": "queue", "after": build_reference_data(queue)}
        case SegmentChange(before=before, after=new):
            return {"change": "segment", "before": before, "after": new}
        case SequenceChange(before=before, after=new):
            return {"change": "sequence", "before": before, "after": new}


def _parse_change(data: Mapping[str, object]) -> Change:
    match data["change"]:
        case "owner":
            after = _required_reference(data["after"])
            return OwnerChange(before=parse_reference(data["before"]), after=after)
        case "queue":
            return QueueChange(after=_required_reference(data["after"]))
        case "segment":
            return SegmentChange(before=_text(data["before"]), after=_text(data["after"]))
        case "sequence":
            return SequenceChange(before=_text(data["before"]), after=_text(data["after"]))
        case unknown:
            raise ValueError(unknown)


def _required_reference(data: object) -> EntityReference:
    reference = parse_reference(data)
    if reference is None:
        raise ValueError("a change of owner or queue needs a target")
    return reference


def _text(value: object) -> str | None:
    return None if value is None else str(value)
