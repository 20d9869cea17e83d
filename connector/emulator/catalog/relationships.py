"""Relationships between tables and the navigation properties that follow from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)


class Cascade(StrEnum):
    """What happens to the rows on the N side."""

    NO_CASCADE = "NoCascade"
    CASCADE = "Cascade"
    REMOVE_LINK = "RemoveLink"


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


def lookup_navigations(
    relationship: ManyToOne, column: ColumnDefinition
) -> tuple[Navigation, Navigation]:
    """The lookup on the N side and the collection on the 1 side."""
    is_owner = column.type is ColumnType.OWNER
    lookup = Navigation(
        name=relationship.referencing_navigation,
        kind=NavigationKind.LOOKUP,
        table=relationship.referencing_table,
        column=relationship.referencing_column,
        targets=column.targets if is_owner else (relationship.referenced_table,),
        target_column="ownerid" if is_owner else relationship.referenced_column,
        relationship=relationship.schema_name,
        is_polymorphic=column.is_polymorphic,
    )
    collection = Navigation(
        name=relationship.referenced_navigation,
        kind=NavigationKind.COLLECTION,
        table=relationship.referenced_table,
        column=relationship.referenced_column,
        targets=(relationship.referencing_table,),
        target_column=relationship.referencing_column,
        relationship=relationship.schema_name,
        is_polymorphic=column.is_polymorphic,
    )
    return lookup, collection


def intersect_navigations(relationship: ManyToMany) -> tuple[Navigation, Navigation]:
    """The collections on both sides of an N:N relationship."""
    return _intersection(relationship), _intersection(_reversed(relationship))


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
) -> list[ManyToOne]:
    """Build the N:1 relationships of all lookup columns whose target tables are known."""
    return [
        _relationship(table, column, known[target])
        for table in tables
        for column in table.columns
        if column.type.is_lookup
        for target in column.targets
        if target in known
    ]


def _relationship(
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
