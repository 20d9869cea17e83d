"""What can be said of conditions without a row: never, always, one implies the other.

Everything here is sound and incomplete: True is certain, False means "not known". Evaluating a
condition for a row is `conditions`' part.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import assert_never

from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context
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
    Scalar,
    SellerAttribute,
    Value,
)
from engine.conditions.language.printing import describe
from engine.records import Row

ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Only conditions whose answer does not depend on the time are evaluated."""

ENUMERATING = frozenset({Operator.EQ, Operator.IN})
HOLDS_FOR_NULL = frozenset(
    {
        Operator.NULL,
        Operator.NE,
        Operator.NOT_IN,
        Operator.NOT_LIKE,
        Operator.NOT_BEGIN_WITH,
        Operator.NOT_END_WITH,
        Operator.NOT_BETWEEN,
    }
)
COMPARABLE = frozenset(
    {
        Operator.EQ,
        Operator.NE,
        Operator.IN,
        Operator.NOT_IN,
        Operator.GT,
        Operator.GE,
        Operator.LT,
        Operator.LE,
        Operator.BETWEEN,
        Operator.NOT_BETWEEN,
        Operator.LIKE,
        Operator.NOT_LIKE,
        Operator.BEGINS_WITH,
        Operator.NOT_BEGIN_WITH,
        Operator.ENDS_WITH,
        Operator.NOT_END_WITH,
        Operator.NULL,
        Operator.NOT_NULL,
    }
)
"""Operators that a single value answers alone: no clock, no hierarchy, no caller."""

DIRECTIONS = (
    frozenset({Operator.GT, Operator.GE}),
    frozenset({Operator.LT, Operator.LE}),
)
WILDCARDS = frozenset("%_[")
DATE_LIKE = re.compile(r"\d{4}-\d\d-\d\d")


def find_contradiction(condition: Condition) -> str | None:
    """Why the condition can never hold, or None when it may."""
    if isinstance(condition, Any):
        found = [find_contradiction(child) for child in condition.children]
        if all(found):
            return "; ".join(dict.fromkeys(filter(None, found))) or "`any` without a condition"
        return None
    parts = list(_conjuncts(condition))
    return next(filter(None, (_find_in_part(part) for part in parts)), None) or _find_clash(parts)


def is_always(condition: Condition | None) -> bool:
    """Whether the condition holds for every row."""
    match condition:
        case None:
            return True
        case All(children):
            return all(is_always(child) for child in children)
        case Any(children):
            return any(is_always(child) for child in children) or _has_complements(children)
        case Not(child):
            return find_contradiction(child) is not None
        case _:
            return False


def implies(one: Condition, other: Condition) -> bool:
    """Whether every row that satisfies `one` satisfies `other`."""
    if one == other or is_always(other):
        return True
    if isinstance(other, All):
        return all(implies(one, child) for child in other.children)
    if isinstance(one, Any):
        return all(implies(child, other) for child in one.children)
    if isinstance(other, Any) and any(implies(one, child) for child in other.children):
        return True
    if isinstance(one, All):
        return any(implies(child, other) for child in one.children)
    return _implies_comparison(one, other)


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """The conditions that all have to hold."""
    if isinstance(condition, All):
        for child in condition.children:
            yield from _conjuncts(child)
    else:
        yield condition


def _find_in_part(part: Condition) -> str | None:
    match part:
        case Any():
            return find_contradiction(part)
        case Not(child):
            return f"{describe(part)} never holds" if is_always(child) else None
        case Related(exists=True, where=where) if where is not None:
            return find_contradiction(where)
        case Compare(operator=Operator.BETWEEN):
            return _find_empty_range(part)
        case All() | Compare() | CompareColumns() | Related() | SellerAttribute():
            return None
        case _:
            assert_never(part)


def _find_empty_range(part: Compare) -> str | None:
    value = part.value
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    low = Compare(part.path, Operator.GE, value[0])
    if _answer(low, value[1]) is False:
        return f"{describe(part)} has its ends the wrong way round"
    return None


def _find_clash(parts: Sequence[Condition]) -> str | None:
    for one, other in combinations(parts, 2):
        if _are_opposites(one, other) or _exclude_each_other(one, other):
            return f"{describe(one)} and {describe(other)} exclude each other"
    return _find_exhausted(parts)


def _are_opposites(one: Condition, other: Condition) -> bool:
    if isinstance(one, Not) and implies(other, one.child):
        return True
    return isinstance(other, Not) and implies(one, other.child)


