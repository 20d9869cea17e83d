"""Condition tree → FetchXML; reading it is in `fetchxml`.

Columns of related rows become outer joins beside the filter, named by `entityname`; related rows
become links of the type any or not any. FetchXML knows no negation: `not` is pushed down to
operators that have a counterpart.
"""

import re
from dataclasses import dataclass, field
from typing import assert_never

from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Operator,
    Related,
    SellerAttribute,
)
from engine.conditions.language.operators import COMPLEMENTS
from engine.conditions.language.spelling import spell
from engine.errors import InvalidDocument, Problem
from engine.schema import Relationship, RelationshipKind, Schema

_O = Operator
_OPPOSITES = {
    **COMPLEMENTS,
    **{twin: name for name, twin in COMPLEMENTS.items()},
    _O.NULL: _O.NOT_NULL,
    _O.NOT_NULL: _O.NULL,
}
_OPPOSITES_BUT_FOR_NULL = {
    _O.GT: _O.LE,
    _O.GE: _O.LT,
    _O.LT: _O.GE,
    _O.LE: _O.GT,
    _O.CONTAIN_VALUES: _O.NOT_CONTAIN_VALUES,
    _O.NOT_CONTAIN_VALUES: _O.CONTAIN_VALUES,
    _O.UNDER: _O.NOT_UNDER,
    _O.NOT_UNDER: _O.UNDER,
    _O.EQ_USERID: _O.NE_USERID,
    _O.NE_USERID: _O.EQ_USERID,
    _O.EQ_BUSINESSID: _O.NE_BUSINESSID,
    _O.NE_BUSINESSID: _O.EQ_BUSINESSID,
}


def build_fetchxml(
    condition: Condition, *, table: str | None = None, schema: Schema | None = None
) -> str:
    """Write a condition as FetchXML: one element, and the outer joins it names beside it.

    `parse_fetchxml` reads it back into an equal tree, up to the types of values: text that spells a
    number or a truth value comes back as one. Related rows need `schema` and `table`. Raises
    InvalidDocument for what FetchXML cannot say: seller attributes, columns of the record being
    assigned, unknown relations, and the negation of operators without a counterpart.
    """
    builder = _Builder(schema or {})
    text = builder.scope(condition, table)
    if builder.problems:
        raise InvalidDocument(builder.problems)
    return text


@dataclass(slots=True)
class _Builder:
    schema: Schema
    problems: list[Problem] = field(default_factory=list[Problem])

    def refuse(self, message: str) -> str:
        self.problems.append(Problem((), message))
        return ""

    def scope(self, condition: Condition, table: str | None) -> str:
        """The condition with the joins its paths need, below one table."""
        joins: dict[ColumnPath, None] = {}
        body = self._node(condition, table, joins)
        return body + self._joins((), list(joins), table)

    def _node(self, condition: Condition, table: str | None, joins: dict[ColumnPath, None]) -> str:
        match condition:
            case All(children) | Any(children):
                inner = "".join(self._node(child, table, joins) for child in children)
                kind = "and" if isinstance(condition, All) else "or"
                return f'<filter type="{kind}">{inner}</filter>'
            case Not(child):
                return self._negation(child, table, joins)
            case Compare():
                return _compare(condition, joins)
            case CompareColumns():
                return self._columns(condition, joins)
            case Related():
                return self._related(condition, table)
            case SellerAttribute(name):
                return self.refuse(f"the seller attribute “{name}” does not exist in FetchXML")
            case _:
                assert_never(condition)

    def _negation(self, child: Condition, table: str | None, joins: dict[ColumnPath, None]) -> str:
        opposite = negate(child)
        if opposite is None:
            return self.refuse("FetchXML has no negation for a part of this condition")
        return self._node(opposite, table, joins)

    def _columns(self, condition: CompareColumns, joins: dict[ColumnPath, None]) -> str:
        if condition.other_is_record:
            return self.refuse("FetchXML cannot name the record being assigned")
        other = condition.other
        *navigation, name = other
        prefix = f"{_alias(tuple(navigation), joins)}." if navigation else ""
        value = _quote(prefix + name)
        return f"<condition {_head(condition.path, condition.operator, joins)} valueof={value}/>"

    def _related(self, condition: Related, table: str | None) -> str:
        where, exists = condition.where, condition.exists
        *outer, last = condition.navigation
        for_each = Related((last,), True, where)
        if outer:
            return self._related(Related(tuple(outer), exists, for_each), table)
        relationship = self._relationship(table, last)
        if relationship is None:
            return self.refuse(f"the schema of {table or 'the table'} does not know “{last}”")
        inner = "" if where is None else self.scope(where, relationship.table)
        kind = "any" if exists else "not any"
        return self._link(relationship, table, f'link-type="{kind}"', inner)

    def _joins(self, prefix: ColumnPath, paths: list[ColumnPath], table: str | None) -> str:
        names = dict.fromkeys(path[len(prefix)] for path in paths if len(path) > len(prefix))
        text = ""
        for name in names:
            here = (*prefix, name)
            relationship = self._relationship(table, name)
            if relationship is None or relationship.kind is not RelationshipKind.MANY_TO_ONE:
                known = table or "the table"
                self.refuse(f"the schema of {known} does not know “{name}” as an N:1 relation")
                continue
            below = [path for path in paths if path[: len(here)] == here]
            inner = self._joins(here, below, relationship.table)
            join = f'link-type="outer" alias={_quote("__".join(here))}'
            text += self._link(relationship, table, join, inner)
        return text

    def _link(self, relationship: Relationship, table: str | None, more: str, inner: str) -> str:
        near, far = self._key(table), self._key(relationship.table)
        lookup = relationship.column or relationship.navigation
        if relationship.kind is RelationshipKind.MANY_TO_ONE:
            return _element(relationship.table, far, lookup, more, inner)
        if relationship.kind is RelationshipKind.ONE_TO_MANY:
            return _element(relationship.table, lookup, near, more, inner)
        nested = _element(relationship.table, far, far, "", inner)
        return _element(relationship.navigation, near, near, f'{more} intersect="true"', nested)

    def _relationship(self, table: str | None, navigation: str) -> Relationship | None:
        known = self.schema.get(table) if table is not None else None
        return None if known is None else known.relationships.get(navigation)

    def _key(self, table: str | None) -> str:
        known = self.schema.get(table or "")
        return f"{table}id" if known is None else known.primary_id


