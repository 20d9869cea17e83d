"""Conditions → fast callables; what a condition means is in `interpreter`, which the result must equal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.conditions.context import Caller, Context, DateSettings
from engine.conditions.hierarchy import Hierarchies
from engine.conditions.interpreter import holds
from engine.conditions.model import Condition
from engine.records import Row
from engine.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What conditions are compiled against; `samples` are rows that tell how often conditions hold."""

    dates: DateSettings = DateSettings()
    table: str | None = None
    schema: Schema | None = None
    hierarchies: Hierarchies | None = None
    caller: Caller | None = None
    samples: Sequence[Row] = ()


class FirstMatch:
    """The conditions of one table's segments, tried in order."""

    def __init__(self, conditions: Sequence[Condition | None], options: CompileOptions) -> None:
        self._conditions = tuple(conditions)
        self._options = options

    def first_match(self, row: Row, now: datetime) -> int:
        """The position of the first condition that holds for the row at `now`; -1 when none does."""
        context = _context(self._options, now)
        for position, condition in enumerate(self._conditions):
            if condition is None or holds(condition, row, context):
                return position
        return -1


class Predicate:
    """One condition."""

    def __init__(self, condition: Condition | None, options: CompileOptions) -> None:
        self._condition = condition
        self._options = options

    def __call__(
        self,
        row: Row,
        now: datetime,
        *,
        record: Row | None = None,
        attributes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> bool:
        """Whether the condition holds; `record` and `attributes` are for sellers, teams and queues."""
        if self._condition is None:
            return True
        context = _context(self._options, now, record, attributes)
        return holds(self._condition, row, context)


def compile_first_match(
    conditions: Sequence[Condition | None], options: CompileOptions | None = None
) -> FirstMatch:
    """Compile conditions that are tried in order; None stands for one that always holds."""
    return FirstMatch(conditions, options or CompileOptions())


def compile_predicate(
    condition: Condition | None, options: CompileOptions | None = None
) -> Predicate:
    """Compile one condition; None stands for one that always holds."""
    return Predicate(condition, options or CompileOptions())


def _context(
    options: CompileOptions,
    now: datetime,
    record: Row | None = None,
    attributes: Mapping[str, tuple[str, ...]] | None = None,
) -> Context:
    return Context(
        now,
        options.dates,
        record,
        attributes,
        options.hierarchies or {},
        options.caller,
        options.table,
        options.schema or {},
    )
