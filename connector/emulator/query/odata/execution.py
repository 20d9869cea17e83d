# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Runs plans: reads the page, then each expanded navigation property in batches of keys.

The JSON is made elsewhere.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote as percent_encode

from connector.emulator.catalog.relationships import Navigation, NavigationKind
from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.query.odata.filters import compile_filter
from connector.emulator.query.odata.options import parse_query_options
from connector.emulator.query.odata.plan import (
    SelectPlan,
    fetched_names,
    key_names,
    query_digest,
    shown_columns,
)
from connector.emulator.query.odata.selection import Expansion
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.cookies import write_inner, write_skiptoken
from connector.emulator.query.sql.fragments import (
    Budget,
    Sql,
    SqlValue,
    all_of,
    column_sql,
    join,
    value_list,
)
from connector.emulator.query.sql.ordering import SortKey, order_by, sort_keys
from connector.emulator.query.sql.results import (
    LARGEST_PAGE,
    ExpandedRow,
    ExpandedRows,
    ResultPage,
    ResultRow,
)
from connector.emulator.query.sql.scopes import Scope, ensure_link_index, target_table
from connector.emulator.storage.sql_names import quote, type_column

_CHUNK = 500
_PARENT = "__parent"


def run_plan(plan: SelectPlan, connection: sqlite3.Connection) -> ResultPage:
    """Read one page with everything expanded; `connection` has the functions of `sql_functions`."""
    found = _query(connection, plan.sql)
    shown = found[: plan.limit]
    rows = [ResultRow(plan.table, plan.columns, values) for values in shown]
    page = ResultPage(rows)
    if plan.is_paged and len(found) > plan.limit and shown:
        page.next_token = _next_token(plan.keys, plan.page, shown, plan.query_digest)
    if plan.count is not None:
        counted = int(str(next(iter(_query(connection, plan.count)[0].values()))))
        page.total, page.total_exceeded = min(counted, LARGEST_PAGE), counted > LARGEST_PAGE
    expander = _Expander(connection, plan.context, _nested_page_size(plan))
    expander.expand(rows, plan.expansions)
    return page


def next_query(raw_query: str, token: str) -> str:
    """The query string of the next page: the options as they came, `$skiptoken` replaced."""
    kept = [
        piece
        for piece in raw_query.split("&")
        if piece and piece.partition("=")[0].lower() not in ("$skiptoken", "%24skiptoken")
    ]
    return "&".join([*kept, f"$skiptoken={token}"])


def _nested_page_size(plan: SelectPlan) -> int:
    """With a nested expand, paging applies to the expanded collections too."""
    is_nested = any(expansion.children for expansion in plan.expansions)
    return plan.limit if is_nested and plan.page_size else LARGEST_PAGE


def _next_token(
    keys: tuple[SortKey, ...],
    page: int,
    rows: Sequence[dict[str, SqlValue]],
    digest: bytes,
) -> str:
    names = key_names(keys)
    first = tuple(rows[0][name] for name in names)
    last = tuple(rows[-1][name] for name in names)
    return write_skiptoken(write_inner(keys, page, first, last, digest), page + 1)


