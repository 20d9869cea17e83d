"""Reads the hierarchies that conditions such as `under` walk; walking them is up to the engine."""

from collections.abc import Collection, Mapping

from connector.ports import Comparator, Comparison, TableReader
from engine.conditions.evaluation.hierarchy import PARENT_COLUMNS
from engine.conditions.language.columns import comparisons_of
from engine.conditions.language.context import column_of, table_of
from engine.conditions.language.model import Compare
from engine.conditions.language.operators import FACTS
from engine.rules.placed_conditions import list_conditions
from engine.rules.rule_set import RuleSet
from engine.schema import Schema

Hierarchies = Mapping[str, Mapping[str, str | None]]


def fetch_hierarchies(rule_set: RuleSet, schema: Schema, reader: TableReader) -> Hierarchies:
    """Table → id → parent's id, of those tables whose rows the rule set's conditions place.

    A row without a parent is left out: it stands at the top.
    """
    return {
        table: _fetch_parents(schema, table, reader)
        for table in sorted(list_hierarchical_tables(rule_set, schema))
        if table in schema and PARENT_COLUMNS[table] in schema[table].columns
    }


def list_hierarchical_tables(rule_set: RuleSet, schema: Schema) -> set[str]:
    """The tables whose hierarchy a condition asks for, as far as `schema` tells what they are."""
    return {
        table
        for placed in list_conditions(rule_set)
        for comparison in comparisons_of(placed.condition)
        if FACTS[comparison.operator].is_hierarchical
        for table in _list_compared(placed.table, comparison, schema)
        if table in PARENT_COLUMNS
    }


def _list_compared(table: str, comparison: Compare, schema: Schema) -> Collection[str]:
    """The tables whose rows the compared column can hold; every one where that is not known."""
    if FACTS[comparison.operator].asks_caller:
        return ("systemuser",)
    holder = table_of(schema, table, comparison.path[:-1])
    column = column_of(schema, table, comparison.path)
    if column is not None and column.targets:
        return column.targets
    if holder is not None and column is not None and column.name == schema[holder].primary_id:
        return (holder,)
    return PARENT_COLUMNS.keys() & schema.keys()


def _fetch_parents(schema: Schema, table: str, reader: TableReader) -> Mapping[str, str | None]:
    """Id → parent's id of the rows that have one, in lower case."""
    key, parent = schema[table].primary_id, f"_{PARENT_COLUMNS[table]}_value"
    rows = reader.read_rows(table, (key, parent), where=(Comparison(parent, Comparator.NE, None),))
    return {str(row[key]).lower(): str(row[parent]).lower() for row in rows}
