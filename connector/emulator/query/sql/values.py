"""Turns constants, typed or written as text, into the form a column is stored in.

It builds no conditions.
"""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from connector.emulator.catalog.table_definition import ColumnDefinition
from connector.emulator.protocol.errors import invalid_argument
from connector.emulator.protocol.guids import is_guid
from connector.emulator.query.sql.context import QueryContext, instant_text
from connector.emulator.query.sql.fragments import SqlValue
from connector.emulator.query.sql.syntax import Literal, LiteralKind

_NUMBERS = frozenset({"Edm.Int32", "Edm.Int64", "Edm.Decimal", "Edm.Double"})
_LARGEST = 2**63


def is_number(edm: str) -> bool:
    """Whether values of the type are compared as numbers."""
    return edm in _NUMBERS


def are_comparable(left: str, right: str) -> bool:
    """Whether two columns of these types may be compared."""
    return left == right or (is_number(left) and is_number(right))


def literal_to_stored(literal: Literal, column: ColumnDefinition) -> SqlValue:
    """A literal as the column stores it; raises TypeError when the types do not go together."""
    edm = column.edm_type
    kind, value = literal.kind, literal.value
    if is_number(edm) and kind in (LiteralKind.INTEGER, LiteralKind.DECIMAL):
        return _number(value)
    if edm == "Edm.Boolean" and kind is LiteralKind.BOOLEAN:
        return int(bool(value))
    if edm == "Edm.String" and kind is LiteralKind.STRING:
        return str(value)
    if edm == "Edm.Guid" and kind in (LiteralKind.GUID, LiteralKind.STRING):
        return _guid(str(value))
    if edm in ("Edm.Date", "Edm.DateTimeOffset"):
        return _date_literal(literal, edm)
    raise TypeError(edm)


def text_to_stored(text: str, column: ColumnDefinition, context: QueryContext) -> SqlValue:
    """A value written as text (FetchXML, query functions) as the column stores it.

    Raises ODataError 400 when the text is no value of the column's type.
    """
    edm = column.edm_type
    try:
        if is_number(edm):
            return _number(Decimal(text.strip()))
        if edm == "Edm.Boolean":
            return _BOOLEANS[text.strip().lower()]
        if edm == "Edm.Guid":
            return _guid(text.strip().strip("{}"))
        if edm == "Edm.Date":
            return parse_instant(text, context).astimezone(context.zone).date().isoformat()
        if edm == "Edm.DateTimeOffset":
            return instant_text(parse_instant(text, context))
    except (ValueError, KeyError, TypeError, InvalidOperation, OverflowError) as error:
        raise invalid_argument(
            f"The value '{text}' is not valid for the column '{column.logical_name}' "
            f"of type {column.type}.",
        ) from error
    return text


def parse_instant(text: str, context: QueryContext) -> datetime:
    """An ISO 8601 instant or day; raises ValueError.

    Without an offset it is the caller's local time.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=context.zone)
    return moment.astimezone(UTC)


def literal_text(literal: Literal) -> str:
    """A literal as the text that FetchXML would carry."""
    if literal.kind is LiteralKind.BOOLEAN:
        return "1" if literal.value else "0"
    return str(literal.value) if literal.kind is LiteralKind.STRING else literal.text


_BOOLEANS = {"1": 1, "true": 1, "0": 0, "false": 0}


def _number(value: object) -> SqlValue:
    number = value if isinstance(value, int | Decimal) else Decimal(str(value))
    if isinstance(number, Decimal):
        if not number.is_finite() or abs(number.adjusted()) > 60:
            raise ValueError(value)
        if number != number.to_integral_value():
            return float(number)
    whole = int(number)
    return whole if -_LARGEST <= whole < _LARGEST else float(whole)


def _guid(text: str) -> str:
    if not is_guid(text):
        raise TypeError(text)
    return text.lower()


def _date_literal(literal: Literal, edm: str) -> SqlValue:
    value = literal.value
    if isinstance(value, str) and literal.kind is LiteralKind.STRING:
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise TypeError(edm) from error
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.date().isoformat() if edm == "Edm.Date" else _exact_instant(aware)
    if isinstance(value, date):
        return value.isoformat() + ("" if edm == "Edm.Date" else "T00:00:00Z")
    raise TypeError(edm)


def _exact_instant(moment: datetime) -> str:
    try:
        text = instant_text(moment)
    except OverflowError as error:
        raise TypeError("Edm.DateTimeOffset") from error
    # Rows hold whole seconds; "~" sorts behind "Z": a fraction compares as later than its second.
    return text if moment.microsecond == 0 else f"{text[:-1]}~"
