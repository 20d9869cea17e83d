"""Building blocks of generated functions: bound constants, hoisted reads, expressions.

User values never become program text: they are bound to names in the function's namespace. What a
term looks like is in `terms`; trees are put together in `codegen`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from types import CodeType
from typing import NoReturn

from engine.conditions.evaluation.cells import LABEL_SUFFIX, NULL_CLASSES
from engine.conditions.language.context import logical_name
from engine.conditions.language.model import ColumnPath
from engine.conditions.language.moments import Span, cell_moment
from engine.conditions.language.operators import Family


@dataclass(frozen=True, slots=True)
class Code:
    """An expression and its opposite.

    `yes` takes text in the form of a date for a date: it may be true where it should not. `checked`
    and `no` are exact. `unchecked` names the variables to verify once `yes` has turned out true:
    much rarer than every time they are compared.
    """

    yes: str
    checked: str
    no: str
    cost: float
    unchecked: frozenset[str] = frozenset()

    def opposite(self) -> "Code":
        """The same with both sides exchanged."""
        return Code(self.no, self.no, self.checked, self.cost)

    @property
    def guarded(self) -> str:
        """`yes`, then the dates it rests on; a date that is none ends the fast path."""
        checks = [f"(not {name} or {CHECKS[name[0]]}({name}))" for name in sorted(self.unchecked)]
        return " and ".join([self.yes, *checks])


CHECKS = {"d": "is_instant", "e": "is_day"}
"""Names of the functions that verify a variable, by its first letter."""


def code(yes: str, cost: float = 1.0) -> Code:
    """An exact expression whose opposite is plainly its negation."""
    return Code(f"({yes})", f"({yes})", f"(not ({yes}))", cost)


def join(parts: Sequence[Code], *, is_all: bool) -> Code:
    """All or any of some expressions, in their order."""
    word, dual = (" and ", " or ") if is_all else (" or ", " and ")
    return Code(
        f"({word.join(part.yes for part in parts)})",
        f"({word.join(part.checked for part in parts)})",
        f"({dual.join(part.no for part in parts)})",
        sum(part.cost for part in parts),
        frozenset[str]().union(*(part.unchecked for part in parts)),
    )


ALWAYS = Code("True", "True", "False", 0.0)
NEVER = ALWAYS.opposite()


@dataclass(slots=True)
class Namespace:
    """The objects that a generated module works with, under names of its own.

    Functions and classes are globals; everything else takes the place of a placeholder among the
    code's constants, which are faster to reach and smaller to hold.
    """

    names: dict[str, object] = field(
        default_factory=lambda: {"is_instant": is_instant, "is_day": is_day}
    )
    constants: dict[object, object] = field(default_factory=dict[object, object])
    _known: dict[tuple[type, object], str] = field(default_factory=dict[tuple[type, object], str])

    def bind(self, value: object) -> str:
        """An expression for a value; hashable equals of one type share it."""
        fresh = f"K{len(self.names) + len(self.constants)}"
        try:
            name = self._known.setdefault((type(value), value), fresh)
        except TypeError:
            name = fresh
        if callable(value):
            self.names[name] = value
            return name
        self.constants[f"<{name}>"] = value
        return f"'<{name}>'"

    def fill(self, code: CodeType) -> CodeType:
        """Compiled code with its placeholders replaced, nested functions included."""
        constants = tuple(
            self.fill(each) if isinstance(each, CodeType) else self.constants.get(each, each)
            for each in code.co_consts
        )
        return code.replace(co_consts=constants)


@dataclass(slots=True)
class SpanSlots:
    """Spans that are given when the time is known: parameters of the generated factory."""

    keys: list[object] = field(default_factory=list[object])

    def slot(self, key: object) -> str:
        """The stem of the parameter names of a span."""
        if key not in self.keys:
            self.keys.append(key)
        return f"S{self.keys.index(key)}"


@dataclass(slots=True)
class Reads:
    """The local variables of one function: each column is read once, just before its first use.

    Strict reads take a row's own columns in one go and expect them to be there, as the service
    sends them: a KeyError tells otherwise. `direct` maps these columns to their variables. Texts of
    the columns in `rare` are folded where they are compared: most rows never come there.
    """

    namespace: Namespace
    is_strict: bool = False
    rare: frozenset[ColumnPath] = frozenset()
    direct: dict[str, str] = field(default_factory=dict[str, str])
    lines: list[str] = field(default_factory=list[str])
    _locals: dict[tuple[str, ColumnPath], str] = field(
        default_factory=dict[tuple[str, ColumnPath], str]
    )

    def take_lines(self) -> list[str]:
        """The lines to stand before the expression that was just built."""
        lines, self.lines = self.lines, []
        return lines

    def direct_lines(self) -> list[str]:
        """The line that reads all direct columns; to stand before everything else."""
        if not self.direct:
            return []
        # Of a single column the getter would give the bare value.
        names = [*self.direct, next(iter(self.direct))]
        getter = self.namespace.bind(itemgetter(*names))
        return [f"{', '.join(self.direct.values())}, _ = {getter}(row)"]

    def _local(self, kind: str, path: ColumnPath, build: Callable[[str], list[str]]) -> str:
        key = (kind, path)
        if key not in self._locals:
            # Named before it is built: building may need other variables.
            self._locals[key] = f"{kind}{len(self._locals)}"
            self.lines += build(self._locals[key])
        return self._locals[key]

    def getter(self, navigation: ColumnPath) -> str:
        """The `get` of the row at the end of N:1 navigation properties."""
        if not navigation:
            return "g"

        def build(name: str) -> list[str]:
            outer = self.getter(navigation[:-1])
            nothing = self.namespace.bind(_get_nothing)
            return [
                f"{name} = {outer}({self.namespace.bind(navigation[-1])})",
                f"{name} = {name}.get if {name}.__class__ is dict else {nothing}",
            ]

        return self._local("h", navigation, build)

    def raw(self, path: ColumnPath, family: Family | None) -> str:
        """The value as it stands in the row; lookups are read from `_x_value`."""
        name = logical_name(path[-1])

        def build(local: str) -> list[str]:
            getter, bound = self.getter(path[:-1]), self.namespace.bind(name)
            is_lookup = family in {None, Family.REFERENCE}
            if self.is_strict and getter == "g" and not is_lookup:
                self.direct[name] = local
                return []
            lines = [f"{local} = {getter}({bound})"]
            if is_lookup:
                wire = self.namespace.bind(f"_{name}_value")
                nulls = self.namespace.bind(NULL_CLASSES)
                lines.append(f"if {local}.__class__ in {nulls}: {local} = {getter}({wire})")
            return lines

        return self._local("r", (*path[:-1], name), build)

    def folded(self, path: ColumnPath, family: Family | None) -> str:
        """The value folded. In a text column anything but text and null ends the fast path."""
        raw = self.raw(path, family)

        def build(local: str) -> list[str]:
            return [f"{local} = {_fold(raw, family)}"]

        return self._local("s", (*path[:-1], logical_name(path[-1])), build)

    def text(self, path: ColumnPath, family: Family | None) -> tuple[str, str]:
        """The value folded, for one comparison: as it is written first in it, and after that."""
        column = (*path[:-1], logical_name(path[-1]))
        if column not in self.rare or family is None:
            local = self.folded(path, family)
            return local, local
        raw = self.raw(path, family)
        local = self._local("t", column, lambda _: [])
        return f"({local} := {_fold(raw, family)})", local

    def label(self, path: ColumnPath) -> str:
        """The folded formatted value."""
        name = logical_name(path[-1])

        def build(local: str) -> list[str]:
            suffixed = self.namespace.bind(name + LABEL_SUFFIX)
            getter = self.getter(path[:-1])
            return [
                f"{local} = {getter}({suffixed})",
                f"if {local} is not None: {local} = {local}.casefold()",
            ]

        return self._local("l", (*path[:-1], name), build)

    def moment(self, path: ColumnPath, family: Family | None, *, is_day_only: bool) -> str:
        """Text in the wire's own form, which orders as time; None for null, False for other
        forms. In strict reads null is empty text, and other forms end them.
        """
        raw = self.raw(path, family)
        shape = f"{raw}[10:] == ''" if is_day_only else f"len({raw}) == 20 and {raw}[10] == 'T'"

        def build(local: str) -> list[str]:
            if self.is_strict:
                odd = self.namespace.bind(miss)
                return [f"{local} = '' if {raw} is None else {raw} if {shape} else {odd}()"]
            own = f"{raw} if {shape} else False"
            return [f"{local} = None if {raw} is None else {own}"]

        key = (*path[:-1], logical_name(path[-1]))
        return self._local("e" if is_day_only else "d", key, build)


def _fold(raw: str, family: Family | None) -> str:
    if family is None:
        return f"{raw}.casefold() if {raw}.__class__ is str else {raw}"
    return f"{raw} if {raw} is None else {raw}.casefold()"


_NO_ROW: dict[str, object] = {}
_get_nothing = _NO_ROW.get


def give_up() -> NoReturn:
    """End the fast path for the row."""
    raise TypeError


def miss() -> NoReturn:
    """End strict reading: a date is in another form than the wire's."""
    raise KeyError


