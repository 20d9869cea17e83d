"""Indexes made when a column is first compared for equality, so that nobody pays for others.

A table of a million leads loads without them; the first query by e-mail address takes as long as a
scan, the next ones take none.
"""

import sqlite3

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.storage.sql_names import folded_sql, quote

MOST_INDEXES = 12
"""On one table; a column beyond them is scanned. An index over a million texts takes some 60 MB."""

_KINDS = frozenset(
    {
        ColumnType.STRING,
        ColumnType.UNIQUEIDENTIFIER,
        ColumnType.LOOKUP,
        ColumnType.CUSTOMER,
        ColumnType.OWNER,
    }
)


class EqualityIndexes:
    """The indexes of one database, by table and column."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._made: set[tuple[str, str]] = set()

    def ensure(self, table: TableDefinition, column: ColumnDefinition) -> None:
        """Have an index on a column that tells rows apart; choices and numbers hardly do."""
        name = column.logical_name
        key = (table.logical_name, name)
        if key in self._made or column.type not in _KINDS or name == table.primary_id:
            return
        self._made.add(key)
        if self._count(table) < MOST_INDEXES:
            index = quote(f"eq_{table.logical_name}_{name}")
            indexed = folded_sql(quote(name), column)
            self._connection.execute(
                f"CREATE INDEX IF NOT EXISTS {index} ON {quote(table.logical_name)} ({indexed})"
            )

    def forget(self) -> None:
        """Look again, after a change was taken back or another database put in place."""
        self._made.clear()

    def _count(self, table: TableDefinition) -> int:
        found = self._connection.execute(
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = ?",
            (table.logical_name,),
        ).fetchone()
        return int(found[0])
