"""One cell against one condition, two-valued and total; walking trees and rows is in `interpreter`.

A cell that cannot be compared (text in a number column, a date that is none) equals nothing and
comes before and after nothing: positive operators do not hold for it, their complements do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.conditions.evaluation.cells import is_number
from engine.conditions.evaluation.constants import Constant, fold, read_constant
from engine.conditions.evaluation.hierarchy import Hierarchies, is_above
from engine.conditions.evaluation.patterns import like
from engine.conditions.evaluation.periods import (
    SPAN_OPERATORS,
    is_in_fiscal_period,
    moment_span,
    span_of,
)
from engine.conditions.language.context import Caller, DateSettings
from engine.conditions.language.model import Compare, Operator
from engine.conditions.language.moments import cell_moment, local_day, zone_of
from engine.conditions.language.operators import COMPLEMENTS, Family, family_of
from engine.conditions.language.spelling import spell
from engine.conditions.language.values import scalars_of
from engine.records import Row
from engine.schema import Column


@dataclass(frozen=True, slots=True)
class Cell:
    """A value with its label, and the expanded row it leads to, for hierarchies."""

    value: object
    label: str | None = None
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class ComparisonContext:
    """What a comparison needs besides the cell."""

    column: Column | None
    dates: DateSettings
    now: datetime
    hierarchies: Hierarchies
    caller: Caller | None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of date operators."""
        return zone_of(self.dates.time_zone)

    def constants(self, condition: Compare) -> tuple[Constant, ...]:
        """The condition's values as the column reads them."""
        scalars = scalars_of(condition.value)
        return tuple(read_constant(scalar, self.column, self.zone) for scalar in scalars)


