"""What a column's value rules out: never a condition that holds, and most of those that do not."""

from collections.abc import Mapping

import pytest

from engine.conditions.compiled.narrowing import sample_masks
from engine.conditions.compiled.selectivity import Chances
from engine.conditions.compiled.tables import Key, build_tables, exact_key
from engine.conditions.language.context import Context
from engine.conditions.language.operators import Family
from engine.conditions.language.parsing import parse_condition
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, SCHEMA

CONTEXT = Context(NOW, table="lead", schema=SCHEMA)
ID = "11111111-2222-4333-8444-555555555555"
_TEXT, _NUMBER, _CHOICE = Family.TEXT, Family.NUMBER, Family.CHOICE


def kept(conditions: list[object], row: Mapping[str, object]) -> list[set[int]]:
    """For each table, the positions of the conditions that the row leaves possible."""
    trees = [parse_condition(raw) for raw in conditions]
    (masks,) = sample_masks(build_tables(trees, CONTEXT), CONTEXT, [row], Chances())
    last = len(trees) - 1
    return [{at for at in range(len(trees)) if mask >> (last - at) & 1} for mask in masks]


def keys(raw: object, context: Context = CONTEXT) -> list[Key]:
    return [table.key for table in build_tables([parse_condition(raw)], context)]


@pytest.mark.parametrize(
    ("raw", "key", "possible", "ruled_out"),
    [
        (
            compare("city", "eq", "London"),
            Key("value", ("city",), _TEXT),
            ["london", "LONDON"],
            ["leeds", "", None],
        ),
        (
            compare("city", "ne", "London"),
            Key("value", ("city",), _TEXT),
            ["leeds", "", None],
            ["London"],
        ),
        (
            compare("city", "in", ["London", "Leeds"]),
            Key("value", ("city",), _TEXT),
            ["london", "leeds"],
            ["rome", None],
        ),
        (
            compare("city", "not-in", ["London", "Leeds"]),
            Key("value", ("city",), _TEXT),
            ["rome", None],
            ["london", "leeds"],
        ),
        (compare("city", "null"), Key("value", ("city",), _TEXT), [None, ""], ["x"]),
        (compare("city", "not-null"), Key("value", ("city",), _TEXT), ["x"], [None, ""]),
        (
            compare("_ownerid_value", "eq", ID.upper()),
            Key("value", ("ownerid",), Family.REFERENCE),
            [],
            ["x", None],
        ),
        (
            compare("employees", "eq", 5),
            Key("value", ("employees",), _NUMBER),
            [5, 5.0],
            [6, None],
        ),
        (compare("employees", "ne", 5), Key("value", ("employees",), _NUMBER), [6, None], [5]),
        (compare("employees", "null"), Key("value", ("employees",), _NUMBER), [None], [0]),
        (compare("source", "in", [7, 8]), Key("value", ("source",), _CHOICE), [7, 8], [1, None]),
        (
            compare("employees", "gt", 5),
            Key("number", ("employees",), _NUMBER),
            [5.5, 6, 100],
            [-1, 4, 4.9, None],
        ),
        (
            compare("employees", "ge", 5),
            Key("number", ("employees",), _NUMBER),
            [5, 6],
            [4, None],
        ),
        (
            compare("employees", "lt", 5),
            Key("number", ("employees",), _NUMBER),
            [-1, 4],
            [5.5, 6, None],
        ),
        (compare("employees", "le", 5), Key("number", ("employees",), _NUMBER), [4, 5], [6, None]),
        (
            compare("revenue", "between", [5, 10]),
            Key("number", ("revenue",), _NUMBER),
            [5, 7.5, 10],
            [4, 4.5, 10.5, 11, None],
        ),
        (
            compare("revenue", "gt", 2**52 - 1),
            Key("number", ("revenue",), _NUMBER),
            [2**53],
            [0],
        ),
        (
            compare("createdon", "on", "2026-11-23"),
            Key("moment", ("createdon",), Family.DATE),
            ["2026-11-23T00:00:00Z", "2026-11-23T23:59:59Z"],
            ["2026-11-22T23:59:59Z", "2026-11-24T00:00:00Z", None],
        ),
        (
            compare("createdon", "gt", "2026-11-23T09:00:00Z"),
            Key("moment", ("createdon",), Family.DATE),
            ["2026-11-23T09:00:01Z"],
            ["2026-11-23T09:00:00Z", None],
        ),
        (
            compare("closedate", "on-or-before", "2026-11-23"),
            Key("moment", ("closedate",), Family.DATE, is_day=True),
            ["2026-11-23", "2020-01-01"],
            ["2026-11-24", None],
        ),
        (
            compare("createdon", "in-fiscal-year", 2026),
            Key("moment", ("createdon",), Family.DATE),
            ["2026-01-01T00:00:00Z"],
            ["2025-12-31T23:59:59Z", "2027-01-01T00:00:00Z"],
        ),
        (
            compare("createdon", "today"),
            Key("relative", ("createdon",), Family.DATE),
            ["2026-11-23T09:00:00Z"],
            ["2026-11-24T00:00:00Z", None],
        ),
        (
            compare("closedate", "tomorrow"),
            Key("relative", ("closedate",), Family.DATE, is_day=True),
            ["2026-11-24"],
            ["2026-11-23", "2026-11-25", None],
        ),
    ],
    ids=str,
)
def test_a_value_rules_out_what_it_cannot_satisfy(
    raw: dict[str, object], key: Key, possible: list[object], ruled_out: list[object]
) -> None:
    assert keys(raw) == [key]
    name = str(raw["column"])
    for cells, expected in ((possible, {0}), (ruled_out, set[int]())):
        for cell in cells:
            assert kept([raw], {name: cell}) == [expected], cell


