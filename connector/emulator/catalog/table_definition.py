"""Tables, columns, choices and alternate keys as the emulator defines them.

The definitions of the standard tables are data in `tables/`; nothing here touches rows.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from uuid import UUID, uuid5

ID_NAMESPACE = UUID("5f6d1a1e-7d50-4a52-9f3e-5f2e6a0c7b11")


class ColumnType(StrEnum):
    """Dataverse's attribute types, spelt as `AttributeType` spells them."""

    BIGINT = "BigInt"
    BOOLEAN = "Boolean"
    CUSTOMER = "Customer"
    DATETIME = "DateTime"
    DECIMAL = "Decimal"
    DOUBLE = "Double"
    INTEGER = "Integer"
    LOOKUP = "Lookup"
    MEMO = "Memo"
    MONEY = "Money"
    MULTISELECT = "MultiSelectPicklist"
    OWNER = "Owner"
    PICKLIST = "Picklist"
    STATE = "State"
    STATUS = "Status"
    STRING = "String"
    UNIQUEIDENTIFIER = "Uniqueidentifier"

    @property
    def is_lookup(self) -> bool:
        """Whether the column points to rows of other tables (wire name `_x_value`)."""
        return self in _LOOKUP_TYPES

    @property
    def is_choice(self) -> bool:
        """Whether the column holds one option's number."""
        return self in _CHOICE_TYPES

    @property
    def is_text(self) -> bool:
        """Whether the column holds free text, compared without case."""
        return self in (ColumnType.STRING, ColumnType.MEMO)

    @property
    def is_number(self) -> bool:
        """Whether the column holds a number that is not a choice."""
        return self in _NUMBER_TYPES


EDM_TYPES = {
    ColumnType.BIGINT: "Edm.Int64",
    ColumnType.BOOLEAN: "Edm.Boolean",
    ColumnType.CUSTOMER: "Edm.Guid",
    ColumnType.DATETIME: "Edm.DateTimeOffset",
    ColumnType.DECIMAL: "Edm.Decimal",
    ColumnType.DOUBLE: "Edm.Double",
    ColumnType.INTEGER: "Edm.Int32",
    ColumnType.LOOKUP: "Edm.Guid",
    ColumnType.MEMO: "Edm.String",
    ColumnType.MONEY: "Edm.Decimal",
    ColumnType.MULTISELECT: "Edm.String",
    ColumnType.OWNER: "Edm.Guid",
    ColumnType.PICKLIST: "Edm.Int32",
    ColumnType.STATE: "Edm.Int32",
    ColumnType.STATUS: "Edm.Int32",
    ColumnType.STRING: "Edm.String",
    ColumnType.UNIQUEIDENTIFIER: "Edm.Guid",
}
_LOOKUP_TYPES = frozenset({ColumnType.LOOKUP, ColumnType.OWNER, ColumnType.CUSTOMER})
_CHOICE_TYPES = frozenset({ColumnType.PICKLIST, ColumnType.STATE, ColumnType.STATUS})
_NUMBER_TYPES = frozenset(
    {
        ColumnType.BIGINT,
        ColumnType.DECIMAL,
        ColumnType.DOUBLE,
        ColumnType.INTEGER,
        ColumnType.MONEY,
    }
)


PRINCIPALS = frozenset({"systemuser", "team"})
"""Tables whose rows are owners: in the Web API their key is the property `ownerid`."""


class DateBehavior(StrEnum):
    """How a DateTime column relates to time zones; DATE_ONLY is Edm.Date on the wire."""

    USER_LOCAL = "UserLocal"
    DATE_ONLY = "DateOnly"
    TIME_ZONE_INDEPENDENT = "TimeZoneIndependent"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a choice.

    `state` is the state that a status reason belongs to, `default_status` the status reason a state
    takes.
    """

    value: int
    label: str
    state: int | None = None
    default_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDefinition:
    """One column.

    `navigation` is the N:1 property's name where it does not follow from `schema_name`, `format`
    what the metadata tells where it is not the usual one of the type.
    """

    logical_name: str
    schema_name: str
    type: ColumnType
    display_name: str = ""
    max_length: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    precision: int | None = None
    options: tuple[Option, ...] = ()
    targets: tuple[str, ...] = ()
    is_required: bool = False
    valid_for_create: bool = True
    valid_for_update: bool = True
    valid_for_read: bool = True
    attribute_of: str | None = None
    date_behavior: DateBehavior = DateBehavior.USER_LOCAL
    format: str = ""
    default: str | int | float | bool | None = None
    is_custom: bool = False
    navigation: str | None = None

    @property
    def wire_name(self) -> str:
        """The property that rows carry: `_x_value` for lookups, the logical name otherwise."""
        return f"_{self.logical_name}_value" if self.type.is_lookup else self.logical_name

    @property
    def is_polymorphic(self) -> bool:
        """Whether the target's table is stored beside the id, in `<column>__type`."""
        return len(self.targets) > 1

    @property
    def is_date_only(self) -> bool:
        """Whether values are Edm.Date ('YYYY-MM-DD')."""
        return self.type is ColumnType.DATETIME and self.date_behavior is DateBehavior.DATE_ONLY

    @property
    def edm_type(self) -> str:
        """The OData type of the values."""
        return "Edm.Date" if self.is_date_only else EDM_TYPES[self.type]

    @property
    def is_stored(self) -> bool:
        """Whether rows have a SQL column for it; name columns such as `owneridname` do not."""
        return self.attribute_of is None

    def option_label(self, value: int) -> str | None:
        """The label of an option, None when the number is not one of them."""
        return next((option.label for option in self.options if option.value == value), None)


@dataclass(frozen=True, slots=True)
class AlternateKey:
    """Columns whose values together name one row."""

    logical_name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    """One table; `columns` hold also those that are not stored (`attribute_of`)."""

    logical_name: str
    schema_name: str
    entity_set: str
    primary_id: str
    primary_name: str | None
    object_type_code: int
    ownership: str = "UserOwned"
    display_name: str = ""
    display_collection_name: str = ""
    change_tracking: bool = True
    optimistic_concurrency: bool = True
    is_intersect: bool = False
    is_custom: bool = False
    columns: tuple[ColumnDefinition, ...] = ()
    keys: tuple[AlternateKey, ...] = ()
    bulk_messages: frozenset[str] = frozenset()

    @cached_property
    def columns_by_name(self) -> dict[str, ColumnDefinition]:
        """Columns by logical name."""
        return {column.logical_name: column for column in self.columns}

    @cached_property
    def columns_by_wire_name(self) -> dict[str, ColumnDefinition]:
        """Readable stored columns by the name rows carry (`_ownerid_value`)."""
        return {
            column.wire_name: column
            for column in self.columns
            if column.is_stored and column.valid_for_read
        }

    @cached_property
    def stored_columns(self) -> tuple[ColumnDefinition, ...]:
        """The columns that have a SQL column."""
        return tuple(column for column in self.columns if column.is_stored)

    def column(self, logical_name: str) -> ColumnDefinition | None:
        """A column by logical name."""
        return self.columns_by_name.get(logical_name)

    @cached_property
    def metadata_id(self) -> str:
        """The stable id of the definition."""
        return str(uuid5(ID_NAMESPACE, self.logical_name))

    @property
    def is_owned(self) -> bool:
        """Whether rows have an owner (a user or team)."""
        return self.ownership == "UserOwned"
