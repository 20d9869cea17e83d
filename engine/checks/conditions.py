"""A condition against the tables it is about: columns, operators, values; shapes are checked in
`parsing`.

Whether a condition can ever hold is a question for the lint, not for this module.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import assert_never

from engine.conditions.evaluation.constants import Constant, fold, is_id, read_constant
from engine.conditions.evaluation.matching import choice_numbers
from engine.conditions.language.context import logical_name
from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Operator,
    Related,
    Scalar,
    SellerAttribute,
)
from engine.conditions.language.moments import zone_of
from engine.conditions.language.operators import FACTS, Family, ValueKind, family_of
from engine.conditions.language.spelling import spell
from engine.conditions.language.values import scalars_of
from engine.errors import Path, Problem
from engine.nearest import ask_nearest, find_nearest
from engine.schema import Column, ColumnType, RelationshipKind, Schema, TableSchema

_PUBLISHER_PREFIX = re.compile(r"[a-z][a-z0-9]{1,7}_", re.IGNORECASE)
_STANDARD_PREFIXES = ("address1", "address2", "address3")
_UTC = zone_of("UTC")
_TYPED_KINDS = frozenset({ValueKind.SCALAR, ValueKind.LIST, ValueKind.PAIR})
_COMPARABLE: set[Family | None] = {Family.NUMBER, Family.CHOICE}
_SELLER_TABLE = "systemuser"
_TRUTH_LABELS = {1: "true", 0: "false"}
_NEAR = 0.8
"""The similarity (difflib's ratio) from which a label or a standard prefix counts as misspelt."""


def check_condition(
    condition: Condition,
    table: TableSchema | None,
    schema: Schema,
    *,
    record_table: TableSchema | None = None,
) -> list[Problem]:
    """Everything in a condition that its tables rule out; paths are those of a rules file.

    A name that is not in the schema is wrong only when its table is complete and the name bears no
    publisher prefix: tenants add columns of their own. Where the schema ends nothing is checked.
    `record_table` is the table of the record that `value_of: record.…` means.
    """
    found = _check(condition, table, schema, record_table)
    return [problem for problem in found if not isinstance(problem, _Doubt)]


def list_doubts(
    condition: Condition,
    table: TableSchema | None,
    schema: Schema,
    *,
    record_table: TableSchema | None = None,
) -> list[Problem]:
    """What may be right in a tenant with choices of its own: labels far from every known one.

    Such a label is compared with the label that the row carries.
    """
    found = _check(condition, table, schema, record_table)
    return [problem for problem in found if isinstance(problem, _Doubt)]


def _check(
    condition: Condition,
    table: TableSchema | None,
    schema: Schema,
    record_table: TableSchema | None,
) -> Iterator[Problem]:
    checker = _Checker(schema, table if record_table is None else record_table)
    return checker.check(condition, table, ())


class _Doubt(Problem):
    """A problem only where the tenant has no other choices than the known ones."""


@dataclass(frozen=True, slots=True)
class _Checker:
    schema: Schema
    record_table: TableSchema | None

    def check(
        self, condition: Condition, table: TableSchema | None, path: Path
    ) -> Iterator[Problem]:
        match condition:
            case All(children):
                yield from self._children(children, table, (*path, "all"))
            case Any(children):
                yield from self._children(children, table, (*path, "any"))
            case Not(child):
                yield from self.check(child, table, (*path, "not"))
            case Compare():
                yield from self._compare(condition, table, path)
            case CompareColumns():
                yield from self._columns(condition, table, path)
            case Related():
                yield from self._related(condition, table, path)
            case SellerAttribute():
                yield from _attribute(condition, table, path)
            case _:
                assert_never(condition)

    def _children(
        self, children: tuple[Condition, ...], table: TableSchema | None, path: Path
    ) -> Iterator[Problem]:
        for position, child in enumerate(children):
            yield from self.check(child, table, (*path, position))

    def _compare(
        self, condition: Compare, table: TableSchema | None, path: Path
    ) -> Iterator[Problem]:
        column = yield from self._column(condition.path, table, (*path, "column"))
        if column is None:
            return
        family = family_of(column.type)
        facts = FACTS[condition.operator]
        if family is not None and family not in facts.families:
            yield Problem((*path, "operator"), _wrong_operator(condition.operator, column, family))
        elif facts.takes in _TYPED_KINDS:
            yield from _values(condition, column, (*path, "value"))

    def _columns(
        self, condition: CompareColumns, table: TableSchema | None, path: Path
    ) -> Iterator[Problem]:
        column = yield from self._column(condition.path, table, (*path, "column"))
        source = self.record_table if condition.other_is_record else table
        other = yield from self._column(condition.other, source, (*path, "value_of"))
        if column is None or other is None:
            return
        families = {family_of(column.type), family_of(other.type)}
        if None in families or len(families) == 1 or families == _COMPARABLE:
            return
        message = (
            f"“{column.name}” is a {column.type.value} column and “{other.name}” a "
            f"{other.type.value} column: they can never be equal"
        )
        yield Problem((*path, "value_of"), message)

    def _related(
        self, condition: Related, table: TableSchema | None, path: Path
    ) -> Iterator[Problem]:
        found = yield from self._navigate(condition.navigation, table, (*path, "related"))
        if condition.where is not None:
            yield from self.check(condition.where, found, (*path, "where"))

    def _column(
        self, names: ColumnPath, table: TableSchema | None, path: Path
    ) -> Generator[Problem, None, Column | None]:
        owner = yield from self._navigate(names[:-1], table, path, is_single=True)
        if owner is None:
            return None
        name = logical_name(names[-1])
        column = owner.columns.get(name)
        if column is None and _must_be_known(name, owner):
            hint = ask_nearest(name, owner.columns, quotes="“”")
            yield Problem(path, f"the table {owner.name} has no column “{name}”{hint}")
        return column

    def _navigate(
        self,
        names: ColumnPath,
        table: TableSchema | None,
        path: Path,
        *,
        is_single: bool = False,
    ) -> Generator[Problem, None, TableSchema | None]:
        """The table at the end of navigation properties; None where it is not known."""
        for name in names:
            if table is None:
                return None
            relationship = table.relationships.get(name)
            if relationship is None:
                if name not in table.columns and _must_be_known(name, table):
                    hint = ask_nearest(name, table.relationships, quotes="“”")
                    message = f"the table {table.name} has no navigation property “{name}”{hint}"
                    yield Problem(path, message)
                return None
            if is_single and relationship.kind is not RelationshipKind.MANY_TO_ONE:
                message = (
                    f"“{name}” leads to many rows of {relationship.table}: "
                    f"write {{related: {name}, where: …}} instead of a column path"
                )
                yield Problem(path, message)
                return None
            table = self.schema.get(relationship.table)
        return table


def _must_be_known(name: str, table: TableSchema) -> bool:
    """Whether the name has no publisher prefix; a misspelt `address1` is none either."""
    prefix = name.partition("_")[0].lower()
    is_standard = find_nearest(prefix, _STANDARD_PREFIXES, likeness=_NEAR) is not None
    return table.is_complete and (is_standard or _PUBLISHER_PREFIX.match(name) is None)


def _wrong_operator(operator: Operator, column: Column, family: Family) -> str:
    allowed = sorted(name.value for name, facts in FACTS.items() if family in facts.families)
    return (
        f"the operator {operator.value} is not for {column.type.value} columns such as "
        f"“{column.name}”: use one of {', '.join(allowed)}"
    )


def _values(condition: Compare, column: Column, path: Path) -> Iterator[Problem]:
    is_list = isinstance(condition.value, tuple)
    for position, value in enumerate(scalars_of(condition.value)):
        place = (*path, position) if is_list else path
        constant = read_constant(value, column, _UTC)
        message = _wrong_value(value, constant, column)
        if message is not None:
            yield Problem(place, message)
        elif _is_unknown_label(constant, column):
            yield _check_label(value, column, place)


def _wrong_value(value: Scalar, constant: Constant, column: Column) -> str | None:
    match family_of(column.type):
        case Family.NUMBER if constant.number is None:
            return f"“{column.name}” is a number: write one instead of “{spell(value)}”"
        case Family.DATE if constant.moment is None:
            return (
                f"“{column.name}” is a date: write one such as 2026-11-23 or 2026-11-23T09:00:00Z "
                f"instead of “{spell(value)}”"
            )
        case Family.REFERENCE if not is_id(value):
            return (
                f"“{column.name}” holds the id of a row: write a GUID instead of “{spell(value)}”"
            )
        case _:
            return None


def _is_unknown_label(constant: Constant, column: Column) -> bool:
    """Nothing is unknown where the options are not known: the row's own labels will tell."""
    is_open = not column.options and column.type is not ColumnType.BOOLEAN
    if constant.label is None or constant.options or is_open:
        return False
    is_several = family_of(column.type) is Family.MULTI_CHOICE
    return not (is_several and choice_numbers(constant.label))


def _check_label(value: Scalar, column: Column, path: Path) -> Problem:
    """A near miss of a known label is a slip of the pen; anything else may be the tenant's own."""
    options = column.options or _TRUTH_LABELS
    labels = {fold(label): label for label in options.values()}
    found = find_nearest(fold(spell(value)), labels, likeness=_NEAR)
    if found is not None:
        message = f"“{column.name}” has no choice “{spell(value)}”; did you mean “{labels[found]}”?"
        return Problem(path, message)
    names = ", ".join(f"{number} {label}" for number, label in list(options.items())[:12])
    message = (
        f"“{spell(value)}” is not among the standard choices of “{column.name}” ({names}); it is "
        "compared with the label that the row carries"
    )
    return _Doubt(path, message)


def _attribute(
    condition: SellerAttribute, table: TableSchema | None, path: Path
) -> Iterator[Problem]:
    if table is not None and table.name != _SELLER_TABLE:
        message = (
            f"the seller attribute “{condition.name}” can only stand in a condition on sellers, "
            f"not on the table {table.name}"
        )
        yield Problem((*path, "attribute"), message)
