# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Resolves property names and navigation paths of expressions to SQL columns; compares nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import Navigation, NavigationKind
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.protocol.errors import bad_query, missing_property, not_supported
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Budget, Sql, column_sql, text_literal
from connector.emulator.storage.sql_names import quote, type_column


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column as SQL: `sql` is an expression without parameters, `table` its Dataverse table.

    `type_sql` is the expression for the target table's name of a polymorphic lookup.
    """

    sql: str
    definition: ColumnDefinition
    table: TableDefinition
    type_sql: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows an expression speaks of: a table under an alias, and the lambda variables around."""

    context: QueryContext
    table: TableDefinition
    alias: str
    budget: Budget = field(default_factory=Budget)
    variables: Mapping[str, "Scope"] = field(default_factory=dict[str, "Scope"])

    @property
    def catalog(self) -> Catalog:
        """The tables."""
        return self.context.catalog

    def column(self, definition: ColumnDefinition) -> ColumnRef:
        """A column of this scope's own table."""
        return column_ref(self.table, self.alias, definition)


def column_ref(table: TableDefinition, alias: str, definition: ColumnDefinition) -> ColumnRef:
    """A column of an aliased table."""
    name = definition.logical_name
    kind = column_sql(alias, type_column(name)) if definition.is_polymorphic else None
    return ColumnRef(column_sql(alias, name), definition, table, kind)


def find_column(table: TableDefinition, name: str) -> ColumnDefinition | None:
    """A readable stored column by its wire name (`_ownerid_value`)."""
    return table.columns_by_wire_name.get(name)


def resolve_column(scope: Scope, path: tuple[str, ...]) -> ColumnRef:
    """A property path as a column; raises ODataError 400 naming the property that is missing."""
    if path[0] in scope.variables:
        if len(path) == 1:
            raise bad_query(
                f"The range variable '{path[0]}' is not a property and cannot be compared."
            )
        return resolve_column(_own_scope(scope.variables[path[0]]), path[1:])
    if len(path) == 1:
        definition = find_column(scope.table, path[0])
        if definition is None:
            raise missing_property(path[0], scope.table.logical_name)
        return scope.column(definition)
    return _resolve_related(scope, path)


def resolve_navigation(scope: Scope, path: tuple[str, ...]) -> tuple[Scope, Navigation]:
    """The collection that a lambda stands on; raises ODataError when it is below a lookup."""
    if path[0] in scope.variables:
        return resolve_navigation(_own_scope(scope.variables[path[0]]), path[1:] or ("",))
    first = scope.catalog.navigation(scope.table.logical_name, path[0])
    if first is None and find_column(scope.table, path[0]) is None:
        raise missing_property(path[0], scope.table.logical_name)
    if len(path) > 1 and first is not None:
        raise not_supported(
            f"A condition on the collection '{path[-1]}' below the lookup '{path[0]}' is not "
            "supported."
        )
    if first is None or not first.is_collection or len(path) > 1:
        raise bad_query("Any/All may only be used following a collection.")
    return scope, first


def target_table(catalog: Catalog, navigation: Navigation) -> TableDefinition:
    """The table a navigation property leads to."""
    table = catalog.table(navigation.target)
    if table is None:
        raise not_supported(f"The table '{navigation.target}' is not served.")
    return table


def link_condition(navigation: Navigation, source: str, target: str) -> Sql:
    """What joins rows `target` to rows `source` along a navigation property."""
    target_column = column_sql(target, navigation.target_column)
    source_column = column_sql(source, navigation.column)
    if navigation.kind is NavigationKind.INTERSECTION:
        intersect = quote(str(navigation.intersect_table))
        inner = quote(str(navigation.intersect_target_column))
        outer = quote(str(navigation.intersect_column))
        return Sql(
            f"{target_column} IN (SELECT {inner} FROM {intersect} WHERE {outer} = {source_column})"
        )
    condition = f"{target_column} = {source_column}"
    if not navigation.is_polymorphic:
        return Sql(condition)
    if navigation.kind is NavigationKind.LOOKUP:
        kind = column_sql(source, type_column(navigation.column))
        return Sql(f"{condition} AND {kind} = ?", (navigation.target,))
    kind = column_sql(target, type_column(navigation.target_column))
    return Sql(f"{condition} AND {kind} = ?", (navigation.table,))


def ensure_link_index(context: QueryContext, navigation: Navigation) -> None:
    """Have the rows of a collection found by the lookup that leads back."""
    table = target_table(context.catalog, navigation)
    column = table.column(navigation.target_column)
    if navigation.kind is not NavigationKind.INTERSECTION and column is not None:
        context.ensure_index(table, column)


def child_scope(scope: Scope, table: TableDefinition, variable: str | None) -> Scope:
    """The scope of the rows a lambda ranges over."""
    inner = replace(scope, table=table, alias=scope.budget.next_alias())
    if variable is None:
        return inner
    return replace(inner, variables={**scope.variables, variable: inner})


def _own_scope(scope: Scope) -> Scope:
    return replace(scope, variables={})


def _resolve_related(scope: Scope, path: tuple[str, ...]) -> ColumnRef:
    table, joins, where = scope.table, "", ""
    source = scope.alias
    for depth, name in enumerate(path[:-1]):
        navigation = _single_valued(scope.catalog, table, name, path[depth + 1])
        if len(navigation.targets) > 1:
            return _principal_column(navigation, path, depth, source, table)
        scope.budget.count_link(scope.alias, *path[: depth + 1])
        alias = scope.budget.next_alias()
        table = target_table(scope.catalog, navigation)
        condition = _constant_link(navigation, source, alias)
        if not where:
            joins, where = f"{quote(table.logical_name)} {alias}", condition
        else:
            joins += f" JOIN {quote(table.logical_name)} {alias} ON {condition}"
        source = alias
    definition = find_column(table, path[-1])
    if definition is None:
        raise missing_property(path[-1], table.logical_name)
    inner = column_ref(table, source, definition)
    select = f"(SELECT {{}} FROM {joins} WHERE {where})"
    kind = select.format(inner.type_sql) if inner.type_sql else None
    return ColumnRef(select.format(inner.sql), definition, table, kind)


def _constant_link(navigation: Navigation, source: str, target: str) -> str:
    condition = link_condition(navigation, source, target)
    # The only parameter is the name of a table from the catalog, so it may stand in the text.
    return condition.text.replace("?", text_literal(navigation.target))


def _single_valued(
    catalog: Catalog, table: TableDefinition, name: str, following: str
) -> Navigation:
    navigation = catalog.navigation(table.logical_name, name)
    if navigation is None:
        raise missing_property(name, table.logical_name)
    if navigation.is_collection:
        raise bad_query(
            f"The parent value for a property access of a property '{following}' is not a single "
            "value. Property access can only be applied to a single value."
        )
    return navigation


def _principal_column(
    navigation: Navigation,
    path: tuple[str, ...],
    depth: int,
    source: str,
    table: TableDefinition,
) -> ColumnRef:
    definition = table.column(navigation.column)
    if depth != len(path) - 2 or path[-1] != "ownerid" or definition is None:
        raise missing_property(path[depth + 1], "principal")
    if depth > 0:
        raise not_supported("A condition on the owner of a related row is not supported.")
    return column_ref(table, source, definition)
