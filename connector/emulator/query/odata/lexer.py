"""Cuts the text of a query option into tokens with positions; grammar is in `parser`."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.protocol.guids import GUID_PATTERN
from connector.emulator.query.sql.syntax import Literal, LiteralKind, LiteralValue


class TokenKind(StrEnum):
    """What a token is."""

    IDENTIFIER = "identifier"
    LITERAL = "literal"
    ALIAS = "alias"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `start` is its offset in the text, `literal` is set for constants."""

    kind: TokenKind
    text: str
    start: int
    literal: Literal | None = None


_DAY = r"\d{4}-\d{2}-\d{2}"
_TOKENS = re.compile(
    rf"""
      (?P<blank>\s+)
    | (?P<guid>{GUID_PATTERN})(?![\w-])
    | (?P<datetime>{_DAY}T[0-9:.]+(?:Z|[+-]\d{{2}}:\d{{2}})?)
    | (?P<date>{_DAY})(?![\w-])
    | (?P<enum>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+'(?:[^']|'')*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    | (?P<name>\$?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<alias>@[A-Za-z_]\w*)
    | (?P<mark>[(),/=:;*-])
    """,
    re.VERBOSE | re.ASCII,
)
_LARGEST_INTEGER = 2**63 - 1
_LONGEST_NUMBER = 60


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, ended by one END token; raises ODataError with the position."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] in "[{":
            token = _read_json(text, position)
        else:
            token = _read_token(text, position)
        position = token.start + len(token.text)
        if token.text.strip():
            tokens.append(token)
    tokens.append(Token(TokenKind.END, "", len(text)))
    return tokens


def parse_literal(text: str) -> Literal:
    """The single literal that `text` consists of; raises ODataError when it is anything else."""
    tokens = tokenize(text.strip())
    literal = tokens[0].literal
    if len(tokens) != 2 or literal is None:
        raise syntax_error(tokens[0].start, text)
    return literal


def syntax_error(position: int, text: str) -> ODataError:
    """The refusal of text that fits no rule of the grammar."""
    return bad_query(f"Syntax error at position {position} in '{text}'.")


def _read_token(text: str, position: int) -> Token:
    match = _TOKENS.match(text, position)
    if match is None:
        raise _unreadable(text, position)
    kind, piece = str(match.lastgroup), match.group()
    if kind == "name":
        return _name_token(piece, position)
    if kind in ("alias", "mark", "blank"):
        token_kind = TokenKind.ALIAS if kind == "alias" else TokenKind.MARK
        return Token(token_kind, piece, position)
    literal_kind, value = _constant(kind, piece, text, position)
    literal = Literal(literal_kind, value, piece, position)
    return Token(TokenKind.LITERAL, piece, position, literal)


def _name_token(piece: str, position: int) -> Token:
    constants: dict[str, tuple[LiteralKind, LiteralValue]] = {
        "null": (LiteralKind.NULL, None),
        "true": (LiteralKind.BOOLEAN, True),
        "false": (LiteralKind.BOOLEAN, False),
    }
    if piece not in constants:
        return Token(TokenKind.IDENTIFIER, piece, position)
    kind, value = constants[piece]
    return Token(TokenKind.LITERAL, piece, position, Literal(kind, value, piece, position))


def _constant(kind: str, piece: str, text: str, position: int) -> tuple[LiteralKind, LiteralValue]:
    if kind == "string":
        return LiteralKind.STRING, piece[1:-1].replace("''", "'")
    if kind == "guid":
        return LiteralKind.GUID, piece.lower()
    if kind == "enum":
        return LiteralKind.ENUM, piece[piece.index("'") + 1 : -1].replace("''", "'")
    try:
        return _parse_constant(kind, piece)
    except (ValueError, OverflowError, ArithmeticError) as error:
        name = {"datetime": "Edm.DateTimeOffset", "date": "Edm.Date"}.get(kind, "Edm.Decimal")
        message = f"Unrecognized '{name}' literal '{piece}' at '{position}' in '{text}'."
        raise bad_query(message) from error


def _parse_constant(kind: str, piece: str) -> tuple[LiteralKind, LiteralValue]:
    if kind == "date":
        return LiteralKind.DATE, date.fromisoformat(piece)
    if kind == "datetime":
        moment = datetime.fromisoformat(piece)
        if moment.tzinfo is None:
            raise ValueError(piece)
        return LiteralKind.DATETIME, moment.astimezone(UTC)
    number = Decimal(piece)
    if len(piece) > _LONGEST_NUMBER or abs(number.adjusted()) > _LONGEST_NUMBER:
        raise OverflowError(piece)
    if (
        number == number.to_integral_value()
        and abs(number) <= _LARGEST_INTEGER
        and piece.lstrip("-").isdigit()
    ):
        return LiteralKind.INTEGER, int(piece)
    return LiteralKind.DECIMAL, number


def _unreadable(text: str, position: int) -> ODataError:
    character = text[position]
    if character == "'":
        return bad_query(f"There is an unterminated literal at position {len(text)} in '{text}'.")
    if character.isdigit():
        return syntax_error(position, text)
    return bad_query(
        f"Syntax error: character '{character}' is not valid at position {position} in '{text}'."
    )


_JSON_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[\[\]{}]', re.DOTALL)


def _read_json(text: str, start: int) -> Token:
    depth = 0
    for match in _JSON_PIECES.finditer(text, start):
        if match.group() in "[{":
            depth += 1
        elif match.group() in "]}":
            depth -= 1
        if depth == 0:
            return _json_token(text[start : match.end()], start)
    raise bad_query(f"Unbalanced bracket expression at position {start} in '{text}'.")


def _json_token(piece: str, start: int) -> Token:
    literal = Literal(LiteralKind.JSON, piece, piece, start)
    return Token(TokenKind.LITERAL, piece, start, literal)
