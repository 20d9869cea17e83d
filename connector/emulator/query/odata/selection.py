"""Parses `$select` and `$expand` and checks them against the catalog; fetches nothing."""

from dataclasses import dataclass

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import Navigation, NavigationKind
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import (
    ODataError,
    bad_query,
    missing_property,
    not_supported,
)
from connector.emulator.query.odata.lexer import TokenKind
from connector.emulator.query.odata.options import parse_top_option
from connector.emulator.query.odata.parser import (
    Cursor,
    parse_expression,
    parse_name,
    parse_order_items,
)
from connector.emulator.query.sql.fragments import MOST_LINKS
from connector.emulator.query.sql.scopes import find_column
from connector.emulator.query.sql.syntax import ExpandItem, Name, Node, OrderItem

_LIMITED = (
    "Only $select and $filter clause can be provided while doing $expand on many-to-one "
    "relationship or nested one-to-many relationship."
)
_NESTED_OPTIONS = ("$select", "$filter", "$orderby", "$top", "$expand")


@dataclass(frozen=True, slots=True)
class Expansion:
    """One checked `$expand` item with its nested items; `columns` None selects every column."""

    navigation: Navigation
    item: ExpandItem
    columns: tuple[ColumnDefinition, ...] | None
    children: tuple["Expansion", ...] = ()

    @property
    def is_principal(self) -> bool:
        """Whether it leads to an owner, of which only `ownerid` can be read."""
        return len(self.navigation.targets) > 1


def parse_select(text: str) -> tuple[Name, ...] | None:
    """The names of `$select`; None for `*` or nothing, which both mean every column."""
    if not text.strip():
        return None
    cursor = Cursor(text)
    names = _parse_names(cursor)
    cursor.expect_end()
    return names


def parse_expand(text: str) -> tuple[ExpandItem, ...]:
    """The items of `$expand` with their nested options; raises ODataError with positions."""
    if text.strip() == "*":
        raise not_supported("'*' in $expand is not supported: name the navigation properties.")
    cursor = Cursor(text, None)
    items = _parse_items(cursor)
    cursor.expect_end()
    return items


def resolve_select(
    table: TableDefinition, catalog: Catalog, names: tuple[Name, ...] | None
) -> tuple[ColumnDefinition, ...] | None:
    """The selected columns in order, the primary key last; None stands for every readable column.

    A single-valued navigation property selects the lookup behind it; money brings its currency
    along.
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/select-columns
    """
    if names is None:
        return None
    found = [_select_column(table, catalog, name) for name in names]
    if any(column.type is ColumnType.MONEY for column in found):
        found.append(table.columns_by_name.get("transactioncurrencyid", found[0]))
    primary = table.columns_by_name[table.primary_id]
    return tuple(dict.fromkeys([*found, primary]))


def resolve_expand(
    table: TableDefinition, catalog: Catalog, items: tuple[ExpandItem, ...]
) -> tuple[Expansion, ...]:
    """Check `$expand` items; raises ODataError 400 as Dataverse words its refusals.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/join-tables
    """
    if _count(items) > MOST_LINKS:
        raise ODataError(
            400,
            ErrorCode.TOO_MANY_LINK_ENTITIES_IN_QUERY,
            "Number of link entities in query exceeded maximum limit.",
        )
    is_nested = any(item.expand for item in items)
    return _resolve_items(table, catalog, items, is_nested)


def _count(items: tuple[ExpandItem, ...]) -> int:
    return sum(1 + _count(item.expand) for item in items)


def _select_column(table: TableDefinition, catalog: Catalog, name: Name) -> ColumnDefinition:
    column = find_column(table, name.path[0]) if len(name.path) == 1 else None
    if column is None:
        navigation = catalog.navigation(table.logical_name, name.path[0])
        if navigation is None or navigation.is_collection or len(name.path) > 1:
            raise missing_property("/".join(name.path), table.logical_name)
        column = table.columns_by_name[navigation.column]
    return column


def _resolve_items(
    table: TableDefinition, catalog: Catalog, items: tuple[ExpandItem, ...], is_nested: bool
) -> tuple[Expansion, ...]:
    seen: set[str] = set()
    found: list[Expansion] = []
    for item in items:
        if item.navigation in seen:
            raise bad_query(f"The navigation property '{item.navigation}' is expanded twice.")
        seen.add(item.navigation)
        found.append(_resolve_item(table, catalog, item, is_nested))
    return tuple(found)


