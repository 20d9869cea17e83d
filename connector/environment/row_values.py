"""Values of rows as the readers of this package want them; nothing is converted."""

from collections.abc import Sequence
from typing import cast

from engine.records import Row


def key(row: Row, column: str) -> str:
    """An id in lower case, "" where there is none."""
    return text(row, column).lower()


def text(row: Row, column: str) -> str:
    """A text, "" where there is none."""
    return str(row.get(column) or "")


def whole(row: Row, column: str) -> int | None:
    """A whole number, None for anything else."""
    value = row.get(column)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def children(row: Row, navigation: str) -> Sequence[Row]:
    """The rows expanded below a 1:N or N:N navigation property."""
    return cast("Sequence[Row]", row.get(navigation) or ())