def _query(connection: sqlite3.Connection, sql: Sql) -> list[dict[str, SqlValue]]:
    cursor = connection.execute(sql.text, sql.parameters)
    names = [description[0] for description in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@dataclass(frozen=True, slots=True)
class _Expander:
    connection: sqlite3.Connection
    context: QueryContext
    page_size: int

    def expand(self, rows: list[ResultRow], expansions: tuple[Expansion, ...]) -> None:
        """Fill `expanded` of the rows, level by level."""
        for expansion in expansions:
            if expansion.is_principal:
                self._expand_principal(rows, expansion)
            elif expansion.navigation.is_collection:
                self._expand_collection(rows, expansion)
            else:
                self._expand_lookup(rows, expansion)

    def _expand_principal(self, rows: list[ResultRow], expansion: Expansion) -> None:
        column = expansion.navigation.column
        for row in rows:
            target = self.context.catalog.table(str(row.values.get(type_column(column))))
            owner = row.values.get(column)
            found = None
            if owner is not None and target is not None:
                found = ResultRow(target, (), {target.primary_id: owner, "ownerid": owner})
            shown = ExpandedRow(found, expansion.item.reference, is_principal=True)
            row.expanded[expansion.navigation.name] = shown

    def _expand_lookup(self, rows: list[ResultRow], expansion: Expansion) -> None:
        navigation = expansion.navigation
        target = target_table(self.context.catalog, navigation)
        wanted = [key for row in rows if (key := _lookup_key(row, navigation)) is not None]
        found = self._fetch_targets(target, expansion, dict.fromkeys(wanted))
        self.expand(list(found.values()), expansion.children)
        for row in rows:
            key = _lookup_key(row, navigation)
            match = found.get(key) if key is not None else None
            row.expanded[navigation.name] = ExpandedRow(match, expansion.item.reference)

    def _fetch_targets(
        self, target: TableDefinition, expansion: Expansion, wanted: Iterable[str]
    ) -> dict[str, ResultRow]:
        columns = shown_columns(target, expansion.columns)
        names = fetched_names(target, columns, expansion.children)
        scope = Scope(self.context, target, "t0", Budget())
        output = ", ".join(column_sql("t0", name) for name in names)
        head = f"SELECT {output} FROM {quote(target.logical_name)} t0 WHERE "
        found: dict[str, ResultRow] = {}
        for chunk in _chunks(wanted):
            keys = f"{column_sql('t0', target.primary_id)} IN " + value_list(chunk)
            for values in _query(self.connection, head + _with_filter(keys, expansion, scope)):
                row = ResultRow(target, columns, values)
                found[row.id] = row
        return found

    def _expand_collection(self, rows: list[ResultRow], expansion: Expansion) -> None:
        target = target_table(self.context.catalog, expansion.navigation)
        scope = Scope(self.context, target, "t0", Budget())
        ensure_link_index(self.context, expansion.navigation)
        keys = sort_keys(expansion.item.order, scope)
        top = expansion.item.top
        limit = self.page_size if top is None else min(top, LARGEST_PAGE)
        groups: dict[str, list[dict[str, SqlValue]]] = {row.id: [] for row in rows}
        for chunk in _chunks([row.id for row in rows]):
            sql = _collection_query(expansion, scope, keys, chunk, limit + 1)
            for values in _query(self.connection, sql):
                groups[str(values[_PARENT])].append(values)
        columns = shown_columns(target, expansion.columns)
        everything: list[ResultRow] = []
        for row in rows:
            found = groups[row.id]
            children = [ResultRow(target, columns, values) for values in found[:limit]]
            everything.extend(children)
            link = self._link_query(expansion, keys, found, limit)
            row.expanded[expansion.navigation.name] = ExpandedRows(children, link)
        self.expand(everything, expansion.children)

    def _link_query(
        self,
        expansion: Expansion,
        keys: tuple[SortKey, ...],
        found: list[dict[str, SqlValue]],
        limit: int,
    ) -> str:
        options = "&".join(
            f"{name}={percent_encode(text, safe=_READABLE)}"
            for name, text in expansion.item.options_text
        )
        if len(found) <= limit or not limit or expansion.item.top is not None:
            return options
        target = target_table(self.context.catalog, expansion.navigation)
        pairs = [f"{name}={value}" for name, value in parse_query_options(options).pairs]
        digest = query_digest(self.context, "\n".join([target.logical_name, *pairs]))
        token = _next_token(keys, 1, found[:limit], digest)
        return next_query(options, token)


_READABLE = "$,();=/:'@*"


def _lookup_key(row: ResultRow, navigation: Navigation) -> str | None:
    value = row.values.get(navigation.column)
    kind = row.values.get(type_column(navigation.column))
    if value is None or (navigation.is_polymorphic and kind != navigation.target):
        return None
    return str(value)


def _with_filter(keys: Sql, expansion: Expansion, scope: Scope) -> Sql:
    if expansion.item.filter is None:
        return keys
    return all_of([keys, compile_filter(expansion.item.filter, scope)])


def _collection_query(
    expansion: Expansion,
    scope: Scope,
    keys: tuple[SortKey, ...],
    parents: tuple[str, ...],
    limit: int,
) -> Sql:
    navigation, target = expansion.navigation, scope.table
    names = fetched_names(target, shown_columns(target, expansion.columns), expansion.children)
    outputs = [column_sql("t0", name) for name in names]
    outputs += [f"{key.sql} AS {name}" for key, name in zip(keys, key_names(keys), strict=True)]
    source, parent, condition = _collection_source(navigation, target, parents)
    outputs.append(f"{parent} AS {_PARENT}")
    rank = f"ROW_NUMBER() OVER (PARTITION BY {parent} ORDER BY {order_by(keys)}) AS __rank"
    inner = Sql(f"SELECT {', '.join(outputs)}, {rank} FROM {source} WHERE ")
    where = _with_filter(condition, expansion, scope)
    last = Sql(") WHERE __rank <= ? ORDER BY __rank", (limit,))
    return join("", [Sql("SELECT * FROM ("), inner, where, last])


def _collection_source(
    navigation: Navigation, target: TableDefinition, parents: tuple[str, ...]
) -> tuple[str, str, Sql]:
    source, parent = f"{quote(target.logical_name)} t0", column_sql("t0", navigation.target_column)
    if navigation.kind is NavigationKind.INTERSECTION:
        intersect = quote(str(navigation.intersect_table))
        inner = column_sql("i0", str(navigation.intersect_target_column))
        source += f" JOIN {intersect} i0 ON {parent} = {inner}"
        parent = column_sql("i0", str(navigation.intersect_column))
    condition = f"{parent} IN " + value_list(parents)
    if navigation.is_polymorphic and navigation.kind is not NavigationKind.INTERSECTION:
        kind = column_sql("t0", type_column(navigation.target_column))
        condition += Sql(f" AND {kind} = ?", (navigation.table,))
    return source, parent, condition


def _chunks(values: Iterable[str]) -> Iterable[tuple[str, ...]]:
    iterator = iter(values)
    while chunk := tuple(islice(iterator, _CHUNK)):
        yield chunk
