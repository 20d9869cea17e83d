"""The Microsoft.Dynamics.CRM query functions as condition operators; their SQL is in `conditions`.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/queryfunctions
"""

from typing import cast

from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.query.odata.parser import unknown_name
from connector.emulator.query.odata.path import NAMESPACE, literal_value
from connector.emulator.query.sql.conditions import Condition, compile_condition
from connector.emulator.query.sql.fragments import Sql
from connector.emulator.query.sql.scopes import ColumnRef, Scope, resolve_column
from connector.emulator.query.sql.syntax import Literal, LiteralKind, NamedCall, Node
from connector.emulator.query.sql.values import literal_text

_NO_VALUE = {
    "EqualBusinessId": "eq-businessid",
    "EqualUserId": "eq-userid",
    "EqualUserLanguage": "eq-userlanguage",
    "EqualUserOrUserHierarchy": "eq-useroruserhierarchy",
    "EqualUserOrUserHierarchyAndTeams": "eq-useroruserhierarchyandteams",
    "EqualUserOrUserTeams": "eq-useroruserteams",
    "EqualUserTeams": "eq-userteams",
    "Last7Days": "last-seven-days",
    "LastFiscalPeriod": "last-fiscal-period",
    "LastFiscalYear": "last-fiscal-year",
    "LastMonth": "last-month",
    "LastWeek": "last-week",
    "LastYear": "last-year",
    "Next7Days": "next-seven-days",
    "NextFiscalPeriod": "next-fiscal-period",
    "NextFiscalYear": "next-fiscal-year",
    "NextMonth": "next-month",
    "NextWeek": "next-week",
    "NextYear": "next-year",
    "NotEqualBusinessId": "ne-businessid",
    "NotEqualUserId": "ne-userid",
    "ThisFiscalPeriod": "this-fiscal-period",
    "ThisFiscalYear": "this-fiscal-year",
    "ThisMonth": "this-month",
    "ThisWeek": "this-week",
    "ThisYear": "this-year",
    "Today": "today",
    "Tomorrow": "tomorrow",
    "Yesterday": "yesterday",
}
_ONE_VALUE = {
    "Above": "above",
    "AboveOrEqual": "eq-or-above",
    "InFiscalPeriod": "in-fiscal-period",
    "InFiscalYear": "in-fiscal-year",
    "LastXDays": "last-x-days",
    "LastXFiscalPeriods": "last-x-fiscal-periods",
    "LastXFiscalYears": "last-x-fiscal-years",
    "LastXHours": "last-x-hours",
    "LastXMonths": "last-x-months",
    "LastXWeeks": "last-x-weeks",
    "LastXYears": "last-x-years",
    "NextXDays": "next-x-days",
    "NextXFiscalPeriods": "next-x-fiscal-periods",
    "NextXFiscalYears": "next-x-fiscal-years",
    "NextXHours": "next-x-hours",
    "NextXMonths": "next-x-months",
    "NextXWeeks": "next-x-weeks",
    "NextXYears": "next-x-years",
    "NotUnder": "not-under",
    "OlderThanXDays": "olderthan-x-days",
    "OlderThanXHours": "olderthan-x-hours",
    "OlderThanXMinutes": "olderthan-x-minutes",
    "OlderThanXMonths": "olderthan-x-months",
    "OlderThanXWeeks": "olderthan-x-weeks",
    "OlderThanXYears": "olderthan-x-years",
    "On": "on",
    "OnOrAfter": "on-or-after",
    "OnOrBefore": "on-or-before",
    "Under": "under",
    "UnderOrEqual": "eq-or-under",
}
_MANY_VALUES = {
    "Between": "between",
    "ContainValues": "contain-values",
    "DoesNotContainValues": "not-contain-values",
    "In": "in",
    "NotBetween": "not-between",
    "NotIn": "not-in",
}
_TWO_VALUES = {
    "InFiscalPeriodAndYear": "in-fiscal-period-and-year",
    "InOrAfterFiscalPeriodAndYear": "in-or-after-fiscal-period-and-year",
    "InOrBeforeFiscalPeriodAndYear": "in-or-before-fiscal-period-and-year",
}
_NOT_SERVED = {
    "Contains": "needs full-text columns: use contains()",
    "EqualRoleBusinessId": "is not served: roles belong to the whole organization here",
}


