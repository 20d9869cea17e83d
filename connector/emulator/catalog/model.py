"""What the emulator knows of its tables: columns, keys, relationships and navigation properties.

The definitions of the standard tables are data in `tables/`; nothing here touches rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from uuid import UUID, uuid5

NAMESPACE = UUID("5f6d1a1e-7d50-4a52-9f3e-5f2e6a0c7b11")


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
    """One option of a choice; `state` ties a status to its state, `default_status` a state to
    its status.
    """

    value: int
    label: str
    state: int | None = None
    default_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDefinition:
    """One column. `navigation` is the N:1 property's name where it is not derived from
    `schema_name`, `format` what the metadata tells where it is not the usual one of the type.
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
    is_calculated: bool = False
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
    def is_stored(self) -> bool:
        """Whether rows have a SQL column for it; name columns such as `owneridname` do not."""
        return self.attribute_of is None

    def option_label(self, value: int) -> str | None:
        """The label of an option, None when the number is not one of them."""
        return next((option.label for option in self.options if option.value == value), None)


class Cascade(StrEnum):
    """What happens to the rows on the N side."""

    NO_CASCADE = "NoCascade"
    CASCADE = "Cascade"
    REMOVE_LINK = "RemoveLink"
    RESTRICT = "Restrict"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyToOne:
    """A lookup seen as a relationship; `referenced_navigation` is the collection on the 1 side."""

    schema_name: str
    referencing_table: str
    referencing_column: str
    referencing_navigation: str
    referenced_table: str
    referenced_column: str
    referenced_navigation: str
    assign: Cascade = Cascade.NO_CASCADE
    delete: Cascade = Cascade.REMOVE_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyToMany:
    """Two tables tied by the rows of a third, `intersect_table`."""

    schema_name: str
    intersect_table: str
    table1: str
    column1: str
    navigation1: str
    table2: str
    column2: str
    navigation2: str


class NavigationKind(StrEnum):
    """Where a navigation property leads."""

    LOOKUP = "N:1"
    COLLECTION = "1:N"
    INTERSECTION = "N:N"


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """One navigation property as a query sees it.

    Joining `table` (alias s) to a target (alias t):
    LOOKUP        t.<target_column> = s.<column>,
                  and s.<column>__type = target when `is_polymorphic`;
    COLLECTION    t.<target_column> = s.<column>,
                  and t.<target_column>__type = table when `is_polymorphic`;
    INTERSECTION  t.<target_column> = i.<intersect_target_column>
                  and i.<intersect_column> = s.<column>
                  with i = <intersect_table>.
    `targets` has several members only for the owner, whose property leads to a principal.
    """

    name: str
    kind: NavigationKind
    table: str
    column: str
    targets: tuple[str, ...]
    target_column: str
    relationship: str
    is_polymorphic: bool = False
    intersect_table: str | None = None
    intersect_column: str | None = None
    intersect_target_column: str | None = None

    @property
    def target(self) -> str:
        """The target table; the first one for an owner."""
        return self.targets[0]

    @property
    def is_collection(self) -> bool:
        """Whether it leads to many rows."""
        return self.kind is not NavigationKind.LOOKUP


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
        return str(uuid5(NAMESPACE, self.logical_name))

    @property
    def is_owned(self) -> bool:
        """Whether rows have an owner (a user or team)."""
        return self.ownership == "UserOwned"


