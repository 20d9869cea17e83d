"""Parses resource paths (`leads(guid)/ownerid/$ref`) and resolves them against the catalog.

It reads no rows.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import Navigation
from connector.emulator.catalog.table_definition import (
    PRINCIPALS,
    ColumnDefinition,
    TableDefinition,
)
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query, missing_property
from connector.emulator.protocol.guids import is_guid
from connector.emulator.query.odata.lexer import TokenKind, parse_literal
from connector.emulator.query.odata.options import decode_escapes
from connector.emulator.query.odata.parser import Cursor
from connector.emulator.query.sql.syntax import Literal, LiteralKind

NAMESPACE = "Microsoft.Dynamics.CRM."
_SUFFIXES = frozenset({"$ref", "$count", "$value"})


@dataclass(frozen=True, slots=True)
class Argument:
    """One key value or parameter; `name` is None for `leads(guid)`."""

    name: str | None
    literal: Literal


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path; `arguments` is None without parentheses, `()` for `WhoAmI()`."""

    name: str
    arguments: tuple[Argument, ...] | None = None

    @property
    def operation(self) -> str:
        """The name without the service's namespace."""
        return self.name.removeprefix(NAMESPACE)

    @property
    def is_qualified(self) -> bool:
        """Whether it names a bound action, a function or a type cast."""
        return self.name.startswith(NAMESPACE)

    def argument(self, name: str) -> Literal | None:
        """A named argument, None when it was not given."""
        found = (each.literal for each in self.arguments or () if each.name == name)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class RowKey:
    """Which row: by `id`, or by the columns of an alternate key (logical name → constant)."""

    id: str | None = None
    columns: tuple[tuple[str, Literal], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """An action or function with the parameters given in the path; aliases are resolved."""

    name: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path leads to.

    `table` and `key` name the row the path starts at (no key: the whole set). `navigation` leads
    on from that row, with `target_key` for one member of a collection; `column` is a single
    property of the row reached so far; `operation` is bound to it, or unbound when `table` is
    None. `suffix` is `$ref`, `$count`, `$value` or empty.
    """

    table: TableDefinition | None = None
    key: RowKey | None = None
    column: ColumnDefinition | None = None
    navigation: Navigation | None = None
    target_key: RowKey | None = None
    operation: Operation | None = None
    suffix: str = ""


def unrecognized_path() -> ODataError:
    """The refusal of a path whose segment names nothing (400, as Dataverse answers it)."""
    return bad_query(
        "URL was not parsed due to an ODataUnrecognizedPathException. Resource not found for the "
        "segment provided in the URL."
    )


def parse_path(path: str, aliases: Mapping[str, str] | None = None) -> tuple[Segment, ...]:
    """The segments of a path relative to the service root, still percent-encoded.

    Parameter aliases (`RetrieveTotalRecordCount(EntityNames=@p1)`) take their value from `aliases`.
    """
    return tuple(_parse_segment(piece, aliases or {}) for piece in _split(path.strip("/")) if piece)


def resolve_path(segments: tuple[Segment, ...], catalog: Catalog) -> Resource:
    """What the segments lead to; raises ODataError 400 when a name or key is unknown.

    Metadata resources (`EntityDefinitions`, `$metadata`, `$batch`) are not tables: route them
    before.
    """
    if not segments:
        raise unrecognized_path()
    first, rest = segments[0], segments[1:]
    table = catalog.table_of_set(first.name)
    if table is None:
        return _unbound_operation(first, rest)
    resource = Resource(table=table, key=_row_key(first, table))
    for segment in rest:
        resource = _step(resource, segment, catalog)
    return resource


def resolve_uri(uri: str, catalog: Catalog) -> Resource:
    """What a URI in a body names: absolute, relative to the host or to the service root."""
    _, marker, rest = uri.partition("/api/data/v")
    path = rest.partition("/")[2] if marker else uri
    return resolve_path(parse_path(path.lstrip("/")), catalog)


def literal_value(literal: Literal) -> object:
    """A constant as plain data: JSON is read, everything else stays the literal's value."""
    if literal.kind is not LiteralKind.JSON:
        return literal.value
    text = str(literal.value)
    try:
        return json.loads(text)
    except ValueError:
        return _read_quoted_list(text)
    except RecursionError as error:
        raise bad_query("Invalid JSON: it is nested too deeply.") from error


def _read_quoted_list(text: str) -> object:
    try:
        return [parse_literal(piece).value for piece in _split(text[1:-1], ",") if piece.strip()]
    except ODataError as error:
        raise bad_query(
            "Invalid JSON. A comma character ',' was expected in scope 'Array'. Every two elements "
            "in an array and properties of an object must be separated by commas."
        ) from error


def _split(text: str, separator: str = "/") -> Iterator[str]:
    quote, depth, start = "", 0, 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and (depth > 0 or separator == ","):
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        elif character == separator and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _parse_segment(piece: str, aliases: Mapping[str, str]) -> Segment:
    text = decode_escapes(piece)
    name, bracket, _ = text.partition("(")
    if not bracket:
        return Segment(name)
    cursor = Cursor(text[len(name) :], aliases)
    try:
        arguments = _parse_arguments(cursor, aliases)
        cursor.expect_end()
    except ODataError as error:
        raise bad_query("Bad Request - Error in query syntax.") from error
    return Segment(name, arguments)


def _parse_arguments(cursor: Cursor, aliases: Mapping[str, str]) -> tuple[Argument, ...]:
    arguments: list[Argument] = []
    cursor.expect_mark("(")
    if cursor.take_mark(")"):
        return ()
    while True:
        name = None
        if cursor.is_mark("=", ahead=1):
            name = cursor.expect_identifier().text
            cursor.expect_mark("=")
        arguments.append(Argument(name, _parse_value(cursor, aliases)))
        if not cursor.take_mark(","):
            cursor.expect_mark(")")
            return tuple(arguments)


def _parse_value(cursor: Cursor, aliases: Mapping[str, str]) -> Literal:
    token = cursor.next_token()
    if token.kind is TokenKind.ALIAS:
        return parse_literal(aliases.get(token.text, "null"))
    if token.literal is None:
        raise cursor.fail()
    return token.literal


def _row_key(segment: Segment, table: TableDefinition) -> RowKey | None:
    if not segment.arguments:
        return None
    first = segment.arguments[0]
    key_name = "ownerid" if table.logical_name in PRINCIPALS else table.primary_id
    if first.name in (None, key_name) and len(segment.arguments) == 1:
        return RowKey(id=_guid_of(first.literal, table))
    named = tuple((str(each.name), each.literal) for each in segment.arguments if each.name)
    columns = tuple(
        (name[1:-6] if name.startswith("_") and name.endswith("_value") else name, literal)
        for name, literal in named
    )
    wanted = {name for name, _ in columns}
    if not any(wanted == set(key.columns) for key in table.keys):
        raise _undefined_key(table)
    return RowKey(columns=columns)


def _guid_of(literal: Literal, table: TableDefinition) -> str:
    text = str(literal.value).lower()
    if literal.kind not in (LiteralKind.GUID, LiteralKind.STRING) or not is_guid(text):
        raise _undefined_key(table)
    return text


def _undefined_key(table: TableDefinition) -> ODataError:
    name = f"{NAMESPACE}{table.logical_name}"
    message = (
        f"The key in the request URI is not valid for resource '{name}'. Ensure that the names "
        "and number of key properties match the declared or alternate key properties for the "
        f"resource '{name}'."
    )
    return ODataError(400, ErrorCode.ENTITY_KEY_NOT_DEFINED, message)


def _unbound_operation(first: Segment, rest: tuple[Segment, ...]) -> Resource:
    if rest or first.name.startswith("$") or not first.operation.isidentifier():
        raise unrecognized_path()
    if not first.operation[0].isupper() and "_" not in first.operation:
        raise unrecognized_path()
    return Resource(operation=_operation(first))


def _operation(segment: Segment) -> Operation:
    parameters = {
        str(each.name): literal_value(each.literal) for each in segment.arguments or () if each.name
    }
    return Operation(segment.operation, parameters)


def _step(resource: Resource, segment: Segment, catalog: Catalog) -> Resource:
    if resource.suffix or resource.operation is not None:
        raise unrecognized_path()
    if segment.name in _SUFFIXES:
        if segment.name == "$value" and resource.column is None:
            raise unrecognized_path()
        return replace(resource, suffix=segment.name)
    if segment.is_qualified:
        return replace(resource, operation=_operation(segment))
    table = _current_table(resource, catalog)
    if table is None or resource.column is not None:
        raise unrecognized_path()
    if resource.navigation is not None and resource.navigation.is_collection:
        raise unrecognized_path()
    return _property_step(resource, segment, catalog, table)


def _property_step(
    resource: Resource, segment: Segment, catalog: Catalog, table: TableDefinition
) -> Resource:
    navigation = catalog.navigation(table.logical_name, segment.name)
    if navigation is not None and resource.navigation is None and resource.key is not None:
        target = catalog.table(navigation.target)
        key = _row_key(segment, target) if target is not None else None
        return replace(resource, navigation=navigation, target_key=key)
    column = table.columns_by_wire_name.get(segment.name)
    if column is None or resource.key is None or segment.arguments is not None:
        if segment.name.isidentifier() and resource.key is not None:
            raise missing_property(segment.name, table.logical_name)
        raise unrecognized_path()
    return replace(resource, column=column)


def _current_table(resource: Resource, catalog: Catalog) -> TableDefinition | None:
    if resource.navigation is not None:
        return catalog.table(resource.navigation.target)
    return resource.table
