# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""The tables of a FetchXML query under their SQL aliases, joined; conditions become SQL here."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.query.fetch.fetchxml import (
    EXISTENCE,
    FILTER_LINKS,
    FetchCondition,
    FetchEntity,
    FetchFilter,
    FetchLink,
)
from connector.emulator.query.sql.conditions import Condition, compare_columns, compile_condition
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Budget, Sql, all_of, any_of, column_sql
from connector.emulator.query.sql.scopes import ColumnRef, column_ref
from connector.emulator.query.sql.values import are_comparable
from connector.emulator.storage.sql_names import quote

_COLUMN_OPERATORS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})


@dataclass(frozen=True, slots=True)
class Source:
    """One table of the query: `name` is its FetchXML alias, None for the root."""

    table: TableDefinition
    alias: str
    entity: FetchEntity
    name: str | None = None
    multiplies: bool = False

    def column(self, name: str) -> ColumnRef:
        """A column by logical name; raises ODataError 0x80041103."""
        return column_ref(self.table, self.alias, find_attribute(self.table, name))


@dataclass(slots=True)
class Sources:
    """All joined tables of one query, by FetchXML alias."""

    context: QueryContext
    budget: Budget = field(default_factory=Budget)
    joined: list[Source] = field(default_factory=list[Source])

    def named(self, name: str) -> Source:
        """A joined table by its alias (or table name); raises ODataError 400."""
        for source in self.joined:
            if source.name == name:
                return source
        for source in self.joined:
            if source.table.logical_name == name:
                return source
        raise invalid_argument(f"The alias '{name}' is not defined by a link-entity of the query.")

    def add(self, entity: FetchEntity, name: str | None, *, multiplies: bool = False) -> Source:
        """Give a table its SQL alias."""
        table = find_table(self.context, entity.name)
        alias = "t0" if not self.joined else self.budget.next_alias()
        if name is not None and any(source.name == name for source in self.joined):
            raise invalid_argument(f"The alias '{name}' is used by more than one link-entity.")
        source = Source(table, alias, entity, name, multiplies)
        self.joined.append(source)
        return source


def find_table(context: QueryContext, name: str) -> TableDefinition:
    """A table by logical name; raises ODataError 0x80041102."""
    table = context.catalog.table(name)
    if table is None:
        raise ODataError(
            400,
            ErrorCode.QUERY_BUILDER_NO_ENTITY,
            f"The entity with a name = '{name}' with namemapping = 'Logical' was not found in the "
            "MetadataCache.",
        )
    return table


def find_attribute(table: TableDefinition, name: str) -> ColumnDefinition:
    """A readable stored column by logical name; raises ODataError 0x80041103."""
    column = table.column(name)
    if column is None or not column.is_stored or not column.valid_for_read:
        raise ODataError(
            400,
            ErrorCode.QUERY_BUILDER_NO_ATTRIBUTE,
            f"'{table.logical_name}' entity doesn't contain attribute with Name = '{name}' and "
            "NameMapping = 'Logical'.",
        )
    return column


def join_links(
    sources: Sources, parent: Source, links: Iterable[FetchLink]
) -> tuple[Sql, list[Sql]]:
    """How FROM goes on for the links of a table, and the conditions of links that only filter."""
    joins, conditions = Sql(""), list[Sql]()
    for link in links:
        if link.kind in FILTER_LINKS | EXISTENCE:
            conditions.append(existence(sources, parent, link))
        else:
            joins += _join(sources, parent, link)
    return joins, conditions


def _join(sources: Sources, parent: Source, link: FetchLink) -> Sql:
    sources.budget.count_link(str(len(sources.budget.links)))
    name = link.alias or f"{link.entity.name}{len(sources.joined)}"
    table = find_table(sources.context, link.entity.name)
    source = sources.add(link.entity, name, multiplies=link.source != table.primary_id)
    inner, conditions = join_links(sources, source, link.entity.links)
    on = all_of(
        [
            _link_on(sources.context, source, parent, link),
            *conditions,
            *_own_filters(sources, source),
        ]
    )
    member = Sql(f"{quote(source.table.logical_name)} {source.alias}")
    if inner.text:
        member = (member + inner).wrap()
    keyword = " LEFT JOIN " if link.kind == "outer" else " JOIN "
    return keyword + member + " ON " + on