def cell_matches(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    """Whether a cell satisfies a comparison with a constant."""
    operator = condition.operator
    positive = COMPLEMENTS.get(operator)
    if positive is not None:
        return not _holds(cell, Compare(condition.path, positive, condition.value), around)
    return _holds(cell, condition, around)


def _holds(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    operator = condition.operator
    if operator is Operator.NULL:
        return cell.value is None
    if cell.value is None:
        return False
    if operator in SPAN_OPERATORS:
        moment = cell_moment(cell.value)
        span = span_of(operator, condition.value, around.now, around.dates)
        return moment is not None and span.holds(moment)
    return _TESTS[operator](cell, condition, around)


_Test = Callable[[Cell, Compare, ComparisonContext], bool]


def _is_not_null(_cell: Cell, _condition: Compare, _around: ComparisonContext) -> bool:
    return True


def _equals_one(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    constants = around.constants(condition)
    if around.column is not None and family_of(around.column.type) is Family.MULTI_CHOICE:
        return any(_is_same_choice(cell, constant) for constant in constants)
    return any(equals(cell.value, cell.label, constant, around.dates) for constant in constants)


def equals(value: object, label: str | None, constant: Constant, dates: DateSettings) -> bool:
    """Whether a cell that is not null equals a constant in one of its readings."""
    if constant.moment is not None:
        return _in_moment_span(value, Operator.EQ, constant, dates)
    if isinstance(value, str):
        return constant.text is not None and fold(value) == constant.text
    if not is_number(value):
        return False
    if _alike(value, constant.number) == constant.number or value in constant.options:
        return True
    return constant.label is not None and label is not None and fold(label) == constant.label


def _in_moment_span(
    value: object, operator: Operator, constant: Constant, dates: DateSettings
) -> bool:
    moment = cell_moment(value)
    if moment is None or constant.moment is None:
        return False
    return moment_span(operator, constant.moment, dates).holds(moment)


_ORDERS: Mapping[Operator, frozenset[int]] = {
    Operator.EQ: frozenset({0}),
    Operator.GT: frozenset({1}),
    Operator.GE: frozenset({0, 1}),
    Operator.LT: frozenset({-1}),
    Operator.LE: frozenset({-1, 0}),
}


def is_ordered(value: object, operator: Operator, constant: Constant, dates: DateSettings) -> bool:
    """Whether a cell that is not null stands in the operator's order to a constant."""
    if constant.moment is not None:
        return _in_moment_span(value, operator, constant, dates)
    if isinstance(value, str):
        text = constant.text if constant.is_ordered_text else None
        return text is not None and _sign(fold(value), text) in _ORDERS[operator]
    number = constant.number
    return number is not None and is_number(value) and _sign(value, number) in _ORDERS[operator]


def _sign(left: object, right: object) -> int:
    """-1, 0 or 1; both sides are text, both numbers, both days or both instants."""
    left, right = _alike(left, right), _alike(right, left)
    if left == right:
        return 0
    return 1 if left > right else -1  # type: ignore[operator]  # see the docstring


def _alike(number: object, other: object) -> object:
    """A decimal beside a binary fraction is read as one, so that 0.1 equals 0.1."""
    return float(number) if isinstance(number, Decimal) and isinstance(other, float) else number


def _is_ordered(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    constant = around.constants(condition)[0]
    return is_ordered(cell.value, condition.operator, constant, around.dates)


def _is_between(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    low, high = around.constants(condition)
    return is_ordered(cell.value, Operator.GE, low, around.dates) and is_ordered(
        cell.value, Operator.LE, high, around.dates
    )


def pattern_of(condition: Compare) -> str:
    """The folded `like` pattern of a text operator."""
    text = fold(spell(scalars_of(condition.value)[0]))
    if condition.operator is Operator.BEGINS_WITH:
        return text + "%"
    return "%" + text if condition.operator is Operator.ENDS_WITH else text


def _is_like(cell: Cell, condition: Compare, _around: ComparisonContext) -> bool:
    return isinstance(cell.value, str) and like(pattern_of(condition))(fold(cell.value))


def _is_on(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    constant = around.constants(condition)[0]
    return _in_moment_span(cell.value, condition.operator, constant, around.dates)


def _is_in_fiscal_period(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    moment = cell_moment(cell.value)
    number = condition.value
    if moment is None or not isinstance(number, int):
        return False
    return is_in_fiscal_period(moment, number, around.dates)


def choice_numbers(value: object) -> frozenset[int]:
    """The numbers of a multi-select column, `"1,9"` on the wire; empty for anything else."""
    if is_number(value) and isinstance(value, int):
        return frozenset({int(value)})
    parts = value.split(",") if isinstance(value, str) else []
    numbers = [part.strip() for part in parts]
    if not all(number.isascii() and number.lstrip("-").isdigit() for number in numbers):
        return frozenset()
    return frozenset(int(number) for number in numbers if len(number) < 20)


def _meant_numbers(constant: Constant) -> frozenset[int]:
    number = choice_numbers(constant.number)
    return constant.options | number | choice_numbers(constant.label or constant.text)


def _is_same_choice(cell: Cell, constant: Constant) -> bool:
    held, meant = choice_numbers(cell.value), _meant_numbers(constant)
    if held and held == meant:
        return True
    return bool(held) and cell.label is not None and fold(cell.label) == constant.label


def _contains_choice(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    held = choice_numbers(cell.value)
    label = cell.label if held and cell.label is not None else ""
    labels = {fold(part.strip()) for part in label.split(";")}
    return any(
        held & _meant_numbers(constant) or constant.label in labels
        for constant in around.constants(condition)
    )


def _lacks_choice(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    return not _contains_choice(cell, condition, around)


def _is_caller(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    caller = around.caller
    if caller is None:
        return False
    if condition.operator is Operator.EQ_USERLANGUAGE:
        return is_number(cell.value) and cell.value == caller.language
    held = fold(cell.value) if isinstance(cell.value, str) else ""
    return _CALLER_TESTS[condition.operator](held, caller, around.hierarchies)


def _is_business(held: str, caller: Caller, _hierarchies: Hierarchies) -> bool:
    return caller.business_unit_id is not None and held == fold(caller.business_unit_id)


def _is_team(held: str, caller: Caller, _hierarchies: Hierarchies) -> bool:
    return held in {fold(team) for team in caller.team_ids}


def _is_user(held: str, caller: Caller, _hierarchies: Hierarchies) -> bool:
    return held == fold(caller.user_id)


def _reports_to(held: str, caller: Caller, hierarchies: Hierarchies) -> bool:
    user = fold(caller.user_id)
    return held == user or is_above(user, held, hierarchies)


_CALLER_TESTS: Mapping[Operator, Callable[[str, Caller, Hierarchies], bool]] = {
    Operator.EQ_USERID: _is_user,
    Operator.NE_USERID: lambda held, caller, known: not _is_user(held, caller, known),
    Operator.EQ_BUSINESSID: _is_business,
    Operator.NE_BUSINESSID: lambda held, caller, known: not _is_business(held, caller, known),
    Operator.EQ_USERTEAMS: _is_team,
    Operator.EQ_USERORUSERTEAMS: lambda held, caller, known: (
        _is_user(held, caller, known) or _is_team(held, caller, known)
    ),
    Operator.EQ_USERORUSERHIERARCHY: _reports_to,
    Operator.EQ_USERORUSERHIERARCHYANDTEAMS: lambda held, caller, known: (
        _reports_to(held, caller, known) or _is_team(held, caller, known)
    ),
}


def _is_in_line(cell: Cell, condition: Compare, around: ComparisonContext) -> bool:
    """above, eq-or-above, under, eq-or-under, not-under: the cell's row against the named row."""
    held = fold(cell.value) if isinstance(cell.value, str) else ""
    named = around.constants(condition)[0].text or ""
    operator = condition.operator
    if operator in {Operator.EQ_OR_ABOVE, Operator.EQ_OR_UNDER} and held == named:
        return True
    if operator in {Operator.ABOVE, Operator.EQ_OR_ABOVE}:
        return is_above(held, named, around.hierarchies)
    under = is_above(named, held, around.hierarchies, cell.row)
    return under != (operator is Operator.NOT_UNDER)


_O = Operator
_TESTS: Mapping[Operator, _Test] = {
    _O.NOT_NULL: _is_not_null,
    _O.EQ: _equals_one,
    _O.IN: _equals_one,
    **dict.fromkeys((_O.GT, _O.GE, _O.LT, _O.LE), _is_ordered),
    _O.BETWEEN: _is_between,
    **dict.fromkeys((_O.LIKE, _O.BEGINS_WITH, _O.ENDS_WITH), _is_like),
    _O.CONTAIN_VALUES: _contains_choice,
    _O.NOT_CONTAIN_VALUES: _lacks_choice,
    **dict.fromkeys((_O.ON, _O.ON_OR_BEFORE, _O.ON_OR_AFTER), _is_on),
    _O.IN_FISCAL_PERIOD: _is_in_fiscal_period,
    **dict.fromkeys((*_CALLER_TESTS, _O.EQ_USERLANGUAGE), _is_caller),
    **dict.fromkeys((_O.ABOVE, _O.EQ_OR_ABOVE), _is_in_line),
    **dict.fromkeys((_O.UNDER, _O.EQ_OR_UNDER, _O.NOT_UNDER), _is_in_line),
}


def compare_cells(left: object, operator: Operator, right: object, zone: ZoneInfo) -> bool:
    """A column against another column (eq, ne, gt, ge, lt, le).

    Nothing holds when the right side is null; with the left side null only `ne` holds.
    """
    if right is None:
        return False
    if operator is Operator.NE:
        return left is None or _order(left, right, zone) != 0
    return left is not None and _order(left, right, zone) in _ORDERS[operator]


def _order(left: object, right: object, zone: ZoneInfo) -> int | None:
    """-1, 0, 1, or None where two cells cannot be compared."""
    if is_number(left) and is_number(right):
        return _sign(left, right)
    first, second = cell_moment(left), cell_moment(right)
    if first is not None and second is not None:
        if isinstance(first, datetime) and isinstance(second, datetime):
            return _sign(first, second)
        return _sign(_day(first, zone), _day(second, zone))
    if isinstance(left, str) and isinstance(right, str):
        return _sign(fold(left), fold(right))
    return None


def _day(moment: date, zone: ZoneInfo) -> date:
    return local_day(moment, zone) if isinstance(moment, datetime) else moment