@pytest.mark.parametrize(
    "raw",
    [
        compare("employees", "eq", 0.5),
        compare("employees", "in", [1, 0.5]),
        compare("source", "eq", "Web"),
        compare("source", "in", [7, "Web"]),
        compare("revenue", "gt", 0.5),
        compare("revenue", "gt", 2**52),
        compare("revenue", "gt", "many"),
        compare("revenue", "not-between", [1, 2]),
        compare("city", "like", "x%"),
        compare("city", "gt", "x"),
        compare("city", "between", ["a", "b"]),
        compare("interests", "contain-values", [1]),
        compare("interests", "eq", 1),
        compare("interests", "null"),
        compare("createdon", "null"),
        compare("createdon", "ne", "2026-11-23"),
        compare("createdon", "in", ["2026-11-23", "2026-11-24"]),
        compare("createdon", "between", ["2026-11-23", "2026-11-24"]),
        compare("createdon", "in-fiscal-period", 2),
        compare("createdon", "gt", "soon"),
        compare("employees", "under", ID),
        compare("new_unknown", "eq", 1),
        {"not": compare("city", "eq", "x")},
        {"any": [compare("city", "eq", "x"), compare("employees", "eq", 1)]},
        {"any": [compare("createdon", "today"), compare("createdon", "tomorrow")]},
        {"related": "Lead_Tasks", "where": compare("city", "eq", "x")},
        {"column": "city", "operator": "eq", "value_of": "address1_city"},
    ],
    ids=str,
)
def test_what_no_single_value_settles_has_no_table(raw: object) -> None:
    assert keys(raw) == []


def test_without_the_columns_type_there_is_no_table() -> None:
    assert keys(compare("city", "eq", "x"), Context(NOW, table="nowhere", schema=SCHEMA)) == []
    assert keys(compare("city", "eq", "x"), Context(NOW)) == []


def test_a_column_of_a_related_row_has_a_table_of_its_own() -> None:
    raw = compare("parentaccountid.city", "eq", "Rome")
    assert keys(raw) == [Key("value", ("parentaccountid", "city"), _TEXT)]
    assert kept([raw], {"parentaccountid": {"city": "rome"}}) == [{0}]
    assert kept([raw], {"parentaccountid": {"city": "oslo"}}) == [set()]
    assert kept([raw], {"city": "rome"}) == [set()]


