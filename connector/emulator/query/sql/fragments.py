"""Pieces of SQL with their parameters, and the limits one query is held to; knows no tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.storage.database import StoredValue
from connector.emulator.storage.sql_names import quote

SqlValue = StoredValue

MOST_CONDITIONS = 500
MOST_LINKS = 15


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL; `parameters` are in the order of its question marks."""

    text: str
    parameters: tuple[SqlValue, ...] = ()

    def __add__(self, other: "Sql | str") -> "Sql":
        if isinstance(other, str):
            return Sql(self.text + other, self.parameters)
        return Sql(self.text + other.text, self.parameters + other.parameters)

    def __radd__(self, other: str) -> "Sql":
        return Sql(other + self.text, self.parameters)

    def wrap(self) -> "Sql":
        """In parentheses."""
        return Sql(f"({self.text})", self.parameters)


FALSE = Sql("0")
TRUE = Sql("1")
UNKNOWN = Sql("NULL")


def join(separator: str, pieces: Iterable[Sql]) -> Sql:
    """The pieces one after the other."""
    texts: list[str] = []
    parameters: list[SqlValue] = []
    for piece in pieces:
        texts.append(piece.text)
        parameters.extend(piece.parameters)
    return Sql(separator.join(texts), tuple(parameters))


def any_of(pieces: Iterable[Sql]) -> Sql:
    """OR of the pieces, false when there are none; deep trees are avoided by halving."""
    return _balanced(list(pieces), " OR ", FALSE)


def all_of(pieces: Iterable[Sql]) -> Sql:
    """AND of the pieces, true when there are none."""
    return _balanced(list(pieces), " AND ", TRUE)


def _balanced(pieces: list[Sql], operator: str, empty: Sql) -> Sql:
    if not pieces:
        return empty
    if len(pieces) <= 8:
        return pieces[0] if len(pieces) == 1 else join(operator, pieces).wrap()
    middle = len(pieces) // 2
    left = _balanced(pieces[:middle], operator, empty)
    return (left + operator + _balanced(pieces[middle:], operator, empty)).wrap()


def text_literal(text: str) -> str:
    """A name or label of the catalog as an SQL text constant."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def value_list(values: Iterable[SqlValue]) -> Sql:
    """`(?, ?, …)`."""
    bound = tuple(values)
    return Sql(f"({', '.join('?' for _ in bound)})", bound)


def column_sql(alias: str, name: str) -> str:
    """A column of an aliased table."""
    return f"{alias}.{quote(name)}"


@dataclass(slots=True)
class Budget:
    """Counts conditions and joins of one query and hands out table aliases.

    Raises ODataError 400 beyond 500 conditions (joins included) or 15 joins.
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows#condition-limits
    """

    conditions: int = 0
    aliases: int = 0
    links: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    def count_condition(self) -> None:
        """One more condition."""
        self.conditions += 1
        self._check()

    def count_link(self, *path: str) -> None:
        """A join along a path; the same path counts once."""
        self.links.add(path)
        if len(self.links) > MOST_LINKS:
            raise ODataError(
                400,
                ErrorCode.TOO_MANY_LINK_ENTITIES_IN_QUERY,
                "Number of link entities in query exceeded maximum limit.",
            )
        self._check()

    def next_alias(self) -> str:
        """An alias that is not in use."""
        self.aliases += 1
        return f"n{self.aliases}"

    def _check(self) -> None:
        if self.conditions + len(self.links) > MOST_CONDITIONS:
            raise ODataError(
                400,
                ErrorCode.TOO_MANY_CONDITIONS_IN_QUERY,
                "Number of conditions in query exceeded maximum limit.",
            )
