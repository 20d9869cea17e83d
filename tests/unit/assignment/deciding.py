"""Short ways to a decision and to what it says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.assignment.decider import Decider, open_decider
from engine.decisions.decision import AssignmentDecision
from engine.rules.rule_set import RuleSet
from engine.sellers import Calendar, Directory, Queue, Seller, Team
from tests.support.builders import NOW, record


def free_in(hours: float) -> Calendar | None:
    """A calendar of somebody who works again in so many hours from NOW, all through; 0 = always."""
    if hours == 0:
        return None
    start = NOW + timedelta(hours=hours)
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[start.weekday()]
    return Calendar(weekly={name: ((start.strftime("%H:%M"), "23:59"),)})


def decider(
    rule_set: RuleSet,
    sellers: Sequence[Seller] = (),
    *,
    teams: Sequence[Team] = (),
    queues: Sequence[Queue] = (),
) -> Decider:
    """What decides by these rules among these people."""
    return open_decider(
        rule_set, Directory(sellers=tuple(sellers), teams=tuple(teams), queues=tuple(queues))
    )


def decide(
    rule_set: RuleSet, *sellers: Seller, trace: bool = False, **columns: Any
) -> AssignmentDecision:
    """The decision for one lead with these columns."""
    return decider(rule_set, sellers).decide(record(**columns), NOW, trace=trace)


def owner(decision: AssignmentDecision) -> str | None:
    """The name of whom the row goes to."""
    return None if decision.assigned_to is None else decision.assigned_to.name


def owners(
    chosen: Decider, count: int, *, now: datetime = NOW, first: int = 10
) -> list[str | None]:
    """Who gets `count` leads one after the other."""
    return [owner(chosen.decide(record(first + n), now)) for n in range(count)]


def statuses(decision: AssignmentDecision) -> tuple[int, int | None, int | None]:
    """Segmentation, routing, sequence."""
    routing, sequence = decision.routing_status, decision.sequence_status
    return (
        int(decision.segmentation_status),
        None if routing is None else int(routing),
        None if sequence is None else int(sequence),
    )
