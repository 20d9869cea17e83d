# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Operators about the caller and hierarchies as SQL: eq-userid, eq-userteams, under, above."""

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.guids import is_guid
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Sql, any_of
from connector.emulator.query.sql.scopes import ColumnRef
from connector.emulator.query.sql.values import is_number
from connector.emulator.storage.sql_names import quote

_HIERARCHY = frozenset({"above", "eq-or-above", "under", "eq-or-under", "not-under"})
_CALLER = frozenset(
    {
        "eq-userid",
        "ne-userid",
        "eq-businessid",
        "ne-businessid",
        "eq-userteams",
        "eq-useroruserteams",
        "eq-useroruserhierarchy",
        "eq-useroruserhierarchyandteams",
    }
)
IDENTITY_OPERATORS = _HIERARCHY | _CALLER | {"eq-userlanguage"}


def identity_condition(
    operator: str, column: ColumnRef, values: tuple[str, ...], context: QueryContext
) -> Sql | None:
    """The condition, None when the column's type does not know the operator."""
    edm = column.definition.edm_type
    if operator == "eq-userlanguage":
        return Sql(f"{column.sql} = ?", (context.language,)) if is_number(edm) else None
    if edm != "Edm.Guid":
        return None
    if operator in _HIERARCHY:
        return _hierarchy(operator, column, values, context.catalog)
    if values:
        raise _wrong_value(operator, values)
    if operator.startswith(("eq-business", "ne-business")):
        return _equal(column, context.business_unit_id, operator.startswith("ne"))
    if operator.endswith("-userid"):
        return _equal(column, context.user_id, operator.startswith("ne"))
    return _caller_set(operator, column, context)


def _equal(column: ColumnRef, value: str, negated: bool) -> Sql:
    if not negated:
        return Sql(f"{column.sql} = ?", (value,))
    return Sql(f"({column.sql} <> ? OR {column.sql} IS NULL)", (value,))


def _caller_set(operator: str, column: ColumnRef, context: QueryContext) -> Sql:
    parts: list[Sql] = []
    if "hierarchy" in operator:
        parts.append(_subordinates(column, context))
    elif operator != "eq-userteams":
        parts.append(_equal(column, context.user_id, negated=False))
    if operator.endswith("teams"):
        parts.append(_teams(column, context))
    return any_of(parts)


def _teams(column: ColumnRef, context: QueryContext) -> Sql:
    if context.catalog.table("teammembership") is None:
        return Sql("0")
    return Sql(
        f"{column.sql} IN (SELECT teamid FROM teammembership WHERE systemuserid = ?)",
        (context.user_id,),
    )


def _subordinates(column: ColumnRef, context: QueryContext) -> Sql:
    users = context.catalog.table("systemuser")
    parent = parent_column(context.catalog, users) if users is not None else None
    if users is None or parent is None:
        return _equal(column, context.user_id, negated=False)
    return _members(column, users, parent, context.user_id, down=True)


def parent_column(catalog: Catalog, table: TableDefinition) -> str | None:
    """The lookup that makes a table a hierarchy: its first to itself with a name `parent…`."""
    found = [
        each.referencing_column
        for each in catalog.relationships_from(table.logical_name)
        if each.referenced_table == table.logical_name
        and each.referencing_column.startswith("parent")
    ]
    return found[0] if found else None


def _hierarchy(
    operator: str, column: ColumnRef, values: tuple[str, ...], catalog: Catalog
) -> Sql | None:
    table = _hierarchy_table(column, catalog)
    parent = parent_column(catalog, table) if table is not None else None
    if table is None or parent is None:
        return None
    root = values[0].strip().strip("{}").lower() if len(values) == 1 else ""
    if not is_guid(root):
        raise _wrong_value(operator, values)
    down = "under" in operator
    members = _members(column, table, parent, root, down=down)
    if operator.startswith("eq-or-"):
        return members
    others = (Sql(f"{column.sql} <> ? AND ", (root,)) + members).wrap()
    if operator == "not-under":
        return Sql(f"({column.sql} IS NULL OR NOT ") + others + ")"
    return others


def _hierarchy_table(column: ColumnRef, catalog: Catalog) -> TableDefinition | None:
    if column.definition.logical_name == column.table.primary_id:
        return column.table
    targets = column.definition.targets
    return catalog.table(targets[0]) if targets else None


def _members(
    column: ColumnRef, table: TableDefinition, parent: str, root: str, *, down: bool
) -> Sql:
    name, key, up = quote(table.logical_name), quote(table.primary_id), quote(parent)
    near, far = (key, up) if down else (up, key)
    step = (
        f"SELECT m.{near} FROM {name} m JOIN tree ON m.{far} = tree.id WHERE m.{near} IS NOT NULL"
    )
    return Sql(
        f"{column.sql} IN (WITH RECURSIVE tree(id) AS (SELECT ? UNION {step}) SELECT id FROM tree)",
        (root,),
    )


def _wrong_value(operator: str, values: tuple[str, ...]) -> ODataError:
    return invalid_argument(
        f"The value '{', '.join(values)}' is not valid for the condition operator '{operator}'.",
    )
