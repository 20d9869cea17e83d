"""Reads a QueryExpression (JSON of the SDK's query type) into the tree that FetchXML is read into.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/queryexpression
Nothing is compiled here; names are not resolved.
"""

import re

from connector.emulator.protocol.errors import invalid_argument, not_supported
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.query.fetch.fetchxml import (
    Fetch,
    FetchCondition,
    FetchEntity,
    FetchFilter,
    FetchLink,
)

_OPERATORS = {
    "Equal": "eq",
    "NotEqual": "ne",
    "GreaterThan": "gt",
    "GreaterEqual": "ge",
    "LessThan": "lt",
    "LessEqual": "le",
    "DoesNotBeginWith": "not-begin-with",
    "DoesNotEndWith": "not-end-with",
    "DoesNotContainValues": "not-contain-values",
    "Last7Days": "last-seven-days",
    "Next7Days": "next-seven-days",
    "AboveOrEqual": "eq-or-above",
    "UnderOrEqual": "eq-or-under",
    "EqualUserId": "eq-userid",
    "NotEqualUserId": "ne-userid",
    "EqualUserTeams": "eq-userteams",
    "EqualUserOrUserTeams": "eq-useroruserteams",
    "EqualUserOrUserHierarchy": "eq-useroruserhierarchy",
    "EqualUserOrUserHierarchyAndTeams": "eq-useroruserhierarchyandteams",
    "EqualUserLanguage": "eq-userlanguage",
    "EqualBusinessId": "eq-businessid",
    "NotEqualBusinessId": "ne-businessid",
}
_JOINS = {"Inner": "inner", "LeftOuter": "outer", "Exists": "exists", "In": "in", "Any": "any"}
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=X)(?=[A-Z])")
_DEEPEST = 40


def parse_query_expression(document: Json) -> Fetch:
    """The rows a QueryExpression names; raises ODataError 400 when it cannot be read."""
    query = _object(document, "A member of 'QuerySet'")
    top = query.get("TopCount")
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 0):
        raise invalid_argument("'TopCount' must be a number.")
    return Fetch(entity=_entity(query, "EntityName", "Criteria", 0), top=top)


def _entity(members: dict[str, Json], name: str, criteria: str, depth: int) -> FetchEntity:
    if depth > _DEEPEST:
        raise invalid_argument("The query is nested too deeply.")
    table = members.get(name)
    if not isinstance(table, str) or not table:
        raise invalid_argument(f"'{name}' must name a table.")
    found = members.get(criteria)
    links = as_list(members.get("LinkEntities")) or []
    return FetchEntity(
        name=table,
        attributes=(),
        all_attributes=False,
        orders=(),
        filters=() if found is None else (_filter(found, depth + 1),),
        links=tuple(_link(each, depth + 1) for each in links),
    )


def _link(document: Json, depth: int) -> FetchLink:
    link = _object(document, "A member of 'LinkEntities'")
    join = str(link.get("JoinOperator") or "Inner")
    if join not in _JOINS:
        raise not_supported(f"The join operator '{join}' is not supported.")
    source, target = link.get("LinkToAttributeName"), link.get("LinkFromAttributeName")
    if not isinstance(source, str) or not isinstance(target, str):
        raise invalid_argument("A link needs 'LinkFromAttributeName' and 'LinkToAttributeName'.")
    alias = link.get("EntityAlias")
    return FetchLink(
        entity=_entity(link, "LinkToEntityName", "LinkCriteria", depth),
        source=source,
        target=target,
        kind=_JOINS[join],
        alias=str(alias) if alias else None,
    )


def _filter(document: Json, depth: int) -> FetchFilter:
    if depth > _DEEPEST:
        raise invalid_argument("The query is nested too deeply.")
    members = _object(document, "A filter")
    operator = str(members.get("FilterOperator") or "And")
    if operator not in ("And", "Or"):
        raise invalid_argument(f"'FilterOperator' must be And or Or, not '{operator}'.")
    conditions = [_condition(each) for each in as_list(members.get("Conditions")) or []]
    filters = [_filter(each, depth + 1) for each in as_list(members.get("Filters")) or []]
    return FetchFilter(operator == "Or", (*conditions, *filters))


def _condition(document: Json) -> FetchCondition:
    members = _object(document, "A condition")
    attribute, operator = members.get("AttributeName"), members.get("Operator")
    if not isinstance(attribute, str) or not isinstance(operator, str) or not operator:
        raise invalid_argument("A condition needs 'AttributeName' and 'Operator'.")
    values = as_list(members.get("Values")) or []
    entity = members.get("EntityName")
    return FetchCondition(
        attribute=attribute,
        operator=_OPERATORS.get(operator) or _hyphenated(operator),
        values=tuple(_text(each) for each in values),
        entity=str(entity) if entity else None,
    )


def _hyphenated(operator: str) -> str:
    """`OlderThanXDays` as FetchXML spells it: `olderthan-x-days`."""
    return _WORD.sub("-", operator).lower().replace("older-than", "olderthan")


def _text(value: Json) -> str:
    typed = as_object(value)
    plain = value if typed is None else typed.get("Value")
    if isinstance(plain, bool):
        return str(int(plain))
    return "" if plain is None else str(plain)


def _object(document: Json, what: str) -> dict[str, Json]:
    members = as_object(document)
    if members is None:
        raise invalid_argument(f"{what} must be an object.")
    return members
