"""Condition trees → one generated Python function; single comparisons are written in `terms`.

Children of all/any are put in the order of cost and chance. That is sound because every comparison
has a definite answer and no effect: the order can change only the time it takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never, cast

from engine.conditions.compiled.selectivity import Chances
from engine.conditions.compiled.source import (
    ALWAYS,
    NEVER,
    Code,
    Namespace,
    Reads,
    SpanSlots,
    code,
    join,
)
from engine.conditions.compiled.terms import TermWriter
from engine.conditions.evaluation.cells import (
    has_related,
    read_cell,
    related_row,
    related_rows,
    scalar,
)
from engine.conditions.evaluation.interpreter import attribute_matches
from engine.conditions.evaluation.matching import ComparisonContext, compare_cells
from engine.conditions.language.context import Context, column_of, table_of
from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Related,
    SellerAttribute,
)
from engine.conditions.language.moments import zone_of
from engine.conditions.language.operators import family_of
from engine.records import Row

GIVE_UP = (TypeError, AttributeError, ValueError, ArithmeticError)
"""What lean code raises on a cell that its column's type does not promise."""


@dataclass(slots=True)
class FunctionWriter:
    """Writes functions over one table's rows into one module; nested ones for related rows."""

    context: Context
    chances: Chances
    namespace: Namespace = field(default_factory=Namespace)
    spans: SpanSlots = field(default_factory=SpanSlots)
    functions: list[str] = field(default_factory=list[str])

    def expression(self, condition: Condition, reads: Reads, context: Context) -> Code:
        """A condition as an expression over the function's locals."""
        match condition:
            case All(children):
                return self._joined(children, reads, context, is_all=True)
            case Any(children):
                return self._joined(children, reads, context, is_all=False)
            case Not(child):
                return self.expression(child, reads, context).opposite()
            case Compare():
                return self._compare(condition, reads, context)
            case CompareColumns():
                return self._columns(condition, reads, context)
            case Related():
                return self._related(condition, context)
            case SellerAttribute():
                test, bound = self.namespace.bind(attribute_matches), self.namespace.bind(condition)
                return code(f"{test}({bound}, attributes)", 10.0)
            case _:
                assert_never(condition)

    def _joined(
        self, children: Sequence[Condition], reads: Reads, context: Context, *, is_all: bool
    ) -> Code:
        ordered = self.chances.order(children, is_all=is_all)
        parts = [self.expression(child, reads, context) for child in ordered]
        if not parts:
            return ALWAYS if is_all else NEVER
        return join(parts, is_all=is_all)

    def _compare(self, condition: Compare, reads: Reads, context: Context) -> Code:
        around = ComparisonContext(
            column_of(context.schema, context.table, condition.path),
            context.dates,
            context.now,
            context.hierarchies,
            context.caller,
        )
        return TermWriter(reads, self.spans, condition, around).write()

    def _columns(self, condition: CompareColumns, reads: Reads, context: Context) -> Code:
        bind = self.namespace.bind
        left = self._cell(condition.path, reads, context)
        if condition.other_is_record:
            right = f"{bind(_read)}(record, {bind(condition.other)})"
        else:
            right = self._cell(condition.other, reads, context)
        zone = bind(zone_of(context.dates.time_zone))
        return code(
            f"{bind(compare_cells)}({left}, {bind(condition.operator)}, {right}, {zone})", 12.0
        )

    def _cell(self, path: ColumnPath, reads: Reads, context: Context) -> str:
        column = column_of(context.schema, context.table, path)
        raw = reads.raw(path, None if column is None else family_of(column.type))
        return f"{self.namespace.bind(scalar)}({raw})"

    def _related(self, condition: Related, context: Context) -> Code:
        bind = self.namespace.bind
        navigation = bind(condition.navigation)
        if condition.where is None:
            found = code(f"{bind(has_related)}(row, {navigation})", 12.0)
            return found if condition.exists else found.opposite()
        table = table_of(context.schema, context.table, condition.navigation)
        test = self.predicate(condition.where, context.at_table(table))
        found = code(f"{bind(_any_row)}(row, {navigation}, {test}, record, attributes)", 30.0)
        return found if condition.exists else found.opposite()

    def predicate(self, condition: Condition, context: Context) -> str:
        """A nested function of one row; its name."""
        name = f"test{len(self.functions)}"
        self.functions.append("")
        at = len(self.functions) - 1
        reads = Reads(self.namespace, rare=self.chances.find_rare([condition]))
        expression = self.expression(condition, reads, context)
        body = [*reads.take_lines(), f"return True if {expression.guarded} else False"]
        self.functions[at] = _function(name, body)
        return name

    def first_match(
        self, conditions: Sequence[Condition | None], *, is_strict: bool = False
    ) -> str:
        """The name of a function that returns the position of the first that holds, or -1."""
        body = self._try_in_order(conditions, "return {}", is_strict=is_strict)
        return self.add_function("match", body)

    def first_matches(
        self, conditions: Sequence[Condition | None], *, is_strict: bool = False
    ) -> str:
        """The same over `rows`, each position given to `add`: without a call for each row."""
        body = self._try_in_order(conditions, "add({}); continue", is_strict=is_strict)
        head = ["def matches(rows, add, attributes=None):", "    for row in rows:"]
        lines = ["record, g = row, row.get", *body]
        self.functions.append("\n".join([*head, *("        " + line for line in lines)]))
        return "matches"

    def _try_in_order(
        self, conditions: Sequence[Condition | None], answer: str, *, is_strict: bool
    ) -> list[str]:
        """The lines that answer with the position of the first condition that holds, or -1."""
        always = conditions.index(None) if None in conditions else len(conditions)
        tested = cast("Sequence[Condition]", conditions[:always])
        reads = Reads(self.namespace, is_strict, self.chances.find_rare(tested))
        body: list[str] = []
        for position, condition in enumerate(tested):
            expression = self.expression(condition, reads, self.context)
            body += [*reads.take_lines(), f"if {expression.guarded}: {answer.format(position)}"]
        last = always if always < len(conditions) else -1
        return [*reads.direct_lines(), *body, answer.format(last)]

    def add_function(self, name: str, body: list[str]) -> str:
        """A function over `row` with the row's `get` as `g`; its name."""
        self.functions.append(_function(name, body))
        return name

    def build(self, entry: str) -> Callable[..., object]:
        """The factory: given the bounds of the relative spans, it returns the function `entry`."""
        slots = [
            f"S{at}{part}" for at in range(len(self.spans.keys)) for part in ("low", "high", "span")
        ]
        lines = [f"def factory({', '.join(slots)}):"]
        lines += ["    " + line for text in self.functions for line in text.splitlines()]
        lines.append(f"    return {entry}")
        scope = dict(self.namespace.names)
        module = compile("\n".join(lines), "<conditions>", "exec")
        exec(self.namespace.fill(module), scope)  # noqa: S102  no user text is in it: see `source`
        return cast("Callable[..., object]", scope["factory"])


def _function(name: str, body: list[str]) -> str:
    head = [f"def {name}(row, record=None, attributes=None):", "    g = row.get"]
    return "\n".join([*head, *("    " + line for line in body)])


def _read(row: Row, path: ColumnPath) -> object:
    return read_cell(related_row(row, path[:-1]), path[-1])


def _any_row(
    row: Row,
    navigation: ColumnPath,
    test: Callable[[Row, Row, object], bool],
    record: Row,
    attributes: object,
) -> bool:
    return any(test(each, record, attributes) for each in related_rows(row, navigation))
