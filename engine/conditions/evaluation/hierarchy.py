"""Ancestors of a row, from known hierarchies and from expanded rows; comparing is in `matching`."""

from collections.abc import Iterator, Mapping
from typing import cast

from engine.conditions.evaluation.constants import fold
from engine.records import Row

Hierarchies = Mapping[str, Mapping[str, str | None]]

PARENT_COLUMNS: Mapping[str, str] = {
    "account": "parentaccountid",
    "systemuser": "parentsystemuserid",
    "businessunit": "parentbusinessunitid",
    "territory": "parentterritoryid",
    "position": "parentpositionid",
}
"""The lookup of each table that Dataverse's own hierarchical relationships run along."""


def ancestors(row_id: str, hierarchies: Hierarchies, row: Row | None = None) -> Iterator[str]:
    """The ids above a row, nearest first, folded; a cycle ends the climb.

    `row` is the row itself where it was expanded: its parent columns and the rows nested below them
    count where the hierarchies do not know an id.
    """
    seen = {row_id}
    parent, row = _parent(row_id, hierarchies, row)
    while parent is not None and parent not in seen:
        seen.add(parent)
        yield parent
        parent, row = _parent(parent, hierarchies, row)


def _parent(
    row_id: str, hierarchies: Hierarchies, row: Row | None
) -> tuple[str | None, Row | None]:
    nested_id, nested = _nested_parent(row)
    for parents in hierarchies.values():
        if row_id in parents:
            found = parents[row_id]
            known = None if found is None else fold(found)
            return known, nested if known == nested_id else None
    return nested_id, nested


def _nested_parent(row: Row | None) -> tuple[str | None, Row | None]:
    if row is None:
        return None, None
    for column in PARENT_COLUMNS.values():
        parent = row.get(f"_{column}_value")
        if isinstance(parent, str) and parent:
            nested = row.get(column)
            return fold(parent), cast("Row", nested) if isinstance(nested, Mapping) else None
    return None, None


def is_above(upper: str, lower: str, hierarchies: Hierarchies, row: Row | None = None) -> bool:
    """Whether one row is an ancestor of the other; `row` is the lower one where it was expanded."""
    return upper in ancestors(lower, hierarchies, row)
