"""The conditions of a rule set, bound to its dates, the schema and the hierarchies.

What they mean is in `conditions`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime

from engine.conditions.compiled.compiler import (
    CompileOptions,
    compile_first_match,
    compile_predicate,
)
from engine.conditions.evaluation.cells import read_cell, read_label, related_row
from engine.conditions.evaluation.constants import fold
from engine.conditions.evaluation.interpreter import first_failure
from engine.conditions.language.columns import columns_of, record_columns_of, walk
from engine.conditions.language.context import Context, DateSettings, logical_name
from engine.conditions.language.model import (
    All,
    ColumnPath,
    Compare,
    Condition,
    Related,
    SellerAttribute,
)
from engine.conditions.language.operators import FACTS
from engine.decisions.decision import FailedCondition
from engine.records import Row
from engine.rules.rule_set import RuleSet
from engine.schema import Schema

Hierarchies = Mapping[str, Mapping[str, str | None]]
Attributes = Mapping[str, tuple[str, ...]]
Samples = Mapping[str, Sequence[Row]]
"""Some rows of each table: they tell which conditions seldom hold and had better be asked first."""
RowTest = Callable[[Row, datetime], int]
TargetTest = Callable[[Row, Attributes | None, Row, datetime], bool]
"""The target's row, its seller attributes, the record being assigned, the instant."""


def read_date_settings(rule_set: RuleSet) -> DateSettings:
    """How the rule set reads dates."""
    return DateSettings(
        time_zone=rule_set.time_zone,
        week_starts_on=rule_set.week_starts_on,
        fiscal_year_start=rule_set.fiscal_year_start,
        fiscal_period=rule_set.fiscal_period,
    )


class Evaluator:
    """Compiles conditions, and explains why one does not hold."""

    def __init__(
        self,
        rule_set: RuleSet,
        schema: Schema,
        hierarchies: Hierarchies,
        samples: Samples | None = None,
    ) -> None:
        self._dates = read_date_settings(rule_set)
        self._schema = schema
        self._hierarchies = hierarchies
        self._samples = samples or {}

    def compile_first_match(
        self, conditions: Sequence[Condition | None], table: str
    ) -> Callable[[Row, datetime], int]:
        """The position of the first condition that holds, -1 when none does; None always holds."""
        return compile_first_match(conditions, self._options(table)).first_match

    def compile_row_test(self, condition: Condition | None, table: str) -> RowTest | None:
        """0 for a row that satisfies the condition, else -1; None when there is nothing to test."""
        if condition is None:
            return None
        return compile_first_match([condition], self._options(table)).first_match

    def compile_target_test(self, condition: Condition, table: str) -> TargetTest:
        """Whether a seller, team or queue satisfies the condition for a record."""
        predicate = compile_predicate(condition, self._options(table))

        def test(row: Row, attributes: Attributes | None, record: Row, now: datetime) -> bool:
            return predicate(row, now, record=record, attributes=attributes)

        return test

    def context(
        self,
        now: datetime,
        table: str,
        *,
        record: Row | None = None,
        attributes: Attributes | None = None,
    ) -> Context:
        """What a condition is evaluated against besides the row."""
        return Context(
            now=now,
            dates=self._dates,
            record=record,
            attributes=attributes,
            hierarchies=self._hierarchies,
            table=table,
            schema=self._schema,
        )

    def list_failures(
        self, condition: Condition | None, row: Row, context: Context
    ) -> list[FailedCondition]:
        """Of the conditions that all have to hold those that do not, with the values they saw."""
        if isinstance(condition, All):
            children = condition.children
            return [
                found for child in children for found in self.list_failures(child, row, context)
            ]
        failed = None if condition is None else first_failure(condition, row, context)
        return [] if failed is None else [failed]

    def _options(self, table: str) -> CompileOptions:
        return CompileOptions(
            dates=self._dates,
            table=table,
            schema=self._schema,
            hierarchies=self._hierarchies,
            samples=self._samples.get(table, ()),
        )


def depends_on_now(condition: Condition) -> bool:
    """Whether the answer can change with the time alone."""
    return any(
        isinstance(node, Compare) and FACTS[node.operator].depends_on_now
        for node in walk(condition)
    )


def build_target_key(condition: Condition) -> Callable[[Row, Attributes | None], Hashable] | None:
    """What of a target the condition's answer depends on, as a key; None = on too much.

    Targets with equal keys satisfy the condition for the same records.
    """
    nodes = walk(condition)
    if any(isinstance(node, Related) or _looks_beyond(node) for node in nodes):
        return None
    paths = sorted(columns_of(condition))
    names = sorted({fold(node.name) for node in nodes if isinstance(node, SellerAttribute)})

    def read(row: Row, attributes: Attributes | None) -> Hashable:
        cells = [(_read_key(row, path), _read_label(row, path)) for path in paths]
        return tuple(cells), tuple(_read_attribute(attributes or {}, name) for name in names)

    return read


def _looks_beyond(node: Condition) -> bool:
    """Whether a condition asks for more of a target than one column: its place, or the caller."""
    return isinstance(node, Compare) and FACTS[node.operator].looks_beyond


def _read_label(row: Row, path: ColumnPath) -> str | None:
    return read_label(related_row(row, path[:-1]), path[-1])


def _read_attribute(attributes: Attributes, name: str) -> Hashable:
    return tuple(values for key, values in attributes.items() if fold(key) == name)


def build_record_key(condition: Condition) -> Callable[[Row], Hashable] | None:
    """What of a record the condition's answer depends on, as a key; None = on nothing."""
    paths = sorted(record_columns_of(condition))
    if not paths:
        return None
    if len(paths) == 1:
        return _build_single_key(paths[0])
    return lambda record: tuple(_read_key(record, path) for path in paths)


def _build_single_key(path: ColumnPath) -> Callable[[Row], Hashable]:
    name = logical_name(path[-1]) if len(path) == 1 else ""

    def read(record: Row) -> Hashable:
        value = record.get(name)
        if value.__class__ is str and value:
            return str, value  # what the careful reading comes to for plain text
        return _read_key(record, path)

    return read


def _read_key(record: Row, path: ColumnPath) -> Hashable:
    """A column's value; its type counts, since 1, 1.0 and true are equal keys but may differ."""
    value = read_cell(related_row(record, path[:-1]), path[-1])
    return type(value), value
