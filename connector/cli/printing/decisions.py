"""Stored decisions as a table, and one of them in words."""

from collections.abc import Sequence

import typer

from connector.cli.printing.output import print_table
from connector.state.decision_document import parse_decision
from connector.state.plan_document import parse_reference
from connector.state.records import DecisionKind, DecisionRecord
from engine.decisions.explanation import explain_decision
from engine.errors import LeadrobinError
from engine.instants import print_instant
from engine.records import EntityReference
from engine.statuses import RoutingStatus


def print_decisions(decisions: Sequence[DecisionRecord]) -> None:
    """Decisions as a table."""
    if not decisions:
        raise LeadrobinError("no such cycle, or it decided nothing")
    print_table(
        ("Table", "Row", "Segment", "Rule", "Owner", "Sequence", "Outcome"),
        [
            (
                decision.table,
                decision.row_id,
                decision.segment,
                decision.rule,
                _owner(decision),
                decision.after.get("sequence"),
                decision.outcome,
            )
            for decision in decisions
        ],
    )


def print_explanation(decision: DecisionRecord) -> None:
    """A stored decision in words, on stdout."""
    if decision.kind is DecisionKind.MANUAL:
        lines = _describe_manual(decision)
    elif decision.kind is DecisionKind.UNDONE:
        lines = _describe_undo(decision)
    else:
        lines = _describe(decision)
    typer.echo("\n".join(lines))


def name_of(reference: EntityReference | None) -> str:
    """What an owner is called."""
    return "nobody" if reference is None else reference.name or reference.id


def _owner(decision: DecisionRecord) -> str:
    owner = parse_reference(decision.after.get("assigned_to") or decision.after.get("owner"))
    return "" if owner is None else name_of(owner)


def _describe_manual(decision: DecisionRecord) -> list[str]:
    """What is known of an owner that a person chose."""
    before = name_of(parse_reference(decision.before.get("owner")))
    after = name_of(parse_reference(decision.after.get("owner")))
    status = int(RoutingStatus.OWNER_ASSIGNED_MANUALLY)
    return [
        f"{decision.table} {decision.row_id}, seen at {print_instant(decision.decided_at)}",
        f"Owner: {after}, chosen by hand instead of {before} ({status})",
        "  it is not routed again unless asked",
    ]


def _describe_undo(decision: DecisionRecord) -> list[str]:
    """What is known of a row that was put back."""
    before = name_of(parse_reference(decision.before.get("owner")))
    after = name_of(parse_reference(decision.after.get("owner")))
    return [
        f"{decision.table} {decision.row_id}, put back at {print_instant(decision.decided_at)}",
        f"Owner: {after} again instead of {before}",
        f"Segment: {decision.segment or 'none'}",
        *_describe_write(decision),
    ]


def _describe(decision: DecisionRecord) -> list[str]:
    return [*explain_decision(parse_decision(decision)), *_describe_write(decision)]


def _describe_write(decision: DecisionRecord) -> list[str]:
    said = f": {decision.message}" if decision.message else ""
    return [
        f"Written: {decision.outcome}{said}",
        f"Rule set {decision.rule_set_checksum[:12]}, cycle {decision.cycle_id}",
    ]
