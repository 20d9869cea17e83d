"""What is said of conditions without a row is true of every row."""

from datetime import UTC, datetime
from itertools import product

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engine.checks.implication import find_contradiction, implies, is_always, paths_of
from engine.checks.labels import number_labels
from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context
from engine.conditions.language.model import All, Any, Compare, Condition, Not, Operator, Scalar
from tests.property.condition_trees import SCHEMA

CONTEXT = Context(now=datetime(2026, 11, 23, 12, tzinfo=UTC), table="lead", schema=SCHEMA)
CELLS: dict[str, list[Scalar | None]] = {
    "city": [None, "", "London", "LONDON", "Lon", "Leeds", "L%n"],
    "revenue": [None, 0, 5, 5.0, 7.5, 10, -3],
    "source": [None, 1, 2, 7],
    "closedate": [None, "2026-11-22", "2026-11-23", "2026-12-01"],
}
ROWS = [
    dict(zip(pair, cells, strict=True))
    for pair in (("city", "revenue"), ("source", "closedate"), ("city", "source"))
    for cells in product(*(CELLS[name] for name in pair))
]
CONSTANTS: dict[str, list[Scalar]] = {
    "city": ["London", "london", "Lon", "Leeds", "L%n", "L_", ""],
    "revenue": [0, 5, 5.0, 7.5, 10, -3],
    "source": [1, 2, 7, "Web", "Trade Show"],
    "closedate": ["2026-11-22", "2026-11-23", "2026-11-23T09:00:00Z", "2026-12-01"],
}
ORDER = (Operator.GT, Operator.GE, Operator.LT, Operator.LE)
LISTS = (Operator.IN, Operator.NOT_IN)
PAIRS = (Operator.BETWEEN, Operator.NOT_BETWEEN)
PATTERNS = (
    Operator.LIKE,
    Operator.NOT_LIKE,
    Operator.BEGINS_WITH,
    Operator.NOT_BEGIN_WITH,
    Operator.ENDS_WITH,
    Operator.NOT_END_WITH,
)
SINGLE = {
    "city": (Operator.EQ, Operator.NE, *ORDER, *PATTERNS),
    "revenue": (Operator.EQ, Operator.NE, *ORDER),
    "source": (Operator.EQ, Operator.NE),
    "closedate": (Operator.EQ, Operator.NE, *ORDER, Operator.ON, Operator.TODAY),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Compare:
    column = draw(st.sampled_from(list(CELLS)))
    constants = st.sampled_from(CONSTANTS[column])
    extra = PAIRS if column in {"revenue", "closedate"} else ()
    nulls = (Operator.NULL, Operator.NOT_NULL)
    operator = draw(st.sampled_from((*SINGLE[column], *LISTS, *extra, *nulls)))
    if operator in nulls or operator is Operator.TODAY:
        return Compare((column,), operator)
    if operator in LISTS:
        return Compare(
            (column,), operator, tuple(draw(st.lists(constants, min_size=1, max_size=3)))
        )
    if operator in PAIRS:
        return Compare((column,), operator, (draw(constants), draw(constants)))
    return Compare((column,), operator, draw(constants))


def groups(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    children = st.lists(inner, max_size=3).map(tuple)
    return children.map(All) | children.map(Any) | inner.map(Not)


conditions = st.recursive(comparisons(), groups, max_leaves=5)


def prepared(condition: Condition) -> Condition:
    return number_labels(condition, "lead", SCHEMA)


@given(conditions)
@examples(max_examples=300)
def test_a_contradiction_holds_for_no_row(condition: Condition) -> None:
    if find_contradiction(prepared(condition)) is not None:
        assert not any(holds(condition, row, CONTEXT) for row in ROWS)


@given(conditions)
@examples(max_examples=300)
def test_what_always_holds_holds_for_every_row(condition: Condition) -> None:
    if is_always(prepared(condition)):
        assert all(holds(condition, row, CONTEXT) for row in ROWS)


@given(conditions, conditions)
@examples(max_examples=300)
def test_an_implication_holds_for_every_row(one: Condition, other: Condition) -> None:
    for first, second in ((one, other), (All((one, other)), one), (one, Any((one, other)))):
        if implies(prepared(first), prepared(second)):
            assert all(holds(second, row, CONTEXT) for row in ROWS if holds(first, row, CONTEXT))


@given(conditions)
def test_numbers_mean_what_their_labels_meant(condition: Condition) -> None:
    numbered = prepared(condition)
    assert all(holds(condition, row, CONTEXT) == holds(numbered, row, CONTEXT) for row in ROWS)


@given(conditions)
def test_paths_are_those_of_the_comparisons(condition: Condition) -> None:
    assert paths_of(condition) <= {(name,) for name in CELLS}
