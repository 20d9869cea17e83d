"""`$apply`: filter, groupby and aggregate, parsed and turned into one SQL query.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/aggregate-data
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.query.odata.filters import compile_filter
from connector.emulator.query.odata.options import QueryOptions, parse_top_option
from connector.emulator.query.odata.parser import Cursor, parse_expression, parse_name, parse_order
from connector.emulator.query.sql.cells import (
    MOST_AGGREGATED,
    OutputColumn,
    aggregate_sql,
    column_output,
    is_whole,
    raise_if_too_many,
    read_rows,
    select_list,
)
from connector.emulator.query.sql.conditions import collated
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Budget, Sql, all_of
from connector.emulator.query.sql.results import LARGEST_PAGE, CellPage
from connector.emulator.query.sql.scopes import ColumnRef, Scope, resolve_column
from connector.emulator.query.sql.syntax import Name, Node
from connector.emulator.query.sql.values import is_number
from connector.emulator.storage.sql_names import quote

_METHODS = {
    "sum": "sum",
    "average": "avg",
    "min": "min",
    "max": "max",
    "countdistinct": "countcolumn",
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`column with method as alias`; `column` None is `$count as alias`."""

    column: Name | None
    method: str
    alias: str


@dataclass(frozen=True, slots=True)
class Application:
    """A parsed `$apply`: filters, then grouping columns, then aggregates.

    `groups` None is one row over everything.
    """

    filters: tuple[Node, ...] = ()
    groups: tuple[Name, ...] | None = None
    aggregates: tuple[Aggregate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatePlan:
    """A compiled `$apply`; `source` is FROM and WHERE, for the limit of 50,000 rows."""

    table: TableDefinition
    sql: Sql
    source: Sql
    outputs: tuple[OutputColumn, ...]


def parse_apply(text: str, aliases: Mapping[str, str]) -> Application:
    """The transformations of `$apply`; raises ODataError with positions."""
    cursor = Cursor(text, aliases)
    application = Application()
    while True:
        application = _parse_transformation(cursor, application)
        if not cursor.take_mark("/"):
            cursor.expect_end()
            break
    if application.groups is None and not application.aggregates:
        raise not_supported("$apply needs a groupby or an aggregate transformation.")
    return application


def plan_aggregate(
    table: TableDefinition,
    options: QueryOptions,
    context: QueryContext,
    *,
    restriction: Sql | None = None,
) -> AggregatePlan:
    """Compile a request with `$apply`; `restriction` is a condition on alias t0."""
    _raise_if_combined(options)
    application = parse_apply(options.get("$apply") or "", options.aliases)
    scope = Scope(context, table, "t0", Budget())
    conditions = [compile_filter(each, scope) for each in application.filters]
    where = all_of([*conditions, *([restriction] if restriction else [])])
    groups = [_group(resolve_column(scope, name.path), table) for name in application.groups or ()]
    outputs = (*groups, *(_aggregate(each, scope) for each in application.aggregates))
    _raise_if_repeated(outputs)
    source = f"FROM {quote(table.logical_name)} t0 WHERE " + where
    tail = _tail(options, application, groups)
    return AggregatePlan(
        table=table,
        sql=f"SELECT {select_list(outputs)} " + source + tail,
        source=source,
        outputs=outputs,
    )


def _raise_if_combined(options: QueryOptions) -> None:
    for name in ("$filter", "$select", "$expand"):
        if name in options:
            raise bad_query(f"The query option '{name}' can't be combined with $apply.")


def run_aggregate(plan: AggregatePlan, connection: sqlite3.Connection) -> CellPage:
    """Read the aggregated rows; raises ODataError when more than 50,000 rows went in."""
    raise_if_too_many(connection, plan.source, MOST_AGGREGATED)
    return CellPage(plan.table, read_rows(connection, plan.sql, plan.outputs))


def _parse_transformation(cursor: Cursor, so_far: Application) -> Application:
    token = cursor.expect_identifier()
    if so_far.groups is not None or so_far.aggregates:
        raise not_supported(
            f"'{token.text}' after groupby or aggregate is not supported in $apply."
        )
    cursor.expect_mark("(")
    if token.text == "filter":
        node = parse_expression(cursor)
        cursor.expect_mark(")")
        return replace(so_far, filters=(*so_far.filters, node))
    if token.text == "aggregate":
        return replace(so_far, aggregates=_parse_aggregates(cursor))
    if token.text == "groupby":
        return _parse_groupby(cursor, so_far)
    raise not_supported(f"The transformation '{token.text}' is not supported in $apply.")


def _parse_groupby(cursor: Cursor, so_far: Application) -> Application:
    cursor.expect_mark("(")
    groups = [parse_name(cursor)]
    while cursor.take_mark(","):
        groups.append(parse_name(cursor))
    cursor.expect_mark(")")
    aggregates = _parse_nested_aggregates(cursor) if cursor.take_mark(",") else ()
    cursor.expect_mark(")")
    return replace(so_far, groups=tuple(groups), aggregates=aggregates)


def _parse_nested_aggregates(cursor: Cursor) -> tuple[Aggregate, ...]:
    token = cursor.expect_identifier()
    if token.text != "aggregate":
        raise not_supported(f"'{token.text}' inside groupby is not supported in $apply.")
    cursor.expect_mark("(")
    return _parse_aggregates(cursor)


def _parse_aggregates(cursor: Cursor) -> tuple[Aggregate, ...]:
    aggregates: list[Aggregate] = []
    while True:
        aggregates.append(_parse_aggregate(cursor))
        if not cursor.take_mark(","):
            cursor.expect_mark(")")
            return tuple(aggregates)


def _parse_aggregate(cursor: Cursor) -> Aggregate:
    name, method = parse_name(cursor), "count"
    if name.path != ("$count",):
        _expect_word(cursor, "with")
        word = cursor.expect_identifier().text
        if word not in _METHODS:
            raise not_supported(f"The aggregation method '{word}' is not supported in $apply.")
        method = _METHODS[word]
    _expect_word(cursor, "as")
    alias = cursor.expect_identifier().text
    return Aggregate(None if method == "count" else name, method, alias)


def _expect_word(cursor: Cursor, word: str) -> None:
    if not cursor.is_word(word):
        raise cursor.fail()
    cursor.next_token()


def _group(column: ColumnRef, table: TableDefinition) -> OutputColumn:
    definition = column.definition
    if definition.type is ColumnType.DATETIME:
        raise not_supported("groupby with datetime values is not supported.")
    key = definition.wire_name
    if column.table is not table:
        key = f"{column.table.logical_name}_{definition.logical_name}"
    return OutputColumn(key, collated(column), definition, column.table, column.type_sql)


def _aggregate(aggregate: Aggregate, scope: Scope) -> OutputColumn:
    if aggregate.column is None:
        return OutputColumn(aggregate.alias, aggregate_sql("count", "*"))
    column = resolve_column(scope, aggregate.column.path)
    definition = column.definition
    if aggregate.method == "countcolumn":
        return OutputColumn(
            aggregate.alias, aggregate_sql("countcolumn", column.sql, distinct=True)
        )
    _raise_if_unfit(aggregate.method, definition)
    sql = aggregate_sql(aggregate.method, column.sql)
    whole = is_whole(aggregate.method, definition)
    return column_output(aggregate.alias, column, sql, is_whole=whole)


def _raise_if_unfit(method: str, column: ColumnDefinition) -> None:
    edm = column.edm_type
    dates = edm in ("Edm.Date", "Edm.DateTimeOffset") and method in ("min", "max")
    if not (is_number(edm) or dates):
        raise bad_query(
            f"The aggregation method '{method}' can't be used with the property "
            f"'{column.wire_name}' of type '{edm}'."
        )


def _raise_if_repeated(outputs: tuple[OutputColumn, ...]) -> None:
    seen: set[str] = set()
    for output in outputs:
        if output.key in seen:
            raise _repeated(output.key)
        seen.add(output.key)


def _repeated(key: str) -> ODataError:
    return bad_query(f"The name '{key}' is used more than once in $apply.")


def _tail(options: QueryOptions, application: Application, groups: list[OutputColumn]) -> Sql:
    tail = ""
    if groups:
        tail = " GROUP BY " + ", ".join(str(2 * index + 1) for index in range(len(groups)))
        tail += _order(options, application)
    top = parse_top_option(options.get("$top"))
    return Sql(f"{tail} LIMIT ?", (min(top if top is not None else LARGEST_PAGE, LARGEST_PAGE),))


def _order(options: QueryOptions, application: Application) -> str:
    paths = [name.path for name in application.groups or ()]
    text = options.get("$orderby")
    items = parse_order(text, options.aliases) if text else ()
    pieces: list[str] = []
    for item in items:
        if item.expression.path not in paths:
            raise bad_query("The query node SingleValueOpenPropertyAccess is not supported")
        ordinal = 2 * paths.index(item.expression.path) + 1
        pieces.append(f"{ordinal} DESC" if item.descending else str(ordinal))
    pieces += [str(2 * index + 1) for index in range(len(paths))]
    return " ORDER BY " + ", ".join(pieces)
