# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Turns the options of a collection request into one SQL plan; running it is in `execution`."""

from dataclasses import dataclass
from hashlib import blake2b

from connector.emulator.catalog.relationships import Navigation
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.protocol.errors import bad_query
from connector.emulator.query.odata.filters import compile_filter
from connector.emulator.query.odata.options import (
    QueryOptions,
    parse_count_option,
    parse_top_option,
)
from connector.emulator.query.odata.parser import parse_filter, parse_order
from connector.emulator.query.odata.selection import (
    Expansion,
    parse_expand,
    parse_select,
    resolve_expand,
    resolve_select,
)
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.cookies import PagePosition, read_skiptoken
from connector.emulator.query.sql.fragments import Budget, Sql, SqlValue, all_of, column_sql, join
from connector.emulator.query.sql.ordering import SortKey, after_values, order_by, sort_keys
from connector.emulator.query.sql.results import LARGEST_PAGE
from connector.emulator.query.sql.scopes import Scope, ensure_link_index, link_condition
from connector.emulator.storage.sql_names import quote, sql_names

MAIN_ALIAS = "t0"
_PARENT_ALIAS = "p0"


@dataclass(frozen=True, slots=True)
class Parent:
    """The row whose collection is read: `accounts(id)/lead_parent_account`."""

    navigation: Navigation
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectPlan:
    """A compiled collection request.

    `sql` yields one row more than `limit`, so that a next page is known of. `count` is the capped
    count query when `$count=true`. `columns` are shown, in order.
    """

    table: TableDefinition
    columns: tuple[ColumnDefinition, ...]
    sql: Sql
    count: Sql | None
    limit: int
    is_paged: bool
    page_size: int | None
    page: int
    keys: tuple[SortKey, ...]
    expansions: tuple[Expansion, ...]
    context: QueryContext
    query_digest: bytes


def plan_collection(
    table: TableDefinition,
    options: QueryOptions,
    context: QueryContext,
    *,
    page_size: int | None = None,
    parent: Parent | None = None,
    restriction: Sql | None = None,
) -> SelectPlan:
    """Compile a request for a set or a filtered collection; raises ODataError.

    `page_size` is `odata.maxpagesize` (capped at 5,000; `$top` is ignored beside it). `restriction`
    is an additional condition on alias t0 (row security, one row by id).
    """
    scope = Scope(context, table, MAIN_ALIAS, Budget())
    order = options.get("$orderby")
    keys = sort_keys(parse_order(order, options.aliases) if order else (), scope)
    where = _conditions(scope, options, parent, restriction)
    limit, is_paged = _limit(options, page_size)
    query_digest = _options_digest(table, options, context)
    position = _position(options, keys, query_digest)
    later = [] if position is None else [after_values(keys, position.last)]
    columns, expansions = _shape(table, options, context)
    outputs = _outputs(scope, fetched_names(table, columns, expansions), keys)
    return SelectPlan(
        table=table,
        columns=columns,
        sql=_select(scope, outputs, keys, all_of([where, *later]), limit),
        count=_count(scope, where) if parse_count_option(options.get("$count")) else None,
        limit=limit,
        is_paged=is_paged,
        page_size=page_size,
        page=position.page if position else 1,
        keys=keys,
        expansions=expansions,
        context=context,
        query_digest=query_digest,
    )


def compile_count(
    table: TableDefinition,
    options: QueryOptions,
    context: QueryContext,
    *,
    parent: Parent | None = None,
    restriction: Sql | None = None,
) -> Sql:
    """The query behind `/$count`: one row with one number, at most 5,001.

    More than 5,000 tell the caller that there are more.
    """
    scope = Scope(context, table, MAIN_ALIAS, Budget())
    return _count(scope, _conditions(scope, options, parent, restriction))


def row_restriction(table: TableDefinition, row_id: str) -> Sql:
    """The restriction to one row by primary key."""
    return Sql(f"{column_sql(MAIN_ALIAS, table.primary_id)} = ?", (row_id,))


def parent_restriction(parent: Parent, context: QueryContext) -> Sql:
    """The restriction to the rows of one row's collection."""
    navigation = parent.navigation
    table = context.catalog.tables[navigation.table]
    ensure_link_index(context, navigation)
    link = link_condition(navigation, _PARENT_ALIAS, MAIN_ALIAS)
    key = column_sql(_PARENT_ALIAS, table.primary_id)
    source = f"{quote(table.logical_name)} {_PARENT_ALIAS}"
    return Sql(f"EXISTS (SELECT 1 FROM {source} WHERE {key} = ? AND ", (parent.id,)) + link + ")"


