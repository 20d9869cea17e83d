"""Discrimination tables: per column, which conditions a value rules out; exact tests are in
`codegen`.

Every condition is one bit of an integer, the first one the highest. A column's table maps a value
to the mask of conditions that the value does not rule out; the masks of all columns are combined,
and only what is left is tested, highest bit first. A table may let too much pass, never too little.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import inf, nextafter

from engine.conditions.compiled.source import text_bounds
from engine.conditions.evaluation.constants import Constant
from engine.conditions.evaluation.matching import ComparisonContext
from engine.conditions.evaluation.periods import (
    RELATIVE_OPERATORS,
    SPAN_OPERATORS,
    moment_span,
    span_of,
)
from engine.conditions.language.context import Context, column_of, logical_name
from engine.conditions.language.model import All, Any, ColumnPath, Compare, Condition, Operator
from engine.conditions.language.moments import Span
from engine.conditions.language.operators import COMPLEMENTS, Family, family_of
from engine.schema import ColumnType

_O = Operator
_ORDERS: Mapping[Operator, Callable[[object, object], bool]] = {
    _O.GT: lambda value, limit: value > limit,  # type: ignore[operator]  # numbers both
    _O.GE: lambda value, limit: value >= limit,  # type: ignore[operator]
    _O.LT: lambda value, limit: value < limit,  # type: ignore[operator]
    _O.LE: lambda value, limit: value <= limit,  # type: ignore[operator]
}
_MOMENT_ORDERS = frozenset({*_ORDERS, _O.EQ, _O.ON, _O.ON_OR_BEFORE, _O.ON_OR_AFTER})

TextRange = tuple[str, str]
_WHOLE = 1 << 52
"""Up to here a float holds whole numbers and halves exactly."""


@dataclass(frozen=True, slots=True)
class Key:
    """A table: a column, how its values are told apart, and what the code needs to know of it."""

    kind: str
    path: ColumnPath
    family: Family
    is_day: bool = False

    @property
    def is_text(self) -> bool:
        """Whether values are told apart as folded text."""
        return self.family in {Family.TEXT, Family.REFERENCE}


_ALWAYS = Span(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Constraint:
    """What one condition demands of one column: `holds` tells for a value, `null` for none.

    `points` are the values where `holds` may change. A date has a `span` instead, resolved with the
    time.
    """

    points: frozenset[object]
    holds: Callable[[object], bool]
    null: bool
    span: Callable[[datetime], Span] = lambda _: _ALWAYS


Constraints = dict[Key, Constraint]


def constraints_of(condition: Condition, context: Context) -> Constraints:
    """What a condition demands of single columns, whatever else it demands; never too much."""
    match condition:
        case All(children):
            return _both(constraints_of(child, context) for child in children)
        case Any(children):
            return _either([constraints_of(child, context) for child in children])
        case Compare():
            return _of_compare(condition, context)
        case _:
            return {}


def _both(parts: Iterable[Constraints]) -> Constraints:
    """Of two spans of one column the first stands for both: letting more pass is allowed."""
    found: Constraints = {}
    for part in parts:
        for key, constraint in part.items():
            if key not in found:
                found[key] = constraint
            elif key.family is not Family.DATE:
                found[key] = _join(found[key], constraint, all)
    return found


def _either(parts: Sequence[Constraints]) -> Constraints:
    if not parts:
        return {}
    found = dict(parts[0])
    for part in parts[1:]:
        found = {
            key: _join(constraint, part[key], any)
            for key, constraint in found.items()
            if key in part and key.family is not Family.DATE
        }
    return found


def _join(
    one: Constraint, other: Constraint, combine: Callable[[Iterable[bool]], bool]
) -> Constraint:
    return Constraint(
        one.points | other.points,
        lambda value: combine((one.holds(value), other.holds(value))),
        combine((one.null, other.null)),
    )


def exact_key(condition: Condition, context: Context) -> Key | None:
    """The table that settles a comparison for good; None where it can only narrow down."""
    if not isinstance(condition, Compare):
        return None
    return next((key for key in _of_compare(condition, context) if key.kind == "value"), None)


def _of_compare(condition: Compare, context: Context) -> Constraints:
    column = column_of(context.schema, context.table, condition.path)
    family = None if column is None else family_of(column.type)
    if column is None or family is None:
        return {}
    around = ComparisonContext(column, context.dates, context.now, {}, None)
    positive = COMPLEMENTS.get(condition.operator)
    name = (*condition.path[:-1], logical_name(condition.path[-1]))
    if condition.operator in {_O.NULL, _O.NOT_NULL}:
        return _of_null(condition.operator, name, family)
    if family is Family.DATE:
        return {} if positive is not None else _of_moment(condition, name, around)
    if (positive or condition.operator) in {_O.EQ, _O.IN}:
        is_in = positive is None
        return _of_values(around.constants(condition), Key("value", name, family), is_in=is_in)
    return {} if positive is not None else _of_range(condition, name, around)


def _of_null(operator: Operator, path: ColumnPath, family: Family) -> Constraints:
    if family not in _VALUED:
        return {}
    is_null = operator is _O.NULL
    return {Key("value", path, family): Constraint(frozenset(), lambda _: not is_null, is_null)}


_VALUED = frozenset({Family.TEXT, Family.REFERENCE, Family.NUMBER, Family.CHOICE})


def _of_values(constants: tuple[Constant, ...], key: Key, *, is_in: bool) -> Constraints:
    if key.family in {Family.TEXT, Family.REFERENCE}:
        values = {constant.text for constant in constants if constant.text}
        return _of_set(key, frozenset[object](values), is_in=is_in)
    numbers = {constant.number for constant in constants} | {
        option for constant in constants for option in constant.options
    }
    is_exact = key.family in _VALUED and all(constant.label is None for constant in constants)
    if not is_exact or any(isinstance(number, float) for number in numbers):
        return {}
    return _of_set(key, frozenset(numbers - {None}), is_in=is_in)


def _of_set(key: Key, values: frozenset[object], *, is_in: bool) -> Constraints:
    return {key: Constraint(values, lambda value: (value in values) == is_in, not is_in)}


def _of_range(condition: Compare, path: ColumnPath, around: ComparisonContext) -> Constraints:
    family = Family.NUMBER if around.column is None else family_of(around.column.type)
    limits = [constant.number for constant in around.constants(condition)]
    is_range = condition.operator in _ORDERS or condition.operator is _O.BETWEEN
    if family not in {Family.NUMBER, Family.CHOICE} or not is_range:
        return {}
    if not all(isinstance(limit, int) and abs(limit) < _WHOLE for limit in limits):
        return {}
    if condition.operator is _O.BETWEEN:
        low, high = limits

        def holds(value: object) -> bool:
            return _ORDERS[_O.GE](value, low) and _ORDERS[_O.LE](value, high)
    else:
        test, limit = _ORDERS[condition.operator], limits[0]

        def holds(value: object) -> bool:
            return test(value, limit)

    points: frozenset[object] = frozenset(limits)
    return {Key("number", path, Family.NUMBER): Constraint(points, holds, null=False)}


def _of_moment(condition: Compare, path: ColumnPath, around: ComparisonContext) -> Constraints:
    operator, value, dates = condition.operator, condition.value, around.dates
    is_relative = operator in RELATIVE_OPERATORS
    if operator in SPAN_OPERATORS:

        def span(now: datetime) -> Span:
            return span_of(operator, value, now, dates)
    else:
        constants = around.constants(condition) if operator in _MOMENT_ORDERS else ()
        moment = constants[0].moment if constants else None
        if moment is None:
            return {}
        fixed = moment_span(operator, moment, dates)

        def span(now: datetime) -> Span:  # noqa: ARG001  a fixed date stays where it is
            return fixed

    is_day = around.column is not None and around.column.type is ColumnType.DATE
    key = Key("relative" if is_relative else "moment", path, Family.DATE, is_day)
    return {key: Constraint(frozenset(), lambda _: True, null=False, span=span)}


Masks = Sequence[int]


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """One column's constraints by condition (bit), and the mask of all conditions."""

    key: Key
    constraints: Mapping[int, Constraint]
    everything: int

    def _mask(self, holds: Callable[[Constraint], bool]) -> int:
        mask = self.everything
        for bit, constraint in self.constraints.items():
            if not holds(constraint):
                mask ^= 1 << bit
        return mask

    def _mask_at(self, value: object) -> int:
        return self._mask(lambda constraint: constraint.holds(value))

    @property
    def null(self) -> int:
        """The conditions that null leaves possible."""
        return self._mask(lambda constraint: constraint.null)

    def by_value(self) -> tuple[dict[object, int], int]:
        """Masks by value, null and empty text included, and the mask of every other value."""
        points = {point for constraint in self.constraints.values() for point in constraint.points}
        masks = {point: self._mask_at(point) for point in points}
        return {**masks, None: self.null, "": self.null}, self._mask_at(object())

    def by_number(self) -> tuple[list[float], list[int]]:
        """Break points, and masks by the value's place among them.

        A limit breaks twice: at itself and just above. What lies between leaves both possible.
        """
        limits = sorted(
            point
            for point in {p for each in self.constraints.values() for p in each.points}
            if isinstance(point, int)
        )
        points = [point for limit in limits for point in (float(limit), nextafter(limit, inf))]
        between = [(low + high) / 2 for low, high in pairwise(limits)]
        masks = [self._mask_at(limits[0] - 1)]
        for limit, gap in zip(limits, [*between, limits[-1] + 1], strict=True):
            above = self._mask_at(gap)
            masks += [self._mask_at(limit) | above, above]
        return points, masks

    def by_moment(self, now: datetime) -> tuple[list[str], list[int]]:
        """Break points as the wire writes time, and masks by the value's place among them."""
        bits: dict[TextRange, int] = {}
        for bit, constraint in self.constraints.items():
            bounds = text_bounds(constraint.span(now), is_day=self.key.is_day)
            bits[bounds] = bits.get(bounds, 0) | 1 << bit
        points = sorted({point for bounds in bits for point in bounds})
        free = self.everything
        for mask in bits.values():
            free &= ~mask
        return points, [free | _inside(bits, at) for at in ("", *points)]


def _inside(bits: Mapping[TextRange, int], at: str) -> int:
    mask = 0
    for (low, high), held in bits.items():
        if low <= at < high:
            mask |= held
    return mask


def build_tables(conditions: Sequence[Condition], context: Context) -> list[ColumnTable]:
    """One table for each column that some condition demands something of."""
    found: dict[Key, dict[int, Constraint]] = {}
    for bit, condition in enumerate(reversed(conditions)):
        for key, constraint in constraints_of(condition, context).items():
            found.setdefault(key, {})[bit] = constraint
    everything = (1 << len(conditions)) - 1
    return [ColumnTable(key, constraints, everything) for key, constraints in found.items()]
