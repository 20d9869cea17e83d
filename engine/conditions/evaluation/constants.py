"""What a rule's constant means for a column of a given type; comparing it with cells is in
`matching`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.conditions.language.model import Scalar
from engine.conditions.language.moments import Moment, parse_moment, to_utc
from engine.conditions.language.operators import Family, family_of
from engine.conditions.language.spelling import spell
from engine.records import GUID
from engine.schema import Column, ColumnType

Number = int | float

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})", re.ASCII)
_BRACED_GUID = re.compile(rf"\{{({GUID.pattern})\}}", re.ASCII)
_TRUTH = {"true": 1, "false": 0, "yes": 1, "no": 0}


@dataclass(frozen=True, slots=True)
class Constant:
    """The readings of one constant; a reading that the column's type rules out is None.

    `text` is folded, for text cells; `is_ordered_text` tells whether it orders them too. `number`
    is for number cells, `options` the numbers of the choices it is a label of, `label` the folded
    label itself. `moment` is a day, or an instant in UTC; a constant that has one is compared with
    dates only.
    """

    text: str | None = None
    is_ordered_text: bool = False
    number: Number | None = None
    options: frozenset[int] = frozenset()
    label: str | None = None
    moment: Moment | None = None


def read_constant(value: Scalar, column: Column | None, zone: ZoneInfo) -> Constant:
    """The readings of a constant for a column; without a column, all that make sense at once."""
    family = None if column is None else family_of(column.type)
    match family:
        case Family.TEXT:
            return Constant(text=fold(spell(value)), is_ordered_text=True)
        case Family.NUMBER:
            return Constant(number=number_of(value))
        case Family.DATE:
            return Constant(moment=_moment_of(value, zone))
        case Family.REFERENCE:
            return Constant(text=_fold_id(value), is_ordered_text=True)
        case _ if family is None or column is None:
            return _any_reading(value, zone)
        case _:
            return _choice(value, column)


def _choice(value: Scalar, column: Column) -> Constant:
    number = number_of(value)
    if number is not None:
        return Constant(number=number)
    label = fold(spell(value))
    numbers = {key for key, name in column.options.items() if fold(name) == label}
    if not numbers and column.type is ColumnType.BOOLEAN and label in _TRUTH:
        numbers = {_TRUTH[label]}
    return Constant(label=label, options=frozenset(numbers))


def _any_reading(value: Scalar, zone: ZoneInfo) -> Constant:
    moment = _moment_of(value, zone)
    if moment is not None:
        return Constant(moment=moment)
    text = _fold_id(value)
    number = number_of(value)
    if not isinstance(value, str):
        return Constant(text=text, number=number)
    truth = frozenset({_TRUTH[text]}) if text in _TRUTH else frozenset[int]()
    label = text if number is None else None
    return Constant(text=text, is_ordered_text=True, number=number, options=truth, label=label)


def fold(text: str) -> str:
    """The form in which text is compared: case does not count, accents do."""
    return text.casefold()


def _fold_id(value: Scalar) -> str:
    text = fold(spell(value))
    found = _BRACED_GUID.fullmatch(text.strip())
    return text if found is None else found[1]


def is_id(value: Scalar) -> bool:
    """Whether a constant is a row's id: a GUID, in braces or not, in either case."""
    return isinstance(value, str) and GUID.fullmatch(_fold_id(value)) is not None


def number_of(value: Scalar) -> Number | None:
    """A constant as a number, text that is nothing but one included; true and false are 1, 0."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    text = value.strip()
    return float(text) if "." in text else int(text)


def _moment_of(value: Scalar, zone: ZoneInfo) -> Moment | None:
    moment = parse_moment(value.strip()) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return to_utc(moment, zone)
    return None if isinstance(moment, bool | int | float | Decimal | str) else moment
