# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Compiles a FetchXML tree to one SQL query and reads a page of it.

The tree is read in `fetchxml`.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.errors import bad_query, invalid_argument
from connector.emulator.query.fetch.aggregates import aggregate_order, aggregate_outputs
from connector.emulator.query.fetch.fetchxml import (
    Fetch,
    FetchAttribute,
    FetchOrder,
)
from connector.emulator.query.fetch.sources import (
    Source,
    Sources,
    compile_fetch_filter,
    join_links,
    key_sql,
    source_sql,
)
from connector.emulator.query.odata.plan import query_digest
from connector.emulator.query.sql.cells import (
    MOST_AGGREGATED,
    OutputColumn,
    column_output,
    raise_if_too_many,
    read_cells,
    select_list,
)
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.cookies import read_inner, write_annotation, write_inner
from connector.emulator.query.sql.fragments import (
    Sql,
    SqlValue,
    all_of,
    column_sql,
    join,
    text_literal,
)
from connector.emulator.query.sql.ordering import (
    SortKey,
    after_values,
    column_key,
    order_by,
    primary_key,
)
from connector.emulator.query.sql.results import LARGEST_PAGE, CellPage, CellRow
from connector.emulator.query.sql.scopes import ColumnRef, Scope

MOST_SIMPLE_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """A compiled FetchXML query.

    `source` is FROM and WHERE without paging, `counted` a query whose rows are the total. `keys` is
    empty where the order admits no paging cookie: aggregates, distinct rows, orders by joined
    columns.
    """

    table: TableDefinition
    fetch: Fetch
    sql: Sql
    source: Sql
    counted: Sql
    outputs: tuple[OutputColumn, ...]
    keys: tuple[SortKey, ...]
    limit: int
    query_digest: bytes


def plan_fetch(
    table: TableDefinition,
    fetch: Fetch,
    context: QueryContext,
    *,
    page_size: int | None = None,
    restriction: Sql | None = None,
) -> FetchPlan:
    """Compile a tree that was read from FetchXML or from a SELECT statement."""
    if fetch.entity.name != table.logical_name:
        raise bad_query(
            f"The entity '{fetch.entity.name}' of the query doesn't match the entity set "
            f"'{table.entity_set}' of the URL."
        )
    sources = Sources(context)
    root = sources.add(fetch.entity, None)
    joins, conditions = join_links(sources, root, fetch.entity.links)
    conditions += [compile_fetch_filter(sources, root, each) for each in fetch.entity.filters]
    where = all_of([*conditions, *([restriction] if restriction else [])])
    source = join("", [Sql(source_sql(root)), joins, Sql(" WHERE "), where])
    limit = _limit(fetch, page_size)
    digest = query_digest(context, f"fetch\n{table.logical_name}\n{fetch.entity!r}")
    if fetch.is_aggregate:
        return _aggregate_plan(fetch, sources, source, limit, digest)
    return _row_plan(fetch, sources, source, limit, digest)


def run_fetch(plan: FetchPlan, connection: sqlite3.Connection, *, count: bool = False) -> CellPage:
    """Read one page; `count` asks for the capped total as `$count=true` does."""
    if plan.fetch.is_aggregate:
        most = min(plan.fetch.aggregate_limit or MOST_AGGREGATED, MOST_AGGREGATED)
        raise_if_too_many(connection, plan.source, most)
    found = [tuple(row) for row in connection.execute(plan.sql.text, plan.sql.parameters)]
    shown = found[: plan.limit]
    page = CellPage(plan.table, [_cell_row(plan, row) for row in shown])
    page.more_records = len(found) > plan.limit and plan.fetch.top is None
    if page.more_records and plan.keys:
        page.paging_cookie = _cookie(plan, shown)
    if count or plan.fetch.wants_total:
        _count_into(page, plan, connection)
    return page


