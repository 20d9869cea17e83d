"""The compiled form of any condition answers what walking the tree answers, for any row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.compiled.compiler import (
    CompileOptions,
    compile_first_match,
    compile_predicate,
)
from engine.conditions.evaluation.interpreter import first_failure, holds
from engine.conditions.language.context import Caller, Context
from engine.conditions.language.model import Condition
from tests.property.condition_trees import (
    GUIDS,
    HIERARCHIES,
    SCHEMA,
    attributes,
    date_settings,
    instants,
    rows,
    trees,
)

_CALLERS = st.sampled_from(
    [
        None,
        Caller(
            user_id=GUIDS[0], business_unit_id=GUIDS[1], team_ids=frozenset({GUIDS[2]}), language=7
        ),
    ]
)


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    known = draw(st.booleans())
    return Context(
        now=draw(instants),
        dates=draw(date_settings),
        record=draw(st.one_of(st.none(), rows(1))),
        attributes=draw(attributes),
        hierarchies=HIERARCHIES,
        caller=draw(_CALLERS),
        table="lead" if known else None,
        schema=SCHEMA if known else {},
    )


def _options(context: Context, samples: Sequence[Mapping[str, object]]) -> CompileOptions:
    return CompileOptions(
        dates=context.dates,
        table=context.table,
        schema=context.schema,
        hierarchies=context.hierarchies,
        caller=context.caller,
        samples=samples,
    )


@settings(max_examples=120)
@given(trees(), st.lists(rows(), min_size=1, max_size=4), contexts())
def test_a_compiled_condition_answers_what_the_tree_walk_answers(
    condition: Condition, some_rows: list[Mapping[str, object]], context: Context
) -> None:
    predicate = compile_predicate(condition, _options(context, []))
    for row in some_rows:
        expected = holds(condition, row, context)
        got = predicate(row, context.now, record=context.record, attributes=context.attributes)
        assert got == expected


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.none(), trees()), max_size=6),
    st.lists(rows(), min_size=1, max_size=4),
    contexts(),
    instants,
    st.sampled_from([1, 150]),
)
def test_the_first_match_is_the_first_condition_that_holds(
    conditions: list[Condition | None],
    some_rows: list[Mapping[str, object]],
    context: Context,
    later: datetime,
    tables_from: int,
) -> None:
    options = replace(_options(context, some_rows), tables_from=tables_from)
    compiled = compile_first_match(conditions, options)
    for now in (context.now, later, context.now):
        at = replace(context, now=now, record=None, attributes=None)
        for row in some_rows:
            expected = next(
                (
                    position
                    for position, condition in enumerate(conditions)
                    if condition is None or holds(condition, row, at)
                ),
                -1,
            )
            assert compiled.first_match(row, now) == expected
            assert compiled.first_matches([row, row], now) == [expected, expected]


@settings(max_examples=60)
@given(trees(), rows(), contexts())
def test_a_failure_is_named_exactly_when_the_condition_does_not_hold(
    condition: Condition, row: Mapping[str, object], context: Context
) -> None:
    failure = first_failure(condition, row, context)
    assert (failure is None) == holds(condition, row, context)
