"""Which columns and navigation properties a condition reads; nothing is evaluated here."""

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Related,
    SellerAttribute,
)


def columns_of(condition: Condition) -> frozenset[ColumnPath]:
    """Every column path the condition reads from its own row.

    Columns inside a related row's `where` follow the navigation: `("contact_customer_accounts",
    "emailaddress1")`. Columns of the record being assigned (`value_of: record.…`) are not among
    them: see `record_columns_of`.
    """
    return frozenset(_own(condition, ()))


def record_columns_of(condition: Condition) -> frozenset[ColumnPath]:
    """What a condition on sellers, teams or queues reads from the record being assigned."""
    return frozenset(
        node.other
        for node in walk(condition)
        if isinstance(node, CompareColumns) and node.other_is_record
    )


def comparisons_of(condition: Condition) -> Iterator[Compare]:
    """Every comparison with a constant, its path as it leads from the condition's own row."""
    return _comparisons(condition, ())


def navigations_of(condition: Condition) -> frozenset[ColumnPath]:
    """Every path of navigation properties that has to be expanded, outer ones included."""
    found = {path[:-1] for path in columns_of(condition)}
    found |= _related(condition, ())
    return frozenset(path[:end] for path in found for end in range(1, len(path) + 1))


def walk(condition: Condition) -> list[Condition]:
    """The node and all nodes below it, parents first."""
    nodes: list[Condition] = [condition]
    for node in nodes:
        nodes.extend(children_of(node))
    return nodes


def children_of(condition: Condition) -> tuple[Condition, ...]:
    """The direct children, the `where` of a related row included."""
    match condition:
        case All(children) | Any(children):
            return children
        case Not(child):
            return (child,)
        case Related(where=where):
            return () if where is None else (where,)
        case Compare() | CompareColumns() | SellerAttribute():
            return ()
        case _:
            assert_never(condition)


def _comparisons(condition: Condition, prefix: ColumnPath) -> Iterator[Compare]:
    if isinstance(condition, Compare):
        yield replace(condition, path=prefix + condition.path)
    inner = prefix + condition.navigation if isinstance(condition, Related) else prefix
    for child in children_of(condition):
        yield from _comparisons(child, inner)


def _own(condition: Condition, prefix: ColumnPath) -> set[ColumnPath]:
    match condition:
        case Compare(path):
            return {prefix + path}
        case CompareColumns(path, _, other, other_is_record):
            return {prefix + path} if other_is_record else {prefix + path, prefix + other}
        case Related(navigation, _, where):
            return set() if where is None else _own(where, prefix + navigation)
        case All() | Any() | Not() | SellerAttribute():
            return {path for child in children_of(condition) for path in _own(child, prefix)}
        case _:
            assert_never(condition)


def _related(condition: Condition, prefix: ColumnPath) -> set[ColumnPath]:
    if isinstance(condition, Related):
        here = prefix + condition.navigation
        inner = set[ColumnPath]() if condition.where is None else _related(condition.where, here)
        return {here} | inner
    return {path for child in children_of(condition) for path in _related(child, prefix)}
