"""All tables of an organization with their relationships, by every name they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from connector.emulator.catalog.relationships import (
    ManyToMany,
    ManyToOne,
    Navigation,
    intersect_navigations,
    lookup_navigations,
)
from connector.emulator.catalog.table_definition import TableDefinition


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
        name = self._names_by_set.get(entity_set)
        return None if name is None else self.tables.get(name)

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
    def _names_by_set(self) -> dict[str, str]:
        # Names, not definitions: one that is replaced meanwhile would be found by its set for ever.
        return {table.entity_set: name for name, table in self.tables.items()}

    @cached_property
    def _navigations(self) -> dict[str, dict[str, Navigation]]:
        found: dict[str, dict[str, Navigation]] = {name: {} for name in self.tables}
        for navigation in self._list_navigations():
            found[navigation.table].setdefault(navigation.name, navigation)
        return found

    def _list_navigations(self) -> Iterator[Navigation]:
        for each in self.many_to_one:
            table = self.tables[each.referencing_table]
            yield from lookup_navigations(each, table.columns_by_name[each.referencing_column])
        for many in self.many_to_many:
            yield from intersect_navigations(many)

    def restore(self, version: int) -> None:
        """Return to a metadata version."""
        self.version = version

    def touch(self) -> None:
        """Raise the metadata version and forget what was derived from the definitions."""
        self.version += 7
        self.__dict__.pop("_names_by_set", None)
        self.__dict__.pop("_navigations", None)
