"""Loads rows from files: `<entity set>.json`, arrays of rows as the Web API returns them.

Columns and tables that are not known are left out with a note; lookups to rows that are not there
are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import (
    CONNECTOR_USER_ID,
    ROOT_UNIT_ID,
    Organization,
    fixed_id,
)
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.json_shapes import as_object
from connector.emulator.rows.states import default_status
from connector.emulator.rows.values import read_value
from connector.emulator.storage.database import VERSION_STEP, StoredRow, StoredValue
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
    files = sorted(directory.glob("*.json"))
    known = {
        table.logical_name: path
        for path in files
        if (table := organization.catalog.table_of_set(path.stem)) is not None
    }
    for path in files:
        if organization.catalog.table_of_set(path.stem) is None:
            note(f"{path.name}: not loaded, the emulator has no entity set '{path.stem}'.")
    users_first = sorted(known, key=lambda name: (name not in ("systemuser", "team"), name))
    for name in users_first:
        _load_file(organization, organization.catalog.tables[name], known[name], note)
    return frozenset(known)


def _load_file(organization: Organization, table: TableDefinition, path: Path, note: Note) -> None:
    unknown: set[str] = set()
    reader = RowReader(organization, table)
    waiting: dict[str, StoredRow] = {}
    inserted: set[str] = set()
    for number, document in enumerate(_read_documents(path), start=1):
        row = _read_row(reader, path, document, number, unknown)
        row_id = str(row[table.primary_id])
        if row_id in waiting or row_id in inserted:
            note(f"{path.name}: row {number} repeats an id; the later row is kept.")
            organization.storage.forget_row(table, row_id)
        waiting[row_id] = row
        if len(waiting) == ROWS_AT_ONCE:
            insert_with_versions(organization, table, list(waiting.values()))
            inserted |= waiting.keys()
            waiting.clear()
    insert_with_versions(organization, table, list(waiting.values()))
    if unknown:
        names = ", ".join(sorted(unknown))
        name = table.logical_name
        note(f"{path.name}: columns that {name} does not have were left out: {names}.")


def _read_documents(path: Path) -> Iterator[Any]:
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
    reader: "RowReader", path: Path, document: Any, number: int, unknown: set[str]
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
        self._defaults: StoredRow = {
            column.logical_name: column.default
            for column in table.stored_columns
            if column.default is not None
        }
        self._stamps = [name for name in ("createdon", "modifiedon") if table.column(name)]

    def read(self, document: Mapping[str, Any], unknown: set[str], number: int) -> StoredRow:
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
        self, row: StoredRow, column: ColumnDefinition, value: Any, document: Mapping[str, Any]
    ) -> None:
        found = parse_guid(value) if value is not None else None
        row[column.logical_name] = found
        if column.is_polymorphic and found is not None:
            given = document.get(f"{column.wire_name}{LOGICAL_NAME}")
            row[type_column(column.logical_name)] = (
                str(given) if given else self._target(column, found)
            )

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
        self._complete_owner(row)
        self._complete_state(row)
        if table.logical_name in ("systemuser", "team"):
            row["ownerid"] = row[table.primary_id]
            row["businessunitid"] = row.get("businessunitid") or ROOT_UNIT_ID
        if table.column("fullname") is not None and row.get("fullname") is None:
            parts = (row.get("firstname"), row.get("lastname"))
            row["fullname"] = " ".join(str(part) for part in parts if part) or None

    def _complete_owner(self, row: StoredRow) -> None:
        if not self._table.is_owned:
            return
        if row.get("ownerid") is None:
            row["ownerid"], row[type_column("ownerid")] = CONNECTOR_USER_ID, "systemuser"
        is_user = row[type_column("ownerid")] == "systemuser"
        row["owninguser"] = row["ownerid"] if is_user else None
        row["owningteam"] = None if is_user else row["ownerid"]
        row["owningbusinessunit"] = row.get("owningbusinessunit") or ROOT_UNIT_ID

    def _complete_state(self, row: StoredRow) -> None:
        state = self._table.column("statecode")
        if state is None or state.type is not ColumnType.STATE:
            return
        if row.get("statecode") is None:
            row["statecode"] = state.options[0].value
        if row.get("statuscode") is None:
            value: StoredValue = default_status(state, int(row["statecode"] or 0))
            row["statuscode"] = value
