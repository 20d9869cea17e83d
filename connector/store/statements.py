"""Statements that both databases understand; which rows they carry is up to the sessions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Key = TypeVar("Key", str, int)

CHUNK = 500
"""Ids in one IN list: well below every database's limit of parameters."""


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    if not rows:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    keys = [column.name for column in table.primary_key.columns]
    replaced = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in keys
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
