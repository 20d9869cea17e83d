"""What a condition is evaluated against besides the row: the time, the calendar, the record, the
caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.records import Row
from engine.schema import Column, Schema


@dataclass(frozen=True, slots=True)
class DateSettings:
    """How dates are read.

    `time_zone` is an IANA name. `week_starts_on` is an English day name. `fiscal_year_start` is
    `MM-DD`; `fiscal_period` is year, half_year, quarter, month or four_weeks (13 a year, the last
    one longer). A fiscal year is named by the calendar year it starts in.
    """

    time_zone: str = "UTC"
    week_starts_on: str = "sunday"
    fiscal_year_start: str = "01-01"
    fiscal_period: str = "quarter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user whom `eq-userid` and its kin mean; `language` is a locale id such as 1033."""

    user_id: str
    business_unit_id: str | None = None
    team_ids: frozenset[str] = frozenset()
    language: int | None = None


def _no_hierarchies() -> Mapping[str, Mapping[str, str | None]]:
    return {}


def _no_schema() -> Schema:
    return {}


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside the row.

    `now` is aware. `record` is the row being assigned when sellers, teams or queues are matched;
    None means that the row itself is the record. `attributes` are a seller's. `hierarchies` maps a
    table to id → id of the parent, ids in lower case. Without `caller` no user operator holds.
    `table` and `schema` tell the choices behind labels and the types of columns, where they are
    known.
    """

    now: datetime
    dates: DateSettings = field(default_factory=DateSettings)
    record: Row | None = None
    attributes: Mapping[str, tuple[str, ...]] | None = None
    hierarchies: Mapping[str, Mapping[str, str | None]] = field(default_factory=_no_hierarchies)
    caller: Caller | None = None
    table: str | None = None
    schema: Schema = field(default_factory=_no_schema)

    def at_table(self, table: str | None) -> "Context":
        """The same context for rows of another table."""
        return replace(self, table=table)


def column_of(schema: Schema, table: str | None, path: tuple[str, ...]) -> Column | None:
    """The column at the end of a path, as far as the schema knows it."""
    found = table_of(schema, table, path[:-1])
    known = schema.get(found) if found is not None else None
    return known.columns.get(logical_name(path[-1])) if known is not None else None


def table_of(schema: Schema, table: str | None, navigation: tuple[str, ...]) -> str | None:
    """The table that a path of navigation properties leads to; None where the schema ends."""
    for name in navigation:
        known = schema.get(table) if table is not None else None
        relationship = known.relationships.get(name) if known is not None else None
        if relationship is None:
            return None
        table = relationship.table
    return table


def logical_name(name: str) -> str:
    """A column's logical name where it may be its wire name: `_ownerid_value` → `ownerid`."""
    if name.startswith("_") and name.endswith("_value"):
        return name[1:-6]
    return name
