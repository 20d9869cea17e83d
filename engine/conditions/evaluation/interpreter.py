"""A condition tree against a row, by walking it: the reading that the compiled form equals."""

from collections.abc import Mapping
from typing import assert_never

from engine.conditions.evaluation.cells import (
    has_related,
    read_cell,
    read_label,
    related_row,
    related_rows,
)
from engine.conditions.evaluation.constants import fold
from engine.conditions.evaluation.matching import (
    Cell,
    ComparisonContext,
    cell_matches,
    compare_cells,
)
from engine.conditions.language.context import Context, column_of, table_of
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
    SellerAttribute,
)
from engine.conditions.language.moments import zone_of
from engine.conditions.language.printing import describe
from engine.decisions.decision import FailedCondition
from engine.records import Row

Attributes = Mapping[str, tuple[str, ...]]


def holds(condition: Condition, row: Row, context: Context) -> bool:
    """Whether the row satisfies the condition: two-valued and total, whatever the row holds.

    Raises ConfigProblem only when the context's date settings make no calendar.
    """
    record = row if context.record is None else context.record
    return _holds(condition, row, record, context)


def _holds(condition: Condition, row: Row, record: Row, context: Context) -> bool:
    match condition:
        case All(children):
            return all(_holds(child, row, record, context) for child in children)
        case Any(children):
            return any(_holds(child, row, record, context) for child in children)
        case Not(child):
            return not _holds(child, row, record, context)
        case Compare():
            return _compare(condition, row, context)
        case CompareColumns(path, operator, other):
            zone = zone_of(context.dates.time_zone)
            source = record if condition.other_is_record else row
            return compare_cells(_value(row, path), operator, _value(source, other), zone)
        case Related():
            return _related(condition, row, record, context)
        case SellerAttribute():
            return attribute_matches(condition, context.attributes)
        case _:
            assert_never(condition)


def _value(row: Row, path: ColumnPath) -> object:
    return read_cell(related_row(row, path[:-1]), path[-1])


def _compare(condition: Compare, row: Row, context: Context) -> bool:
    path = condition.path
    around = ComparisonContext(
        column_of(context.schema, context.table, path),
        context.dates,
        context.now,
        context.hierarchies,
        context.caller,
    )
    return cell_matches(cell_at(row, path), condition, around)


def cell_at(row: Row, path: ColumnPath) -> Cell:
    """The cell at the end of a path, with its label and, where at hand, the row it identifies."""
    owner = related_row(row, path[:-1])
    name = path[-1]
    anchor = related_row(row, path)
    return Cell(
        read_cell(owner, name), read_label(owner, name), owner if anchor is None else anchor
    )


def _related(condition: Related, row: Row, record: Row, context: Context) -> bool:
    where = condition.where
    if where is None:
        return condition.exists == has_related(row, condition.navigation)
    rows = related_rows(row, condition.navigation)
    inner = context.at_table(table_of(context.schema, context.table, condition.navigation))
    return condition.exists == any(_holds(where, each, record, inner) for each in rows)


def attribute_matches(condition: SellerAttribute, attributes: Attributes | None) -> bool:
    """Whether a seller's attributes satisfy the condition; case does not count."""
    name = fold(condition.name)
    pairs = attributes.items() if attributes is not None else ()
    held = {fold(value) for key, values in pairs if fold(key) == name for value in values}
    wanted = {fold(value) for value in condition.values}
    match condition.operator:
        case Operator.NULL:
            return not held
        case Operator.NOT_NULL:
            return bool(held)
        case Operator.NE:
            return not held & wanted
        case _:
            return bool(held & wanted)


def first_failure(condition: Condition, row: Row, context: Context) -> FailedCondition | None:
    """The first condition that does not hold, with the value it saw; None when the whole holds.

    Of alternatives none of which holds the whole is named, with what each of them saw.
    """
    record = row if context.record is None else context.record
    return _failure(condition, row, record, context)


def _failure(
    condition: Condition, row: Row, record: Row, context: Context
) -> FailedCondition | None:
    if _holds(condition, row, record, context):
        return None
    if isinstance(condition, All):
        failures = (_failure(child, row, record, context) for child in condition.children)
        return next(failure for failure in failures if failure is not None)
    return FailedCondition(
        condition=describe(condition), seen=_seen(condition, row, record, context)
    )


def _seen(condition: Condition, row: Row, record: Row, context: Context) -> str:
    match condition:
        case All(children) | Any(children):
            seen = dict.fromkeys(_seen(child, row, record, context) for child in children)
            return "; ".join(seen)
        case Not(child):
            return _seen(child, row, record, context)
        case Compare(path):
            return _show(row, path)
        case CompareColumns(path, _, other, other_is_record):
            source = record if other_is_record else row
            return f"{_show(row, path)} and {_show(source, other)}"
        case Related(navigation):
            count = len(related_rows(row, navigation))
            return f"{'.'.join(navigation)}: {count} related row{'' if count == 1 else 's'}"
        case SellerAttribute(name):
            return _show_attribute(name, context)
        case _:
            assert_never(condition)


def _show(row: Row, path: ColumnPath) -> str:
    cell = cell_at(row, path)
    label = f" ({cell.label})" if cell.label is not None and cell.label != str(cell.value) else ""
    value = "null" if cell.value is None else f"{cell.value}{label}"
    return f"{'.'.join(path)} is {value}"


def _show_attribute(name: str, context: Context) -> str:
    attributes = context.attributes or {}
    held = [v for key, values in attributes.items() if fold(key) == fold(name) for v in values]
    return f"attribute {name} is {', '.join(held) if held else 'null'}"