def _element(name: str, start: str, end: str, more: str, inner: str) -> str:
    link = f"name={_quote(name)} from={_quote(start)} to={_quote(end)}"
    return f"<link-entity {link}{' ' * bool(more)}{more}>{inner}</link-entity>"


def _head(path: ColumnPath, operator: Operator, joins: dict[ColumnPath, None]) -> str:
    *navigation, name = path
    entity = f"entityname={_quote(_alias(tuple(navigation), joins))} " if navigation else ""
    return f'{entity}attribute={_quote(name)} operator="{operator.value}"'


def _alias(navigation: ColumnPath, joins: dict[ColumnPath, None]) -> str:
    joins[navigation] = None
    return "__".join(navigation)


def _compare(condition: Compare, joins: dict[ColumnPath, None]) -> str:
    head = _head(condition.path, condition.operator, joins)
    value = condition.value
    if value is None:
        return f"<condition {head}/>"
    if not isinstance(value, tuple):
        return f"<condition {head} value={_quote(spell(value))}/>"
    items = "".join(f"<value>{_escape(spell(item))}</value>" for item in value)
    return f"<condition {head}>{items}</condition>"


_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
    | {character: f"&#{ord(character)};" for character in "\t\n\r"}
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _escape(text: str) -> str:
    """Text for an attribute or an element; characters that XML cannot carry become U+FFFD."""
    return _NOT_XML.sub("\ufffd", text).translate(_ESCAPES)


def _quote(text: str) -> str:
    return f'"{_escape(text)}"'


def negate(condition: Condition) -> Condition | None:
    """A condition without `not` that holds when this one does not; None where there is none.

    Exact for rows whose columns hold what their types promise: a text in a number column is neither
    below nor above a number.
    """
    match condition:
        case All(children) | Any(children):
            opposites = [negate(child) for child in children]
            found = tuple(each for each in opposites if each is not None)
            kind = Any if isinstance(condition, All) else All
            return kind(found) if len(found) == len(opposites) else None
        case Not(child):
            return child
        case Compare():
            return _opposite(condition)
        case Related(navigation, exists, where):
            return Related(navigation, not exists, where)
        case CompareColumns() | SellerAttribute():
            return None
        case _:
            assert_never(condition)


def _opposite(condition: Compare) -> Condition | None:
    exact = _OPPOSITES.get(condition.operator)
    if exact is not None:
        return Compare(condition.path, exact, condition.value)
    reverse = _OPPOSITES_BUT_FOR_NULL.get(condition.operator)
    if reverse is None:
        return None
    is_null = Compare(condition.path, Operator.NULL)
    return Any((is_null, Compare(condition.path, reverse, condition.value)))
