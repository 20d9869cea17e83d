"""The outputs of aggregate FetchXML: groups, date parts, sums and counts; paging is in `plan`."""

from connector.emulator.catalog.table_definition import ColumnType
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.query.fetch.fetchxml import FetchAttribute, FetchOrder
from connector.emulator.query.fetch.sources import Source, Sources
from connector.emulator.query.sql.cells import OutputColumn, aggregate_sql, column_output, is_whole
from connector.emulator.query.sql.conditions import collated
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import text_literal
from connector.emulator.query.sql.scopes import ColumnRef
from connector.emulator.query.sql.values import is_number

_FUNCTIONS = frozenset({"avg", "count", "countcolumn", "max", "min", "sum"})


def aggregate_outputs(sources: Sources) -> tuple[tuple[OutputColumn, ...], tuple[str, ...]]:
    """The outputs, and what GROUP BY lists."""
    outputs: list[OutputColumn] = []
    groups: list[str] = []
    for source in sources.joined:
        for attribute in source.entity.attributes:
            output = _output(source, attribute, sources.context)
            if any(output.key == known.key for known in outputs):
                raise invalid_argument(f"The alias '{output.key}' is used more than once.")
            outputs.append(output)
            if attribute.is_group:
                groups.append(output.sql)
    if not outputs:
        raise invalid_argument(
            "An aggregate query needs at least one attribute with an aggregate or groupby."
        )
    return tuple(outputs), tuple(groups)


def aggregate_order(
    sources: Sources, outputs: tuple[OutputColumn, ...], groups: tuple[str, ...]
) -> str:
    """ORDER BY of an aggregate query: its `order` elements by alias, then the groups."""
    pieces: list[str] = []
    for source in sources.joined:
        pieces.extend(_order(order, outputs) for order in source.entity.orders)
    pieces += groups
    return f" ORDER BY {', '.join(pieces)}" if pieces else ""


def _order(order: FetchOrder, outputs: tuple[OutputColumn, ...]) -> str:
    if order.alias is None:
        raise invalid_argument(
            "An attribute can not be specified for an order clause for an aggregate query. Use an "
            "alias."
        )
    found = [output.sql for output in outputs if output.key == order.alias]
    if not found:
        raise invalid_argument(f"The alias '{order.alias}' of an 'order' element is not defined.")
    return f"{found[0]} DESC" if order.descending else found[0]


def _output(source: Source, attribute: FetchAttribute, context: QueryContext) -> OutputColumn:
    if attribute.alias is None:
        raise _misses(attribute, "an alias")
    column = source.column(attribute.name)
    if attribute.is_group:
        return _group(attribute, attribute.alias, column, context)
    function = (attribute.aggregate or "").lower()
    _raise_if_unfit(function, attribute, column)
    sql = aggregate_sql(function, column.sql, distinct=attribute.is_distinct)
    if function.startswith("count"):
        return OutputColumn(attribute.alias, sql)
    whole = is_whole(function, column.definition)
    return column_output(attribute.alias, column, sql, is_whole=whole)


def _raise_if_unfit(function: str, attribute: FetchAttribute, column: ColumnRef) -> None:
    if function not in _FUNCTIONS:
        raise _misses(attribute, "a valid aggregate or groupby")
    if function in ("avg", "sum") and not is_number(column.definition.edm_type):
        raise invalid_argument(
            f"The aggregate '{function}' can't be used with the attribute '{attribute.name}' of "
            f"type {column.definition.type}."
        )


def _misses(attribute: FetchAttribute, what: str) -> ODataError:
    return invalid_argument(f"The attribute '{attribute.name}' of an aggregate query needs {what}.")


def _group(
    attribute: FetchAttribute, alias: str, column: ColumnRef, context: QueryContext
) -> OutputColumn:
    if attribute.date_grouping is None:
        return OutputColumn(
            alias, collated(column), column.definition, column.table, column.type_sql
        )
    if column.definition.type is not ColumnType.DATETIME:
        raise invalid_argument(
            f"dategrouping can only be used with date columns, not '{attribute.name}'."
        )
    return OutputColumn(alias, _date_part(attribute.date_grouping.lower(), column, context))


def _date_part(part: str, column: ColumnRef, context: QueryContext) -> str:
    local = f"dataverse_local({column.sql}, {text_literal(context.time_zone)})"
    parts = {**_calendar_parts(local), **_fiscal_parts(local, context)}
    if part not in parts:
        raise invalid_argument(f"The dategrouping '{part}' is not known.")
    return parts[part]


def _number_at(local: str, start: int, length: int) -> str:
    return f"CAST(substr({local}, {start}, {length}) AS INTEGER)"


def _calendar_parts(local: str) -> dict[str, str]:
    month, first = _number_at(local, 6, 2), f"substr({local}, 1, 4) || '-01-01'"
    return {
        "day": _number_at(local, 9, 2),
        "week": f"((strftime('%j', substr({local}, 1, 10)) + strftime('%w', {first}) - 1) / 7 + 1)",
        "month": month,
        "quarter": f"(({month} - 1) / 3 + 1)",
        "year": _number_at(local, 1, 4),
    }


def _fiscal_parts(local: str, context: QueryContext) -> dict[str, str]:
    year, month = _number_at(local, 1, 4), _number_at(local, 6, 2)
    fiscal_year = f"({year} - ({month} < {context.fiscal_month}))"
    months = 12 // context.fiscal_periods
    period = f"(({month} + {12 - context.fiscal_month}) % 12 / {months} + 1)"
    return {"fiscal-period": f"({fiscal_year} * 100 + {period})", "fiscal-year": fiscal_year}
