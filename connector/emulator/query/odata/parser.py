"""Parses filter expressions (OData 4.0 URL conventions, Dataverse's subset) into `syntax` nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.query.odata.lexer import Token, TokenKind, syntax_error, tokenize
from connector.emulator.query.sql.syntax import (
    Call,
    Comparison,
    Logical,
    Name,
    NamedCall,
    Negation,
    Node,
    OrderItem,
    Quantified,
)

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_UNSUPPORTED_OPERATORS = frozenset({"add", "sub", "mul", "div", "mod", "in", "has"})
_DEEPEST = 60


@dataclass(slots=True)
class Cursor:
    """A position in the tokens of one text, with the parameter aliases that may stand in it.

    `aliases` is None where none may stand (inside `$expand`).
    """

    text: str
    aliases: Mapping[str, str] | None = field(default_factory=dict[str, str])
    depth: int = 0
    index: int = 0
    tokens: list[Token] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = tokenize(self.text)

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.index]

    def next_token(self) -> Token:
        """Read one token; END is never passed."""
        token = self.tokens[self.index]
        if token.kind is not TokenKind.END:
            self.index += 1
        return token

    def is_mark(self, mark: str, ahead: int = 0) -> bool:
        """Whether the next token, or one further ahead, is this punctuation mark."""
        position = min(self.index + ahead, len(self.tokens) - 1)
        token = self.tokens[position]
        return token.kind is TokenKind.MARK and token.text == mark

    def is_word(self, *words: str) -> bool:
        """Whether the next token is one of these operator words."""
        return self.token.kind is TokenKind.IDENTIFIER and self.token.text in words

    def take_mark(self, mark: str) -> bool:
        """Read this mark if it comes next."""
        if self.is_mark(mark):
            self.index += 1
            return True
        return False

    def expect_mark(self, mark: str) -> None:
        """Read this mark or raise."""
        if not self.take_mark(mark):
            raise self.fail()

    def expect_identifier(self) -> Token:
        """Read an identifier or raise."""
        if self.token.kind is not TokenKind.IDENTIFIER:
            raise self.fail()
        return self.next_token()

    def expect_end(self) -> None:
        """Raise when anything is left."""
        if self.token.kind is not TokenKind.END:
            raise self.fail()

    def fail(self) -> ODataError:
        """A syntax error at the next token."""
        return syntax_error(self.token.start, self.text)

    def enter(self) -> None:
        """Go one level deeper; raises when an expression is nested too deeply."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise bad_query("Recursion depth exceeded allowed limit.")

    def leave(self) -> None:
        """Come back from a level."""
        self.depth -= 1


def parse_filter(text: str, aliases: Mapping[str, str] | None = None) -> Node:
    """The expression of `$filter`; raises ODataError whose text carries the position.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
    """
    cursor = Cursor(text, aliases or {})
    node = parse_expression(cursor)
    cursor.expect_end()
    return node


def parse_order(text: str, aliases: Mapping[str, str] | None = None) -> tuple[OrderItem, ...]:
    """The keys of `$orderby`: `name desc,createdon`."""
    cursor = Cursor(text, aliases or {})
    items = parse_order_items(cursor)
    cursor.expect_end()
    return items


def parse_order_items(cursor: Cursor) -> tuple[OrderItem, ...]:
    """The keys of `$orderby` up to the first token that cannot belong to them."""
    items: list[OrderItem] = []
    while True:
        start = cursor.token.start
        expression = _parse_primary(cursor)
        if not isinstance(expression, Name):
            raise bad_query(
                f"The $orderby expression at position {start} in '{cursor.text}' must be a "
                "property."
            )
        descending = cursor.is_word("desc")
        if cursor.is_word("asc", "desc"):
            cursor.next_token()
        items.append(OrderItem(expression, descending))
        if not cursor.take_mark(","):
            return tuple(items)


def parse_name(cursor: Cursor) -> Name:
    """A property or a path of navigation properties that ends in one."""
    first = cursor.expect_identifier()
    path = [first.text]
    while cursor.take_mark("/"):
        path.append(cursor.expect_identifier().text)
    return Name(tuple(path), first.start)


def parse_expression(cursor: Cursor) -> Node:
    """An `or` expression and everything that binds tighter."""
    cursor.enter()
    node = _parse_chain(cursor, "or")
    cursor.leave()
    return node


def _parse_chain(cursor: Cursor, operator: str) -> Node:
    operands = [_parse_chain(cursor, "and") if operator == "or" else _parse_comparison(cursor)]
    while cursor.is_word(operator):
        cursor.next_token()
        operands.append(
            _parse_chain(cursor, "and") if operator == "or" else _parse_comparison(cursor)
        )
    if len(operands) == 1:
        return operands[0]
    return Logical(operator, _flattened(operator, operands))


def _flattened(operator: str, operands: list[Node]) -> tuple[Node, ...]:
    nested = (
        each.operands if isinstance(each, Logical) and each.operator == operator else (each,)
        for each in operands
    )
    return tuple(chain.from_iterable(nested))


