"""A decision in words: what was tried, where each one fell out, and what would have changed it.

Taking the decision is in `decider`; its plain data is in `plain_data`.
"""

from collections.abc import Iterator

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
from engine.statuses import RoutingStatus, Status, label_of, remedy_of

_NOT_CHOSEN = "was not first in the order"


def explain_decision(decision: AssignmentDecision) -> list[str]:
    """The lines for people; a decision without a trace says only what came out."""
    trace = decision.trace or Trace()
    return [
        f"{decision.table} {decision.id}, decided as of {print_instant(decision.now)}",
        *_explain_segmentation(decision, trace),
        *_explain_routing(decision, trace),
        *_explain_sequence(decision),
        *_explain_segment_changes(trace),
    ]


def _explain_segmentation(decision: AssignmentDecision, trace: Trace) -> Iterator[str]:
    name = f'"{decision.segment}"' if decision.segment is not None else "none"
    yield f"Segment: {name} ({_say(decision.segmentation_status)})"
    yield from _remedy(decision.segmentation_status)
    for segment in trace.segments:
        yield f'  segment "{segment.segment}": {_explain_segment(segment)}'


def _explain_segment(segment: SegmentTrace) -> str:
    if segment.skipped is not None:
        return f"not tried, {segment.skipped}"
    if segment.failed is None:
        return "matches"
    more = f", and {segment.also_failed} more do not hold" if segment.also_failed else ""
    return f"{_failed(segment.failed)}{more}"


def _failed(failed: FailedCondition) -> str:
    return f"needs {failed.condition}, but {failed.seen}"


def _explain_routing(decision: AssignmentDecision, trace: Trace) -> Iterator[str]:
    if decision.routing_status is None:
        yield "Owner: not looked at"
        return
    target = decision.assigned_to
    owner = "nobody" if target is None else f"{target.name or target.id} ({target.table})"
    rule = f' by rule "{decision.rule}"' if decision.rule is not None else ""
    yield f"Owner: {owner}{rule} ({_say(decision.routing_status)})"
    yield from _remedy(decision.routing_status)
    for person in decision.secondary:
        yield f"  secondary: {person.name or person.id}"
    for tried in trace.rules:
        yield from _explain_rule(tried)


def _explain_rule(rule: RuleTrace) -> Iterator[str]:
    yield f'  rule "{rule.rule}": {_say(rule.status)}'
    if rule.failed is not None:
        yield f"    {_failed(rule.failed)}"
    for candidate in rule.candidates:
        yield f"    {_explain_candidate(candidate)}"
    for change in rule.counterfactuals:
        yield f"    {change}"


def _explain_candidate(candidate: CandidateTrace) -> str:
    name = candidate.target.name or candidate.target.id
    detail = f": {candidate.detail}" if candidate.detail else ""
    if candidate.stage is Stage.CHOSEN:
        return f"{name} was chosen{detail}"
    if candidate.stage is Stage.ORDER:
        return f"{name} {_NOT_CHOSEN}{detail}"
    return f"{name} fell out at {candidate.stage.value}{detail}"


def _explain_sequence(decision: AssignmentDecision) -> Iterator[str]:
    if decision.sequence_status is None:
        return
    name = f'"{decision.sequence}"' if decision.sequence is not None else "none"
    yield f"Sequence: {name} ({_say(decision.sequence_status)})"
    yield from _remedy(decision.sequence_status)


def _explain_segment_changes(trace: Trace) -> Iterator[str]:
    """The segments that one changed value would have led to; the nearest when none is that near."""
    tried = [(found, found.failed) for found in trace.segments if found.failed is not None]
    fewest = min((segment.also_failed for segment, _ in tried), default=0)
    more = f" and {fewest} more conditions" if fewest else ""
    for segment, failed in tried:
        if segment.also_failed == fewest:
            change = f"{failed.condition}{more}"
            yield f'If {change} held, segment "{segment.segment}" would take the row'


def _say(status: Status) -> str:
    return f"{int(status)} {label_of(status)}"


def _remedy(status: Status) -> Iterator[str]:
    remedy = remedy_of(status)
    if remedy is not None and status is not RoutingStatus.RULES_WILL_NOT_RUN:
        yield f"  What to do: {remedy}"
