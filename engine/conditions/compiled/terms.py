"""One comparison → an expression over hoisted reads; combining expressions is in `codegen`.

A column whose type is known gets lean code that gives up on a cell of another type (the row is then
evaluated by the interpreter); one of unknown type gets code that tells cells apart.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.conditions.compiled.source import (
    CHECKS,
    NEVER,
    Code,
    Reads,
    SpanSlots,
    code,
    give_up,
    join,
    lies_in,
    text_bounds,
)
from engine.conditions.evaluation.cells import NULL_CLASSES, is_number
from engine.conditions.evaluation.constants import Constant, Number
from engine.conditions.evaluation.interpreter import cell_at
from engine.conditions.evaluation.matching import ComparisonContext, cell_matches, pattern_of
from engine.conditions.evaluation.patterns import is_literal, like
from engine.conditions.evaluation.periods import (
    RELATIVE_OPERATORS,
    SPAN_OPERATORS,
    moment_span,
    span_of,
)
from engine.conditions.language.model import ColumnPath, Compare, Operator
from engine.conditions.language.moments import Span
from engine.conditions.language.operators import COMPLEMENTS, Family, family_of
from engine.records import Row
from engine.schema import ColumnType

_AMOUNTS = frozenset({ColumnType.MONEY, ColumnType.DECIMAL, ColumnType.DOUBLE})
_SYMBOLS = {Operator.GT: ">", Operator.GE: ">=", Operator.LT: "<", Operator.LE: "<="}


@dataclass(frozen=True, slots=True)
class SpanKey:
    """A relative span, resolved when the time is known."""

    operator: Operator
    value: object
    is_day: bool


@dataclass(slots=True)
class TermWriter:
    """Writes the expression of one comparison."""

    reads: Reads
    spans: SpanSlots
    condition: Compare
    around: ComparisonContext

    @property
    def _path(self) -> ColumnPath:
        return self.condition.path

    @property
    def _family(self) -> Family | None:
        column = self.around.column
        return None if column is None else family_of(column.type)

    def _bind(self, value: object) -> str:
        return self.reads.namespace.bind(value)

    def write(self) -> Code:
        """The expression; its value is defined for every row that it does not give up on."""
        operator = self.condition.operator
        positive = COMPLEMENTS.get(operator)
        if positive is not None:
            twin = Compare(self._path, positive, self.condition.value)
            return TermWriter(self.reads, self.spans, twin, self.around).write().opposite()
        if operator in SPAN_OPERATORS:
            return self._span_operator()
        return _WRITERS.get(operator, TermWriter.matcher)(self)

    def matcher(self) -> Code:
        """A call of the plain reading, for what has no faster form."""
        path, condition, around = self._path, self.condition, self.around

        def matches(row: Row) -> bool:
            return cell_matches(cell_at(row, path), condition, around)

        return code(f"{self._bind(matches)}(row)", 15.0)

    def null(self) -> Code:
        if self._family is Family.TEXT:
            text, _ = self.reads.text(self._path, self._family)
            return Code(f"(not {text})", f"(not {text})", f"({text})", 0.6)
        raw = self.reads.raw(self._path, self._family)
        if self._has_numbers:
            # No number is below it, so the second half only gives up on what is no number.
            return code(f"{raw} is None or {raw} < {self._bind(-math.inf)}", 0.8)
        return code(f"{raw}.__class__ in {self._bind(NULL_CLASSES)} or {raw} == ''", 1.0)

    def not_null(self) -> Code:
        return self.null().opposite()

    def equal(self) -> Code:
        constants = self.around.constants(self.condition)
        if any(constant.moment is not None for constant in constants):
            return self._equal_moments(constants)
        match self._family:
            case Family.TEXT | Family.REFERENCE:
                return self._equal_text(constants)
            case Family.NUMBER | Family.CHOICE:
                return self._equal_number(constants)
            case None:
                return self._equal_any(constants)
            case _:
                return NEVER if self._family is Family.DATE else self.matcher()

    def _equal_moments(self, constants: tuple[Constant, ...]) -> Code:
        terms = [self._moment_term(Operator.EQ, constant) for constant in constants]
        return terms[0] if len(terms) == 1 else self.matcher()

    def _equal_text(self, constants: tuple[Constant, ...]) -> Code:
        texts = {constant.text for constant in constants if constant.text}
        first, _ = self.reads.text(self._path, self._family)
        return self._is_member(first, texts)

    def _is_member(self, local: str, values: set[object] | set[str]) -> Code:
        if not values:
            return NEVER
        if len(values) == 1:
            name = self._bind(next(iter(values)))
            return Code(f"({local} == {name})", f"({local} == {name})", f"({local} != {name})", 1.0)
        name = self._bind(frozenset(values))
        return Code(f"({local} in {name})", f"({local} in {name})", f"({local} not in {name})", 1.2)

    def _equal_number(self, constants: tuple[Constant, ...]) -> Code:
        numbers = _numbers(constants)
        raw = self.reads.raw(self._path, self._family)
        labels = {constant.label for constant in constants if constant.label is not None}
        by_number = self._is_member(raw, numbers)
        fractions = [number for number in numbers if isinstance(number, float)]
        if fractions:
            by_number = code(self._unless_decimal(by_number.yes, fractions[0]), 1.3)
        if not labels:
            return by_number
        by_label = self._is_member(self.reads.label(self._path), labels)
        both = f"{by_label.yes} and {self._bind(is_number)}({raw})"
        return code(f"{by_number.yes} or ({both})", 2.0)

    def _equal_any(self, constants: tuple[Constant, ...]) -> Code:
        """Of a column of unknown type: text by the folded text, all else by the plain reading."""
        texts = {constant.text for constant in constants if constant.text}
        numbers = _numbers(constants)
        is_caseless = not any(character.isalpha() for text in texts for character in text)
        has_label = any(constant.label is not None for constant in constants)
        if is_caseless and not has_label and not any(isinstance(n, float) for n in numbers):
            raw = self.reads.raw(self._path, None)
            return self._is_member(raw, {*texts, *numbers})
        local = self.reads.folded(self._path, None)
        text = self._is_member(local, texts)
        other = self.matcher()
        return code(
            f"{text.yes} if {local}.__class__ is str else {local} is not None and {other.yes}", 2.0
        )

    def ordered(self) -> Code:
        constant = self.around.constants(self.condition)[0]
        return self._order_term(self.condition.operator, constant)

    def _order_term(self, operator: Operator, constant: Constant) -> Code:
        if constant.moment is not None:
            return self._moment_term(operator, constant)
        has_text = constant.text is not None and constant.is_ordered_text
        if has_text and constant.number is not None:
            return self.matcher()
        if has_text:
            return self._text_order(operator, constant)
        if constant.number is None:
            return NEVER
        raw = self.reads.raw(self._path, self._family)
        test = f"{raw} {_SYMBOLS[operator]} {self._bind(self._number(constant.number))}"
        return code(f"{raw} is not None and {self._unless_decimal(test, constant.number)}", 1.1)

    def _number(self, number: Number) -> Number:
        """Amounts arrive as binary fractions, and like is compared with like the fastest."""
        is_amount = self.around.column is not None and self.around.column.type in _AMOUNTS
        return float(number) if is_amount and float(number) == number else number

    def _unless_decimal(self, test: str, number: Number) -> str:
        """A decimal and a fraction such as 0.1 compare differently here than in `matching`."""
        if isinstance(number, int):
            return test
        raw = self.reads.raw(self._path, self._family)
        return (
            f"({test} if {raw}.__class__ is not {self._bind(Decimal)} else {self._bind(give_up)}())"
        )

    def _text_order(self, operator: Operator, constant: Constant) -> Code:
        has_text, local = self._given_text()
        limit = self._bind(constant.text)
        return code(f"{has_text} and {local} {_SYMBOLS[operator]} {limit}", 1.6)

    def _given_text(self) -> tuple[str, str]:
        """That the cell holds text, and the text folded."""
        first, local = self.reads.text(self._path, self._family)
        is_text = first if self._family is not None else f"{local} and {local}.__class__ is str"
        return is_text, local

    def between(self) -> Code:
        low, high = self.around.constants(self.condition)
        if isinstance(low.number, int) and isinstance(high.number, int) and self._has_numbers:
            raw = self.reads.raw(self._path, self._family)
            limits = (self._number(low.number), self._number(high.number))
            # Not chained: it is single comparisons that CPython specialises.
            inside = f"{raw} >= {self._bind(limits[0])} and {raw} <= {self._bind(limits[1])}"
            return code(f"{raw} is not None and {inside}", 1.3)
        first = self._order_term(Operator.GE, low)
        second = self._order_term(Operator.LE, high)
        return join((first, second), is_all=True)

    @property
    def _has_numbers(self) -> bool:
        return self._family in {Family.NUMBER, Family.CHOICE}

    def like(self) -> Code:
        if self._family not in {None, Family.TEXT, Family.REFERENCE}:
            return self.matcher()
        has_text, local = self._given_text()
        return code(f"{has_text} and {self._pattern(local, pattern_of(self.condition))}", 2.0)

    def _pattern(self, local: str, pattern: str) -> str:
        inner = pattern.strip("%")
        if not is_literal(inner):
            return f"{self._bind(like(pattern))}({local})"
        name = self._bind(inner)
        starts_open, ends_open = pattern.startswith("%"), pattern.endswith("%")
        if starts_open and (ends_open or not inner):
            return f"{name} in {local}"
        if starts_open:
            return f"{local}[-{len(inner)}:] == {name}"
        return f"{local}[:{len(inner)}] == {name}" if ends_open else f"{local} == {name}"

    def on(self) -> Code:
        constant = self.around.constants(self.condition)[0]
        return self._moment_term(self.condition.operator, constant)

    def _moment_term(self, operator: Operator, constant: Constant) -> Code:
        if constant.moment is None:
            return NEVER
        return self._fixed_span(moment_span(operator, constant.moment, self.around.dates))

    def _span_operator(self) -> Code:
        operator, value = self.condition.operator, self.condition.value
        if operator not in RELATIVE_OPERATORS:
            return self._fixed_span(span_of(operator, value, self.around.now, self.around.dates))
        stem = self.spans.slot(SpanKey(operator, value, self._holds_days))
        return self._span_term(f"{stem}low", f"{stem}high", f"{stem}span")

    @property
    def _holds_days(self) -> bool:
        column = self.around.column
        return column is not None and column.type is ColumnType.DATE

    def _fixed_span(self, span: Span) -> Code:
        low, high = text_bounds(span, is_day=self._holds_days)
        names = (self._bind(low) if low else "", self._bind(high) if high != "~" else "")
        return self._span_term(*names, self._bind(span))

    def _span_term(self, low: str, high: str, span: str) -> Code:
        """Text in the wire's form is compared as text; other forms are parsed."""
        days = self._holds_days
        local = self.reads.moment(self._path, self._family, is_day_only=days)
        raw = self.reads.raw(self._path, self._family)
        tests = [f"{local} >= {low}"] * bool(low) + [f"{local} < {high}"] * bool(high)
        check = f"{CHECKS[local[0]]}({local})"
        if self.reads.is_strict:
            # Null, the empty text, lies before every lower bound.
            fast = " and ".join(tests if low else [local, *tests])
            yes, checked = f"({fast})", f"({fast} and {check})"
            return Code(yes, checked, f"(not {checked})", 1.3, frozenset({local}))
        fast = f"({' and '.join(tests)})" if tests else "True"
        slow = f"{local} is not None and {self._bind(lies_in)}({raw}, {span})"
        yes = f"({fast} if {local} else {slow})"
        checked = f"({fast} and {check} if {local} else {slow})"
        return Code(yes, checked, f"(not {checked})", 1.5, frozenset({local}))


