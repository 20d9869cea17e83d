"""Reads YAML 1.2 (core schema) into nodes that know their places; JSON is read elsewhere."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from settings.nodes import (
    Entries,
    Items,
    Misplaced,
    Node,
    Place,
    Scalar,
    raise_if_not_finite,
    read_operator,
    refuse_depth,
    refuse_second,
)

MAX_NODES = 1_000_000
"""Counted with every alias written out, so that a small file cannot unfold into gigabytes."""

NULL = re.compile(r"null|Null|NULL|~|")
BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+")
PREFIXED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
CORE_TAG = "tag:yaml.org,2002:"
CORE_TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}

Value = str | int | float | bool | None


Kind = Literal["document", "scalar", "alias", "items", "entries", "end"]


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    start_mark: _Mark


class _Parser(Protocol):
    def parse(self, stream: str) -> Iterator[_Event]: ...


class _Fault(Protocol):
    context: str | None
    context_mark: _Mark | None
    problem: str | None
    problem_mark: _Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A parser event, typed: the parser itself carries no types."""

    kind: Kind
    place: Place
    text: str = ""
    anchor: str | None = None
    tag: str | None = None
    is_plain: bool = False


KINDS: dict[str, Kind] = {
    "DocumentStartEvent": "document",
    "ScalarEvent": "scalar",
    "AliasEvent": "alias",
    "SequenceStartEvent": "items",
    "MappingStartEvent": "entries",
    "SequenceEndEvent": "end",
    "MappingEndEvent": "end",
}


def read_yaml(text: str) -> Node:
    """Read one YAML document; raises Misplaced."""
    try:
        return _Composer(_read_tokens(text)).compose()
    except MarkedYAMLError as error:
        fault = cast("_Fault", error)
        mark = fault.problem_mark or fault.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        why = " ".join(part for part in (fault.context, fault.problem) if part)
        raise Misplaced(place, f"this is not YAML: {why}.") from error
    except YAMLError as error:
        raise _explain_reader_error(text, error) from error


def _explain_reader_error(text: str, error: YAMLError) -> Misplaced:
    before = text[: int(getattr(error, "position", 0))]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    character = getattr(error, "character", None)
    if isinstance(character, int):
        return Misplaced(place, f"the character U+{character:04X} is not allowed; take it out.")
    return Misplaced(place, f"this is not YAML: {error}.")


def _read_tokens(text: str) -> Iterator[Token]:
    parser = cast("_Parser", YAML(typ="safe", pure=True))
    for event in parser.parse(text):
        kind = KINDS.get(type(event).__name__)
        if kind is not None:
            yield _build_token(kind, event)


def _build_token(kind: Kind, event: _Event) -> Token:
    tag = getattr(event, "tag", None)
    return Token(
        kind=kind,
        place=(event.start_mark.line + 1, event.start_mark.column + 1),
        text=str(getattr(event, "value", "")),
        anchor=getattr(event, "anchor", None),
        tag=None if tag is None else str(tag),
        is_plain=not getattr(event, "style", None),
    )


class _Composer:
    """Builds nodes from tokens: aliases share their node, duplicate keys are refused."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        self._tokens = tokens
        self._anchors: dict[str, Node | None] = {}

    def compose(self) -> Node:
        root: Node | None = None
        for token in self._tokens:
            if token.kind != "document":
                root = self._compose(token, 0)
            elif root is not None:
                raise Misplaced(token.place, "a second document starts here; keep one in the file.")
        return root if root is not None else Scalar(place=(1, 1), value=None)

    def _compose(self, token: Token, depth: int) -> Node:
        refuse_depth(depth, token.place)
        if token.kind == "alias":
            return self._follow(token)
        if token.anchor is not None:
            self._anchors[token.anchor] = None
        node = self._compose_new(token, depth)
        if node.size > MAX_NODES:
            raise Misplaced(
                node.place, "the aliases below unfold into too much; use fewer of them."
            )
        if token.anchor is not None:
            self._anchors[token.anchor] = node
        return node

    def _follow(self, token: Token) -> Node:
        name = str(token.anchor)
        if name not in self._anchors:
            raise Misplaced(token.place, f"there is no anchor &{name} above this alias.")
        node = self._anchors[name]
        if node is None:
            raise Misplaced(token.place, f"the anchor &{name} contains itself here.")
        return node

    def _compose_new(self, token: Token, depth: int) -> Node:
        if token.kind == "scalar":
            return Scalar(place=token.place, value=_resolve(token))
        if token.tag not in {None, "!", CORE_TAG + "map", CORE_TAG + "seq"}:
            raise Misplaced(token.place, f"the tag {token.tag} is not allowed here; take it out.")
        if token.kind == "items":
            return self._compose_items(token, depth)
        return self._compose_entries(token, depth)

    def _compose_items(self, start: Token, depth: int) -> Items:
        items: list[Node] = []
        while (token := next(self._tokens)).kind != "end":
            items.append(self._compose(token, depth + 1))
        size = 1 + sum(item.size for item in items)
        return Items(place=start.place, items=tuple(items), size=size)

    def _compose_entries(self, start: Token, depth: int) -> Entries:
        entries: dict[str, tuple[Place, Node]] = {}
        while (token := next(self._tokens)).kind != "end":
            if token.kind != "scalar":
                raise Misplaced(token.place, "a key is a word, not a list, a mapping or an alias.")
            refuse_second(token.text, token.place, entries)
            value = self._compose(next(self._tokens), depth + 1)
            entries[token.text] = (token.place, read_operator(token.text, value))
        size = 1 + sum(value.size for _, value in entries.values())
        return Entries(place=start.place, entries=entries, size=size)


def _resolve(token: Token) -> Value:
    if token.tag in {None, "!"}:
        is_text = token.tag == "!" or not token.is_plain
        return token.text if is_text else _resolve_plain(token.text, token.place)
    name = str(token.tag).removeprefix(CORE_TAG)
    if name == "str":
        return token.text
    value = _resolve_plain(token.text, token.place)
    if type(value) is not CORE_TYPES.get(name):
        raise Misplaced(token.place, f"the tag {token.tag} does not fit here; take it out.")
    return value


def _resolve_plain(text: str, place: Place) -> Value:
    """The core schema of YAML 1.2 (section 10.3.2), refusing numbers that would lose something."""
    if NULL.fullmatch(text):
        return None
    if BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if INTEGER.fullmatch(text):
        return _read_integer(text, place)
    if PREFIXED_INTEGER.fullmatch(text):
        return int(text, 0)
    if NUMBER.fullmatch(text):
        return raise_if_not_finite(float(text), text, place)
    if NOT_FINITE.fullmatch(text):
        return raise_if_not_finite(math.inf, text, place)
    return text


def _read_integer(text: str, place: Place) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits.startswith("0"):
        raise Misplaced(place, f'{text} would lose its leading zero; write "{text}" in quotes.')
    if len(digits) > 40:
        raise Misplaced(place, f"a number of {len(digits)} digits; put quotes around a text.")
    return int(text)
