"""Every condition of a rule set with its place; the only walk over them."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.conditions.language.model import Condition
from engine.errors import Path
from engine.rules.models import AccessTeam, AccountColumn, Queues, Rule, Sellers, Teams
from engine.rules.rule_set import RuleSet


class PlacedCondition(NamedTuple):
    """A condition with its path, the table of its rows, and that of the record being assigned."""

    path: Path
    condition: Condition
    table: str
    record_table: str | None = None


def list_conditions(rule_set: RuleSet) -> Iterator[PlacedCondition]:
    """Every condition of a rule set, in file order within its kind."""
    for index, sequence in enumerate(rule_set.sequences):
        if sequence.exit_when is not None:
            path: Path = ("sequences", index, "exit_when")
            yield PlacedCondition(path, sequence.exit_when, sequence.table)
    for index, segment in enumerate(rule_set.segments):
        if segment.when is not None:
            yield PlacedCondition(("segments", index, "when"), segment.when, segment.table)
    for index, rule in enumerate(rule_set.rules):
        if rule.when is not None:
            yield PlacedCondition(("rules", index, "when"), rule.when, rule.table)
        yield from _list_target_conditions(rule, ("rules", index, "assign_to"))


def _list_target_conditions(rule: Rule, path: Path) -> Iterator[PlacedCondition]:
    """The conditions on sellers, teams or queues, which may look at the record as well."""
    match rule.assign_to:
        case Sellers(sellers=selection) if selection.matching is not None:
            at = (*path, "sellers", "matching")
            yield PlacedCondition(at, selection.matching, "systemuser", rule.table)
        case Teams(teams=selection) if selection.matching is not None:
            at = (*path, "teams", "matching")
            yield PlacedCondition(at, selection.matching, "team", rule.table)
        case Queues(queues=selection) if selection.matching is not None:
            at = (*path, "queues", "matching")
            yield PlacedCondition(at, selection.matching, "queue", rule.table)
        case AccountColumn(primary=primary, secondary=secondary):
            yield from _list_people_conditions(primary, secondary, path, rule.table)
        case AccessTeam(primary=primary, secondary=secondary):
            yield from _list_people_conditions(primary, secondary, path, rule.table)
        case _:
            return


def _list_people_conditions(
    primary: Condition | None, secondary: tuple[Condition, ...], path: Path, table: str
) -> Iterator[PlacedCondition]:
    if primary is not None:
        yield PlacedCondition((*path, "primary"), primary, "systemuser", table)
    for index, condition in enumerate(secondary):
        yield PlacedCondition((*path, "secondary", index), condition, "systemuser", table)
