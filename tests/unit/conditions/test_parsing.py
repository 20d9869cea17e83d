"""Reading conditions from plain data, and writing them back."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from engine.conditions.language.columns import columns_of, navigations_of, record_columns_of, walk
from engine.conditions.language.model import (
    All,
    Any,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Operator,
    Related,
    SellerAttribute,
)
from engine.conditions.language.operators import FACTS
from engine.conditions.language.parsing import MAX_DEPTH, parse_condition
from engine.conditions.language.printing import describe, print_condition
from engine.conditions.language.values import parse_scalar, scalars_of
from engine.errors import InvalidDocument, Problem

CITY = {"column": "city", "operator": "eq", "value": "London"}


def problems_of(raw: object) -> tuple[Problem, ...]:
    with pytest.raises(InvalidDocument) as caught:
        parse_condition(raw)
    return caught.value.problems


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (CITY, Compare(("city",), Operator.EQ, "London")),
        ({"all": [CITY]}, All((Compare(("city",), Operator.EQ, "London"),))),
        ({"any": [CITY]}, Any((Compare(("city",), Operator.EQ, "London"),))),
        ({"not": CITY}, Not(Compare(("city",), Operator.EQ, "London"))),
        ({"column": "a.b", "operator": None}, Compare(("a", "b"), Operator.NULL)),
        ({"column": "a", "operator": "null", "value": None}, Compare(("a",), Operator.NULL)),
        ({"column": "a", "operator": "neq", "value": 1}, Compare(("a",), Operator.NE, 1)),
        ({"column": "a", "operator": "in", "value": 1}, Compare(("a",), Operator.IN, (1,))),
        (
            {"column": "a", "operator": "between", "value": ["1", 2.5]},
            Compare(("a",), Operator.BETWEEN, ("1", 2.5)),
        ),
        (
            {"column": "a", "operator": "last-x-days", "value": "7"},
            Compare(("a",), Operator.LAST_X_DAYS, 7),
        ),
        (
            {"column": "a", "operator": "on", "value": date(2026, 11, 23)},
            Compare(("a",), Operator.ON, "2026-11-23"),
        ),
        (
            {"column": "a", "operator": "eq", "value": datetime(2026, 11, 23, tzinfo=UTC)},
            Compare(("a",), Operator.EQ, "2026-11-23T00:00:00+00:00"),
        ),
        (
            {"column": "a", "operator": "in-fiscal-period-and-year", "value": ["2", 2026]},
            Compare(("a",), Operator.IN_FISCAL_PERIOD_AND_YEAR, (2, 2026)),
        ),
        (
            {"column": "a", "operator": "in-fiscal-year", "value": 2026},
            Compare(("a",), Operator.IN_FISCAL_YEAR, 2026),
        ),
        (
            {"column": "a", "operator": "gt", "value_of": "b.c"},
            CompareColumns(("a",), Operator.GT, ("b", "c")),
        ),
        (
            {"column": "a", "operator": "eq", "value_of": "record.b"},
            CompareColumns(("a",), Operator.EQ, ("b",), True),
        ),
        (
            {"column": "a", "operator": "eq", "value": "$(b)"},
            CompareColumns(("a",), Operator.EQ, ("b",), True),
        ),
        (
            {"column": "a", "operator": "like", "value": "$(b)"},
            Compare(("a",), Operator.LIKE, "$(b)"),
        ),
        ({"related": "tasks"}, Related(("tasks",))),
        (
            {"related": "a.b", "exists": False, "where": CITY},
            Related(("a", "b"), False, Compare(("city",), Operator.EQ, "London")),
        ),
        (
            {"attribute": "Language", "operator": "in", "value": ["English", 5]},
            SellerAttribute("Language", Operator.IN, ("English", "5")),
        ),
        (
            {"attribute": "Language", "operator": "eq", "value": "English"},
            SellerAttribute("Language", Operator.EQ, ("English",)),
        ),
        (
            {"attribute": "Language", "operator": None},
            SellerAttribute("Language", Operator.NULL),
        ),
        (
            {"fetchxml": "<filter><condition attribute='a' operator='null'/></filter>"},
            All((Compare(("a",), Operator.NULL),)),
        ),
    ],
)
def test_each_form_of_a_condition_is_read_and_survives_printing(
    raw: Mapping[str, object], tree: Condition
) -> None:
    assert parse_condition(raw) == tree
    assert parse_condition(print_condition(tree)) == tree


@pytest.mark.parametrize(
    ("raw", "path", "sentence"),
    [
        ([], (), "a condition is a mapping, not a list"),
        (None, (), "a condition is a mapping, not nothing"),
        (
            {},
            (),
            ("a condition has one of the keys all, any, not, related, attribute, fetchxml, column"),
        ),
        (
            {"colum": "a"},
            (),
            (
                "a condition has one of the keys all, any, not, related, attribute, fetchxml, "
                "column; did you mean “column”?"
            ),
        ),
        ({"all": CITY}, ("all",), "expects a list of conditions, not a mapping"),
        ({"any": []}, ("any",), "expects at least one condition: the list is empty"),
        ({"all": [CITY, 5]}, ("all", 1), "a condition is a mapping, not “5”"),
        ({"not": [CITY]}, ("not",), "a condition is a mapping, not a list"),
        (
            {**CITY, "valu": 1},
            ("valu",),
            "“valu” does not belong in a “column” condition; did you mean “value”?",
        ),
        ({"all": [CITY], "zzz": 1}, ("zzz",), "“zzz” does not belong in a “all” condition"),
        ({"column": "a"}, (), "“operator” is missing: for example eq, in, ge, like, null"),
        (
            {"column": "a b", "operator": "null"},
            ("column",),
            "expects the logical name of a column, not “a b”",
        ),
        (
            {"column": 5, "operator": "null"},
            ("column",),
            "expects the logical name of a column, not “5”",
        ),
        (
            {"column": "a", "operator": "equal", "value": 1},
            ("operator",),
            "there is no operator “equal”",
        ),
        (
            {"column": "a", "operator": "begin-with", "value": 1},
            ("operator",),
            "there is no operator “begin-with”; did you mean “begins-with”?",
        ),
        ({"column": "a", "operator": 5, "value": 1}, ("operator",), "there is no operator “5”"),
        (
            {"column": "a", "operator": "eq"},
            (),
            "“value” is missing: the operator eq takes one value",
        ),
        (
            {"column": "a", "operator": "eq", "value": None},
            ("value",),
            (
                "the operator eq takes one value, not nothing: for an empty column use the "
                "operator null"
            ),
        ),
        (
            {"column": "a", "operator": "eq", "value": [1]},
            ("value",),
            ("the operator eq takes one value: a text, a number, a date, true or false"),
        ),
        (
            {"column": "a", "operator": "eq", "value": {}},
            ("value",),
            ("the operator eq takes one value: a text, a number, a date, true or false"),
        ),
        (
            {"column": "a", "operator": "eq", "value": float("inf")},
            ("value",),
            "the operator eq takes a number that is finite",
        ),
        (
            {"column": "a", "operator": "null", "value": 1},
            ("value",),
            "the operator null takes no value: leave “value” out",
        ),
        (
            {"column": "a", "operator": "in", "value": []},
            ("value",),
            "the operator in takes a list of values: it is empty",
        ),
        (
            {"column": "a", "operator": "in", "value": [1, None]},
            ("value", 1),
            (
                "the operator in takes one value, not nothing: for an empty column use the "
                "operator null"
            ),
        ),
        (
            {"column": "a", "operator": "between", "value": [1]},
            ("value",),
            "the operator between takes a list of exactly two values, not 1",
        ),
        (
            {"column": "a", "operator": "last-x-days", "value": 0},
            ("value",),
            "the operator last-x-days takes a whole number of at least 1",
        ),
        (
            {"column": "a", "operator": "last-x-days", "value": "soon"},
            ("value",),
            "the operator last-x-days takes a whole number",
        ),
        (
            {"column": "a", "operator": "last-x-days", "value": True},
            ("value",),
            "the operator last-x-days takes a whole number",
        ),
        (
            {"column": "a", "operator": "on", "value": "soon"},
            ("value",),
            (
                "the operator on takes a date such as 2026-11-23 or a time such as "
                "2026-11-23T09:00:00Z"
            ),
        ),
        (
            {"column": "a", "operator": "on", "value": 20261123},
            ("value",),
            (
                "the operator on takes a date such as 2026-11-23 or a time such as "
                "2026-11-23T09:00:00Z"
            ),
        ),
        (
            {"column": "a", "operator": "in-fiscal-period", "value": 14},
            ("value",),
            ("the operator in-fiscal-period takes the number of a fiscal period, 1 to 13"),
        ),
        (
            {"column": "a", "operator": "in-fiscal-year", "value": 0},
            ("value",),
            "the operator in-fiscal-year takes a fiscal year, 1 to 9999",
        ),
        (
            {"column": "a", "operator": "in-fiscal-period-and-year", "value": 1},
            ("value",),
            (
                "the operator in-fiscal-period-and-year takes a list of two numbers: the fiscal "
                "period, then the fiscal year"
            ),
        ),
        (
            {"column": "a", "operator": "in-fiscal-period-and-year", "value": [1, 0]},
            ("value", 1),
            "the operator in-fiscal-period-and-year takes a fiscal year, 1 to 9999",
        ),
        ({**CITY, "value_of": "b"}, ("value",), "give either “value” or “value_of”, not both"),
        (
            {"column": "a", "operator": "in", "value_of": "b"},
            ("operator",),
            "“value_of” goes with eq, ge, gt, le, lt, ne only",
        ),
        (
            {"column": "a", "operator": "eq", "value_of": "b c"},
            ("value_of",),
            "expects the logical name of a column, not “b c”",
        ),
        (
            {"column": "a b", "operator": "eq", "value": "$(b)"},
            ("column",),
            "expects the logical name of a column, not “a b”",
        ),
        (
            {"related": 5},
            ("related",),
            "expects the logical name of a navigation property, not “5”",
        ),
        ({"related": "a", "exists": "yes"}, ("exists",), "“exists” is true or false, not “yes”"),
        ({"related": "a", "where": 5}, ("where",), "a condition is a mapping, not “5”"),
        (
            {"attribute": " ", "operator": "null"},
            ("attribute",),
            "“attribute” is the name of a seller attribute",
        ),
        (
            {"attribute": "a", "operator": "gt", "value": 1},
            ("operator",),
            "a seller attribute takes eq, in, ne, not-null, null, not “gt”",
        ),
        ({"attribute": "a", "operator": "nil"}, ("operator",), "there is no operator “nil”"),
        (
            {"attribute": "a", "operator": "null", "value": 1},
            ("value",),
            "the operator null takes no value: leave “value” out",
        ),
        (
            {"attribute": "a", "operator": "in"},
            (),
            "“value” is missing: the operator in takes a list of values",
        ),
        ({"fetchxml": 5}, ("fetchxml",), "“fetchxml” is the text of a <filter>, not “5”"),
        (
            {"fetchxml": "<filter/>"},
            ("fetchxml",),
            "the FetchXML has a <filter> but no <condition> in it",
        ),
        (
            {"all": [{"fetchxml": "<filter>"}]},
            ("all", 0, "fetchxml"),
            "the FetchXML is not well-formed XML: mismatched tag: line 1, column 11",
        ),
        (
            {"column": "a", "operator": "between", "value": [None, 1]},
            ("value", 0),
            (
                "the operator between takes one value, not nothing: for an empty column use the "
                "operator null"
            ),
        ),
        (
            {"column": "a", "operator": "in-fiscal-period-and-year", "value": [0, 2026]},
            ("value", 0),
            "the operator in-fiscal-period-and-year takes the number of a fiscal period, 1 to 13",
        ),
        (
            {"column": "x" * 59 + "!", "operator": "null"},
            ("column",),
            f"expects the logical name of a column, not “{'x' * 59}!”",
        ),
        (
            {"column": "x" * 60 + "!", "operator": "null"},
            ("column",),
            f"expects the logical name of a column, not “{'x' * 57}…”",
        ),
        (
            {"column": "x" * 70 + "!", "operator": "null"},
            ("column",),
            (
                "expects the logical name of a column, not "
                "“xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”"
            ),
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    raw: object, path: tuple[int | str, ...], sentence: str
) -> None:
    (problem,) = [each for each in problems_of(raw) if each.path == path]
    assert problem.message == sentence


def test_pasted_fetchxml_knows_the_standard_tables() -> None:
    link = '<link-entity name="lead" from="parentaccountid" to="accountid" link-type="any"/>'
    assert parse_condition({"fetchxml": link}) == Related(("lead_parent_account",))


def test_problems_of_fetchxml_join_those_of_the_rest() -> None:
    raw = {"all": [{"colum": "a"}, {"fetchxml": "<filter>"}]}
    assert [problem.path for problem in problems_of(raw)] == [("all", 0), ("all", 1, "fetchxml")]


def test_a_dynamic_match_may_cross_a_lookup() -> None:
    condition = parse_condition({"column": "a", "operator": "eq", "value": "$( b.c )"})
    assert condition == CompareColumns(("a",), Operator.EQ, ("b", "c"), True)


def test_all_problems_are_told_at_once() -> None:
    raw = {"all": [{"colum": "a"}, {"any": [{"column": "x", "operator": "equals", "value": 1}]}]}
    assert [problem.path for problem in problems_of(raw)] == [
        ("all", 0),
        ("all", 1, "any", 0, "operator"),
    ]


def test_conditions_nested_too_deep_are_refused_in_words() -> None:
    raw: Mapping[str, object] = CITY
    for _ in range(100_000):
        raw = {"not": raw}
    (problem,) = problems_of(raw)
    assert f"{MAX_DEPTH} deep at most" in problem.message
    filters = "<filter>" * 80 + "</filter>" * 80
    assert "too deep" in problems_of({"fetchxml": filters})[0].message


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: {"all": [inner]},
        lambda inner: {"any": [inner]},
        lambda inner: {"not": inner},
        lambda inner: {"related": "a", "where": inner},
    ],
)
def test_every_kind_of_nesting_counts_towards_the_depth(around: Callable[..., object]) -> None:
    def nested(count: int) -> object:
        raw: object = CITY
        for _ in range(count):
            raw = around(raw)
        return raw

    parse_condition(nested(MAX_DEPTH - 1))
    (problem,) = problems_of(nested(MAX_DEPTH))
    assert problem.message == f"conditions may be nested {MAX_DEPTH} deep at most: flatten them"
    assert len(problem.path) >= MAX_DEPTH


def test_fetchxml_counts_towards_the_depth_of_what_it_stands_in() -> None:
    condition = "<condition attribute='a' operator='null'/>"
    raw: dict[str, object] = {"fetchxml": "<filter>" * 20 + condition + "</filter>" * 20}
    parse_condition(raw)
    for _ in range(40):
        raw = {"not": raw}
    assert "too deep" in problems_of(raw)[0].message


def test_types_of_yaml_readers_become_plain() -> None:
    class Text(str):
        __slots__ = ()

    class Number(int):
        pass

    class Fraction(float):
        pass

    raw = {"column": "a", "operator": "in", "value": [Text("x"), Number(5), Fraction(0.5), True]}
    condition = parse_condition(raw)
    assert isinstance(condition, Compare)
    assert [type(value) for value in scalars_of(condition.value)] == [str, int, float, bool]


def test_every_operator_has_its_facts() -> None:
    assert set(FACTS) == set(Operator)
    assert all(facts.families for facts in FACTS.values())


def test_decimals_are_printed_as_numbers() -> None:
    whole = Compare(("a",), Operator.EQ, Decimal(5))
    assert repr(print_condition(whole)["value"]) == "5"
    part = Compare(("a",), Operator.EQ, Decimal("0.5"))
    assert print_condition(part)["value"] == 0.5
    assert print_condition(Compare(("a",), Operator.EQ, date(2026, 1, 2)))["value"] == "2026-01-02"
    assert parse_scalar(Decimal("0.5")) == Decimal("0.5")
    assert scalars_of(None) == ()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (CITY, "city eq London"),
        (
            {"all": [CITY, {"any": [CITY, CITY]}]},
            "city eq London and (city eq London or city eq London)",
        ),
        ({"all": [{"any": [CITY]}]}, "city eq London"),
        (
            {"any": [{"all": [{"all": [CITY, CITY]}]}, CITY]},
            "(city eq London and city eq London) or city eq London",
        ),
        ({"not": CITY}, "not (city eq London)"),
        ({"column": "a.b", "operator": "in", "value": [1, True, ""]}, "a.b in (1, true, “”)"),
        ({"column": "a", "operator": "null"}, "a null"),
        ({"column": "a", "operator": "eq", "value": False}, "a eq false"),
        ({"column": "a", "operator": "eq", "value_of": "record.b"}, "a eq record.b"),
        ({"column": "a", "operator": "eq", "value_of": "b"}, "a eq b"),
        ({"related": "tasks"}, "tasks contains data"),
        ({"related": "a.tasks"}, "a.tasks contains data"),
        ({"column": "a.b", "operator": "eq", "value_of": "record.c.d"}, "a.b eq record.c.d"),
        ({"not": {"all": [CITY, CITY]}}, "not (city eq London and city eq London)"),
        (
            {"related": "tasks", "exists": False, "where": CITY},
            "tasks does not contain data where (city eq London)",
        ),
        ({"attribute": "a", "operator": "in", "value": ["x"]}, "attribute a in (x)"),
        ({"attribute": "a", "operator": "null"}, "attribute a null"),
    ],
)
def test_a_condition_is_described_in_one_line(raw: Mapping[str, object], text: str) -> None:
    assert describe(parse_condition(raw)) == text


def test_all_and_any_of_nothing_are_described() -> None:
    assert describe(All(())) == "always"
    assert describe(Any(())) == "never"


def test_the_columns_and_navigations_of_a_condition() -> None:
    condition = parse_condition(
        {
            "all": [
                CITY,
                {"not": {"column": "parent.code", "operator": "null"}},
                {"column": "a", "operator": "eq", "value_of": "b"},
                {"column": "c", "operator": "eq", "value_of": "record.d.e"},
                {"related": "tasks", "where": {"any": [CITY, {"related": "notes"}]}},
                {"attribute": "Language", "operator": "null"},
            ]
        }
    )
    assert columns_of(condition) == {
        ("city",),
        ("parent", "code"),
        ("a",),
        ("b",),
        ("c",),
        ("tasks", "city"),
    }
    assert navigations_of(condition) == {("parent",), ("tasks",), ("tasks", "notes")}
    assert record_columns_of(condition) == {("d", "e")}
    assert len(walk(condition)) == 11
