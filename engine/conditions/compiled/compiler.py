"""Conditions → fast callables, which must equal what a condition means in `interpreter`.

All conditions of a rule set become one generated function; many of them are narrowed down first by
the tables of `tables`. A row whose cells are not what the columns' types promise goes to the
interpreter.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Generic, Protocol, TypeVar, cast

from engine.conditions.compiled.codegen import GIVE_UP, FunctionWriter
from engine.conditions.compiled.narrowing import (
    RelativeTable,
    choose_by_samples,
    choose_by_share,
    resolve_table,
    sample_masks,
    write_narrowed,
)
from engine.conditions.compiled.selectivity import Chances, leaves_of, sample_chances
from engine.conditions.compiled.source import Reads, SpanSlots
from engine.conditions.compiled.tables import ColumnTable
from engine.conditions.compiled.terms import SpanKey, resolve_span
from engine.conditions.evaluation.hierarchy import Hierarchies
from engine.conditions.evaluation.interpreter import Attributes, holds
from engine.conditions.evaluation.matching import ComparisonContext
from engine.conditions.language.context import Caller, Context, DateSettings
from engine.conditions.language.model import Condition
from engine.conditions.language.moments import cell_moment
from engine.records import Row
from engine.schema import Schema

TABLES_FROM = 150
"""So many conditions and more are narrowed down by tables."""

MAX_SAMPLES = 300
"""Rows beyond these teach nothing more about the order of children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What conditions are compiled against.

    `samples` are rows like those to come: they tell how often conditions hold, hence in which order
    they are best tried. From `tables_from` conditions on tables narrow them down. `hierarchies` and
    `caller` are read while compiling: compile again when they change.
    """

    dates: DateSettings = field(default_factory=DateSettings)
    table: str | None = None
    schema: Schema | None = None
    hierarchies: Hierarchies | None = None
    caller: Caller | None = None
    samples: Sequence[Row] = ()
    tables_from: int = TABLES_FROM

    def context(self, now: datetime) -> Context:
        """The same as the interpreter wants it."""
        return Context(
            now=now,
            dates=self.dates,
            hierarchies=self.hierarchies or {},
            caller=self.caller,
            table=self.table,
            schema=self.schema or {},
        )


class _Test(Protocol):
    def __call__(self, row: Row, record: Row, attributes: Attributes | None = None) -> int: ...


class _TestMany(Protocol):
    def __call__(self, rows: Iterator[Row], add: Callable[[int], None]) -> None: ...


_Function = TypeVar("_Function")


class _Program(Generic[_Function]):
    """A generated function whose relative dates are bound anew when the time has moved.

    `test` is the function for the instant `now`.
    """

    def __init__(self, factory: Callable[..., object], spans: SpanSlots, context: Context) -> None:
        self._factory = factory
        self._keys = spans.keys
        self._around = ComparisonContext(None, context.dates, context.now, {}, None)
        self.now = context.now
        self.test: _Function = self._bind(context.now)

    def at(self, now: datetime) -> _Function:
        """The function for an instant."""
        if self.now is not now:
            if self._keys and self.now != now:
                self.test = self._bind(now)
            self.now = now
        return self.test

    def _bind(self, now: datetime) -> _Function:
        values = [part for key in self._keys for part in self._resolve(key, now)]
        return cast("_Function", self._factory(*values))

    def _resolve(self, key: object, now: datetime) -> tuple[object, object, object]:
        if isinstance(key, SpanKey):
            return resolve_span(key, now, self._around)
        return resolve_table(cast("RelativeTable", key), now)


class FirstMatch:
    """The conditions of one table's segments, tried in order."""

    def __init__(self, conditions: Sequence[Condition | None], options: CompileOptions) -> None:
        self._conditions = tuple(conditions)
        self._options = options
        self._context = options.context(_EPOCH)
        present = [condition for condition in self._conditions if condition is not None]
        self._chances = learn_chances(present, options)
        self._is_narrowed = len(present) >= options.tables_from
        self._is_strict = True
        self._program = self._compile()

    def _compile(self) -> _Program[_Test]:
        writer = FunctionWriter(self._context, self._chances)
        if self._is_narrowed:
            chooser = _chooser(self._options, self._chances)
            entry = write_narrowed(writer, self._conditions, chooser, is_strict=self._is_strict)
        else:
            entry = writer.first_match(self._conditions, is_strict=self._is_strict)
        return _Program(writer.build(entry), writer.spans, self._context)

    @cached_property
    def _program_of_many(self) -> _Program[_TestMany]:
        writer = FunctionWriter(self._context, self._chances)
        entry = writer.first_matches(self._conditions, is_strict=self._is_strict)
        return _Program(writer.build(entry), writer.spans, self._context)

    def first_match(self, row: Row, now: datetime) -> int:
        """The position of the first condition that holds for the row at `now`; -1 for none."""
        program = self._program
        try:
            test = program.test if program.now is now else program.at(now)
            return test(row, row)
        except KeyError:
            return self._without_columns(row, now)
        except GIVE_UP:
            return self._interpret(row, now)

    def first_matches(self, rows: Sequence[Row], now: datetime) -> list[int]:
        """`first_match` of many rows at one time, in their order."""
        if self._is_narrowed:
            return [self.first_match(row, now) for row in rows]
        found: list[int] = []
        left = iter(rows)
        while len(found) < len(rows):
            try:
                self._program_of_many.at(now)(left, found.append)
            except (KeyError, *GIVE_UP):
                # The row that ended the run has been taken from `left`, but has no answer yet.
                found.append(self.first_match(rows[len(found)], now))
        return found

    def _without_columns(self, row: Row, now: datetime) -> int:
        """From the first row that lacks a column on, rows are read as if any might."""
        self._is_strict = False
        self._program = self._compile()
        self.__dict__.pop("_program_of_many", None)
        return self.first_match(row, now)

    def _interpret(self, row: Row, now: datetime) -> int:
        context = replace(self._context, now=now)
        for position, condition in enumerate(self._conditions):
            if condition is None or holds(condition, row, context):
                return position
        return -1


