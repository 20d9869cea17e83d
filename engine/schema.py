"""What is known of tables and columns; facts of standard tables are in `standard_tables`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

LogicalName = NewType("LogicalName", str)
"""What a table is called in definitions and rules: `lead`."""
EntitySetName = NewType("EntitySetName", str)
"""What a table is called in an address: `leads`; never made from the logical name."""


class ColumnType(StrEnum):
    """The column types the condition operators are defined for."""

    STRING = "string"
    MEMO = "memo"
    INTEGER = "integer"
    BIGINT = "bigint"
    DECIMAL = "decimal"
    DOUBLE = "double"
    MONEY = "money"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    BOOLEAN = "boolean"
    STATE = "state"
    STATUS = "status"
    DATETIME = "datetime"
    DATE = "date"
    LOOKUP = "lookup"
    OWNER = "owner"
    CUSTOMER = "customer"
    UNIQUEIDENTIFIER = "uniqueidentifier"
    UNKNOWN = "unknown"


class RelationshipKind(StrEnum):
    """How many related rows a navigation property leads to."""

    MANY_TO_ONE = "N:1"
    ONE_TO_MANY = "1:N"
    MANY_TO_MANY = "N:N"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: `options` by number for choices, `targets` for lookups."""

    name: str
    type: ColumnType
    options: Mapping[int, str] = field(default_factory=dict[int, str])
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A navigation property of a table.

    `column` is the lookup behind it: of the table itself for N:1, of the related one for 1:N.
    """

    navigation: str
    kind: RelationshipKind
    table: str
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """A table: with `is_complete` an unknown column without a publisher prefix is an error."""

    name: str
    entity_set: str
    primary_id: str
    primary_name: str | None
    columns: Mapping[str, Column]
    relationships: Mapping[str, Relationship] = field(default_factory=dict[str, Relationship])
    is_complete: bool = False


Schema = Mapping[str, TableSchema]
"""Tables by logical name; a table that is not in it is accepted unseen."""
