"""The JSON Schema of a condition in a rules file, for editors; reading one is in `parsing`."""

from typing import cast

from engine.conditions.language.model import Operator

_SCALAR: dict[str, object] = {"type": ["string", "number", "boolean"]}
_CONDITION = {"$ref": "#/$defs/Condition"}
_CONDITIONS = {"type": "array", "items": _CONDITION}
_PATH = {"type": "string", "minLength": 1}


def _object(required: list[str], **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


CONDITION_SCHEMA: dict[str, object] = {
    "title": "Condition",
    "description": "all, any, not, a column, a related row, a seller attribute, or FetchXML",
    "anyOf": [
        _object(["all"], all=_CONDITIONS),
        _object(["any"], any=_CONDITIONS),
        _object(["not"], **{"not": _CONDITION}),
        _object(
            ["column", "operator"],
            column=_PATH,
            operator={"enum": sorted(operator.value for operator in Operator)},
            value={"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
            value_of=_PATH,
        ),
        _object(["related"], related=_PATH, exists={"type": "boolean"}, where=_CONDITION),
        _object(
            ["attribute", "operator"],
            attribute=_PATH,
            operator={"enum": ["in", "eq", "ne", "null", "not-null"]},
            value={"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
        ),
        _object(["fetchxml"], fetchxml={"type": "string"}),
    ],
}
"""Refers to itself as `#/$defs/Condition`."""

CONDITION_MARK: dict[str, object] = {"description": "a condition"}
"""Stands for a reference to the condition's definition until a schema is complete."""


def link_conditions(node: object) -> object:
    """The schema with every mark replaced by the reference it stands for."""
    if node == CONDITION_MARK:
        return {"$ref": "#/$defs/Condition"}
    if isinstance(node, dict):
        items = cast("dict[str, object]", node).items()
        return {key: link_conditions(value) for key, value in items}
    if isinstance(node, list):
        return [link_conditions(item) for item in cast("list[object]", node)]
    return node
