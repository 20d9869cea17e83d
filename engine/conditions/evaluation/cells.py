"""Reads columns, labels and related rows of a wire row; never raises, whatever the row holds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

from engine.conditions.language.context import logical_name
from engine.conditions.language.model import ColumnPath
from engine.records import Row

LABEL_SUFFIX = "@OData.Community.Display.V1.FormattedValue"


def read_cell(row: Row | None, name: str) -> object:
    """The value of one column, None for null.

    An absent column, an empty text, and a mapping or list under the column's name (that is an
    expanded row) count as null; a lookup `x` is read from `_x_value`.
    """
    if row is None:
        return None
    logical = logical_name(name)
    value = scalar(row.get(logical))
    return scalar(row.get(f"_{logical}_value")) if value is None else value


def scalar(value: object) -> object:
    """A value as it stands under a column's name; None for an empty text and what is nested."""
    if value.__class__ in NULL_CLASSES or value == "":
        return None
    return value


NULL_CLASSES = frozenset({type(None), dict, list})
"""Classes of values that stand for null: an expanded row or list of rows is no column value."""


def read_label(row: Row | None, name: str) -> str | None:
    """The formatted value beside a column, where the service sent one."""
    if row is None:
        return None
    logical = logical_name(name)
    for wire in (logical, f"_{logical}_value"):
        label = row.get(wire + LABEL_SUFFIX)
        if isinstance(label, str):
            return label
    return None


def related_row(row: Row | None, navigation: ColumnPath) -> Row | None:
    """The row at the end of N:1 navigation properties; None where one of them leads nowhere."""
    for name in navigation:
        found = None if row is None else row.get(name)
        if not isinstance(found, Mapping):
            return None
        row = cast("Row", found)
    return row


def has_related(row: Row, navigation: ColumnPath) -> bool:
    """Whether a related row is there; a filled lookup counts where the row was not expanded."""
    if related_rows(row, navigation):
        return True
    last = navigation[-1]
    return any(read_cell(each, last) is not None for each in related_rows(row, navigation[:-1]))


def related_rows(row: Row, navigation: ColumnPath) -> list[Row]:
    """All rows at the end of navigation properties, however many each leads to."""
    rows = [row]
    for name in navigation:
        rows = [found for each in rows for found in _rows(each.get(name))]
    return rows


def _rows(found: object) -> list[Row]:
    if isinstance(found, Mapping):
        return [cast("Row", found)]
    if isinstance(found, list | tuple):
        items = cast("Sequence[object]", found)
        return [cast("Row", item) for item in items if isinstance(item, Mapping)]
    return []


def is_number(cell: object) -> bool:
    """Whether a cell counts as a number; true and false count as 1 and 0, not-a-number does not."""
    if isinstance(cell, Decimal):
        return not cell.is_nan()
    return isinstance(cell, int | float) and cell == cell  # noqa: PLR0124  NaN differs from itself
