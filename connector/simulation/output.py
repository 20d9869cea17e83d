"""Decisions as the plain data a simulation prints; the order of keys is part of the format."""

from engine.decisions.decision import AssignmentDecision
from engine.decisions.explanation import explain_decision
from engine.decisions.plain_data import trace_to_data
from engine.records import EntityReference


def build_line(decision: AssignmentDecision) -> dict[str, object]:
    """One line of output; with a trace it ends in `trace`, which says it in words as well."""
    line: dict[str, object] = {
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
        explanation = explain_decision(decision)
        line["trace"] = {**trace_to_data(decision.trace), "explanation": explanation}
    return line


def _number(status: int | None) -> int | None:
    return None if status is None else int(status)


def _build_reference(reference: EntityReference | None) -> dict[str, str | None] | None:
    if reference is None:
        return None
    return {"table": reference.table, "id": reference.id, "name": reference.name}
