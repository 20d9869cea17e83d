"""Stored decisions as the engine's values again, and as plain data for people and programs."""

from collections.abc import Mapping, Sequence
from typing import cast

from connector.state.plan_document import parse_reference
from connector.state.records import DecisionRecord
from engine.decisions.decision import AssignmentDecision
from engine.decisions.plain_data import trace_from_data
from engine.instants import print_instant
from engine.records import EntityReference
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

Data = Mapping[str, object]


def parse_decision(record: DecisionRecord) -> AssignmentDecision:
    """A stored decision as the engine gave it."""
    after = record.after
    return AssignmentDecision(
        table=record.table,
        id=record.row_id,
        now=record.decided_at,
        segment=record.segment,
        rule=record.rule,
        assigned_to=parse_reference(after.get("assigned_to")),
        secondary=tuple(_references(after.get("secondary"))),
        sequence=cast("str | None", after.get("sequence")),
        segmentation_status=SegmentationStatus(record.segmentation_status or 0),
        routing_status=(
            None if record.routing_status is None else RoutingStatus(record.routing_status)
        ),
        sequence_status=(
            None if record.sequence_status is None else SequenceStatus(record.sequence_status)
        ),
        trace=None if record.trace is None else trace_from_data(record.trace),
    )


def build_decision_data(record: DecisionRecord) -> dict[str, object]:
    """A stored decision as plain data."""
    return {
        "table": record.table,
        "id": record.row_id,
        "cycle": record.cycle_id,
        "decided_at": print_instant(record.decided_at),
        "outcome": record.outcome,
        "segment": record.segment,
        "rule": record.rule,
        "assigned_to": record.after.get("assigned_to"),
        "secondary": record.after.get("secondary", []),
        "sequence": record.after.get("sequence"),
        "segmentation_status": record.segmentation_status,
        "routing_status": record.routing_status,
        "sequence_status": record.sequence_status,
        "before": dict(record.before),
        "after": {key: record.after.get(key) for key in ("owner", "segment_id", "sequence_id")},
        "plan_checksum": record.plan_checksum,
        "rule_set_checksum": record.rule_set_checksum,
        "request_id": record.request_id,
        "message": record.message,
        "trace": record.trace,
    }


def _items(data: object) -> Sequence[Data]:
    return cast("Sequence[Data]", data)


def _references(data: object) -> list[EntityReference]:
    found = [parse_reference(item) for item in _items(data or ())]
    return [reference for reference in found if reference is not None]
