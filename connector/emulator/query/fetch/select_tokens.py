"""Reads the tokens and conditions of `?sql=` statements.

The statement itself is read in `select_statement`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.query.fetch.fetchxml import FetchCondition, FetchFilter

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<string>N?'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<quoted>\[[^\]]+\]|"[^"]+")
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark><>|!=|<=|>=|[=<>(),.*;])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS = {
    "=": "eq",
    "<>": "ne",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}
_NEGATED = {
    "eq": "ne",
    "ne": "eq",
    "lt": "ge",
    "ge": "lt",
    "gt": "le",
    "le": "gt",
    "in": "not-in",
    "not-in": "in",
    "like": "not-like",
    "not-like": "like",
    "null": "not-null",
    "not-null": "null",
    "between": "not-between",
    "not-between": "between",
}
_DEEPEST = 30


@dataclass(frozen=True, slots=True)
class SqlToken:
    """A token; `kind` is the name of its group, END at the end."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """`alias.name`, or `name` alone."""

    alias: str | None
    name: str


@dataclass(slots=True)
class SqlCursor:
    """A position in the tokens of one statement."""

    text: str
    index: int = 0
    depth: int = 0
    tokens: list[SqlToken] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = _tokenize(self.text)

    @property
    def token(self) -> SqlToken:
        """The token to be read next."""
        return self.tokens[self.index]

    def next_token(self) -> SqlToken:
        """Read one token; END is never passed."""
        token = self.token
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def is_word(self, *words: str) -> bool:
        """Whether a keyword comes next."""
        return self.token.kind == "word" and self.token.text.upper() in words

    def take_word(self, *words: str) -> bool:
        """Read these keywords if all of them come next."""
        ahead = self.tokens[self.index : self.index + len(words)]
        if [each.text.upper() for each in ahead if each.kind == "word"] != list(words):
            return False
        self.index += len(words)
        return True

    def take_mark(self, mark: str) -> bool:
        """Read a mark if it comes next."""
        if self.token.kind == "mark" and self.token.text == mark:
            self.index += 1
            return True
        return False

    def expect(self, holds: bool) -> None:
        """Raise at the next token unless `holds`."""
        if not holds:
            raise self.fail()

    def fail(self) -> ODataError:
        """The refusal of the next token."""
        return invalid_argument(
            f"Incorrect syntax near position {self.token.start} in '{self.text}'."
        )

    def name(self) -> str:
        """Read an identifier."""
        self.expect(self.token.kind in ("word", "quoted"))
        token = self.next_token()
        return (token.text[1:-1] if token.kind == "quoted" else token.text).lower()

    def column(self) -> SqlColumn:
        """Read `name` or `alias.name`."""
        first = self.name()
        if self.take_mark("."):
            return SqlColumn(first, self.name())
        return SqlColumn(None, first)

    def value(self) -> str:
        """Read a constant."""
        token = self.next_token()
        if token.kind == "string":
            return token.text[token.text.index("'") + 1 : -1].replace("''", "'")
        if token.kind != "number":
            self.index -= 1
            raise self.fail()
        return token.text


Owner = Callable[[str | None], str | None]


def parse_conditions(cursor: SqlCursor, owner: Owner) -> FetchFilter:
    """The condition behind WHERE; `owner` turns a table's alias into that of the query tree."""
    return _as_filter(_known(_parse_or(cursor, owner)))


Part = FetchCondition | FetchFilter


def _as_filter(part: Part) -> FetchFilter:
    return part if isinstance(part, FetchFilter) else FetchFilter(False, (part,))


def _parse_or(cursor: SqlCursor, owner: Owner) -> Part:
    parts = [_parse_and(cursor, owner)]
    while cursor.take_word("OR"):
        parts.append(_parse_and(cursor, owner))
    return parts[0] if len(parts) == 1 else FetchFilter(True, tuple(parts))


def _parse_and(cursor: SqlCursor, owner: Owner) -> Part:
    parts = [_parse_not(cursor, owner)]
    while cursor.take_word("AND"):
        parts.append(_parse_not(cursor, owner))
    return parts[0] if len(parts) == 1 else FetchFilter(False, tuple(parts))


def _parse_not(cursor: SqlCursor, owner: Owner) -> Part:
    negated = False
    while cursor.take_word("NOT"):
        negated = not negated
    if cursor.take_mark("("):
        cursor.depth += 1
        if cursor.depth > _DEEPEST:
            raise invalid_argument("The statement is nested too deeply.")
        part = _parse_or(cursor, owner)
        cursor.depth -= 1
        cursor.expect(cursor.take_mark(")"))
    else:
        part = _parse_predicate(cursor, owner)
    return _negate(part) if negated else part


def _negate(part: Part) -> Part:
    if isinstance(part, FetchCondition):
        return replace(part, operator=_NEGATED[part.operator])
    return FetchFilter(not part.is_or, tuple(_negate(_as_part(each)) for each in part.parts))


def _as_part(each: object) -> Part:
    if isinstance(each, FetchCondition | FetchFilter):
        return each
    raise invalid_argument("The statement holds a condition that can't be negated.")


def _known(part: Part) -> Part:
    """SQL's comparisons never hold for null, FetchXML's negative ones do."""
    if isinstance(part, FetchFilter):
        return FetchFilter(part.is_or, tuple(_known(_as_part(each)) for each in part.parts))
    if part.operator not in ("ne", "not-in", "not-like", "not-between"):
        return part
    present = FetchCondition(part.attribute, "not-null", (), part.entity)
    return FetchFilter(False, (part, present))


def _parse_predicate(cursor: SqlCursor, owner: Owner) -> Part:
    column = cursor.column()
    entity = owner(column.alias)
    if cursor.take_word("IS"):
        operator = "not-null" if cursor.take_word("NOT") else "null"
        cursor.expect(cursor.take_word("NULL"))
        return FetchCondition(column.name, operator, (), entity)
    prefix = "not-" if cursor.take_word("NOT") else ""
    for word, values in (("IN", _list), ("LIKE", _single), ("BETWEEN", _range)):
        if cursor.take_word(word):
            operator = prefix + word.lower()
            return FetchCondition(column.name, operator, values(cursor), entity)
    cursor.expect(not prefix and cursor.token.text in _COMPARISONS)
    operator = _COMPARISONS[cursor.next_token().text]
    if cursor.token.kind in ("word", "quoted"):
        other = cursor.column()
        alias = owner(other.alias)
        name = f"{alias}.{other.name}" if alias else other.name
        return FetchCondition(column.name, operator, (), entity, name)
    return FetchCondition(column.name, operator, _single(cursor), entity)


def _single(cursor: SqlCursor) -> tuple[str, ...]:
    return (cursor.value(),)


def _list(cursor: SqlCursor) -> tuple[str, ...]:
    cursor.expect(cursor.take_mark("("))
    values = [cursor.value()]
    while cursor.take_mark(","):
        values.append(cursor.value())
    cursor.expect(cursor.take_mark(")"))
    return tuple(values)


def _range(cursor: SqlCursor) -> tuple[str, ...]:
    low = cursor.value()
    cursor.expect(cursor.take_word("AND"))
    return low, cursor.value()


def _tokenize(text: str) -> list[SqlToken]:
    tokens: list[SqlToken] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKENS.match(text, position)
        if match is None:
            raise invalid_argument(f"Incorrect syntax near position {position} in '{text}'.")
        kind = str(match.lastgroup)
        tokens.append(SqlToken(kind, match.group(kind), match.start(kind)))
        position = match.end()
    tokens.append(SqlToken("end", "", end))
    return tokens