def is_instant(text: str) -> bool:
    """True for an instant, given as 2026-11-23T09:00:00Z; ValueError for anything else."""
    if text[4::3] != "--T::Z" or text[11:13] == "24":
        raise ValueError(text)  # such as a week's date, or the next day's midnight
    return bool(datetime.fromisoformat(text))


def is_day(text: str) -> bool:
    """True for a day, given as 2026-11-23; ValueError for anything else."""
    if text[4::3] != "--":
        raise ValueError(text)
    return bool(date.fromisoformat(text))


def lies_in(raw: object, span: Span) -> bool:
    """The slow reading of a date: any form, day or instant."""
    moment = cell_moment(raw)
    return moment is not None and span.holds(moment)


def text_bounds(span: Span, *, is_day: bool) -> tuple[str, str]:
    """Bounds, half-open, for text in the wire's form; unbounded ends lie outside all such text."""
    if is_day:
        ends = (span.first, span.until)
        low, high = (None if end is None else _day_text(end) for end in ends)
    else:
        low, high = _second_text(span.start), _second_text(span.end)
    return low or "", high or "~"


def _day_text(ordinal: int) -> str | None:
    if ordinal > date.max.toordinal():
        return "~"
    return date.fromordinal(max(ordinal, 1)).isoformat()


def _second_text(instant: datetime | None) -> str | None:
    """The first whole second that is not before an instant, as the wire writes it."""
    if instant is None:
        return None
    whole = instant.replace(microsecond=0)
    if whole < instant:
        if whole > _LAST_SECOND - timedelta(seconds=1):
            return "~"
        whole += timedelta(seconds=1)
    return whole.replace(tzinfo=None).isoformat() + "Z"


_LAST_SECOND = datetime.max.replace(tzinfo=UTC)
