"""Reads Parquet and CSV files as wire rows; what a cell means follows from the table's schema."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import cast

import duckdb

from connector.simulation.records import BadLine, SourceRow
from engine.errors import ConfigProblem
from engine.instants import print_instant
from engine.schema import ColumnType, Schema, TableSchema

TABULAR_SUFFIXES = frozenset({".parquet", ".csv"})
ROWS_AT_ONCE = 1000
TYPE_KEY = "@odata.type"
TRUE_FALSE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
WHOLE = frozenset(
    {
        ColumnType.INTEGER,
        ColumnType.BIGINT,
        ColumnType.CHOICE,
        ColumnType.STATE,
        ColumnType.STATUS,
    }
)
FRACTIONAL = frozenset({ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.MONEY})
SPACED_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?")


def read_tabular(file: Path, table: str | None, schema: Schema) -> Iterator[SourceRow | BadLine]:
    """Yield the rows of a Parquet or CSV file in order; lines are counted with the header.

    Empty cells and not-a-number are null. A column named by a path, such as
    `parentaccountid.industrycode`, lands in the nested row. `table` may be left out when the file
    has a column "@odata.type". Raises ConfigProblem when the file cannot be read or nothing names
    the table.
    """
    reader = _RowReader(schema)
    is_csv = file.suffix.lower() == ".csv"
    for number, text in enumerate(_fetch_json(file, is_csv=is_csv), start=2 if is_csv else 1):
        raw = cast("dict[str, object]", json.loads(text))
        if table is None and TYPE_KEY not in raw:
            raise ConfigProblem(f"{file} has no column {TYPE_KEY}: name the table with --table.")
        known = schema.get(table or _type_of(raw))
        try:
            yield SourceRow(number, reader.read(raw, known), table)
        except ValueError as error:
            yield BadLine(number, str(error))


def _type_of(raw: Mapping[str, object]) -> str:
    """The table that a row names itself; empty when it names none."""
    return str(raw.get(TYPE_KEY) or "").rpartition(".")[2]


def _fetch_json(file: Path, *, is_csv: bool) -> Iterator[str]:
    source = "read_csv(?, all_varchar = true, header = true)" if is_csv else "read_parquet(?)"
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SELECT to_json(t) FROM {source} t", [str(file)])  # noqa: S608
            while rows := connection.fetchmany(ROWS_AT_ONCE):
                for (text,) in rows:
                    yield str(text)
    except duckdb.Error as error:
        kind = "CSV" if is_csv else "Parquet"
        reason = str(error).splitlines()[0]
        raise ConfigProblem(f"{file} cannot be read as {kind}: {reason}.") from error


class _RowReader:
    """Turns flat rows of text and numbers into wire rows."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def read(self, raw: Mapping[str, object], table: TableSchema | None) -> dict[str, object]:
        row: dict[str, object] = {}
        for name, value in raw.items():
            if value is None or value == "" or _is_nan(value):
                continue
            navigation, dot, rest = name.partition(".")
            if dot and "@" not in navigation:
                nested = cast("dict[str, object]", row.setdefault(navigation, {}))
                nested |= self.read({rest: value}, self._related(table, navigation))
            else:
                row[name] = self._read_value(name, value, table)
        return row

    def _read_value(self, name: str, value: object, table: TableSchema | None) -> object:
        if isinstance(value, dict):
            return self.read(cast("dict[str, object]", value), self._related(table, name))
        if isinstance(value, list):
            listed = cast("list[object]", value)
            return [self._read_value(name, item, table) for item in listed]
        column = table.columns.get(name) if table is not None else None
        if not isinstance(value, str):
            return value
        return _read_text(name, value, column.type if column is not None else None)

    def _related(self, table: TableSchema | None, navigation: str) -> TableSchema | None:
        relationship = table.relationships.get(navigation) if table is not None else None
        return self._schema.get(relationship.table) if relationship is not None else None


def _is_nan(value: object) -> bool:
    """Not-a-number is how data frames write an empty cell of a column of fractions."""
    return isinstance(value, float) and isnan(value)


def _read_text(name: str, text: str, column_type: ColumnType | None) -> object:
    if column_type is ColumnType.BOOLEAN:
        return _convert(name, text, TRUE_FALSE.__getitem__, "true or false")
    if column_type in WHOLE:
        return _convert(name, text, _whole, "a whole number")
    if column_type in FRACTIONAL:
        return _convert(name, text, float, "a number")
    if SPACED_TIME.fullmatch(text):
        moment = datetime.fromisoformat(text)
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return print_instant(aware)
    return text


def _whole(text: str) -> int:
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(text) if text.lstrip("+-").isdigit() else int(number)


def _convert(name: str, text: str, read: Callable[[str], object], wanted: str) -> object:
    try:
        return read(text.strip().lower())
    except (ValueError, KeyError, OverflowError) as error:
        raise ValueError(f"{name} is {wanted}, not {text!r}") from error
