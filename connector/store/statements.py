"""Statements that both databases understand; which rows they carry is up to the sessions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete
from sqlalchemy.dialects import postgresql, sqlite

Key = TypeVar("Key", str, int)
Value = TypeVar("Value")

CHUNK = 500
"""Ids in one IN list: well below every database's limit of parameters."""


class Statements:
    """SQL within one transaction; each noun of the store has a session of its own on top."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _read(self, query: Select[Any], kind: type[Value]) -> list[Value]:
        """The rows of a query as values whose fields are named as the columns' keys are."""
        return [msgspec.convert(row, kind) for row in self._load(query)]

    def _load(self, query: Select[Any]) -> Iterator[dict[str, Any]]:
        """The rows of a query by the keys of its columns."""
        keys = [str(column.key) for column in query.selected_columns]
        for row in self._connection.execute(query):
            yield dict(zip(keys, row, strict=True))

    def _find(self, query: Select[Any], kind: type[Value]) -> Value | None:
        """The first row of a query as such a value, if there is one."""
        return next(iter(self._read(query, kind)), None)

    def _delete(self, rows: Table, table: str, ids: Sequence[str]) -> int:
        """Delete rows of a table by their ids; unknown ones are ignored; how many were known."""
        return sum(
            self._connection.execute(delete(rows).where(those)).rowcount
            for those in match_ids(rows, table, ids)
        )


def build_values(value: object) -> dict[str, Any]:
    """A value as the columns of its row: what they keep as it is, instants among it."""
    values: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return values


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    if not rows:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    keys = list(table.primary_key.columns)
    replaced = {
        column.key: insert.excluded[column.key] for column in table.columns if column not in keys
    }
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_=replaced),
        [dict(row) for row in rows],
    )


def insert_absent(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Insert a row unless there is one with its primary key."""
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    connection.execute(insert.on_conflict_do_nothing(), dict(row))


def chunk_ids(ids: Sequence[Key]) -> Iterator[tuple[Key, ...]]:
    """Ids in lists short enough for one statement."""
    for start in range(0, len(ids), CHUNK):
        yield tuple(ids[start : start + CHUNK])


def match_ids(rows: Table, table: str, ids: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions that together name rows by table and id, their primary key."""
    of_table, of_row = rows.primary_key.columns
    for chunk in chunk_ids(ids):
        yield and_(of_table == table, of_row.in_(chunk))