def _limit(fetch: Fetch, page_size: int | None) -> int:
    if fetch.top is not None:
        return min(fetch.top, LARGEST_PAGE)
    return min(fetch.count or page_size or LARGEST_PAGE, LARGEST_PAGE)


def _row_plan(fetch: Fetch, sources: Sources, source: Sql, limit: int, digest: bytes) -> FetchPlan:
    outputs = tuple(output for each in sources.joined for output in _outputs(each, fetch))
    keys, admits_cookie = _sort_keys(fetch, sources)
    position, offset = _start(fetch, keys if admits_cookie else (), limit, digest)
    shown = f"SELECT {'DISTINCT ' if fetch.is_distinct else ''}{select_list(outputs)}"
    behind_position = Sql(" AND ") + position if position is not None else Sql("")
    tail = Sql(f" ORDER BY {order_by(keys)} LIMIT ? OFFSET ?", (limit + 1, offset))
    hidden = [] if fetch.is_distinct else _hidden_outputs(sources.joined[0], keys)
    head = Sql(f"{', '.join([shown, *hidden])} ")
    return FetchPlan(
        table=sources.joined[0].table,
        fetch=fetch,
        sql=join("", [head, source, behind_position, tail]),
        source=source,
        counted=f"{shown} " + source if fetch.is_distinct else "SELECT 1 " + source,
        outputs=outputs,
        keys=keys if admits_cookie else (),
        limit=limit,
        query_digest=digest,
    )


def _hidden_outputs(root: Source, keys: tuple[SortKey, ...]) -> list[str]:
    """What is read beside the outputs: the row's key and version, and where the page ends."""
    version = column_sql(root.alias, "versionnumber")
    return [key_sql(root), version, *(key.sql for key in keys)]


def _aggregate_plan(
    fetch: Fetch, sources: Sources, source: Sql, limit: int, digest: bytes
) -> FetchPlan:
    outputs, groups = aggregate_outputs(sources)
    offset = _offset(fetch, limit)
    sql = f"SELECT {select_list(outputs)} " + source
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    tail = aggregate_order(sources, outputs, groups)
    return FetchPlan(
        table=sources.joined[0].table,
        fetch=fetch,
        sql=sql + grouped + Sql(f"{tail} LIMIT ? OFFSET ?", (limit + 1, offset)),
        source=source,
        counted=sql + grouped,
        outputs=outputs,
        keys=(),
        limit=limit,
        query_digest=digest,
    )


def _start(
    fetch: Fetch, keys: tuple[SortKey, ...], limit: int, digest: bytes
) -> tuple[Sql | None, int]:
    if fetch.cookie is None or fetch.page == 1 or not keys:
        return None, _offset(fetch, limit)
    page, last = read_inner(fetch.cookie, keys, digest)
    skipped = max(0, fetch.page - page - 1) * limit
    return after_values(keys, last), skipped


def _offset(fetch: Fetch, limit: int) -> int:
    offset = (max(fetch.page, 1) - 1) * limit
    if offset + limit > MOST_SIMPLE_ROWS and offset > 0:
        raise invalid_argument(
            "Paging by page number alone is limited to 50,000 rows: use the paging cookie of the "
            "previous page."
        )
    return offset


def _outputs(source: Source, fetch: Fetch) -> list[OutputColumn]:
    entity, is_root = source.entity, source.name is None
    attributes = list(entity.attributes)
    if entity.all_attributes or (is_root and not attributes):
        attributes = [
            FetchAttribute(column.logical_name)
            for column in source.table.columns_by_wire_name.values()
        ]
    outputs = [_output(source, attribute) for attribute in attributes]
    if is_root and not fetch.is_distinct:
        outputs += _implied(source, attributes)
    unique = {output.key: output for output in outputs}
    return list(unique.values())


def _implied(source: Source, attributes: list[FetchAttribute]) -> list[OutputColumn]:
    """The primary key, and the currency of money, come along unasked."""
    names = [source.table.primary_id]
    definitions = [source.table.columns_by_name[each.name] for each in attributes]
    if any(each.type is ColumnType.MONEY for each in definitions):
        names.append("transactioncurrencyid")
    known = source.table.columns_by_name
    return [_output(source, FetchAttribute(name)) for name in names if name in known]


