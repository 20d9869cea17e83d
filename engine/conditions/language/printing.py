"""Condition tree → the plain data of a rules file, or one line for people; reading is in
`parsing`.
"""

from decimal import Decimal
from typing import assert_never

from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Related,
    Scalar,
    SellerAttribute,
    Value,
)
from engine.conditions.language.values import parse_scalar


def print_condition(condition: Condition) -> dict[str, object]:
    """The mapping that `parse_condition` reads back into an equal tree; fit for YAML and JSON."""
    match condition:
        case All(children):
            return {"all": [print_condition(child) for child in children]}
        case Any(children):
            return {"any": [print_condition(child) for child in children]}
        case Not(child):
            return {"not": print_condition(child)}
        case Compare():
            return _compare(condition)
        case CompareColumns(path, operator, other):
            prefix = "record." if condition.other_is_record else ""
            return {**_head(path, operator), "value_of": prefix + ".".join(other)}
        case Related():
            return _related(condition)
        case SellerAttribute(name, operator, values):
            head: dict[str, object] = {"attribute": name, "operator": operator.value}
            return {**head, "value": list(values)} if values else head
        case _:
            assert_never(condition)


def _head(path: ColumnPath, operator: str) -> dict[str, object]:
    return {"column": ".".join(path), "operator": str(operator)}


def _compare(condition: Compare) -> dict[str, object]:
    head = _head(condition.path, condition.operator)
    value = condition.value
    if value is None:
        return head
    if isinstance(value, tuple):
        return {**head, "value": [_plain(item) for item in value]}
    return {**head, "value": _plain(value)}


def _plain(value: Scalar) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return parse_scalar(value)


def _related(condition: Related) -> dict[str, object]:
    printed: dict[str, object] = {
        "related": ".".join(condition.navigation),
        "exists": condition.exists,
    }
    if condition.where is not None:
        printed["where"] = print_condition(condition.where)
    return printed


def describe(condition: Condition) -> str:
    """The condition in one line: `revenue ge 10000 and (city eq London or city eq Leeds)`."""
    return _describe(condition, nested=False)


def _describe(condition: Condition, *, nested: bool) -> str:
    match condition:
        case All(children):
            return _joined(children, " and ", "always", nested=nested)
        case Any(children):
            return _joined(children, " or ", "never", nested=nested)
        case Not(child):
            return f"not ({_describe(child, nested=False)})"
        case Compare(path, operator, value):
            return " ".join(part for part in (".".join(path), operator.value, _text(value)) if part)
        case CompareColumns(path, operator, other):
            prefix = "record." if condition.other_is_record else ""
            return f"{'.'.join(path)} {operator.value} {prefix}{'.'.join(other)}"
        case Related(navigation, exists, where):
            verb = "contains data" if exists else "does not contain data"
            inner = "" if where is None else f" where ({_describe(where, nested=False)})"
            return f"{'.'.join(navigation)} {verb}{inner}"
        case SellerAttribute(name, operator, values):
            return " ".join(
                part for part in (f"attribute {name}", operator.value, _text(values)) if part
            )
        case _:
            assert_never(condition)


def _joined(children: tuple[Condition, ...], word: str, empty: str, *, nested: bool) -> str:
    if not children:
        return empty
    if len(children) == 1:
        return _describe(children[0], nested=nested)
    text = word.join(_describe(child, nested=True) for child in children)
    return f"({text})" if nested else text


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_word(item) for item in value)})" if value else ""
    return "" if value is None else _word(value)


def _word(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value != "" else "“”"
