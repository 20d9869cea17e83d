"""Reads the SELECT statements of `?sql=` into the tree that FetchXML is read into.

The subset: columns and COUNT/SUM/AVG/MIN/MAX, TOP, DISTINCT, inner and left joins on one pair of
columns, WHERE, GROUP BY and ORDER BY. A page holds at most 5,000 rows and there is no next one.
"""

from dataclasses import dataclass, field

from connector.emulator.protocol.errors import invalid_argument
from connector.emulator.query.fetch.fetchxml import (
    Fetch,
    FetchAttribute,
    FetchEntity,
    FetchFilter,
    FetchLink,
    FetchOrder,
)
from connector.emulator.query.fetch.select_tokens import SqlColumn, SqlCursor, parse_conditions

_FUNCTIONS = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})
_CLAUSES = ("INNER", "LEFT", "JOIN", "WHERE", "GROUP", "ORDER", "ON")
_ROOT = ""


@dataclass(frozen=True, slots=True)
class _Item:
    column: SqlColumn
    alias: str | None
    function: str | None = None
    is_distinct: bool = False


@dataclass(slots=True)
class _Table:
    name: str
    alias: str
    parent: str = _ROOT
    source: str = ""
    target: str = ""
    kind: str = "inner"
    attributes: list[FetchAttribute] = field(default_factory=list[FetchAttribute])
    orders: list[FetchOrder] = field(default_factory=list[FetchOrder])


def parse_select_statement(text: str) -> Fetch:
    """Read one SELECT statement; raises ODataError 400 with the position of what it cannot read."""
    cursor = SqlCursor(text)
    cursor.expect(cursor.take_word("SELECT"))
    is_distinct = cursor.take_word("DISTINCT")
    top = _parse_top(cursor)
    items = _parse_items(cursor)
    statement = _Statement(_parse_tables(cursor))
    conditions = None
    if cursor.take_word("WHERE"):
        conditions = parse_conditions(cursor, statement.tree_alias)
    groups = _parse_groups(cursor)
    is_aggregate = bool(groups) or any(item is not None and item.function for item in items)
    for item in items:
        statement.add_item(item, groups if is_aggregate else None)
    statement.add_orders(cursor, items, is_aggregate=is_aggregate)
    cursor.take_mark(";")
    cursor.expect(cursor.token.kind == "end")
    entity = statement.entity(statement.tables[0], conditions, all_columns=None in items)
    return Fetch(entity=entity, top=top, is_aggregate=is_aggregate, is_distinct=is_distinct)


def _parse_top(cursor: SqlCursor) -> int | None:
    if not cursor.take_word("TOP"):
        return None
    bracket = cursor.take_mark("(")
    text = cursor.value()
    cursor.expect(not bracket or cursor.take_mark(")"))
    if not text.isdigit() or len(text) > 9:
        raise invalid_argument(f"TOP needs a number, not '{text}'.")
    return int(text)


def _parse_items(cursor: SqlCursor) -> list[_Item | None]:
    items: list[_Item | None] = []
    while True:
        items.append(None if cursor.take_mark("*") else _parse_item(cursor))
        if not cursor.take_mark(","):
            return items


def _parse_item(cursor: SqlCursor) -> _Item:
    column, function, is_distinct = cursor.column(), None, False
    if column.alias is None and column.name.upper() in _FUNCTIONS and cursor.take_mark("("):
        function = column.name
        is_distinct = cursor.take_word("DISTINCT")
        column = SqlColumn(None, "") if cursor.take_mark("*") else cursor.column()
        cursor.expect(cursor.take_mark(")"))
    alias = None
    if cursor.take_word("AS") or (cursor.token.kind == "word" and not cursor.is_word("FROM")):
        alias = cursor.name()
    return _Item(column, alias, function, is_distinct)


def _parse_tables(cursor: SqlCursor) -> list[_Table]:
    cursor.expect(cursor.take_word("FROM"))
    tables = [_parse_table(cursor)]
    while (kind := _join_kind(cursor)) is not None:
        table = _parse_table(cursor)
        cursor.expect(cursor.take_word("ON"))
        left = cursor.column()
        cursor.expect(cursor.take_mark("="))
        right = cursor.column()
        if left.alias == table.alias:
            left, right = right, left
        known = [each.alias for each in tables]
        if right.alias != table.alias or table.alias in known or left.alias not in known:
            raise invalid_argument(
                f"The join to '{table.alias}' must compare its column with one of an earlier table."
            )
        table.kind, table.source, table.target = kind, right.name, left.name
        table.parent = str(left.alias)
        tables.append(table)
    return tables


