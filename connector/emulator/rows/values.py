"""Values from request bodies as rows store them: types, lengths, ranges, options, dates.

Lookups are bound elsewhere; nothing here reads rows.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from connector.emulator.catalog.table_definition import (
    EDM_TYPES,
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.organization.clock import timestamp
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.storage.database import StoredValue

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:\d{2})?")
_FLOOR = "1753-01-01"

Reader = Callable[[TableDefinition, ColumnDefinition, Json], StoredValue]


def read_value(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    """One value of a request body as it is stored; raises ODataError 400 when it does not fit."""
    if value is None:
        return None
    reader = _READERS.get(column.type)
    if reader is None:
        raise _wrong_type(table, column, value)
    return reader(table, column, value)


def payload_error(table: TableDefinition, message: str) -> ODataError:
    """Dataverse's refusal of a body that does not fit the table's type."""
    return ODataError(
        400,
        ErrorCode.BAD_PAYLOAD,
        f"Error identified in Payload provided by the user for Entity :'{table.entity_set}', "
        "For more information on this error please follow this help link "
        "https://go.microsoft.com/fwlink/?linkid=2195293  ----> InnerException : "
        f"Microsoft.OData.ODataException: {message}",
    )


def _wrong_type(table: TableDefinition, column: ColumnDefinition, value: object) -> ODataError:
    return payload_error(
        table,
        f"Cannot convert a value to target type '{EDM_TYPES[column.type]}' because of conversion "
        f"error: the value '{str(value)[:80]}' of column '{column.logical_name}' does not fit.",
    )


def _read_text(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    if not value.isascii() and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise _wrong_type(table, column, value.encode("ascii", "replace").decode())
    if column.max_length is not None and len(value) > column.max_length:
        raise _too_long(table, column)
    return value or None


def _too_long(table: TableDefinition, column: ColumnDefinition) -> ODataError:
    message = (
        f"A validation error occurred. The length of the '{column.logical_name}' attribute of the "
        f"'{table.logical_name}' entity exceeded the maximum allowed length of "
        f"'{column.max_length}'."
    )
    return ODataError(400, ErrorCode.STRING_LENGTH_TOO_LONG, message)


def _read_whole(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(table, column, value)
    _raise_if_outside(table, column, value, ErrorCode.INTEGER_VALUE_OUT_OF_RANGE)
    return value


def _read_exact(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    number = _decimal(value)
    if number is None:
        raise _wrong_type(table, column, value)
    _raise_if_outside(table, column, float(number), ErrorCode.DECIMAL_VALUE_OUT_OF_RANGE)
    return round(float(number), column.precision if column.precision is not None else 4)


def _decimal(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _read_double(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(table, column, value)
    _raise_if_outside(table, column, float(value), ErrorCode.DECIMAL_VALUE_OUT_OF_RANGE)
    return round(float(value), column.precision if column.precision is not None else 5)


def _raise_if_outside(
    table: TableDefinition, column: ColumnDefinition, value: float, code: str
) -> None:
    low, high = column.min_value, column.max_value
    if (low is not None and value < low) or (high is not None and value > high):
        raise _outside(table, column, f"The value {value}", f"{low} to {high}.", code)


def _outside(
    table: TableDefinition, column: ColumnDefinition, value: str, accepted: str, code: str
) -> ODataError:
    message = (
        f"A validation error occurred. {value} of '{column.logical_name}' on record of type "
        f"'{table.logical_name}' is outside the valid range. Accepted Values: {accepted}"
    )
    return ODataError(400, code, message)


def _read_flag(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    if not isinstance(value, bool):
        raise _wrong_type(table, column, value)
    return int(value)


def _read_option(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(table, column, value)
    if column.options and column.option_label(value) is None:
        raise _no_such_option(table, column, value)
    return value


def _no_such_option(table: TableDefinition, column: ColumnDefinition, value: object) -> ODataError:
    accepted = ",".join(str(option.value) for option in column.options)
    code = ErrorCode.PICKLIST_VALUE_OUT_OF_RANGE
    return _outside(table, column, f"The value '{value}'", accepted, code)


def _read_options(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    try:
        numbers = {int(each) for each in str(value).split(",") if each.strip()}
    except ValueError as error:
        raise _wrong_type(table, column, value) from error
    _raise_if_unknown(table, column, numbers)
    return ",".join(str(number) for number in sorted(numbers)) or None


def _raise_if_unknown(table: TableDefinition, column: ColumnDefinition, numbers: set[int]) -> None:
    for number in numbers:
        if column.option_label(number) is None:
            raise _no_such_option(table, column, number)


def _read_moment(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    text = value.strip() if isinstance(value, str) else ""
    if column.is_date_only:
        return _read_day(table, column, text)
    stored = _instant(text)
    if stored is None or stored < _FLOOR:
        raise _wrong_type(table, column, value)
    return stored


@lru_cache(maxsize=65536)
def _instant(text: str) -> str | None:
    """A point in time as it is stored, None for anything else; a day alone is its midnight."""
    found = _MOMENT.fullmatch(text if "T" in text or " " in text else f"{text}T00:00:00Z")
    if found is None:
        return None
    day, minutes, seconds, _, zone = found.groups()
    try:
        moment = datetime.fromisoformat(
            f"{day}T{minutes}{seconds or ':00'}{(zone or 'Z').replace('Z', '+00:00')}"
        )
        return timestamp(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _read_day(table: TableDefinition, column: ColumnDefinition, text: str) -> StoredValue:
    try:
        if not _DAY.fullmatch(text) or text < _FLOOR:
            raise _wrong_type(table, column, text)
        datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong_type(table, column, text) from error
    return text


def _read_guid(table: TableDefinition, column: ColumnDefinition, value: Json) -> StoredValue:
    found = parse_guid(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong_type(table, column, value)
    return found


_READERS: dict[ColumnType, Reader] = {
    ColumnType.STRING: _read_text,
    ColumnType.MEMO: _read_text,
    ColumnType.INTEGER: _read_whole,
    ColumnType.BIGINT: _read_whole,
    ColumnType.MONEY: _read_exact,
    ColumnType.DECIMAL: _read_exact,
    ColumnType.DOUBLE: _read_double,
    ColumnType.BOOLEAN: _read_flag,
    ColumnType.PICKLIST: _read_option,
    ColumnType.STATE: _read_option,
    ColumnType.STATUS: _read_option,
    ColumnType.MULTISELECT: _read_options,
    ColumnType.DATETIME: _read_moment,
    ColumnType.UNIQUEIDENTIFIER: _read_guid,
}
