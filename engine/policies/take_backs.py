"""Whether somebody worked on a row that a seller was given; taking it back is the connector's.

This goes beyond the original and is off unless a rule has a `take_back`. A touch is what a row
itself shows: its last change, and a column that the rule names.
"""

from datetime import date, datetime

from engine.records import Row
from engine.rules.models import TakeBack


def is_touched_by_change(policy: TakeBack, row: Row, *, owner_id: str, our_id: str | None) -> bool:
    """A changed row counts as touched; `our_id` is the user whose changes may be our own, if any.

    With `touched_by: owner` only the owner's change counts, and only the last one can be seen.
    """
    modified_by = row.get("_modifiedby_value")
    if policy.touched_by == "owner":
        return modified_by == owner_id
    return modified_by is None or modified_by != our_id


def is_touched_by_column(policy: TakeBack, row: Row, since: datetime) -> bool:
    """The column that the rule names holds an instant after `since`, or a day not before it."""
    value = row.get(policy.touch_column) if policy.touch_column else None
    return isinstance(value, str) and _is_later(value, since)


def _is_later(value: str, since: datetime) -> bool:
    try:
        if len(value) == len("2026-11-26"):
            return date.fromisoformat(value) >= since.date()
        return datetime.fromisoformat(value) > since
    except (ValueError, TypeError):
        return False
