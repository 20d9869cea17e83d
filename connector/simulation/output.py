"""Decisions as the plain data a simulation prints; the order of keys is part of the format."""

from typing import Any

from engine.decisions import AssignmentDecision, FailedCondition, RuleTrace, SegmentTrace
from engine.records import EntityReference


def build_line(decision: AssignmentDecision) -> dict[str, Any]:
    """One line of output; with a trace it ends in `trace`."""
    line: dict[str, Any] = {
        "table": decision.table,
        "id": decision.id,
        "segment": decision.segment,
        "rule": decision.rule,
        "assigned_to": _build_reference(decision.assigned_to),
        "secondary": [_build_reference(reference) for reference in decision.secondary],
        "sequence": decision.sequence,
        "segmentation_status": _number(decision.segmentation_status),
        "routing_status": _number(decision.routing_status),
        "sequence_status": _number(decision.sequence_status),
    }
    if decision.trace is not None:
        line["trace"] = {
            "segments": [_build_segment(segment) for segment in decision.trace.segments],
            "rules": [_build_rule(rule) for rule in decision.trace.rules],
        }
    return line


def _number(status: int | None) -> int | None:
    return None if status is None else int(status)


def _build_reference(reference: EntityReference | None) -> dict[str, str | None] | None:
    if reference is None:
        return None
    return {"table": reference.table, "id": reference.id, "name": reference.name}


def _build_failed(failed: FailedCondition | None) -> dict[str, str] | None:
    return None if failed is None else {"condition": failed.condition, "seen": failed.seen}


def _build_segment(segment: SegmentTrace) -> dict[str, Any]:
    return {
        "segment": segment.segment,
        "matched": segment.matched,
        "skipped": segment.skipped,
        "failed": _build_failed(segment.failed),
    }


def _build_rule(rule: RuleTrace) -> dict[str, Any]:
    candidates = [
        {
            **(_build_reference(candidate.target) or {}),
            "stage": candidate.stage.value,
            "detail": candidate.detail,
        }
        for candidate in rule.candidates
    ]
    return {
        "rule": rule.rule,
        "status": int(rule.status),
        "failed": _build_failed(rule.failed),
        "candidates": candidates,
        "counterfactuals": list(rule.counterfactuals),
    }
