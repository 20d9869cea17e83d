"""Reads the hierarchies that conditions such as `under` walk; walking them is up to the engine."""

from collections.abc import Iterator, Mapping

from connector.ports import TableReader
from engine.conditions.language.columns import walk
from engine.conditions.language.model import Compare, Condition, Operator
from engine.rules.rule_set import RuleSet
from engine.schema import Schema

HIERARCHICAL = frozenset(
    {
        Operator.ABOVE,
        Operator.EQ_OR_ABOVE,
        Operator.UNDER,
        Operator.EQ_OR_UNDER,
        Operator.NOT_UNDER,
        Operator.EQ_USERORUSERHIERARCHY,
        Operator.EQ_USERORUSERHIERARCHYANDTEAMS,
    }
)
PARENTS = {
    "account": "_parentaccountid_value",
    "systemuser": "_parentsystemuserid_value",
}
"""The lookups that Dataverse marks as hierarchical by default."""


def fetch_hierarchies(
    rule_set: RuleSet, schema: Schema, reader: TableReader
) -> Mapping[str, Mapping[str, str | None]]:
    """Table → id → parent's id, for rule sets that need them; empty for all others."""
    if not any(_is_hierarchical(condition) for condition in _conditions(rule_set)):
        return {}
    return {
        table: {
            str(row[schema[table].primary_id]).lower(): _parent_of(row.get(column))
            for row in reader.read_rows(table, (schema[table].primary_id, column))
        }
        for table, column in PARENTS.items()
        if table in schema
    }


def _is_hierarchical(condition: Condition) -> bool:
    return any(
        isinstance(node, Compare) and node.operator in HIERARCHICAL for node in walk(condition)
    )


def _conditions(rule_set: RuleSet) -> Iterator[Condition]:
    for segment in rule_set.segments:
        if segment.when is not None:
            yield segment.when
    for rule in rule_set.rules:
        if rule.when is not None:
            yield rule.when
        selection = getattr(rule.assign_to, "sellers", None)
        if selection is not None and selection.matching is not None:
            yield selection.matching


def _parent_of(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and value else None
