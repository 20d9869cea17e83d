"""Decisions and traces as plain JSON data and back, so that stored ones can be explained later."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from engine.decisions.decision import (
    AssignmentDecision,
    CandidateTrace,
    FailedCondition,
    RuleTrace,
    SegmentTrace,
    Stage,
    Trace,
)
from engine.instants import print_instant
from engine.records import EntityReference
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

Data = Mapping[str, object]


def decision_to_data(decision: AssignmentDecision) -> dict[str, object]:
    """Every field of a decision; the trace under `trace` when there is one."""
    data: dict[str, object] = {
        "table": decision.table,
        "id": decision.id,
        "now": print_instant(decision.now),
        "segment": decision.segment,
        "segment_id": decision.segment_id,
        "rule": decision.rule,
        "assigned_to": _reference_to_data(decision.assigned_to),
        "secondary": [_reference_to_data(person) for person in decision.secondary],
        "sequence": decision.sequence,
        "segmentation_status": int(decision.segmentation_status),
        "routing_status": _number(decision.routing_status),
        "sequence_status": _number(decision.sequence_status),
    }
    if decision.trace is not None:
        data["trace"] = trace_to_data(decision.trace)
    return data


def decision_from_data(data: Data) -> AssignmentDecision:
    """The inverse of `decision_to_data`."""
    routing, sequence = data["routing_status"], data["sequence_status"]
    return AssignmentDecision(
        table=_text(data["table"]),
        id=_text(data["id"]),
        now=datetime.fromisoformat(_text(data["now"])),
        segment=_maybe_text(data["segment"]),
        segment_id=_maybe_text(data["segment_id"]),
        rule=_maybe_text(data["rule"]),
        assigned_to=_maybe_reference(data["assigned_to"]),
        secondary=tuple(_reference_from_data(person) for person in _items(data["secondary"])),
        sequence=_maybe_text(data["sequence"]),
        segmentation_status=SegmentationStatus(_integer(data["segmentation_status"])),
        routing_status=None if routing is None else RoutingStatus(_integer(routing)),
        sequence_status=None if sequence is None else SequenceStatus(_integer(sequence)),
        trace=trace_from_data(_mapping(data["trace"])) if "trace" in data else None,
    )


def trace_to_data(trace: Trace) -> dict[str, object]:
    """A trace as `simulate --trace` and the store keep it."""
    return {
        "segments": [_segment_to_data(segment) for segment in trace.segments],
        "rules": [_rule_to_data(rule) for rule in trace.rules],
    }


def trace_from_data(data: Data) -> Trace:
    """The inverse of `trace_to_data`."""
    return Trace(
        segments=tuple(_segment_from_data(item) for item in _items(data["segments"])),
        rules=tuple(_rule_from_data(item) for item in _items(data["rules"])),
    )


def _segment_to_data(segment: SegmentTrace) -> dict[str, object]:
    return {
        "segment": segment.segment,
        "matched": segment.matched,
        "skipped": segment.skipped,
        "failed": _failed_to_data(segment.failed),
        "also_failed": segment.also_failed,
    }


def _segment_from_data(data: Data) -> SegmentTrace:
    return SegmentTrace(
        segment=_text(data["segment"]),
        matched=bool(data["matched"]),
        skipped=_maybe_text(data["skipped"]),
        failed=_failed_from_data(data["failed"]),
        also_failed=_integer(data.get("also_failed", 0)),
    )


def _rule_to_data(rule: RuleTrace) -> dict[str, object]:
    return {
        "rule": rule.rule,
        "status": int(rule.status),
        "failed": _failed_to_data(rule.failed),
        "candidates": [_candidate_to_data(candidate) for candidate in rule.candidates],
        "counterfactuals": list(rule.counterfactuals),
    }


def _rule_from_data(data: Data) -> RuleTrace:
    counterfactuals = cast("Sequence[object]", data["counterfactuals"])
    return RuleTrace(
        rule=_text(data["rule"]),
        status=RoutingStatus(_integer(data["status"])),
        failed=_failed_from_data(data["failed"]),
        candidates=tuple(_candidate_from_data(item) for item in _items(data["candidates"])),
        counterfactuals=tuple(_text(item) for item in counterfactuals),
    )


def _candidate_to_data(candidate: CandidateTrace) -> dict[str, object]:
    return {
        "table": candidate.target.table,
        "id": candidate.target.id,
        "name": candidate.target.name,
        "stage": candidate.stage.value,
        "detail": candidate.detail,
    }


def _candidate_from_data(data: Data) -> CandidateTrace:
    return CandidateTrace(
        target=_reference_from_data(data),
        stage=Stage(_text(data["stage"])),
        detail=_text(data["detail"]),
    )


def _failed_to_data(failed: FailedCondition | None) -> dict[str, object] | None:
    return None if failed is None else {"condition": failed.condition, "seen": failed.seen}


def _failed_from_data(data: object) -> FailedCondition | None:
    if data is None:
        return None
    failed = _mapping(data)
    return FailedCondition(condition=_text(failed["condition"]), seen=_text(failed["seen"]))


def _reference_to_data(reference: EntityReference | None) -> dict[str, object] | None:
    if reference is None:
        return None
    return {"table": reference.table, "id": reference.id, "name": reference.name}


def _reference_from_data(data: Data) -> EntityReference:
    return EntityReference(
        table=_text(data["table"]), id=_text(data["id"]), name=_maybe_text(data["name"])
    )


def _maybe_reference(data: object) -> EntityReference | None:
    return None if data is None else _reference_from_data(_mapping(data))


def _number(status: int | None) -> int | None:
    return None if status is None else int(status)


def _text(value: object) -> str:
    return str(value)


def _maybe_text(value: object) -> str | None:
    return None if value is None else str(value)


def _integer(value: object) -> int:
    return int(str(value))


def _mapping(value: object) -> Data:
    return cast("Data", value)


def _items(value: object) -> Sequence[Data]:
    return cast("Sequence[Data]", value)
