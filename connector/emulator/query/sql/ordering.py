# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Sort keys as SQL, and the condition that continues behind the last row of a page.

It parses nothing.
"""

from dataclasses import dataclass

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.query.sql.conditions import collated
from connector.emulator.query.sql.fragments import (
    Sql,
    SqlValue,
    all_of,
    any_of,
    column_sql,
    text_literal,
)
from connector.emulator.query.sql.scopes import ColumnRef, Scope, column_ref, resolve_column
from connector.emulator.query.sql.syntax import OrderItem
from connector.emulator.query.sql.values import is_number
from connector.emulator.storage.sql_names import quote


@dataclass(frozen=True, slots=True)
class SortKey:
    """One sort key: SQL without parameters; `name` is its element in paging cookies."""

    name: str
    sql: str
    descending: bool
    is_numeric: bool
    is_guid: bool = False

    @property
    def order_sql(self) -> str:
        """The key in ORDER BY; nulls come first ascending and last descending, as in SQL Server."""
        return f"{self.sql} DESC" if self.descending else self.sql


def sort_keys(items: tuple[OrderItem, ...], scope: Scope) -> tuple[SortKey, ...]:
    """The keys of `$orderby`, ended by the primary key so that the order is total.

    A lookup sorts by the primary name of the row it points to, a choice by its number.
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/order-rows
    """
    keys = [
        column_key(resolve_column(scope, item.expression.path), scope, descending=item.descending)
        for item in items
    ]
    primary = scope.table.primary_id
    if all(key.name != primary for key in keys):
        keys.append(primary_key(scope.table, scope.alias))
    return tuple(keys)


def primary_key(table: TableDefinition, alias: str) -> SortKey:
    """Ascending by primary key."""
    return SortKey(
        table.primary_id,
        column_sql(alias, table.primary_id),
        descending=False,
        is_numeric=False,
        is_guid=True,
    )


def column_key(column: ColumnRef, scope: Scope, *, descending: bool) -> SortKey:
    """A column as a sort key."""
    definition = column.definition
    if definition.type.is_lookup:
        name = related_name(column, scope)
        return SortKey(definition.logical_name, name, descending, is_numeric=False)
    edm = definition.edm_type
    numeric = is_number(edm) or edm == "Edm.Boolean"
    return SortKey(
        definition.logical_name,
        collated(column),
        descending,
        numeric,
        definition.type is ColumnType.UNIQUEIDENTIFIER,
    )


def related_name(column: ColumnRef, scope: Scope) -> str:
    """The primary name of the row a lookup points to, as an SQL expression."""
    found = [
        (target, name)
        for target in column.definition.targets
        if (name := _name_query(column, target, scope)) is not None
    ]
    if not found:
        return column.sql
    if column.type_sql is None or len(found) == 1:
        return f"{found[0][1]} COLLATE DATAVERSE"
    branches = " ".join(f"WHEN {text_literal(target)} THEN {name}" for target, name in found)
    return f"(CASE {column.type_sql} {branches} END) COLLATE DATAVERSE"


def _name_query(column: ColumnRef, target: str, scope: Scope) -> str | None:
    table = scope.catalog.table(target)
    if table is None or table.primary_name is None:
        return None
    definition: ColumnDefinition | None = table.column(table.primary_name)
    if definition is None or not definition.is_stored:
        return None
    alias = scope.budget.next_alias()
    name = column_ref(table, alias, definition)
    key = column_sql(alias, table.primary_id)
    return f"(SELECT {name.sql} FROM {quote(target)} {alias} WHERE {key} = {column.sql})"


def order_by(keys: tuple[SortKey, ...]) -> str:
    """The list behind ORDER BY."""
    return ", ".join(key.order_sql for key in keys)


def after_values(keys: tuple[SortKey, ...], values: tuple[SqlValue, ...]) -> Sql:
    """Rows that sort after the row with these key values."""
    branches: list[Sql] = []
    for index, key in enumerate(keys):
        equal = [
            Sql(f"{earlier.sql} IS ?", (value,))
            for earlier, value in zip(keys[:index], values[:index], strict=True)
        ]
        later = _later(key, values[index])
        if later is not None:
            branches.append(all_of([*equal, later]))
    return any_of(branches)


def _later(key: SortKey, value: SqlValue) -> Sql | None:
    if key.descending:
        if value is None:
            return None
        return Sql(f"({key.sql} < ? OR {key.sql} IS NULL)", (value,))
    if value is None:
        return Sql(f"{key.sql} IS NOT NULL")
    return Sql(f"{key.sql} > ?", (value,))