def _resolve_item(
    table: TableDefinition, catalog: Catalog, item: ExpandItem, is_nested: bool
) -> Expansion:
    navigation = catalog.navigation(table.logical_name, item.navigation)
    if navigation is None:
        raise _not_expandable(table, item)
    if item.reference and navigation.is_collection:
        raise bad_query("Expand with $ref is only supported on lookup type navigation property.")
    if (item.order or item.top is not None) and (is_nested or not navigation.is_collection):
        raise bad_query(_LIMITED)
    if is_nested and navigation.kind is NavigationKind.INTERSECTION:
        raise bad_query(
            f"The many-to-many relationship '{navigation.relationship}' can't be part of a nested "
            "$expand."
        )
    if len(navigation.targets) > 1:
        return _principal_expansion(navigation, item)
    target = catalog.table(navigation.target)
    if target is None:
        raise _not_expandable(table, item)
    columns = resolve_select(target, catalog, item.select)
    children = _resolve_items(target, catalog, item.expand, is_nested)
    return Expansion(navigation, item, columns, children)


def _principal_expansion(navigation: Navigation, item: ExpandItem) -> Expansion:
    unknown = [name for name in item.select or () if name.path != ("ownerid",)]
    if unknown:
        raise missing_property("/".join(unknown[0].path), "principal")
    if item.filter is not None or item.expand:
        raise bad_query("Only $select can be provided while doing $expand on an owner.")
    return Expansion(navigation, item, ())


def _not_expandable(table: TableDefinition, item: ExpandItem) -> ODataError:
    if find_column(table, item.navigation) is None:
        return missing_property(item.navigation, table.logical_name)
    return bad_query(
        f"Property '{item.navigation}' on type 'Microsoft.Dynamics.CRM.{table.logical_name}' is "
        "not a navigation property or complex property. Only navigation properties can be "
        "expanded."
    )


def _parse_names(cursor: Cursor) -> tuple[Name, ...] | None:
    names: list[Name] = []
    is_all = False
    while True:
        if cursor.take_mark("*"):
            is_all = True
        else:
            names.append(parse_name(cursor))
        if not cursor.take_mark(","):
            return None if is_all else tuple(names)


def _parse_items(cursor: Cursor) -> tuple[ExpandItem, ...]:
    items: list[ExpandItem] = []
    while True:
        items.append(_parse_item(cursor))
        if not cursor.take_mark(","):
            return tuple(items)


def _parse_item(cursor: Cursor) -> ExpandItem:
    cursor.enter()
    token = cursor.expect_identifier()
    reference = False
    if cursor.take_mark("/"):
        step = cursor.expect_identifier()
        if step.text != "$ref":
            raise bad_query(f"'/{step.text}' is not supported in $expand.")
        reference = True
    nested = _NestedOptions()
    if cursor.take_mark("("):
        nested.read(cursor)
    cursor.leave()
    return nested.build(token.text, token.start, reference)


class _NestedOptions:
    """Collects the options in parentheses behind one item."""

    def __init__(self) -> None:
        self.select: tuple[Name, ...] | None = None
        self.filter: Node | None = None
        self.order: tuple[OrderItem, ...] = ()
        self.top: int | None = None
        self.expand: tuple[ExpandItem, ...] = ()
        self.texts: list[tuple[str, str]] = []

    def read(self, cursor: Cursor) -> None:
        """Read options up to the closing parenthesis."""
        while True:
            name = cursor.expect_identifier().text
            cursor.expect_mark("=")
            self._raise_if_refused(name)
            start = cursor.token.start
            self._read_option(name, cursor)
            self.texts.append((name, cursor.text[start : cursor.token.start].strip()))
            if cursor.take_mark(")"):
                return
            cursor.expect_mark(";")

    def build(self, navigation: str, position: int, reference: bool) -> ExpandItem:
        """The finished item."""
        return ExpandItem(
            navigation,
            position,
            reference,
            self.select,
            self.filter,
            self.order,
            self.top,
            self.expand,
            tuple(self.texts),
        )

    def _raise_if_refused(self, name: str) -> None:
        if name not in _NESTED_OPTIONS:
            raise bad_query(f"The query option '{name}' is not supported inside $expand.")
        if any(name == known for known, _ in self.texts):
            raise bad_query(
                f"Query option '{name}' was specified more than once, but it must be specified at "
                "most once."
            )

    def _read_option(self, name: str, cursor: Cursor) -> None:
        if name == "$select":
            self.select = _parse_names(cursor)
        elif name == "$filter":
            self.filter = parse_expression(cursor)
        elif name == "$orderby":
            self.order = parse_order_items(cursor)
        elif name == "$expand":
            self.expand = _parse_items(cursor)
        else:
            token = cursor.next_token()
            if token.kind is not TokenKind.LITERAL:
                raise cursor.fail()
            self.top = parse_top_option(token.text)
