"""Replaces the labels of choices by their numbers, so that conditions can be compared as trees."""

from dataclasses import replace

from engine.conditions.evaluation.constants import fold
from engine.conditions.language.context import column_of, table_of
from engine.conditions.language.model import All, Any, Compare, Condition, Not, Related, Scalar
from engine.schema import Column, Schema


def number_labels(condition: Condition, table: str | None, schema: Schema) -> Condition:
    """The same condition with numbers where the schema knows the label of a choice."""
    match condition:
        case All(children):
            return All(tuple(number_labels(child, table, schema) for child in children))
        case Any(children):
            return Any(tuple(number_labels(child, table, schema) for child in children))
        case Not(child):
            return Not(number_labels(child, table, schema))
        case Related(navigation, where=where) if where is not None:
            inner = table_of(schema, table, navigation)
            return replace(condition, where=number_labels(where, inner, schema))
        case Compare(path, _, value) if value is not None:
            column = column_of(schema, table, path)
            if isinstance(value, tuple):
                numbers = tuple(_number(each, column) for each in value)
                return replace(condition, value=numbers)
            return replace(condition, value=_number(value, column))
        case _:
            return condition


def _number(value: Scalar, column: Column | None) -> Scalar:
    if column is None or not isinstance(value, str):
        return value
    label = fold(value)
    return next((key for key, name in column.options.items() if fold(name) == label), value)
