"""The values beside an operator: plain data → normalised constants; what they match is in
`matching`.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from engine.conditions.language.model import Scalar, Value
from engine.conditions.language.moments import parse_moment
from engine.conditions.language.operators import ValueKind
from engine.errors import Path

_WHOLE = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)
_MAX_PERIOD = 13


class BadValue(ValueError):  # noqa: N818  a finding, not a fault
    """A value that its operator cannot take; the text completes “the operator X takes …”."""

    def __init__(self, message: str, path: Path = ()) -> None:
        self.path = path
        super().__init__(message)


def parse_value(raw: object, kind: ValueKind) -> Value:
    """Normalise what stands beside an operator; raises BadValue.

    Subclasses that YAML readers hand out become plain types, dates become ISO 8601 text, lists
    tuples.
    """
    return _PARSERS[kind](raw)


def parse_scalar(raw: object) -> Scalar:
    """One plain constant; anything that is none becomes its text."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int):
        return int(raw)
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, float):
        return float(raw)
    return raw.isoformat() if isinstance(raw, date | datetime) else str(raw)


def scalars_of(value: Value) -> tuple[Scalar, ...]:
    """The constants of a value, whatever its shape."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _none(raw: object) -> Value:
    if raw is not None:
        raise BadValue("no value: leave “value” out")
    return None


def _scalar(raw: object) -> Scalar:
    if raw is None:
        raise BadValue("one value, not nothing: for an empty column use the operator null")
    if not isinstance(raw, str | int | float | Decimal | date):
        raise BadValue("one value: a text, a number, a date, true or false")
    value = parse_scalar(raw)
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise BadValue("a number that is finite")
    return value


def _list(raw: object) -> Value:
    items = _items(raw)
    if not items:
        raise BadValue("a list of values: it is empty")
    return tuple(_at(position, item, _scalar) for position, item in enumerate(items))


def _items(raw: object) -> Sequence[object]:
    if isinstance(raw, Sequence) and not isinstance(raw, str | bytes):
        return cast("Sequence[object]", raw)
    return [raw]


def _at(position: int, item: object, parse: Callable[[object], Scalar]) -> Scalar:
    try:
        return parse(item)
    except BadValue as error:
        raise BadValue(str(error), (position,)) from None


def _pair(raw: object) -> Value:
    items = _items(raw)
    if len(items) != 2:
        raise BadValue(f"a list of exactly two values, not {len(items)}")
    return tuple(_at(position, item, _scalar) for position, item in enumerate(items))


def _whole(raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return int(raw)
    if isinstance(raw, str) and _WHOLE.fullmatch(raw):
        return int(raw)
    raise BadValue("a whole number")


def _count(raw: object) -> Value:
    number = _whole(raw)
    if number < 1:
        raise BadValue("a whole number of at least 1")
    return number


def _day(raw: object) -> Value:
    value = _scalar(raw)
    if not isinstance(value, str) or parse_moment(value) is None:
        raise BadValue("a date such as 2026-11-23 or a time such as 2026-11-23T09:00:00Z")
    return value


def _period(raw: object) -> int:
    number = _whole(raw)
    if not 1 <= number <= _MAX_PERIOD:
        raise BadValue("the number of a fiscal period, 1 to 13")
    return number


def _year(raw: object) -> int:
    number = _whole(raw)
    if not date.min.year <= number <= date.max.year:
        raise BadValue("a fiscal year, 1 to 9999")
    return number


def _period_and_year(raw: object) -> Value:
    items = _items(raw)
    if len(items) != 2:
        raise BadValue("a list of two numbers: the fiscal period, then the fiscal year")
    return (_at(0, items[0], _period), _at(1, items[1], _year))


_PARSERS: Mapping[ValueKind, Callable[[object], Value]] = {
    ValueKind.NONE: _none,
    ValueKind.SCALAR: _scalar,
    ValueKind.LIST: _list,
    ValueKind.PAIR: _pair,
    ValueKind.COUNT: _count,
    ValueKind.DAY: _day,
    ValueKind.PERIOD: _period,
    ValueKind.YEAR: _year,
    ValueKind.PERIOD_AND_YEAR: _period_and_year,
}