def _join_kind(cursor: SqlCursor) -> str | None:
    if cursor.take_word("JOIN") or cursor.take_word("INNER", "JOIN"):
        return "inner"
    if cursor.take_word("LEFT", "JOIN") or cursor.take_word("LEFT", "OUTER", "JOIN"):
        return "outer"
    return None


def _parse_table(cursor: SqlCursor) -> _Table:
    name = cursor.name()
    alias = name
    if cursor.take_word("AS") or (cursor.token.kind == "word" and not cursor.is_word(*_CLAUSES)):
        alias = cursor.name()
    return _Table(name, alias)


def _parse_groups(cursor: SqlCursor) -> list[SqlColumn]:
    if not cursor.take_word("GROUP", "BY"):
        return []
    groups = [cursor.column()]
    while cursor.take_mark(","):
        groups.append(cursor.column())
    return groups


@dataclass(slots=True)
class _Statement:
    tables: list[_Table]

    def table(self, alias: str | None) -> _Table:
        """The table an alias stands for; the first one without alias."""
        if alias is None:
            return self.tables[0]
        for table in self.tables:
            if table.alias == alias:
                return table
        raise invalid_argument(f"The alias '{alias}' is not defined in the statement.")

    def tree_alias(self, alias: str | None) -> str | None:
        """How the query tree calls a table: None for the first one."""
        table = self.table(alias)
        return None if table is self.tables[0] else table.alias

    def add_item(self, item: _Item | None, groups: list[SqlColumn] | None) -> None:
        """Add a selected column to its table; `groups` are GROUP BY's in an aggregate statement."""
        if item is None:
            return
        table = self.table(item.column.alias)
        name, alias = item.column.name, item.alias
        if item.function is not None:
            function = _function(item)
            alias = alias or item.function.lower()
            name = name or "versionnumber"  # COUNT(*) needs no column; every table has this one
            attribute = FetchAttribute(name, alias, function, is_distinct=item.is_distinct)
        elif groups is not None:
            if not any(self._same(item.column, group) for group in groups):
                raise invalid_argument(
                    f"The column '{name}' is neither aggregated nor in GROUP BY."
                )
            attribute = FetchAttribute(name, alias or name, is_group=True)
        else:
            alias = alias or (None if table is self.tables[0] else name)
            attribute = FetchAttribute(name, alias)
        table.attributes.append(attribute)

    def _same(self, left: SqlColumn, right: SqlColumn) -> bool:
        return left.name == right.name and self.table(left.alias) is self.table(right.alias)

    def add_orders(
        self, cursor: SqlCursor, items: list[_Item | None], *, is_aggregate: bool
    ) -> None:
        """Read ORDER BY and give each key to its table."""
        if not cursor.take_word("ORDER", "BY"):
            return
        while True:
            column = cursor.column()
            descending = cursor.take_word("DESC")
            if not descending:
                cursor.take_word("ASC")
            table = self.table(column.alias)
            attribute: str | None = column.name
            alias = self._order_alias(column, items) if is_aggregate else None
            if alias is not None:
                attribute = None
            table.orders.append(FetchOrder(attribute, alias, descending))
            if not cursor.take_mark(","):
                return

    def _order_alias(self, column: SqlColumn, items: list[_Item | None]) -> str:
        for item in items:
            if item is not None and column.name in (item.alias, item.column.name):
                return item.alias or (item.function or item.column.name).lower()
        raise invalid_argument(f"ORDER BY '{column.name}' names no selected column.")

    def entity(
        self, table: _Table, conditions: FetchFilter | None, *, all_columns: bool
    ) -> FetchEntity:
        """The tree below a table."""
        return FetchEntity(
            name=table.name,
            attributes=tuple(table.attributes),
            all_attributes=all_columns,
            orders=tuple(table.orders),
            filters=(conditions,) if conditions is not None else (),
            links=tuple(self._link(each) for each in self._below(table)),
        )

    def _below(self, table: _Table) -> list[_Table]:
        others = (each for each in self.tables[1:] if each is not table)
        return [each for each in others if self.table(each.parent) is table]

    def _link(self, table: _Table) -> FetchLink:
        entity = self.entity(table, None, all_columns=False)
        return FetchLink(entity, table.source, table.target, table.kind, table.alias)


def _function(item: _Item) -> str:
    name = str(item.function).lower()
    return "countcolumn" if name == "count" and item.column.name else name
