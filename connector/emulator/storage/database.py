# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Rows in SQLite: one SQL table per Dataverse table, one version counter for all, tombstones.

Layout (queries are compiled against exactly this):
* SQL table = logical name, SQL column = logical name of every column whose `is_stored` is true;
* ids and lookups: lower-case GUID text; a polymorphic lookup has `<column>__type` beside it with
  the target's logical name;
* text: collation DATAVERSE (Unicode case folding, trailing blanks ignored);
* date and time: 'YYYY-MM-DDTHH:MM:SSZ'; date only: 'YYYY-MM-DD'; both compare as text;
* choice, integer, bigint: INTEGER; two options: 0/1; money, decimal, double: REAL;
* multi-select choice: '1,9' ascending;
* `versionnumber` INTEGER on every table.
Nothing here knows HTTP, privileges or business rules.
"""

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.storage.equality_indexes import EqualityIndexes
from connector.emulator.storage.sql_functions import register_functions
from connector.emulator.storage.sql_names import fold, folded_sql, quote, sql_names, type_column

StoredValue = str | int | float | None
StoredRow = dict[str, StoredValue]

_AFFINITY = {
    ColumnType.BIGINT: "INTEGER",
    ColumnType.BOOLEAN: "INTEGER",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.PICKLIST: "INTEGER",
    ColumnType.STATE: "INTEGER",
    ColumnType.STATUS: "INTEGER",
    ColumnType.DECIMAL: "REAL",
    ColumnType.DOUBLE: "REAL",
    ColumnType.MONEY: "REAL",
    ColumnType.STRING: "TEXT COLLATE DATAVERSE",
    ColumnType.MEMO: "TEXT COLLATE DATAVERSE",
}

_OWN_TABLES = (
    "CREATE TABLE IF NOT EXISTS emulator_counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS emulator_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS emulator_tombstone (table_name TEXT NOT NULL, id TEXT NOT "
        "NULL, version INTEGER NOT NULL)"
    ),
    (
        "CREATE INDEX IF NOT EXISTS emulator_tombstone_version ON emulator_tombstone (table_name, "
        "version)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS emulator_cascade (number INTEGER PRIMARY KEY, "
        "due REAL NOT NULL, table_name TEXT NOT NULL, id TEXT NOT NULL, owner_table TEXT NOT NULL, "
        "owner_id TEXT NOT NULL, by_user TEXT NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS emulator_count (table_name TEXT PRIMARY KEY, counted_at REAL "
        "NOT NULL, value INTEGER NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS emulator_outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, "
        "step TEXT NOT NULL, document TEXT NOT NULL)"
    ),
)
"""What the emulator itself remembers, so that snapshots and state files hold it too: settings,
deletions, assignments that cascade later, the counts last told, and webhook calls to make."""

_MEMORY_PRAGMAS = ("PRAGMA synchronous=OFF",)
_DISK_PRAGMAS = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
)
"""A file belongs to one emulator at a time; what it answered survives the end of its process."""

LOCK_SECONDS = 1.0
VERSION_STEP = 3
FIRST_VERSION = 1_200_000


def compare_texts(left: str, right: str) -> int:
    """Order two texts without case, accents kept; the SQL collation DATAVERSE.

    Folding anew is cheaper than remembering: a scan meets more texts than a cache can hold.
    """
    a, b = fold(left), fold(right)
    return (a > b) - (a < b)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deleted row: its id and the version at which it went."""

    id: str
    version: int


