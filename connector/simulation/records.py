"""Reads the rows of a simulation: JSON lines here, Parquet and CSV in `tabular`; one at a time."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.errors import ConfigProblem
from engine.normalise import normalise
from engine.records import Record

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not become a record, and why."""

    line: int
    error: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as the file gives it; `table` says it when the row does not."""

    line: int
    row: object
    table: str | None = None


def read_json_lines(file: Path, table: str | None = None) -> Iterator[SourceRow | BadLine]:
    """Yield a row for each line that is not blank; raises ConfigProblem for an unreadable file.

    `-` is stdin. `table` is the table of rows that do not name theirs.
    """
    decode = msgspec.json.Decoder().decode
    try:
        with _open(file) as stream:
            for number, raw in enumerate(stream, start=1):
                line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
                if line.strip():
                    yield _decode_line(decode, number, line, table)
    except OSError as error:
        raise ConfigProblem(f"{file} cannot be read: {error.strerror}.") from error


def build_records(rows: Iterator[SourceRow | BadLine]) -> Iterator[tuple[int, Record] | BadLine]:
    """Normalise rows; one that cannot be used, or whose id came before, becomes a BadLine."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if isinstance(row, BadLine):
            yield row
            continue
        record = normalise(row.row, table=row.table)
        if not isinstance(record, Record):
            yield BadLine(row.line, "; ".join(record.reasons))
        elif (record.table, record.id) in seen:
            yield BadLine(row.line, f"the id {record.id} stood on an earlier line")
        else:
            seen.add((record.table, record.id))
            yield row.line, record


def _open(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _decode_line(
    decode: Callable[[bytes], object], number: int, line: bytes, table: str | None
) -> SourceRow | BadLine:
    try:
        return SourceRow(number, decode(line), table)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadLine(number, f"this is not a JSON object: {error}")