@dataclass
class Catalog:
    """All tables and relationships; `version` moves with every change of a definition."""

    tables: dict[str, TableDefinition] = field(default_factory=dict[str, TableDefinition])
    many_to_one: list[ManyToOne] = field(default_factory=list[ManyToOne])
    many_to_many: list[ManyToMany] = field(default_factory=list[ManyToMany])
    version: int = 1_000_000

    def table(self, logical_name: str) -> TableDefinition | None:
        """A table by logical name."""
        return self.tables.get(logical_name)

    def table_of_set(self, entity_set: str) -> TableDefinition | None:
        """A table by entity set name (lower-case, exact)."""
        return self._by_set.get(entity_set)

    def navigations(self, table: str) -> dict[str, Navigation]:
        """The navigation properties of a table by their exact (case-sensitive) names."""
        return self._navigations.get(table, {})

    def navigation(self, table: str, name: str) -> Navigation | None:
        """One navigation property."""
        return self.navigations(table).get(name)

    def relationships_from(self, table: str) -> Iterator[ManyToOne]:
        """The N:1 relationships of a table's lookups."""
        return (each for each in self.many_to_one if each.referencing_table == table)

    def relationships_to(self, table: str) -> Iterator[ManyToOne]:
        """The 1:N relationships that lead to a table."""
        return (each for each in self.many_to_one if each.referenced_table == table)

    @cached_property
    def _by_set(self) -> dict[str, TableDefinition]:
        return {table.entity_set: table for table in self.tables.values()}

    @cached_property
    def _navigations(self) -> dict[str, dict[str, Navigation]]:
        found: dict[str, dict[str, Navigation]] = {name: {} for name in self.tables}
        for navigation in (*self._lookup_navigations(), *self._intersections()):
            found[navigation.table].setdefault(navigation.name, navigation)
        return found

    def _lookup_navigations(self) -> Iterator[Navigation]:
        for each in self.many_to_one:
            column = self.tables[each.referencing_table].columns_by_name[each.referencing_column]
            owner = column.type is ColumnType.OWNER
            yield Navigation(
                name=each.referencing_navigation,
                kind=NavigationKind.LOOKUP,
                table=each.referencing_table,
                column=each.referencing_column,
                targets=column.targets if owner else (each.referenced_table,),
                target_column="ownerid" if owner else each.referenced_column,
                relationship=each.schema_name,
                is_polymorphic=column.is_polymorphic,
            )
            yield Navigation(
                name=each.referenced_navigation,
                kind=NavigationKind.COLLECTION,
                table=each.referenced_table,
                column=each.referenced_column,
                targets=(each.referencing_table,),
                target_column=each.referencing_column,
                relationship=each.schema_name,
                is_polymorphic=column.is_polymorphic,
            )

    def _intersections(self) -> Iterator[Navigation]:
        for each in self.many_to_many:
            yield _intersection(each)
            yield _intersection(_reversed(each))

    def replace(self, changed: TableDefinition) -> None:
        """Publish a new or changed definition; raises the metadata version."""
        self.tables[changed.logical_name] = changed
        self.many_to_one = [
            each for each in self.many_to_one if each.referencing_table != changed.logical_name
        ]
        self.many_to_one += derive_relationships([changed], self.tables)
        self.touch()

    def put_back(self, version: int) -> None:
        """Return to a metadata version."""
        self.version = version

    def touch(self) -> None:
        """Raise the metadata version and forget what was derived from the definitions."""
        self.version += 7
        self.__dict__.pop("_by_set", None)
        self.__dict__.pop("_navigations", None)


def _reversed(each: ManyToMany) -> ManyToMany:
    return ManyToMany(
        schema_name=each.schema_name,
        intersect_table=each.intersect_table,
        table1=each.table2,
        column1=each.column2,
        navigation1=each.navigation2,
        table2=each.table1,
        column2=each.column1,
        navigation2=each.navigation1,
    )


def _intersection(each: ManyToMany) -> Navigation:
    return Navigation(
        name=each.navigation1,
        kind=NavigationKind.INTERSECTION,
        table=each.table1,
        column=each.column1,
        targets=(each.table2,),
        target_column=each.column2,
        relationship=each.schema_name,
        intersect_table=each.intersect_table,
        intersect_column=each.column1,
        intersect_target_column=each.column2,
    )


def derive_relationships(
    tables: Iterable[TableDefinition],
    known: dict[str, TableDefinition],
    special: dict[tuple[str, str, str], ManyToOne] | None = None,
) -> list[ManyToOne]:
    """Build the N:1 relationships of all lookup columns whose target tables are known.

    `special` holds the ones with names or cascades of their own, by (table, column, target).
    """
    found: list[ManyToOne] = []
    for table in tables:
        for column in table.columns:
            for target in column.targets if column.type.is_lookup else ():
                if target in known:
                    key = (table.logical_name, column.logical_name, target)
                    default = _default_relationship(table, column, known[target])
                    found.append((special or {}).get(key, default))
    return found


def _default_relationship(
    table: TableDefinition, column: ColumnDefinition, target: TableDefinition
) -> ManyToOne:
    stem = column.navigation or (column.schema_name if column.is_custom else column.logical_name)
    several = column.is_polymorphic and column.type is not ColumnType.OWNER
    name = f"{table.logical_name}_{column.logical_name}_{target.logical_name}"
    return ManyToOne(
        schema_name=name,
        referencing_table=table.logical_name,
        referencing_column=column.logical_name,
        referencing_navigation=f"{stem}_{target.logical_name}" if several else stem,
        referenced_table=target.logical_name,
        referenced_column=target.primary_id,
        referenced_navigation=name,
    )