@pytest.mark.parametrize(
    ("raw", "cells"),
    [
        (
            {"all": [compare("employees", "gt", 5), compare("employees", "lt", 10)]},
            {4: False, 7: True, 11: False, None: False},
        ),
        (
            {"any": [compare("employees", "lt", 5), compare("employees", "gt", 10)]},
            {4: True, 7: False, 11: True, None: False},
        ),
        (
            {"all": [compare("employees", "not-null"), compare("employees", "ne", 5)]},
            {4: True, 5: False, None: False},
        ),
        (
            {
                "any": [
                    compare("employees", "eq", 1),
                    compare("employees", "in", [2]),
                    compare("employees", "null"),
                ]
            },
            {1: True, 2: True, 3: False, None: True},
        ),
    ],
)
def test_parts_about_one_column_share_its_table(raw: object, cells: dict[object, bool]) -> None:
    for cell, expected in cells.items():
        assert kept([raw], {"employees": cell}) == [{0} if expected else set()], cell


def test_of_two_spans_of_one_column_the_first_stands_for_both() -> None:
    raw = {
        "all": [compare("createdon", "gt", "2026-11-01"), compare("createdon", "lt", "2026-11-10")]
    }
    assert kept([raw], {"createdon": "2026-11-05T00:00:00Z"}) == [{0}]
    assert kept([raw], {"createdon": "2026-10-05T00:00:00Z"}) == [set()]
    assert kept([raw], {"createdon": "2026-12-05T00:00:00Z"}) == [{0}]


def test_parts_about_several_columns_have_a_table_each() -> None:
    raw = {"all": [compare("city", "eq", "x"), {"all": [compare("employees", "gt", 5)]}]}
    assert [key.path for key in keys(raw)] == [("city",), ("employees",)]
    assert kept([raw], {"city": "x", "employees": 4}) == [{0}, set()]


def test_conditions_that_a_table_is_silent_about_stay_possible() -> None:
    conditions: list[object] = [
        compare("createdon", "on", "2026-11-23"),
        compare("createdon", "on", "2026-11-24"),
        compare("city", "like", "x%"),
        compare("createdon", "on", "2026-11-23"),
        compare("createdon", "on-or-after", "2026-11-23"),
    ]
    for cell, expected in (
        ("2026-11-22T00:00:00Z", {2}),
        ("2026-11-23T00:00:00Z", {0, 2, 3, 4}),
        ("2026-11-24T12:00:00Z", {1, 2, 4}),
        ("2026-11-25T00:00:00Z", {2, 4}),
        (None, {2}),
        ("no date", {0, 1, 2, 3, 4}),
    ):
        assert kept(conditions, {"createdon": cell}) == [expected], cell


def test_limits_of_several_conditions_break_a_number_column_in_order() -> None:
    conditions: list[object] = [
        compare("employees", "gt", 10),
        compare("employees", "ge", 5),
        compare("employees", "lt", 3),
        compare("employees", "between", [4, 12]),
        compare("city", "null"),
    ]
    for cell, expected in (
        (-7, {2, 4}),
        (2, {2, 4}),
        (3.5, {4}),
        (4.5, {3, 4}),
        (7, {1, 3, 4}),
        (11, {0, 1, 3, 4}),
        (13, {0, 1, 4}),
        (10**6, {0, 1, 4}),
        (None, {4}),
    ):
        assert kept(conditions, {"employees": cell, "city": "x"})[1] == expected, cell


@pytest.mark.parametrize(
    ("raw", "is_settled"),
    [
        (compare("city", "eq", "x"), True),
        (compare("employees", "not-in", [5]), True),
        (compare("employees", "null"), True),
        (compare("employees", "gt", 5), False),
        (compare("createdon", "today"), False),
        ({"all": [compare("city", "eq", "x")]}, False),
    ],
)
def test_only_tables_of_values_settle_a_comparison(raw: object, is_settled: bool) -> None:
    key = exact_key(parse_condition(raw), CONTEXT)
    assert (key is not None) is is_settled
    assert key is None or key.kind == "value"