def shown_columns(
    table: TableDefinition, selected: tuple[ColumnDefinition, ...] | None
) -> tuple[ColumnDefinition, ...]:
    """The columns a row shows: the selected ones, or every readable stored one."""
    if selected is not None:
        return selected
    return tuple(table.columns_by_wire_name.values())


def fetched_names(
    table: TableDefinition,
    columns: tuple[ColumnDefinition, ...],
    expansions: tuple[Expansion, ...],
) -> tuple[str, ...]:
    """The SQL columns to read: those shown, the key, the version and the lookups to expand."""
    names = [table.primary_id, "versionnumber"]
    for column in columns:
        names.extend(sql_names(column))
    for expansion in expansions:
        names.extend(sql_names(table.columns_by_name[expansion.navigation.column]))
    known = {name for column in table.stored_columns for name in sql_names(column)}
    return tuple(name for name in dict.fromkeys(names) if name in known)


def key_names(keys: tuple[SortKey, ...]) -> tuple[str, ...]:
    """The names under which a plan's SQL returns the values of its sort keys."""
    return tuple(f"__key{index}" for index in range(len(keys)))


def _conditions(
    scope: Scope, options: QueryOptions, parent: Parent | None, restriction: Sql | None
) -> Sql:
    text = options.get("$filter")
    found = (
        None if text is None else compile_filter(parse_filter(text, options.aliases), scope),
        None if parent is None else parent_restriction(parent, scope.context),
        restriction,
    )
    return all_of([each for each in found if each is not None])


def _limit(options: QueryOptions, page_size: int | None) -> tuple[int, bool]:
    top = parse_top_option(options.get("$top"))
    if page_size is not None and page_size > 0:
        return min(page_size, LARGEST_PAGE), True
    if top is not None:
        return min(top, LARGEST_PAGE), False
    return LARGEST_PAGE, True


def _options_digest(table: TableDefinition, options: QueryOptions, context: QueryContext) -> bytes:
    parts = [f"{name}={value}" for name, value in options.pairs if name != "$skiptoken"]
    text = "\n".join([table.logical_name, *parts])
    return query_digest(context, text)


def query_digest(context: QueryContext, text: str) -> bytes:
    """What ties a paging cookie to the query it was made for."""
    return blake2b(text.encode("utf-8", "surrogatepass"), key=context.secret[:64]).digest()


def _position(
    options: QueryOptions, keys: tuple[SortKey, ...], digest: bytes
) -> PagePosition | None:
    token = options.get("$skiptoken")
    return read_skiptoken(token, keys, digest) if token is not None else None


def _shape(
    table: TableDefinition, options: QueryOptions, context: QueryContext
) -> tuple[tuple[ColumnDefinition, ...], tuple[Expansion, ...]]:
    selected = resolve_select(table, context.catalog, parse_select(options.get("$select") or ""))
    text = options.get("$expand")
    if text is None:
        return shown_columns(table, selected), ()
    if not text.strip():
        raise bad_query("Term '' is not valid in a $select or $expand expression.")
    expansions = resolve_expand(table, context.catalog, parse_expand(text))
    return shown_columns(table, selected), expansions


def _outputs(scope: Scope, names: tuple[str, ...], keys: tuple[SortKey, ...]) -> str:
    output = [column_sql(scope.alias, name) for name in names]
    output += [f"{key.sql} AS {name}" for key, name in zip(keys, key_names(keys), strict=True)]
    return ", ".join(output)


def _select(scope: Scope, outputs: str, keys: tuple[SortKey, ...], where: Sql, limit: int) -> Sql:
    source = f"FROM {quote(scope.table.logical_name)} {scope.alias}"
    head = Sql(f"SELECT {outputs} {source} WHERE ")
    tail = Sql(f" ORDER BY {order_by(keys)} LIMIT ?", (limit + 1,))
    return join("", [head, where, tail])


def _count(scope: Scope, where: Sql) -> Sql:
    source = f"FROM {quote(scope.table.logical_name)} {scope.alias}"
    inner = f"SELECT COUNT(*) FROM (SELECT 1 {source} WHERE " + where
    limits: tuple[SqlValue, ...] = (LARGEST_PAGE + 1,)
    return inner + Sql(" LIMIT ?)", limits)
