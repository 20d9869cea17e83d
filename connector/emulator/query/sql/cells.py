# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Output columns of aggregates and FetchXML: SQL in, cells out; parses nothing."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.sql.fragments import Sql, SqlValue
from connector.emulator.query.sql.results import Cell, CellRow
from connector.emulator.query.sql.scopes import ColumnRef

MOST_AGGREGATED = 50_000


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """One column of a result: its key on the wire, the SQL, and where the value comes from."""

    key: str
    sql: str
    definition: ColumnDefinition | None = None
    table: TableDefinition | None = None
    type_sql: str | None = None
    is_whole: bool = False


def select_list(outputs: Sequence[OutputColumn]) -> str:
    """The outputs as SQL, each followed by its lookup's target type."""
    pieces: list[str] = []
    for index, output in enumerate(outputs):
        pieces.append(f"{output.sql} AS c{index}")
        pieces.append(f"{output.type_sql or 'NULL'} AS t{index}")
    return ", ".join(pieces)


def read_cells(outputs: Sequence[OutputColumn], row: Sequence[SqlValue]) -> list[Cell]:
    """The cells of one SQL row, nulls left out."""
    cells: list[Cell] = []
    for index, output in enumerate(outputs):
        value, target = row[index * 2], row[index * 2 + 1]
        if value is None:
            continue
        if output.is_whole:
            value = int(float(value))
        found = _target(output, target)
        cells.append(Cell(output.key, value, output.definition, output.table, found))
    return cells


def _target(output: OutputColumn, target: SqlValue) -> str | None:
    if target is not None:
        return str(target)
    targets = output.definition.targets if output.definition is not None else ()
    return targets[0] if targets else None


def column_output(
    key: str, column: ColumnRef, sql: str | None = None, *, is_whole: bool = False
) -> OutputColumn:
    """An output that shows a column, or something computed from it (`sql`) in the column's type."""
    kind = column.type_sql if sql is None else None
    return OutputColumn(key, sql or column.sql, column.definition, column.table, kind, is_whole)


def aggregate_sql(function: str, sql: str, *, distinct: bool = False) -> str:
    """A column under an aggregate function; a sum over nothing is 0."""
    if function == "count":
        return "COUNT(*)"
    if function == "countcolumn":
        return f"COUNT({'DISTINCT ' if distinct else ''}{sql})"
    if function == "sum":
        return f"COALESCE(SUM({sql}), 0)"
    return f"{function.upper()}({sql})"


def is_whole(function: str, definition: ColumnDefinition) -> bool:
    """Whether an average is cut to a whole number, as it is for whole-number columns."""
    return function == "avg" and definition.type in (ColumnType.INTEGER, ColumnType.BIGINT)


def raise_if_too_many(connection: sqlite3.Connection, source: Sql, limit: int) -> None:
    """Refuse an aggregation over more than `limit` rows.

    https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/aggregate-data#limitations
    """
    sql = "SELECT COUNT(*) FROM (SELECT 1 " + source + Sql(" LIMIT ?)", (limit + 1,))
    (count,) = connection.execute(sql.text, sql.parameters).fetchone()
    if count > limit:
        raise ODataError(
            400,
            ErrorCode.AGGREGATE_QUERY_RECORD_LIMIT_EXCEEDED,
            "The maximum record limit is exceeded. Reduce the number of records.",
        )


def read_rows(
    connection: sqlite3.Connection, sql: Sql, outputs: Sequence[OutputColumn]
) -> list[CellRow]:
    """Run an aggregate query."""
    cursor = connection.execute(sql.text, sql.parameters)
    return [CellRow(read_cells(outputs, tuple(row))) for row in cursor]