def _numbers(constants: tuple[Constant, ...]) -> set[object]:
    found: set[object] = {constant.number for constant in constants if constant.number is not None}
    return found | {option for constant in constants for option in constant.options}


_O = Operator
_WRITERS: Mapping[Operator, Callable[[TermWriter], Code]] = {
    _O.NULL: TermWriter.null,
    _O.NOT_NULL: TermWriter.not_null,
    _O.EQ: TermWriter.equal,
    _O.IN: TermWriter.equal,
    **dict.fromkeys(_SYMBOLS, TermWriter.ordered),
    _O.BETWEEN: TermWriter.between,
    **dict.fromkeys((_O.LIKE, _O.BEGINS_WITH, _O.ENDS_WITH), TermWriter.like),
    **dict.fromkeys((_O.ON, _O.ON_OR_BEFORE, _O.ON_OR_AFTER), TermWriter.on),
}


def resolve_span(key: SpanKey, now: datetime, around: ComparisonContext) -> tuple[str, str, Span]:
    """The bounds of a relative span at `now`, as text and as a span; no text of a date is below
    the lower one where there is none, but null is.
    """
    value = key.value if isinstance(key.value, int) else None
    span = span_of(key.operator, value, now, around.dates)
    low, high = text_bounds(span, is_day=key.is_day)
    return low or "!", high, span
