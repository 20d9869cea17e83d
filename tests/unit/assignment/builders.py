"""Short ways to rules, people and rows for the tests of deciding."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.assignment.decider import Decider
from engine.decisions.decision import AssignmentDecision
from engine.normalise import normalise
from engine.records import Record
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Calendar, Directory, Queue, Seller, Team

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A Monday at noon."""


def at(clock: str, day: int = 23) -> datetime:
    """`10:31` of a November day in 2026."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=UTC)


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def seller(number: int, name: str, last: str | None = None, **fields: Any) -> Seller:
    row = {"systemuserid": guid(number), "fullname": name} | fields.pop("columns", {})
    clock = None if last is None else at(last)
    return Seller(id=guid(number), name=name, row=row, last_assigned_at=clock, **fields)


def team(number: int, name: str, **fields: Any) -> Team:
    row = {"teamid": guid(number), "name": name} | fields.pop("columns", {})
    return Team(id=guid(number), name=name, row=row, **fields)


def queue(number: int, name: str) -> Queue:
    return Queue(id=guid(number), name=name, row={"queueid": guid(number), "name": name})


def free_in(hours: float) -> Calendar | None:
    """A calendar of somebody who works again in so many hours from NOW, all through; 0 = always."""
    if hours == 0:
        return None
    start = NOW + timedelta(hours=hours)
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[start.weekday()]
    return Calendar(weekly={name: ((start.strftime("%H:%M"), "23:59"),)})


def row(number: int = 10, table: str = "lead", **columns: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{table}",
        f"{table}id": guid(number),
        "statecode": 0,
        "createdon": NOW.isoformat(),
    } | columns


def record(number: int = 10, table: str = "lead", **columns: Any) -> Record:
    found = normalise(row(number, table, **columns))
    assert isinstance(found, Record), found
    return found


DEFAULT = {"name": "All", "table": "lead", "default": True}
ANY = {"name": "Any", "table": "lead", "segment": "All", "assign_to": {"any_seller": True}}


def rules(*parts: dict[str, Any], **more: Any) -> RuleSet:
    """A rule set of these rules over one default segment, unless `segments` says otherwise."""
    return build_rule_set({"version": 1, "segments": [DEFAULT], "rules": list(parts)} | more)


def eq(column: str, value: object) -> dict[str, object]:
    return {"column": column, "operator": "eq", "value": value}


def decider(
    rule_set: RuleSet,
    sellers: Sequence[Seller] = (),
    *,
    teams: Sequence[Team] = (),
    queues: Sequence[Queue] = (),
) -> Decider:
    return Decider(
        rule_set, Directory(sellers=tuple(sellers), teams=tuple(teams), queues=tuple(queues))
    )


def decide(
    rule_set: RuleSet, *sellers: Seller, trace: bool = False, **columns: Any
) -> AssignmentDecision:
    """The decision for one lead with these columns."""
    return decider(rule_set, sellers).decide(record(**columns), NOW, trace=trace)


def owner(decision: AssignmentDecision) -> str | None:
    return None if decision.assigned_to is None else decision.assigned_to.name


def owners(
    chosen: Decider, count: int, *, now: datetime = NOW, first: int = 10
) -> list[str | None]:
    """Who gets `count` leads one after the other."""
    return [owner(chosen.decide(record(first + n), now)) for n in range(count)]


def statuses(decision: AssignmentDecision) -> tuple[int, int | None, int | None]:
    routing, sequence = decision.routing_status, decision.sequence_status
    return (
        int(decision.segmentation_status),
        None if routing is None else int(routing),
        None if sequence is None else int(sequence),
    )
