"""Which tables narrow conditions down, and what they make of rows."""

from datetime import timedelta

import pytest

from engine.conditions.compiled.narrowing import choose_by_samples, choose_by_share, sample_masks
from engine.conditions.compiled.selectivity import Chances
from engine.conditions.compiled.tables import ColumnTable, Constraint, Key, build_tables
from engine.conditions.language.context import Context
from engine.conditions.language.operators import Family
from engine.conditions.language.parsing import parse_condition
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, SCHEMA

CONTEXT = Context(NOW, table="lead", schema=SCHEMA)
NOTHING = Constraint(frozenset(), lambda _: True, null=True)


def table(name: str, says_something_of: int, conditions: int = 40) -> ColumnTable:
    key = Key("value", (name,), Family.TEXT)
    constraints = dict.fromkeys(range(says_something_of), NOTHING)
    return ColumnTable(key, constraints, (1 << conditions) - 1)


def names(tables: list[ColumnTable]) -> list[str]:
    return [each.key.path[0] for each in tables]


def test_without_samples_a_twentieth_of_the_conditions_makes_a_table_useful() -> None:
    tables = [table("one", 1), table("two", 2), table("many", 9), table("some", 5)]
    assert names(choose_by_share(tables)) == ["many", "some", "two"]


def test_with_samples_each_table_is_judged_by_what_the_ones_before_it_leave() -> None:
    tables = [table(name, 1, conditions=8) for name in ("half", "same", "best", "none")]
    row = [0b00001111, 0b00001111, 0b10000001, 0b11111111]
    assert names(choose_by_samples(tables, [row] * 4)) == ["best", "half"]
    assert choose_by_samples(tables, []) == []
    assert choose_by_samples([], [[], []]) == []


@pytest.mark.parametrize(("useful", "expected"), [(4, ["a"]), (3, [])])
def test_a_table_pays_when_it_spares_two_tests_in_five_look_ups(
    useful: int, expected: list[str]
) -> None:
    masks = [[0b0111]] * useful + [[0b1111]] * (10 - useful)
    assert names(choose_by_samples([table("a", 1, conditions=4)], masks)) == expected


def test_samples_show_what_each_table_rules_out() -> None:
    conditions = [
        parse_condition(raw)
        for raw in (
            compare("city", "eq", "London"),
            compare("employees", "gt", 5),
            compare("createdon", "on", "2026-11-23"),
            compare("closedate", "tomorrow"),
        )
    ]
    tables = build_tables(conditions, CONTEXT)
    full: dict[str, object] = {"city": "Rome", "employees": 4, "createdon": None, "closedate": None}
    samples: list[dict[str, object]] = [
        {**full, "city": "LONDON", "employees": 6},
        {"city": 5, "employees": 6},
        {**full, "createdon": "2026-11-23T09:00:00Z"},
        {**full, "closedate": "2026-11-24"},
        {},
    ]
    kinds = [each.key.path[0] for each in tables]
    assert kinds == ["closedate", "createdon", "employees", "city"]
    masks = [list(row) for row in sample_masks(tables, CONTEXT, samples, Chances())]
    assert masks == [
        [0b1110, 0b1101, 0b1111, 0b1111],
        [0b1110, 0b1111, 0b1011, 0b0111],
        [0b1111, 0b1101, 0b1011, 0b0111],
        [0b1110, 0b1101, 0b1011, 0b0111],
    ]
    later = Context(NOW + timedelta(days=1), table="lead", schema=SCHEMA)
    (moved,) = sample_masks(tables, later, [samples[3]], Chances())
    assert moved[0] == 0b1110
