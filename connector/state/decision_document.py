"""Stored decisions as the engine's values again, as documents, and as data for other programs."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import cast

import msgspec

from connector.state.plan_document import build_reference_data, parse_reference
from connector.state.records import DecisionKind, DecisionRecord, Outcome, Previous
from engine.decisions.decision import AssignmentDecision
from engine.decisions.plain_data import trace_from_data
from engine.instants import print_instant
from engine.records import EntityReference
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

Data = Mapping[str, object]

TAKEN_FROM, UNDONE = "taken_from", "undone"
WAS_DECIDED, WAS_MANUAL = "was_decided", "was_manual"
"""How documents say under `after` what a decision went back on, as they did from the first."""

_KIND_KEYS = frozenset({TAKEN_FROM, UNDONE, WAS_DECIDED, WAS_MANUAL})

_FIELDS = tuple(
    field.name for field in fields(DecisionRecord) if field.name not in {"kind", "previous"}
)


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
        secondary=msgspec.convert(after.get("secondary", ()), tuple[EntityReference, ...]),
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


def build_decision_document(record: DecisionRecord) -> dict[str, object]:
    """A decision as plans keep it, in files and in the store."""
    # The trace, which is most of a decision and plain data already, is not copied.
    data: dict[str, object] = {name: getattr(record, name) for name in _FIELDS}
    data["decided_at"] = print_instant(record.decided_at)
    kind = _spell_kind(record)
    if kind:
        data["after"] = {**record.after, **kind}
    return data


def parse_decision_document(data: object) -> DecisionRecord:
    """The decision behind a document; raises KeyError, TypeError or ValueError when it is none."""
    record = msgspec.convert(data, DecisionRecord)
    kind, previous = parse_kind(record.outcome, record.after)
    if kind is DecisionKind.ASSIGNED:
        return record
    after = {key: record.after[key] for key in record.after if key not in _KIND_KEYS}
    return replace(record, kind=kind, previous=previous, after=after)


def parse_kind(outcome: Outcome, after: Data) -> tuple[DecisionKind, Previous]:
    """What a document, or a store of an earlier version, says a decision went back on."""
    if outcome is Outcome.MANUAL:
        return DecisionKind.MANUAL, Previous()
    if TAKEN_FROM in after:
        return DecisionKind.TAKEN_BACK, Previous(owner=parse_reference(after[TAKEN_FROM]))
    if UNDONE in after:
        was_decided, was_manual = bool(after.get(WAS_DECIDED, True)), bool(after.get(WAS_MANUAL))
        return DecisionKind.UNDONE, Previous(was_decided=was_decided, was_manual=was_manual)
    return DecisionKind.ASSIGNED, Previous()


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


def _spell_kind(record: DecisionRecord) -> dict[str, object]:
    previous = record.previous
    match record.kind:
        case DecisionKind.TAKEN_BACK:
            return {TAKEN_FROM: build_reference_data(previous.owner)}
        case DecisionKind.UNDONE:
            return {
                UNDONE: True,
                WAS_DECIDED: previous.was_decided,
                WAS_MANUAL: previous.was_manual,
            }
        case DecisionKind.ASSIGNED | DecisionKind.MANUAL:
            return {}