class Storage:
    """The database of one emulated organization; not thread-safe: one thread serves all."""

    def __init__(self, catalog: Catalog, path: Path | None = None) -> None:
        self.catalog = catalog
        self.connection = sqlite3.connect(
            str(path) if path else ":memory:",
            timeout=LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        self.connection.row_factory = sqlite3.Row
        self.connection.create_collation("DATAVERSE", compare_texts)
        register_functions(self.connection)
        self.indexes = EqualityIndexes(self.connection)
        self._depth = 0
        self.open_versions: set[int] = set()
        self.pinned_version: int | None = None
        try:
            self._prepare(on_disk=path is not None)
        except sqlite3.DatabaseError:
            self.connection.close()
            raise

    def _prepare(self, *, on_disk: bool) -> None:
        for statement in _DISK_PRAGMAS if on_disk else _MEMORY_PRAGMAS:
            self.connection.execute(statement)
        self.connection.execute("PRAGMA temp_store=MEMORY")
        for statement in _OWN_TABLES:
            self.connection.execute(statement)
        self.connection.execute(
            "INSERT OR IGNORE INTO emulator_counter VALUES ('version', ?)", (FIRST_VERSION,)
        )
        for table in self.catalog.tables.values():
            self._create_table(table)

    def _create_table(self, table: TableDefinition) -> None:
        """Create the SQL table, or add the columns it lacks."""
        parts = [_column_sql(column, table.primary_id) for column in table.stored_columns]
        name = quote(table.logical_name)
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(parts)})")
        present = {row["name"] for row in self.query(f"PRAGMA table_info({name})")}
        for column in table.stored_columns:
            if column.logical_name not in present:
                for part in _column_sql(column, table.primary_id).split(", "):
                    self.connection.execute(f"ALTER TABLE {name} ADD COLUMN {part}")
        self._create_indexes(table)

    def _create_indexes(self, table: TableDefinition) -> None:
        wanted = [
            column.logical_name for column in table.columns if column.logical_name in _INDEXED
        ]
        for column in wanted:
            index = quote(f"ix_{table.logical_name}_{column}")
            self.connection.execute(
                f"CREATE INDEX IF NOT EXISTS {index} ON {quote(table.logical_name)} "
                f"({quote(column)})"
            )

    def query(self, sql: str, parameters: Sequence[StoredValue] = ()) -> list[sqlite3.Row]:
        """Run a compiled query."""
        return self.connection.execute(sql, parameters).fetchall()

    def fetch_row(self, table: TableDefinition, row_id: str) -> StoredRow | None:
        """Read one row by id, every stored column and every `__type`."""
        found = self.connection.execute(
            f"SELECT * FROM {quote(table.logical_name)} WHERE {quote(table.primary_id)} = ?",
            (row_id,),
        ).fetchone()
        return dict(found) if found is not None else None

    def fetch_rows_where(
        self, table: TableDefinition, values: Mapping[str, StoredValue]
    ) -> list[StoredRow]:
        """Read the rows whose columns equal `values` (None = null)."""
        where = " AND ".join(self._equals(table, name) for name in values) or "1"
        rows = self.query(
            f"SELECT * FROM {quote(table.logical_name)} WHERE {where}", tuple(values.values())
        )
        return [dict(row) for row in rows]

    def _equals(self, table: TableDefinition, name: str) -> str:
        column = table.columns_by_name.get(name)
        if column is None:
            return f"{quote(name)} IS ?"
        self.indexes.ensure(table, column)
        return f"{folded_sql(quote(name), column)} IS {folded_sql('?', column)}"

    def insert_rows(
        self, table: TableDefinition, rows: Iterable[Mapping[str, StoredValue]]
    ) -> None:
        """Insert rows as they are, versions included; a missing column is null."""
        listed = list(rows)
        if not listed:
            return
        given = set[str]().union(*listed)
        known = (name for column in table.stored_columns for name in sql_names(column))
        names = [name for name in known if name in given]
        slots = ", ".join("?" for _ in names)
        columns = ", ".join(quote(name) for name in names)
        self.connection.executemany(
            f"INSERT INTO {quote(table.logical_name)} ({columns}) VALUES ({slots})",
            ([row.get(name) for name in names] for row in listed),
        )

    def forget_row(self, table: TableDefinition, row_id: str) -> None:
        """Take a row out as if it had never been: no tombstone, no version."""
        self.connection.execute(
            f"DELETE FROM {quote(table.logical_name)} WHERE {quote(table.primary_id)} = ?",
            (row_id,),
        )

    def update_row(
        self, table: TableDefinition, row_id: str, values: Mapping[str, StoredValue]
    ) -> None:
        """Write columns of one row as they are, its version included."""
        sets = ", ".join(f"{quote(name)} = ?" for name in values)
        self.connection.execute(
            f"UPDATE {quote(table.logical_name)} SET {sets} WHERE {quote(table.primary_id)} = ?",
            (*values.values(), row_id),
        )

    def delete_row(self, table: TableDefinition, row_id: str) -> None:
        """Delete one row and leave a tombstone under a new version."""
        self.forget_row(table, row_id)
        self.connection.execute(
            "INSERT INTO emulator_tombstone VALUES (?, ?, ?)",
            (table.logical_name, row_id, self.next_version()),
        )

    def next_version(self) -> int:
        """Take the next number of the organization-wide counter; numbers have gaps.

        A write that was made to commit late uses the number it took on arrival (`pinned_version`).
        """
        if self.pinned_version is not None:
            version, self.pinned_version = self.pinned_version, None
            return version
        found = self.connection.execute(
            "UPDATE emulator_counter SET value = value + ? WHERE name = 'version' RETURNING value",
            (VERSION_STEP,),
        ).fetchone()
        return int(found[0])

    def last_version(self) -> int:
        """The highest number taken."""
        found = self.connection.execute(
            "SELECT value FROM emulator_counter WHERE name = 'version'"
        ).fetchone()
        return int(found[0])

    def open_version(self) -> int:
        """Take a number for a write that will commit later."""
        version = self.next_version()
        self.open_versions.add(version)
        return version

    def pin_version(self, version: int | None) -> None:
        """Let the next write use a number taken before."""
        self.pinned_version = version

    def close_version(self, version: int | None) -> None:
        """The write with that number is about to commit."""
        if version is not None:
            self.open_versions.discard(version)

    def safe_version(self) -> int:
        """The highest version below which nothing is still uncommitted."""
        return min([self.last_version(), *(version - 1 for version in self.open_versions)])

    def reserve_versions(self, count: int) -> int:
        """Take `count` numbers at once and return the first; for bulk loading."""
        first = self.last_version() + VERSION_STEP
        self.connection.execute(
            "UPDATE emulator_counter SET value = value + ? WHERE name = 'version'",
            (VERSION_STEP * count,),
        )
        return first

    def fetch_tombstones(self, table: TableDefinition, after: int, up_to: int) -> list[Tombstone]:
        """Deletions with after < version <= up_to, in order."""
        rows = self.query(
            "SELECT id, MAX(version) AS version FROM emulator_tombstone "
            "WHERE table_name = ? AND version > ? AND version <= ? GROUP BY id ORDER BY 2",
            (table.logical_name, after, up_to),
        )
        return [Tombstone(row["id"], row["version"]) for row in rows]

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; may be nested."""
        self._depth += 1
        point = f"point_{self._depth}"
        self.connection.execute(f"SAVEPOINT {point}")
        try:
            yield
        except BaseException:
            self.connection.execute(f"ROLLBACK TO {point}")
            self.indexes.forget()
            raise
        finally:
            self.connection.execute(f"RELEASE {point}")
            self._depth -= 1

    def snapshot(self) -> bytes:
        """The whole database as one value."""
        return self.connection.serialize()

    def restore(self, image: bytes) -> None:
        """Put a snapshot back."""
        source = sqlite3.connect(":memory:")
        try:
            source.deserialize(image[:18] + _ROLLBACK_JOURNAL + image[20:])
            source.create_collation("DATAVERSE", compare_texts)
            register_functions(source)
            source.backup(self.connection)
            self.indexes.forget()
        finally:
            source.close()

    def close(self) -> None:
        """Close the database."""
        self.connection.close()


_ROLLBACK_JOURNAL = b"\x01\x01"
"""File format numbers: an image of a WAL database cannot be opened in memory as it is."""

_INDEXED = frozenset({"versionnumber", "ownerid"})


def _column_sql(column: ColumnDefinition, primary_id: str) -> str:
    affinity = _AFFINITY.get(column.type, "TEXT")
    if column.logical_name == primary_id:
        affinity += " PRIMARY KEY"
    text = f"{quote(column.logical_name)} {affinity}"
    if column.is_polymorphic:
        text += f", {quote(type_column(column.logical_name))} TEXT"
    return text