def _exclude_each_other(one: Condition, other: Condition) -> bool:
    if not isinstance(one, Compare) or not isinstance(other, Compare) or one.path != other.path:
        return False
    if Operator.NULL in {one.operator, other.operator}:
        return not (one.operator in HOLDS_FOR_NULL and other.operator in HOLDS_FOR_NULL)
    for listed, tested in ((one, other), (other, one)):
        values = _values_of(listed)
        if values is not None and tested.operator in COMPARABLE:
            return all(_answer(tested, value) is False for value in values)
    return _are_apart(one, other)


def _are_apart(one: Compare, other: Compare) -> bool:
    """Two half-open ranges of one column that do not meet: `gt 5` and `lt 3`."""
    lower, upper = (one, other) if one.operator in {Operator.GT, Operator.GE} else (other, one)
    if lower.operator not in {Operator.GT, Operator.GE}:
        return False
    if upper.operator not in {Operator.LT, Operator.LE}:
        return False
    is_open = lower.operator is Operator.GT or upper.operator is Operator.LT
    reach = Compare(upper.path, Operator.LT if is_open else Operator.LE, upper.value)
    return _answer(reach, lower.value) is False


def _find_exhausted(parts: Sequence[Condition]) -> str | None:
    """A list of values of which the other conditions leave none."""
    comparisons = [part for part in parts if isinstance(part, Compare)]
    for listed in comparisons:
        values = _values_of(listed)
        others = [
            part
            for part in comparisons
            if part is not listed and part.path == listed.path and part.operator in COMPARABLE
        ]
        if values is None or len(others) < 2:
            continue
        if all(any(_answer(other, value) is False for other in others) for value in values):
            return f"no value of {describe(listed)} is left by the conditions beside it"
    return None


def _has_complements(children: Sequence[Condition]) -> bool:
    """`a or not a`, and `x null or x not-null`."""
    for one, other in combinations(children, 2):
        if Not(one) == other or Not(other) == one:
            return True
        if isinstance(one, Compare) and isinstance(other, Compare) and one.path == other.path:
            operators = {one.operator, other.operator}
            if operators == {Operator.NULL, Operator.NOT_NULL}:
                return True
    return False


def _implies_comparison(one: Condition, other: Condition) -> bool:
    if not isinstance(one, Compare) or not isinstance(other, Compare) or one.path != other.path:
        return False
    if other.operator is Operator.NOT_NULL:
        return one.operator in COMPARABLE and one.operator not in HOLDS_FOR_NULL
    if one.operator is Operator.NULL:
        return other.operator in HOLDS_FOR_NULL
    values = _values_of(one)
    if values is not None:
        return other.operator in COMPARABLE and all(_answer(other, value) for value in values)
    return _is_within(one, other)


def _is_within(one: Compare, other: Compare) -> bool:
    """`ge 10` implies `gt 5`; `begins-with Lon` implies `begins-with Lo`."""
    value = one.value
    operators = {one.operator, other.operator}
    if any(operators <= direction for direction in DIRECTIONS):
        return _answer(other, value) is True
    if operators in ({Operator.BEGINS_WITH}, {Operator.ENDS_WITH}):
        return not WILDCARDS & set(str(value)) and _answer(other, value) is True
    return False


def _values_of(comparison: Compare) -> tuple[Scalar, ...] | None:
    """The only values the comparison holds for, where it lists them."""
    if comparison.operator not in ENUMERATING or comparison.value is None:
        return None
    value = comparison.value
    return value if isinstance(value, tuple) else (value,)


def _answer(comparison: Compare, value: Value) -> bool | None:
    """Whether a comparison holds for a column with this value; None when that is not certain.

    An empty text is a null in a row, so it stands for no value there.
    """
    if value is None or value == "" or isinstance(value, tuple):
        return None
    wanted = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    if any(_kind_of(each) != _kind_of(value) for each in wanted if each is not None):
        return None
    tested = Compare(("value",), comparison.operator, comparison.value)
    row: Row = {"value": value}
    return holds(tested, row, Context(now=ANY_MOMENT))


def _kind_of(value: Scalar) -> str:
    """Values of one kind compare the same whatever the column's type."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str) and DATE_LIKE.match(value):
        return f"date of {len(value)}"
    return "text" if isinstance(value, str) else "number"


def paths_of(condition: Condition) -> frozenset[ColumnPath]:
    """The columns compared anywhere in a condition, to rule out implications quickly."""
    match condition:
        case All(children) | Any(children):
            return frozenset[ColumnPath]().union(*(paths_of(child) for child in children))
        case Not(child):
            return paths_of(child)
        case Compare(path) | CompareColumns(path):
            return frozenset({path})
        case Related(navigation):
            return frozenset({navigation})
        case SellerAttribute(name):
            return frozenset({("attribute", name)})
        case _:
            assert_never(condition)
