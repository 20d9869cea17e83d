"""Plain data of a rules file → condition tree, all problems at once.

Files and positions are read in `settings`; whether a column exists and suits its operator is
checked in `checks`; FetchXML is read in `fetchxml`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from engine.conditions.language import fetchxml
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
    Value,
)
from engine.conditions.language.operators import (
    ATTRIBUTE_OPERATORS,
    COLUMN_OPERATORS,
    FACTS,
    ValueKind,
)
from engine.conditions.language.values import BadValue, parse_scalar, parse_value, scalars_of
from engine.errors import InvalidDocument, Path, Problem
from engine.nearest import ask_nearest
from engine.standard_tables import STANDARD_TABLES

MAX_DEPTH = 50
"""Conditions nested deeper are refused, so that no walk of a tree can exhaust the stack."""

RECORD_PREFIX = "record."
"""In `value_of`, leads to the record being assigned."""

_COLUMN_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_DYNAMIC_VALUE = re.compile(r"\$\(\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\)", re.ASCII)
_SYNONYMS = {"neq": "ne"}
_KEYS: Mapping[str, frozenset[str]] = {
    "all": frozenset({"all"}),
    "any": frozenset({"any"}),
    "not": frozenset({"not"}),
    "related": frozenset({"related", "exists", "where"}),
    "attribute": frozenset({"attribute", "operator", "value"}),
    "fetchxml": frozenset({"fetchxml"}),
    "column": frozenset({"column", "operator", "value", "value_of"}),
}


def parse_condition(raw: object) -> Condition:
    """Read one condition as it stands in a rules file.

    `raw` is a mapping as YAML 1.2 or JSON give it; `operator: null` arrives as None and is the
    operator null. Raises InvalidDocument with every problem; paths start at the condition itself.
    """
    reader = _Reader()
    condition = reader.condition(raw, ())
    if reader.problems or condition is None:
        raise InvalidDocument(reader.problems)
    return condition


@dataclass(slots=True)
class _Reader:
    problems: list[Problem] = field(default_factory=list[Problem])

    def refuse(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def condition(self, raw: object, path: Path, depth: int = 0) -> Condition | None:
        if not isinstance(raw, Mapping):
            self.refuse(path, f"a condition is a mapping, not {_shape(raw)}")
            return None
        if depth >= MAX_DEPTH:
            self.refuse(path, f"conditions may be nested {MAX_DEPTH} deep at most: flatten them")
            return None
        node = {str(key): value for key, value in cast("Mapping[object, object]", raw).items()}
        kind = next((kind for kind in _KEYS if kind in node), None)
        if kind is None:
            self.refuse(path, _unknown_kind(node))
            return None
        self._refuse_other_keys(node, kind, path)
        return _READERS[kind](self, node, path, depth)

    def _refuse_other_keys(self, node: Mapping[str, object], kind: str, path: Path) -> None:
        allowed = _KEYS[kind]
        for key in node:
            if key not in allowed:
                hint = ask_nearest(key, allowed, quotes="“”")
                self.refuse((*path, key), f"“{key}” does not belong in a “{kind}” condition{hint}")

    def all(self, node: Mapping[str, object], path: Path, depth: int) -> Condition | None:
        children = self._children(node["all"], (*path, "all"), depth)
        return None if children is None else All(children)

    def any(self, node: Mapping[str, object], path: Path, depth: int) -> Condition | None:
        children = self._children(node["any"], (*path, "any"), depth)
        return None if children is None else Any(children)

    def _children(self, raw: object, path: Path, depth: int) -> tuple[Condition, ...] | None:
        if not _is_list(raw):
            self.refuse(path, f"expects a list of conditions, not {_shape(raw)}")
            return None
        items = cast("Sequence[object]", raw)
        if not items:
            self.refuse(path, "expects at least one condition: the list is empty")
            return None
        read = [self.condition(item, (*path, at), depth + 1) for at, item in enumerate(items)]
        return tuple(child for child in read if child is not None)

    def negation(self, node: Mapping[str, object], path: Path, depth: int) -> Condition | None:
        child = self.condition(node["not"], (*path, "not"), depth + 1)
        return None if child is None else Not(child)

    def related(self, node: Mapping[str, object], path: Path, depth: int) -> Condition | None:
        navigation = self._column_path(node["related"], (*path, "related"), "navigation property")
        exists = node.get("exists", True)
        if not isinstance(exists, bool):
            self.refuse((*path, "exists"), f"“exists” is true or false, not {_shape(exists)}")
        where: Condition | None = None
        if node.get("where") is not None:
            where = self.condition(node["where"], (*path, "where"), depth + 1)
        return None if navigation is None else Related(navigation, bool(exists), where)

    def fetchxml(self, node: Mapping[str, object], path: Path, depth: int) -> Condition | None:
        here = (*path, "fetchxml")
        text = node["fetchxml"]
        if not isinstance(text, str):
            self.refuse(here, f"“fetchxml” is the text of a <filter>, not {_shape(text)}")
            return None
        try:
            found = fetchxml.parse_fetchxml(
                text, schema=STANDARD_TABLES, depth_left=MAX_DEPTH - depth
            )
        except InvalidDocument as error:
            self.problems += [Problem(here, problem.message) for problem in error.problems]
            return None
        if _is_empty(found):
            self.refuse(here, "the FetchXML has a <filter> but no <condition> in it")
        return found

    def attribute(self, node: Mapping[str, object], path: Path, _depth: int) -> Condition | None:
        name = node["attribute"]
        if not isinstance(name, str) or not name.strip():
            self.refuse((*path, "attribute"), "“attribute” is the name of a seller attribute")
        operator = self._operator(node, path)
        if operator is None:
            return None
        if operator not in ATTRIBUTE_OPERATORS:
            names = ", ".join(sorted(ATTRIBUTE_OPERATORS))
            self.refuse(
                (*path, "operator"), f"a seller attribute takes {names}, not “{operator.value}”"
            )
            return None
        values = self._attribute_values(node, operator, path)
        return None if values is None else SellerAttribute(str(name), operator, values)

    def _attribute_values(
        self, node: Mapping[str, object], operator: Operator, path: Path
    ) -> tuple[str, ...] | None:
        wants_none = FACTS[operator].takes is ValueKind.NONE
        if wants_none and node.get("value") is None:
            return ()
        kind = ValueKind.NONE if wants_none else ValueKind.LIST
        value = self._value(node, operator, path, kind=kind)
        return tuple(str(item) for item in scalars_of(value)) if value is not None else None

    def compare(self, node: Mapping[str, object], path: Path, _depth: int) -> Condition | None:
        column = self._column_path(node["column"], (*path, "column"), "column")
        operator = self._operator(node, path)
        if operator is None:
            return None
        if "value_of" in node:
            return self._columns(node, column, operator, path)
        dynamic = _dynamic_value(node.get("value"), operator)
        if dynamic is not None:
            return None if column is None else CompareColumns(column, operator, dynamic, True)
        before = len(self.problems)
        value = self._value(node, operator, path, kind=FACTS[operator].takes)
        if column is None or len(self.problems) > before:
            return None
        return Compare(column, operator, value)

    def _columns(
        self,
        node: Mapping[str, object],
        column: ColumnPath | None,
        operator: Operator,
        path: Path,
    ) -> Condition | None:
        if "value" in node:
            self.refuse((*path, "value"), "give either “value” or “value_of”, not both")
        if operator not in COLUMN_OPERATORS:
            names = ", ".join(sorted(COLUMN_OPERATORS))
            self.refuse((*path, "operator"), f"“value_of” goes with {names} only")
        raw = node["value_of"]
        is_record = isinstance(raw, str) and raw.startswith(RECORD_PREFIX)
        name = cast("str", raw).removeprefix(RECORD_PREFIX) if is_record else raw
        other = self._column_path(name, (*path, "value_of"), "column")
        if column is None or other is None or operator not in COLUMN_OPERATORS:
            return None
        return CompareColumns(column, operator, other, is_record)

    def _column_path(self, raw: object, path: Path, what: str) -> ColumnPath | None:
        if isinstance(raw, str) and _COLUMN_PATH.fullmatch(raw):
            return tuple(str(raw).split("."))
        self.refuse(path, f"expects the logical name of a {what}, not {_shape(raw)}")
        return None

    def _operator(self, node: Mapping[str, object], path: Path) -> Operator | None:
        if "operator" not in node:
            self.refuse(path, "“operator” is missing: for example eq, in, ge, like, null")
            return None
        raw = "null" if node["operator"] is None else node["operator"]
        name = _SYNONYMS.get(raw, raw) if isinstance(raw, str) else None
        if name in _OPERATOR_NAMES:
            return Operator(name)
        hint = ask_nearest(name, _OPERATOR_NAMES, quotes="“”") if name is not None else ""
        self.refuse((*path, "operator"), f"there is no operator {_shape(raw)}{hint}")
        return None

    def _value(
        self, node: Mapping[str, object], operator: Operator, path: Path, *, kind: ValueKind
    ) -> Value:
        at = (*path, "value") if "value" in node else path
        if kind is not ValueKind.NONE and "value" not in node:
            self.refuse(at, f"“value” is missing: the operator {operator.value} takes {kind.value}")
            return None
        try:
            return parse_value(node.get("value"), kind)
        except BadValue as error:
            self.refuse((*at, *error.path), f"the operator {operator.value} takes {error}")
            return None


_OPERATOR_NAMES = frozenset(operator.value for operator in Operator)
_READERS: Mapping[str, Callable[[_Reader, Mapping[str, object], Path, int], Condition | None]] = {
    "all": _Reader.all,
    "any": _Reader.any,
    "not": _Reader.negation,
    "related": _Reader.related,
    "attribute": _Reader.attribute,
    "fetchxml": _Reader.fetchxml,
    "column": _Reader.compare,
}


def _dynamic_value(raw: object, operator: Operator) -> ColumnPath | None:
    """The path in `$(logicalname)`, the way Dynamics 365 writes a dynamic match on text columns."""
    if operator not in COLUMN_OPERATORS or not isinstance(raw, str):
        return None
    found = _DYNAMIC_VALUE.fullmatch(raw.strip())
    return None if found is None else tuple(found[1].split("."))


def _unknown_kind(node: Mapping[str, object]) -> str:
    hints = [ask_nearest(key, _KEYS, quotes="“”") for key in node]
    hint = next((hint for hint in hints if hint), "")
    return f"a condition has one of the keys {', '.join(_KEYS)}{hint}"


def _is_list(raw: object) -> bool:
    return isinstance(raw, Sequence) and not isinstance(raw, str | bytes)


def _shape(raw: object) -> str:
    if raw is None:
        return "nothing"
    if isinstance(raw, Mapping):
        return "a mapping"
    if _is_list(raw):
        return "a list"
    text = str(parse_scalar(raw))
    return f"“{text}”" if len(text) <= 60 else f"“{text[:57]}…”"


def _is_empty(condition: Condition) -> bool:
    return isinstance(condition, All | Any) and all(map(_is_empty, condition.children))
