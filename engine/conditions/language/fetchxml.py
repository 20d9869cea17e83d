"""FetchXML filter → condition tree; the way back is in `fetchxml_writing`.

Microsoft: "Filter rows using FetchXml", "link-entity element", "Filter on values in related
records". FetchXML values have no type: text that is exactly how a number or a truth value is
written becomes one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.conditions.language.fetchxml_writing import build_fetchxml
from engine.conditions.language.markup import Element, parse_elements
from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Operator,
    Related,
    Scalar,
)
from engine.conditions.language.operators import COLUMN_OPERATORS, COMPLEMENTS, FACTS, ValueKind
from engine.conditions.language.values import BadValue, parse_value
from engine.errors import InvalidDocument, Problem
from engine.nearest import ask_nearest
from engine.schema import Relationship, RelationshipKind, Schema

__all__ = ["build_fetchxml", "parse_fetchxml"]

_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_DECIMAL = re.compile(r"-?\d+\.\d+|-?\d(?:\.\d+)?e[+-]\d+", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_POLYMORPHIC = frozenset({"customerid", "parentcustomerid", "regardingobjectid", "objectid"})
_OWNERS = {"systemuser": "owninguser", "team": "owningteam"}
_SYNONYMS = {"neq": "ne"}
_OPERATOR_NAMES = {operator.value: operator for operator in Operator}
_PASSIVE = frozenset({"attribute", "all-attributes", "order"})
_JOINS = frozenset({"inner", "natural", "outer"})
_PRESENCE = frozenset({Operator.NULL, Operator.NOT_NULL})
_LINKS = frozenset({"any", "not any", "all", "not all", "exists", "in"})


def parse_fetchxml(
    text: str, *, table: str | None = None, schema: Schema | None = None, depth_left: int = 50
) -> Condition:
    """Read a `<filter>`, or a whole `<fetch>` whose filters and links are what counts.

    A link-entity becomes a related row. Its navigation property is looked up in `schema` below
    `table`; without them a link along a lookup (N:1) is taken to be named like the lookup, as
    Dataverse's own are, and any other link is a problem. Raises InvalidDocument with every problem;
    paths are empty.
    """
    elements = parse_elements(text)
    entity = _entity_of(elements)
    if entity is not None:
        elements, table = entity.children, table or entity.attributes.get("name")
    reader = _Reader(schema or {}, depth_left)
    children = reader.scope(elements, table, {}, 0)
    if not children and not reader.problems:
        reader.refuse("there is no <filter>, <condition> or <link-entity> in the FetchXML")
    if reader.problems:
        raise InvalidDocument(reader.problems)
    return children[0] if len(children) == 1 else All(tuple(children))


def _entity_of(elements: list[Element]) -> Element | None:
    """The `<entity>` of a whole query, when that is what was pasted."""
    for element in elements:
        if element.name == "entity":
            return element
        if element.name == "fetch":
            return _entity_of(element.children)
    return None


_Aliases = Mapping[str, ColumnPath]


@dataclass(frozen=True, slots=True)
class _OuterJoin:
    """An outer link whose rows are restricted, or that leads to many rows.

    `keys` are the columns that are null only where there is no row.
    """

    element: Element
    navigation: str
    keys: frozenset[str]
    is_to_one: bool

    @property
    def table(self) -> str:
        return self.element.attribute("name")


@dataclass(slots=True)
class _Reader:
    schema: Schema
    depth_left: int
    problems: list[Problem] = field(default_factory=list[Problem])
    outer_joins: dict[str, _OuterJoin] = field(default_factory=dict[str, _OuterJoin])

    def refuse(self, message: str) -> None:
        self.problems.append(Problem((), message))

    def scope(
        self, elements: list[Element], table: str | None, outer: _Aliases, depth: int
    ) -> list[Condition]:
        """The conditions that stand side by side below one table."""
        aliases = {**outer, **self._aliases(elements, table, ())}
        found = [self._element(each, table, aliases, depth) for each in elements]
        return [condition for condition in found if condition is not None]

    def _aliases(
        self, elements: list[Element], table: str | None, prefix: ColumnPath
    ) -> dict[str, ColumnPath]:
        aliases: dict[str, ColumnPath] = {}
        for link in elements:
            is_join = link.name == "link-entity" and _link_type(link) in _JOINS
            if is_join and not prefix and self._note_outer_join(link, table):
                continue
            navigation = self._to_one(link, table) if is_join else None
            if navigation is None:
                continue
            path = (*prefix, navigation)
            name = link.attribute("name")
            aliases[link.attribute("alias") or name] = path
            aliases |= self._aliases(link.children, name, path)
        return aliases

    def _note_outer_join(self, link: Element, table: str | None) -> bool:
        """Keep an outer link that a path cannot stand for, under its alias."""
        if _link_type(link) != "outer":
            return False
        to_one = self._to_one(link, table)
        navigation = to_one or self._navigation(link, table)
        if navigation is None or (to_one is not None and not _restricts(link)):
            return False
        name = link.attribute("name")
        known = self.schema.get(name)
        primary_id = f"{name}id" if known is None else known.primary_id
        keys = frozenset({link.attribute("from"), primary_id})
        alias = link.attribute("alias") or name
        self.outer_joins[alias] = _OuterJoin(link, navigation, keys, to_one is not None)
        return True

    def _element(
        self, element: Element, table: str | None, aliases: _Aliases, depth: int
    ) -> Condition | None:
        if depth >= self.depth_left:
            self.refuse("the FetchXML is nested too deep: flatten its filters")
            return None
        match element.name:
            case "filter":
                return self._filter(element, table, aliases, depth)
            case "condition":
                return self._condition(element, aliases, depth)
            case "link-entity":
                return self._link(element, table, depth)
            case name:
                if name not in _PASSIVE:
                    self.refuse(f"<{name}> has no place in a FetchXML filter")
                return None

    def _filter(
        self, element: Element, table: str | None, aliases: _Aliases, depth: int
    ) -> Condition | None:
        kind = element.attributes.get("type", "and").strip().lower()
        if kind not in {"and", "or"}:
            self.refuse(f"a filter's type is and or or, not “{kind}”")
        found = [self._element(each, table, aliases, depth + 1) for each in element.children]
        children = tuple(child for child in found if child is not None)
        return Any(children) if kind == "or" else All(children)

    def _link(self, element: Element, table: str | None, depth: int) -> Condition | None:
        kind = _link_type(element)
        if kind not in _JOINS | _LINKS:
            self.refuse(
                f"the link-type “{kind}” is not one of {', '.join(sorted(_JOINS | _LINKS))}"
            )
            return None
        navigation = self._navigation(element, table)
        if navigation is None:
            self.refuse(_unknown_link(element))
            return None
        far = _far_link(element) if element.attribute("intersect") == "true" else None
        linked = element if far is None else far
        inner = self.scope(linked.children, linked.attribute("name"), {}, depth + 1)
        return _related((navigation,), kind, _all_of(inner))

    def _navigation(self, link: Element, table: str | None) -> str | None:
        if link.attribute("intersect") == "true":
            return self._to_many(link, table, link.attribute("name"))
        to_one = self._to_one(link, table)
        return self._to_many(link, table, None) if to_one is None else to_one

    def _to_one(self, link: Element, table: str | None) -> str | None:
        """The N:1 navigation property of a link, by the schema or by the names of lookup and
        key.
        """
        linked, start, end = (link.attribute(key) for key in ("name", "from", "to"))
        for relationship in self._relationships(table):
            lookup = relationship.column or relationship.navigation
            if relationship.kind is RelationshipKind.MANY_TO_ONE and (
                (relationship.table, lookup) == (linked, end)
            ):
                return relationship.navigation
        is_key = linked != "" and start == f"{linked}id"
        if not is_key or end == f"{table}id" or not _NAME.fullmatch(end):
            return None
        if end == "ownerid":
            return _OWNERS.get(linked)
        return f"{end}_{linked}" if end in _POLYMORPHIC else end

    def _to_many(self, link: Element, table: str | None, intersect: str | None) -> str | None:
        """The 1:N navigation property of a link, or the N:N one behind an intersect table.

        The answer is None also where several come into question.
        """
        kind, wanted = RelationshipKind.ONE_TO_MANY, link.attribute("name")
        if intersect is not None:
            kind, far = RelationshipKind.MANY_TO_MANY, _far_link(link)
            wanted = "" if far is None else far.attribute("name")
        near = table or self._table_with_key(link.attribute("to"))
        found = {
            relationship.navigation: relationship.column
            for relationship in self._relationships(near)
            if (relationship.kind, relationship.table) == (kind, wanted)
        }
        if intersect is not None:
            exact = [name for name in found if name == intersect]
        else:
            exact = [name for name in found if found[name] == link.attribute("from")]
        named = exact or [name for name in found if found[name] is None]
        return named[0] if len(named) == 1 else None

    def _table_with_key(self, key: str) -> str | None:
        """The table that a link starts from, when its key tells."""
        found = [name for name, table in self.schema.items() if table.primary_id == key]
        return found[0] if len(found) == 1 else None

    def _relationships(self, table: str | None) -> Iterable[Relationship]:
        known = self.schema.get(table) if table is not None else None
        return known.relationships.values() if known is not None else ()

    def _condition(self, element: Element, aliases: _Aliases, depth: int) -> Condition | None:
        entity = element.attribute("entityname")
        join = self.outer_joins.get(entity)
        if join is not None:
            return self._outer_condition(element, join, depth)
        if entity and entity not in aliases:
            self.refuse(f"entityname “{entity}” is not the alias of a link-entity in the FetchXML")
            return None
        return self._comparison(element, aliases[entity] if entity else (), aliases)

    def _outer_condition(self, element: Element, join: _OuterJoin, depth: int) -> Condition | None:
        """A condition on an outer link: where there is no row, its columns are null."""
        condition = self._comparison(element, (), {})
        inner = self.scope(join.element.children, join.table, {}, depth + 1)
        if not isinstance(condition, Compare):
            self.refuse(f"valueof has no place on the outer link “{join.table}”")
            return None
        asks_for_row = condition.operator in _PRESENCE and condition.path[0] in join.keys
        if not join.is_to_one and not asks_for_row:
            self.refuse(
                f"of the outer link “{join.table}” only the key can be asked for, with null or "
                "not-null: write this part as {related: NAVIGATION, exists: true, where: …}"
            )
            return None
        return _joined(join, condition, inner, asks_for_row=asks_for_row)

    def _comparison(
        self, element: Element, prefix: ColumnPath, aliases: _Aliases
    ) -> Condition | None:
        column, operator = self._column(element), self._operator(element)
        if column is None or operator is None:
            return None
        path = (*prefix, column)
        if "valueof" in element.attributes:
            return self._columns(path, operator, element.attribute("valueof"), aliases)
        return self._compare(path, operator, element)

    def _column(self, element: Element) -> str | None:
        column = element.attribute("attribute")
        if "aggregate" in element.attributes:
            self.refuse(f"an aggregate of “{column}” has no place in a FetchXML filter")
            return None
        if not _NAME.fullmatch(column):
            self.refuse(f"a condition names a column in “attribute”, not “{column}”")
            return None
        return column

    def _operator(self, element: Element) -> Operator | None:
        name = element.attributes.get("operator", "eq").strip()
        operator = _OPERATOR_NAMES.get(_SYNONYMS.get(name, name))
        if operator is None:
            hint = ask_nearest(name, _OPERATOR_NAMES, quotes="“”")
            self.refuse(f"there is no operator “{name}”{hint}")
        return operator

    def _columns(
        self, path: ColumnPath, operator: Operator, other: str, aliases: _Aliases
    ) -> Condition | None:
        alias, _, column = other.rpartition(".")
        if operator not in COLUMN_OPERATORS:
            self.refuse(f"valueof goes with {', '.join(sorted(COLUMN_OPERATORS))} only")
        if not _NAME.fullmatch(column) or (alias and alias not in aliases):
            self.refuse(f"valueof names a column, “{other}” is none")
        if self.problems:
            return None
        return CompareColumns(path, operator, (*aliases[alias], column) if alias else (column,))

    def _compare(self, path: ColumnPath, operator: Operator, element: Element) -> Condition | None:
        try:
            return Compare(
                path, operator, parse_value(_raw_value(element, operator), FACTS[operator].takes)
            )
        except BadValue as error:
            self.refuse(f"{'.'.join(path)}: the operator {operator.value} takes {error}")
            return None


def _raw_value(element: Element, operator: Operator) -> object:
    values = [untyped(child.text) for child in element.children if child.name == "value"]
    if not values and "value" in element.attributes:
        values = [untyped(element.attributes["value"])]
    takes = FACTS[operator].takes
    if takes is ValueKind.NONE:
        return None
    if takes in {ValueKind.LIST, ValueKind.PAIR, ValueKind.PERIOD_AND_YEAR}:
        return values
    return values[0] if len(values) == 1 else values or None


def untyped(text: str) -> Scalar:
    """A value as FetchXML carries it: a number or truth value where the text is its plain
    spelling.
    """
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def _far_link(element: Element) -> Element | None:
    """The link behind an intersect table, to the table at the other end of an N:N relationship."""
    return next((child for child in element.children if child.name == "link-entity"), None)


def _restricts(link: Element) -> bool:
    """Whether a link has a condition of its own."""
    filters = [child for child in link.children if child.name == "filter"]
    has_condition = any(child.name == "condition" for child in link.children)
    return has_condition or any(_restricts(child) for child in filters)


def _link_type(element: Element) -> str:
    return element.attributes.get("link-type", "inner").strip().lower()


def _related(navigation: ColumnPath, kind: str, where: Condition | None) -> Condition | None:
    """What a link means.

    `outer` restricts nothing; `all` is, in Microsoft's words, rows exist and none of them matches;
    `not all`, `exists` and `in` are `any`.
    """
    if kind == "outer":
        return None
    if kind == "not any":
        return Related(navigation, False, where)
    if kind == "all":
        return All((Related(navigation), Related(navigation, False, where)))
    return Related(navigation, True, where)


def _all_of(conditions: list[Condition]) -> Condition | None:
    if len(conditions) > 1:
        return All(tuple(conditions))
    return conditions[0] if conditions else None


def _joined(
    join: _OuterJoin, condition: Compare, inner: list[Condition], *, asks_for_row: bool
) -> Condition:
    where = _all_of(inner)
    absent = Related((join.navigation,), False, where)
    if asks_for_row:
        is_null = condition.operator is Operator.NULL
        return absent if is_null else Related((join.navigation,), True, where)
    present = Related((join.navigation,), True, All((*inner, condition)))
    holds_for_null = condition.operator in COMPLEMENTS or condition.operator is Operator.NULL
    return Any((absent, present)) if holds_for_null else present


def _unknown_link(element: Element) -> str:
    link = element.attributes
    described = f"{link.get('name')} from {link.get('from')} to {link.get('to')}"
    return (
        f"the navigation property behind the link-entity {described} is not known: "
        "write this part as {related: NAVIGATION, exists: true, where: …}"
    )