def _output(source: Source, attribute: FetchAttribute) -> OutputColumn:
    column = source.column(attribute.name)
    key = attribute.alias or _key(source, column.definition)
    return column_output(key, column)


def _key(source: Source, definition: ColumnDefinition) -> str:
    if source.name is None:
        return definition.wire_name
    return f"{source.name}.{definition.logical_name}"


def _sort_keys(fetch: Fetch, sources: Sources) -> tuple[tuple[SortKey, ...], bool]:
    """The keys of the order, and whether a paging cookie can carry them."""
    root, owned = sources.joined[0], list(_ordered(sources))
    keys = [_order_key(owner, order, sources) for owner, order in owned]
    if fetch.is_distinct:
        return tuple(keys) or (_first_output_key(),), False
    if all(key.name != root.table.primary_id for key in keys):
        keys.append(primary_key(root.table, root.alias))
    keys += [_link_key(each) for each in sources.joined[1:] if each.multiplies]
    return tuple(keys), all(owner is root for owner, _ in owned)


def _ordered(sources: Sources) -> Iterator[tuple[Source, FetchOrder]]:
    for source in sources.joined:
        for order in source.entity.orders:
            yield (sources.named(order.entity) if order.entity else source), order


def _link_key(source: Source) -> SortKey:
    key = primary_key(source.table, source.alias)
    return SortKey(f"{source.name}.{source.table.primary_id}", key.sql, False, False, True)


def _first_output_key() -> SortKey:
    return SortKey("1", "1", descending=False, is_numeric=False)


def _order_key(source: Source, order: FetchOrder, sources: Sources) -> SortKey:
    name = order.attribute
    if name is None:
        found = [each.name for each in source.entity.attributes if each.alias == order.alias]
        if not found:
            raise invalid_argument(
                f"The alias '{order.alias}' of an 'order' element is not defined."
            )
        name = found[0]
    column = source.column(name)
    scope = Scope(sources.context, source.table, source.alias, sources.budget)
    if column.definition.options and column.definition.type.is_choice:
        return _label_key(column, order.descending)
    return column_key(column, scope, descending=order.descending)


def _label_key(column: ColumnRef, descending: bool) -> SortKey:
    """FetchXML sorts choices by label."""
    branches = " ".join(
        f"WHEN {option.value} THEN {text_literal(option.label)}"
        for option in column.definition.options
    )
    sql = f"(CASE {column.sql} {branches} END) COLLATE DATAVERSE"
    return SortKey(column.definition.logical_name, sql, descending, is_numeric=False)


def _cell_row(plan: FetchPlan, row: tuple[SqlValue, ...]) -> CellRow:
    cells = read_cells(plan.outputs, row)
    width = 2 * len(plan.outputs)
    if plan.fetch.is_aggregate or plan.fetch.is_distinct:
        return CellRow(cells)
    return CellRow(cells, str(row[width]), int(str(row[width + 1] or 0)))


def _cookie(plan: FetchPlan, shown: list[tuple[SqlValue, ...]]) -> str | None:
    if not shown:
        return None
    start = 2 * len(plan.outputs) + 2
    page = plan.fetch.page
    inner = write_inner(plan.keys, page, shown[0][start:], shown[-1][start:], plan.query_digest)
    return write_annotation(inner, page + 1)


def _count_into(page: CellPage, plan: FetchPlan, connection: sqlite3.Connection) -> None:
    sql = "SELECT COUNT(*) FROM (" + plan.counted + Sql(" LIMIT ?)", (LARGEST_PAGE + 1,))
    (counted,) = connection.execute(sql.text, sql.parameters).fetchone()
    page.total, page.total_exceeded = min(counted, LARGEST_PAGE), counted > LARGEST_PAGE