def _link_on(context: QueryContext, source: Source, parent: Source, link: FetchLink) -> Sql:
    column = source.column(link.source)
    context.ensure_index(source.table, column.definition)
    return Sql(f"{column.sql} = {parent.column(link.target).sql}")


def _own_filters(sources: Sources, source: Source) -> list[Sql]:
    return [compile_fetch_filter(sources, source, each) for each in source.entity.filters]


def existence(sources: Sources, parent: Source, link: FetchLink) -> Sql:
    """A link that filters without returning: exists, in, any, not any, all, not all.

    `all` holds when there are related rows and none of them satisfies the filters, as Microsoft's
    page of link-entity defines it.
    """
    sources.budget.count_link(str(len(sources.budget.links)))
    matching = _exists(sources, parent, link, with_filters=True)
    if link.kind == "all":
        some = _exists(sources, parent, link, with_filters=False)
        return all_of([some, "NOT " + matching])
    return "NOT " + matching if link.kind == "not any" else matching


def _exists(sources: Sources, parent: Source, link: FetchLink, *, with_filters: bool) -> Sql:
    table = find_table(sources.context, link.entity.name)
    source = Source(table, sources.budget.next_alias(), link.entity, link.alias)
    where = [_link_on(sources.context, source, parent, link)]
    joins = Sql("")
    if with_filters:
        inner = Sources(sources.context, sources.budget, [*sources.joined, source])
        joins, conditions = join_links(inner, source, link.entity.links)
        where += [*conditions, *_own_filters(inner, source)]
    head = f"EXISTS (SELECT 1 FROM {quote(table.logical_name)} {source.alias}"
    return head + joins + " WHERE " + all_of(where) + ")"


def compile_fetch_filter(sources: Sources, source: Source, tree: FetchFilter) -> Sql:
    """A filter element over the rows of `source` (and of the aliases its conditions name)."""
    parts: list[Sql] = []
    for part in tree.parts:
        match part:
            case FetchFilter():
                if part.parts:
                    parts.append(compile_fetch_filter(sources, source, part))
            case FetchLink():
                parts.append(existence(sources, source, part))
            case FetchCondition():
                parts.append(_condition(sources, source, part))
    if not parts:
        return all_of([])
    return any_of(parts) if tree.is_or else all_of(parts)


def _condition(sources: Sources, source: Source, condition: FetchCondition) -> Sql:
    owner = sources.named(condition.entity) if condition.entity else source
    column = owner.column(condition.attribute)
    if condition.value_of is None:
        whole = Condition(condition.operator, column, condition.values, sources.context)
        return compile_condition(whole, sources.budget)
    sources.budget.count_condition()
    other = _other_column(sources, owner, condition.value_of)
    left, right = column.definition.edm_type, other.definition.edm_type
    if condition.operator not in _COLUMN_OPERATORS or not are_comparable(left, right):
        raise invalid_argument(
            f"The columns '{condition.attribute}' and '{condition.value_of}' can't be compared by "
            f"'{condition.operator}'."
        )
    return compare_columns(column, condition.operator, other)


def _other_column(sources: Sources, source: Source, name: str) -> ColumnRef:
    alias, dot, attribute = name.partition(".")
    return sources.named(alias).column(attribute) if dot else source.column(name)


def source_sql(source: Source) -> str:
    """The root table in FROM."""
    return f"FROM {quote(source.table.logical_name)} {source.alias}"


def key_sql(source: Source) -> str:
    """A source's primary key."""
    return column_sql(source.alias, source.table.primary_id)