class Predicate:
    """One condition."""

    def __init__(self, condition: Condition, options: CompileOptions) -> None:
        self._condition = condition
        self._context = options.context(_EPOCH)
        writer = FunctionWriter(self._context, learn_chances([condition], options))
        entry = writer.predicate(condition, self._context)
        self._program: _Program[_Test] = _Program(writer.build(entry), writer.spans, self._context)

    def __call__(
        self,
        row: Row,
        now: datetime,
        *,
        record: Row | None = None,
        attributes: Attributes | None = None,
    ) -> bool:
        """Whether it holds; `record` and `attributes` are for sellers, teams and queues."""
        try:
            test = self._program.at(now)
            return bool(test(row, row if record is None else record, attributes))
        except GIVE_UP:
            context = replace(self._context, now=now, record=record, attributes=attributes)
            return holds(self._condition, row, context)


def compile_first_match(
    conditions: Sequence[Condition | None], options: CompileOptions | None = None
) -> FirstMatch:
    """Compile conditions that are tried in order; None stands for one that always holds.

    Raises ConfigProblem when the date settings make no calendar.
    """
    return FirstMatch(conditions, options or CompileOptions())


def compile_predicate(condition: Condition, options: CompileOptions | None = None) -> Predicate:
    """Compile one condition; raises ConfigProblem when the date settings make no calendar."""
    return Predicate(condition, options or CompileOptions())


def _chooser(
    options: CompileOptions, chances: Chances
) -> Callable[[list[ColumnTable]], list[ColumnTable]]:
    samples = options.samples[:MAX_SAMPLES]
    if not samples:
        return choose_by_share
    context = options.context(_latest(samples))
    return lambda tables: choose_by_samples(tables, sample_masks(tables, context, samples, chances))


def learn_chances(conditions: Sequence[Condition], options: CompileOptions) -> Chances:
    """How often the parts of conditions hold in the samples, at the time of the latest of them."""
    samples = options.samples[:MAX_SAMPLES]
    leaves = list(dict.fromkeys(leaf for each in conditions for leaf in leaves_of(each)))
    if not samples or not leaves:
        return Chances()
    now = _latest(samples)
    return Chances(sample_chances(leaves, _outcomes(leaves, samples, options.context(now))))


def _outcomes(
    leaves: Sequence[Condition], samples: Sequence[Row], context: Context
) -> list[Sequence[bool]]:
    """Whether each leaf holds, sample by sample; samples with unfit cells teach nothing."""
    writer = FunctionWriter(context, Chances())
    reads = Reads(writer.namespace)
    expressions = [writer.expression(leaf, reads, context).checked for leaf in leaves]
    values = "".join(f"bool({each}), " for each in expressions)
    entry = writer.add_function("outcomes", [*reads.take_lines(), f"return ({values})"])
    program: _Program[_Test] = _Program(writer.build(entry), writer.spans, context)
    found: list[Sequence[bool]] = []
    for row in samples:
        try:
            found.append(cast("Sequence[bool]", program.at(context.now)(row, row)))
        except GIVE_UP:
            continue
    return found


def _latest(samples: Sequence[Row]) -> datetime:
    """A time at which the samples were new: relative dates say nothing about them at another."""
    moments = [
        cell_moment(row.get(name)) for row in samples for name in ("createdon", "modifiedon")
    ]
    return max((moment for moment in moments if isinstance(moment, datetime)), default=_EPOCH)


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
