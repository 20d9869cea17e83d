"""Trees survive being written as plain data and as FetchXML."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context
from engine.conditions.language.fetchxml import build_fetchxml, parse_fetchxml, untyped
from engine.conditions.language.fetchxml_writing import negate
from engine.conditions.language.model import All, Any, Compare, Condition, Not, Operator, Related
from engine.conditions.language.parsing import parse_condition
from engine.conditions.language.printing import describe, print_condition
from engine.conditions.language.spelling import spell
from engine.errors import InvalidDocument, Problem
from tests.property.condition_trees import SCHEMA, compares, rows, trees
from tests.property.test_conditions_compiled import contexts


def _non_empty(condition: Condition) -> Condition:
    """`all` and `any` of nothing cannot be written in a rules file."""
    match condition:
        case All(children) | Any(children):
            inner = tuple(_non_empty(child) for child in children)
            return type(condition)(inner or (Compare(("city",), Operator.NULL),))
        case Not(child):
            return Not(_non_empty(child))
        case _:
            return condition


def _retyped(condition: Condition) -> Condition:
    """What FetchXML makes of the types of values."""
    match condition:
        case All(children) | Any(children):
            return type(condition)(tuple(_retyped(child) for child in children))
        case Related(navigation, exists, where):
            inner = None if where is None else _retyped(where)
            for name in reversed(navigation[1:]):
                inner = Related((name,), True, inner)
            return Related(navigation[:1], exists, inner)
        case Compare(path, operator, tuple() as values):
            return Compare(path, operator, tuple(untyped(spell(value)) for value in values))
        case Compare(path, operator, value) if value is not None and not isinstance(value, tuple):
            return Compare(path, operator, untyped(spell(value)))
        case _:
            return condition


_PLAIN_TREES = trees().map(_non_empty)


@settings(max_examples=150)
@given(_PLAIN_TREES)
def test_a_tree_written_as_plain_data_reads_back_equal(condition: Condition) -> None:
    data = json.loads(json.dumps(print_condition(condition)))
    assert parse_condition(data) == condition


@settings(max_examples=150)
@given(
    st.recursive(
        compares(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda each: All(tuple(each))),
            st.lists(inner, max_size=3).map(lambda each: Any(tuple(each))),
            st.builds(
                Related,
                st.sampled_from([("parentaccountid",), ("lead_tasks",), ("listlead_association",)]),
                st.booleans(),
                compares(st.sampled_from(["city", "count"]).map(lambda name: (name,))),
            ),
        ),
        max_leaves=6,
    )
)
def test_a_tree_written_as_fetchxml_reads_back_equal(condition: Condition) -> None:
    text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    read = parse_fetchxml(text, table="lead", schema=SCHEMA)
    assert read == _retyped(condition)
    assert build_fetchxml(read, table="lead", schema=SCHEMA) == text


@settings(max_examples=100)
@given(trees())
def test_whatever_can_be_written_as_fetchxml_is_stable_when_read_and_written_again(
    condition: Condition,
) -> None:
    try:
        text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    except InvalidDocument:
        return
    read = parse_fetchxml(text, table="lead", schema=SCHEMA)
    assert build_fetchxml(read, table="lead", schema=SCHEMA) == text


@settings(max_examples=150)
@given(compares(), contexts(), rows())
def test_an_exact_opposite_holds_when_the_condition_does_not(
    condition: Condition, context: Context, row: Mapping[str, object]
) -> None:
    opposite = negate(condition)
    if isinstance(opposite, Compare):
        assert holds(opposite, row, context) != holds(condition, row, context)


@settings(max_examples=200)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    [
                        "all",
                        "any",
                        "not",
                        "column",
                        "operator",
                        "value",
                        "value_of",
                        "related",
                        "exists",
                        "where",
                        "attribute",
                        "fetchxml",
                        "junk",
                    ]
                ),
                st.one_of(
                    inner, st.sampled_from(["city", "eq", "in", "<filter/>", "$(city)", "null"])
                ),
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_plain_data_is_read_or_refused_with_problems(
    raw: object,
) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        describe(parse_condition(raw))
    except InvalidDocument as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(problem.message for problem in problems)


@settings(max_examples=200)
@given(st.text(alphabet="<>/=\"' &;filtercondoabe!-", max_size=40))
def test_any_text_is_read_as_fetchxml_or_refused_with_problems(text: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_fetchxml("<filter><condition attribute='a' operator='eq'>" + text)
    assert caught.value.problems
