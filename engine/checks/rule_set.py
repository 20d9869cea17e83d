"""Checks a rule set against what is known of tables and columns; its shape is checked before."""

from collections.abc import Iterator
from typing import Protocol

from engine.checks.conditions import check_condition, list_doubts
from engine.conditions.language.model import Condition
from engine.errors import Path, Problem
from engine.nearest import ask_nearest, find_nearest
from engine.rules.models import AccountColumn
from engine.rules.placed_conditions import list_conditions
from engine.rules.rule_set import RuleSet
from engine.schema import ColumnType, Schema, TableSchema

POINTS_TO_OWNERS = frozenset({"systemuser", "team"})


def check_rule_set(rule_set: RuleSet, schema: Schema) -> list[Problem]:
    """Every table, column, operator and value that cannot be, at its path in the file."""
    return [
        *_check_tables(rule_set, schema),
        *_ask_of_conditions(rule_set, schema, check_condition),
        *_check_account_columns(rule_set, schema),
        *_check_touch_columns(rule_set, schema),
    ]


def list_doubtful_labels(rule_set: RuleSet, schema: Schema) -> list[Problem]:
    """Labels of choices that only a tenant's own options could have."""
    return list(_ask_of_conditions(rule_set, schema, list_doubts))


class _Question(Protocol):
    """Something to find out about a condition and its tables."""

    def __call__(
        self,
        condition: Condition,
        table: TableSchema | None,
        schema: Schema,
        *,
        record_table: TableSchema | None,
    ) -> list[Problem]: ...


def _ask_of_conditions(rule_set: RuleSet, schema: Schema, question: _Question) -> Iterator[Problem]:
    for placed in list_conditions(rule_set):
        found = question(
            placed.condition,
            schema.get(placed.table),
            schema,
            record_table=schema.get(placed.record_table or placed.table),
        )
        for problem in found:
            yield Problem((*placed.path, *problem.path), problem.message)


def _check_tables(rule_set: RuleSet, schema: Schema) -> Iterator[Problem]:
    tables = {
        "sequences": [sequence.table for sequence in rule_set.sequences],
        "segments": [segment.table for segment in rule_set.segments],
        "rules": [rule.table for rule in rule_set.rules],
    }
    for kind, names in tables.items():
        for index, name in enumerate(names):
            message = _explain_unknown_table(name, schema)
            if message is not None:
                yield Problem((kind, index, "table"), message)


def _explain_unknown_table(name: str, schema: Schema) -> str | None:
    """None for a known table and for one that may well be there without being known here."""
    if name in schema:
        return None
    by_entity_set = {table.entity_set: table.name for table in schema.values()}
    known = {*schema, *by_entity_set}
    near = find_nearest(name.lower(), known, likeness=0.8)
    if near is None:
        return None
    logical_name = by_entity_set.get(near, near)
    return f'there is no table "{name}"; did you mean "{logical_name}"?'


def _check_account_columns(rule_set: RuleSet, schema: Schema) -> Iterator[Problem]:
    account = schema.get("account")
    for index, rule in enumerate(rule_set.rules):
        if account is not None and isinstance(rule.assign_to, AccountColumn):
            at: Path = ("rules", index, "assign_to", "account_column")
            yield from _check_account_column(rule.assign_to.account_column, account, at)


def _check_account_column(name: str, account: TableSchema, at: Path) -> Iterator[Problem]:
    """The column must lead to a user or team; a tenant's own column is taken as it is."""
    column = account.columns.get(name.removeprefix("_").removesuffix("_value"))
    if column is None:
        if "_" not in name:
            lookups = [found.name for found in account.columns.values() if found.targets]
            hint = ask_nearest(name, lookups)
            yield Problem(at, f'the table account has no column "{name}"{hint}')
    elif column.type is not ColumnType.OWNER and not POINTS_TO_OWNERS & set(column.targets):
        yield Problem(at, f'the column "{name}" of account leads to no user or team')


def _check_touch_columns(rule_set: RuleSet, schema: Schema) -> Iterator[Problem]:
    """The column must hold an instant or a day; a tenant's own column is taken as it is."""
    for index, rule in enumerate(rule_set.rules):
        table = schema.get(rule.table)
        name = rule.take_back.touch_column if rule.take_back else None
        if table is None or name is None:
            continue
        at: Path = ("rules", index, "take_back", "touch_column")
        column = table.columns.get(name)
        if column is None and "_" not in name:
            hint = ask_nearest(name, table.columns)
            yield Problem(at, f'the table {table.name} has no column "{name}"{hint}')
        elif column is not None and column.type not in {ColumnType.DATETIME, ColumnType.DATE}:
            yield Problem(at, f'the column "{name}" of {table.name} holds no date')