def compile_function(call: NamedCall, scope: Scope) -> Sql:
    """A query function as SQL; raises ODataError 400 for an unknown one or wrong parameters."""
    if not call.name.startswith(NAMESPACE):
        raise unknown_name(call.name)
    name = call.name.removeprefix(NAMESPACE)
    if name in _NOT_SERVED:
        raise not_supported(f"The query function '{name}' {_NOT_SERVED[name]}.")
    operator, expected = _operator_of(name)
    unexpected = [key for key, _ in call.parameters if key not in ("PropertyName", *expected)]
    if unexpected:
        raise _mismatch(call)
    column = _column_of(call, scope)
    values = _values_of(call, expected)
    condition = Condition(operator, column, values, scope.context)
    return compile_condition(condition, scope.budget)


def _operator_of(name: str) -> tuple[str, tuple[str, ...]]:
    if name in _NO_VALUE:
        return _NO_VALUE[name], ()
    if name in _ONE_VALUE:
        return _ONE_VALUE[name], ("PropertyValue",)
    if name in _MANY_VALUES:
        return _MANY_VALUES[name], ("PropertyValues",)
    if name in _TWO_VALUES:
        return _TWO_VALUES[name], ("PropertyValue1", "PropertyValue2")
    raise unknown_name(NAMESPACE + name)


def _column_of(call: NamedCall, scope: Scope) -> ColumnRef:
    node = call.parameter("PropertyName")
    if not isinstance(node, Literal) or node.kind is not LiteralKind.STRING:
        raise _mismatch(call)
    path = (*call.target, *str(node.value).split("/"))
    if len(path) == 1:
        path = (_wire_name(path[0], scope),)
    return resolve_column(scope, path)


def _wire_name(name: str, scope: Scope) -> str:
    definition = scope.table.column(name)
    return definition.wire_name if definition is not None else name


def _values_of(call: NamedCall, expected: tuple[str, ...]) -> tuple[str, ...]:
    values: list[str] = []
    for name in expected:
        node = call.parameter(name)
        if not isinstance(node, Literal) or node.kind is LiteralKind.NULL:
            raise _mismatch(call)
        if name == "PropertyValues":
            values.extend(_list_of(call, node))
        elif node.kind is LiteralKind.JSON:
            raise _mismatch(call)
        else:
            values.append(literal_text(node))
    return tuple(values)


def _list_of(call: NamedCall, node: Literal) -> list[str]:
    items = literal_value(node)
    if not isinstance(items, list):
        raise _mismatch(call)
    texts: list[str] = []
    for item in cast("list[object]", items):
        if isinstance(item, bool):
            texts.append("1" if item else "0")
        elif isinstance(item, str | int | float):
            texts.append(str(item))
        else:
            raise _mismatch(call)
    return texts


def is_unsupported_builtin(name: str) -> bool:
    """Whether OData has this function and Dataverse does not offer it."""
    return name in _BUILTINS


_BUILTINS = frozenset(
    {
        "cast",
        "ceiling",
        "concat",
        "date",
        "day",
        "floor",
        "fractionalseconds",
        "hour",
        "indexof",
        "isof",
        "length",
        "matchesPattern",
        "maxdatetime",
        "mindatetime",
        "minute",
        "month",
        "now",
        "round",
        "second",
        "substring",
        "time",
        "tolower",
        "toupper",
        "totaloffsetminutes",
        "trim",
        "year",
        "geo.distance",
        "geo.intersects",
        "geo.length",
    }
)


def unknown_function(node: Node) -> ODataError:
    """The refusal of a call that stands where no function is known."""
    name = getattr(node, "name", "")
    if is_unsupported_builtin(name):
        return not_supported(f"The function '{name}' is not supported in $filter.")
    return unknown_name(name)


def _mismatch(call: NamedCall) -> ODataError:
    _, expected = _operator_of(call.name.removeprefix(NAMESPACE))
    wanted = ", ".join(("PropertyName", *expected))
    return bad_query(
        f"The parameters of the query function '{call.name}' at position {call.position} are not "
        f"valid: expected {wanted}."
    )
