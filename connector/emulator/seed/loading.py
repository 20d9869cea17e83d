"""Loads rows from files: `<entity set>.json`, arrays of rows as the Web API returns them.

Columns and tables that are not known are left out with a note; lookups to rows that are not there
are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import (
    PRINCIPALS,
    ColumnDefinition,
    TableDefinition,
)
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import (
    CONNECTOR_USER_ID,
    Organization,
    fixed_id,
)
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.json_shapes import Json, as_object
from connector.emulator.rows.values import read_value
from connector.emulator.seed.completion import complete_row, default_values
from connector.emulator.storage.database import VERSION_STEP, StoredRow
from connector.emulator.storage.sql_names import type_column

Note = Callable[[str], None]
ROWS_AT_ONCE = 10_000
_NO_COLUMN: tuple[ColumnDefinition | None, bool] = (None, False)
LOGICAL_NAME = "@Microsoft.Dynamics.CRM.lookuplogicalname"


class DataProblem(Exception):  # noqa: N818  the house word
    """A data file cannot be used; the sentence names the file and says why."""


def load_directory(
    organization: Organization, directory: Path | None, note: Note
) -> frozenset[str]:
    """Load every `<entity set>.json` of a directory; returns the logical names that were loaded.

    Raises DataProblem when the directory or a file cannot be read.
    """
    if directory is None:
        return frozenset()
    if not directory.is_dir():
        raise DataProblem(f"{directory}: there is no such directory to load rows from.")
    files = _find_files(organization.catalog, directory, note)
    for name in sorted(files, key=lambda name: (name not in PRINCIPALS, name)):
        _FileLoader(organization, organization.catalog.tables[name], files[name], note).load()
    return frozenset(files)


def _find_files(catalog: Catalog, directory: Path, note: Note) -> dict[str, Path]:
    """The files by the logical name of their table."""
    files: dict[str, Path] = {}
    for path in sorted(directory.glob("*.json")):
        table = catalog.table_of_set(path.stem)
        if table is None:
            note(f"{path.name}: not loaded, the emulator has no entity set '{path.stem}'.")
        else:
            files[table.logical_name] = path
    return files


class _FileLoader:
    """Loads one file; rows wait until there are enough to insert at once."""

    def __init__(
        self, organization: Organization, table: TableDefinition, path: Path, note: Note
    ) -> None:
        self._organization, self._table, self._path, self._note = organization, table, path, note
        self._waiting: dict[str, StoredRow] = {}
        self._inserted: set[str] = set()

    def load(self) -> None:
        unknown: set[str] = set()
        reader = RowReader(self._organization, self._table)
        for number, document in enumerate(_read_documents(self._path), start=1):
            self._add(_read_row(reader, self._path, document, number, unknown), number)
        self._insert()
        if unknown:
            names = ", ".join(sorted(unknown))
            name = self._table.logical_name
            self._tell(f"columns that {name} does not have were left out: {names}.")

    def _tell(self, what: str) -> None:
        self._note(f"{self._path.name}: {what}")

    def _add(self, row: StoredRow, number: int) -> None:
        row_id = str(row[self._table.primary_id])
        if row_id in self._waiting or row_id in self._inserted:
            self._tell(f"row {number} repeats an id; the later row is kept.")
            self._organization.storage.forget_row(self._table, row_id)
        self._waiting[row_id] = row
        if len(self._waiting) == ROWS_AT_ONCE:
            self._insert()

    def _insert(self) -> None:
        insert_with_versions(self._organization, self._table, list(self._waiting.values()))
        self._inserted |= self._waiting.keys()
        self._waiting.clear()


def _read_documents(path: Path) -> Iterator[Json]:
    """The members of the array, decoded one at a time: a million rows at once would fill memory."""
    try:
        content = path.read_bytes()
        try:
            raw = msgspec.json.decode(content, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raw = msgspec.json.decode(content, type=_Wrapped).value
        del content
        for each in raw:
            yield msgspec.json.decode(each)
    except msgspec.ValidationError as error:
        raise DataProblem(f"{path}: an array of rows is expected.") from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataProblem(f"{path}: cannot be read as JSON ({error}).") from error


class _Wrapped(msgspec.Struct):
    """Rows as the answer to a GET holds them."""

    value: list[msgspec.Raw]


def _read_row(
    reader: "RowReader", path: Path, document: Json, number: int, unknown: set[str]
) -> StoredRow:
    members = as_object(document)
    if members is None:
        raise DataProblem(f"{path}: row {number} is not an object.")
    try:
        return reader.read(members, unknown, number)
    except ODataError as error:
        raise DataProblem(f"{path}: row {number}: {error.message}") from error


def insert_with_versions(
    organization: Organization, table: TableDefinition, rows: list[StoredRow]
) -> None:
    """Insert rows under fresh versions, in order."""
    version = organization.storage.reserve_versions(len(rows))
    for row in rows:
        row["versionnumber"] = version
        version += VERSION_STEP
    organization.storage.insert_rows(table, rows)


class RowReader:
    """Turns the wire rows of one table into stored rows."""

    def __init__(self, organization: Organization, table: TableDefinition) -> None:
        self._organization = organization
        self._table = table
        self._now = timestamp(organization.clock.now())
        self._targets: dict[tuple[str, str], str] = {}
        self._columns = {
            name: (column, column.type.is_lookup)
            for name, column in table.columns_by_wire_name.items()
        }
        self._defaults = default_values(table)
        self._stamps = [name for name in ("createdon", "modifiedon") if table.column(name)]

    def read(self, document: Mapping[str, Json], unknown: set[str], number: int) -> StoredRow:
        """One row; names that are not columns are added to `unknown`."""
        row, table = self._defaults.copy(), self._table
        for name, value in document.items():
            column, is_lookup = self._columns.get(name, _NO_COLUMN)
            if column is None:
                if "@" not in name:
                    unknown.add(name)
            elif is_lookup:
                self._read_lookup(row, column, value, document)
            elif value is not None:
                row[column.logical_name] = read_value(table, column, value)
        self._complete(row, number)
        return row

    def _read_lookup(
        self, row: StoredRow, column: ColumnDefinition, value: Json, document: Mapping[str, Json]
    ) -> None:
        found = parse_guid(value) if value is not None else None
        row[column.logical_name] = found
        if column.is_polymorphic and found is not None:
            given = document.get(f"{column.wire_name}{LOGICAL_NAME}")
            target = str(given) if given else self._target(column, found)
            row[type_column(column.logical_name)] = target

    def _target(self, column: ColumnDefinition, row_id: str) -> str:
        key = (column.logical_name, row_id)
        if key not in self._targets:
            self._targets[key] = self._find_target(column, row_id)
        return self._targets[key]

    def _find_target(self, column: ColumnDefinition, row_id: str) -> str:
        """The table in which the row is, the first target when it is in none."""
        for name in column.targets:
            table = self._organization.catalog.tables[name]
            if self._organization.storage.fetch_row(table, row_id) is not None:
                return name
        return column.targets[0]

    def _complete(self, row: StoredRow, number: int) -> None:
        table = self._table
        if row.get(table.primary_id) is None:
            row[table.primary_id] = fixed_id(f"data/{table.logical_name}/{number}")
        for name in self._stamps:
            if row.get(name) is None:
                row[name] = row.get("createdon") or self._now
        complete_row(table, row, CONNECTOR_USER_ID)
        if table.column("fullname") is not None and row.get("fullname") is None:
            parts = (row.get("firstname"), row.get("lastname"))
            row["fullname"] = " ".join(str(part) for part in parts if part) or None