def _parse_comparison(cursor: Cursor) -> Node:
    left = _parse_unary(cursor)
    token = cursor.token
    if cursor.is_word(*_UNSUPPORTED_OPERATORS):
        raise not_supported(
            f"The method or operation is not implemented: operator '{token.text}' at position "
            f"{token.start} in '{cursor.text}'."
        )
    if not cursor.is_word(*COMPARISONS):
        return left
    cursor.next_token()
    return Comparison(token.text, left, _parse_unary(cursor), token.start)


def _parse_unary(cursor: Cursor) -> Node:
    negations: list[int] = []
    while cursor.is_word("not"):
        negations.append(cursor.next_token().start)
    node = _parse_primary(cursor)
    return node if len(negations) % 2 == 0 else Negation(node, negations[0])


def _parse_primary(cursor: Cursor) -> Node:
    token = cursor.token
    if token.kind is TokenKind.LITERAL and token.literal is not None:
        cursor.next_token()
        return token.literal
    if token.kind is TokenKind.ALIAS:
        return _resolve_alias(cursor, cursor.next_token())
    if cursor.take_mark("("):
        node = parse_expression(cursor)
        if not cursor.take_mark(")"):
            raise bad_query(
                f"')' or operator expected at position {cursor.token.start} in '{cursor.text}'."
            )
        return node
    if token.kind is TokenKind.IDENTIFIER:
        return _parse_named(cursor)
    if token.kind is TokenKind.END:
        raise bad_query(f"Expression expected at position {token.start} in '{cursor.text}'.")
    raise cursor.fail()


def _resolve_alias(cursor: Cursor, token: Token) -> Node:
    if cursor.aliases is None:
        raise bad_query(f"The parameter alias '{token.text}' can't be used inside $expand.")
    text = cursor.aliases.get(token.text, "null")
    inner = Cursor(text, cursor.aliases, cursor.depth)
    inner.enter()
    node = _parse_primary(inner)
    inner.expect_end()
    return node


def _parse_named(cursor: Cursor) -> Node:
    first = cursor.expect_identifier()
    if cursor.is_mark("("):
        return _parse_call(cursor, first)
    path = [first.text]
    while cursor.take_mark("/"):
        step = cursor.expect_identifier()
        if cursor.is_mark("(") and step.text in ("any", "all"):
            return _parse_quantified(cursor, path, step)
        if cursor.is_mark("(") and "." in step.text:
            call = _parse_call(cursor, step)
            return replace(call, target=tuple(path)) if isinstance(call, NamedCall) else call
        if cursor.is_mark("("):
            raise unknown_name(step.text)
        path.append(step.text)
    return Name(tuple(path), first.start)


def _parse_quantified(cursor: Cursor, path: list[str], step: Token) -> Node:
    cursor.expect_mark("(")
    if cursor.take_mark(")"):
        if step.text == "all":
            raise cursor.fail()
        return Quantified(tuple(path), step.text, None, None, step.start)
    variable = cursor.expect_identifier().text
    cursor.expect_mark(":")
    predicate = parse_expression(cursor)
    cursor.expect_mark(")")
    return Quantified(tuple(path), step.text, variable, predicate, step.start)


def _parse_call(cursor: Cursor, name: Token) -> Node:
    cursor.enter()
    cursor.expect_mark("(")
    if cursor.token.kind is TokenKind.IDENTIFIER and cursor.is_mark("=", ahead=1):
        node: Node = NamedCall(name.text, _parse_named_arguments(cursor), name.start)
    else:
        node = Call(name.text, _parse_arguments(cursor), name.start)
    cursor.leave()
    return node


def _parse_arguments(cursor: Cursor) -> tuple[Node, ...]:
    arguments: list[Node] = []
    if cursor.take_mark(")"):
        return ()
    while True:
        arguments.append(parse_expression(cursor))
        if not _another_argument(cursor):
            return tuple(arguments)


def _parse_named_arguments(cursor: Cursor) -> tuple[tuple[str, Node], ...]:
    arguments: list[tuple[str, Node]] = []
    while True:
        name = cursor.expect_identifier().text
        cursor.expect_mark("=")
        if any(name == known for known, _ in arguments):
            raise bad_query(f"The parameter '{name}' was given more than once.")
        arguments.append((name, _parse_primary(cursor)))
        if not _another_argument(cursor):
            return tuple(arguments)


def _another_argument(cursor: Cursor) -> bool:
    if cursor.take_mark(","):
        return True
    if cursor.take_mark(")"):
        return False
    raise bad_query(f"')' or ',' expected at position {cursor.token.start} in '{cursor.text}'.")


def unknown_name(name: str) -> ODataError:
    """The refusal of a call whose name is no function's."""
    return bad_query(
        f"An unknown function with name '{name}' was found. This may also be a function import or "
        "a key lookup on a navigation property, which is not allowed."
    )
