"""Conditions that their tables rule out."""

from collections.abc import Mapping

import pytest

from engine.checks.conditions import check_condition, list_doubts
from engine.conditions.language.operators import Family, family_of
from engine.conditions.language.parsing import parse_condition
from engine.errors import Problem
from engine.schema import Column, ColumnType, TableSchema
from tests.support.builders import compare
from tests.unit.conditions.worlds import LEAD, SCHEMA

ID = "11111111-2222-4333-8444-555555555555"


def problems_of(raw: object, table: TableSchema | None = LEAD) -> list[Problem]:
    return check_condition(parse_condition(raw), table, SCHEMA)


@pytest.mark.parametrize(
    "raw",
    [
        compare("city", "like", "A%"),
        compare("city", "eq", 5),
        compare("revenue", "between", ["1", 2]),
        compare("source", "in", ["Web", 7, "8", 4711]),
        compare("interests", "contain-values", ["Food", "1,9", 2]),
        compare("optout", "eq", True),
        compare("optout", "eq", "allow"),
        compare("optout", "eq", "no"),
        compare("createdon", "on", "2026-11-23"),
        compare("createdon", "gt", "2026-11-23T09:00:00Z"),
        compare("closedate", "in-fiscal-period", 2),
        compare("ownerid", "eq", ID),
        compare("_ownerid_value", "in", [ID]),
        compare("leadid", "eq-userid"),
        compare("parentaccountid", "under", ID),
        compare("parentaccountid.primarycontactid.city", "null"),
        compare("parentaccountid.new_custom", "eq", "x"),
        compare("new_custom", "like", 5),
        compare("new_lookup.whatever", "like", 5),
        compare("ownerid.whatever", "null"),
        compare("revenue", "gt", value_of="employees"),
        compare("revenue", "eq", value_of="source"),
        compare("city", "eq", value_of="record.city"),
        compare("city", "eq", value_of="new_b"),
        {"related": "Lead_Tasks", "where": compare("city", "null")},
        {"related": "Lead_Notes", "where": compare("nonsense", "null")},
        {"not": {"any": [compare("city", "null")]}},
    ],
)
def test_what_tables_allow_has_no_problems(raw: Mapping[str, object]) -> None:
    assert problems_of(raw) == []


@pytest.mark.parametrize(
    ("raw", "path", "sentence"),
    [
        (
            compare("citty", "null"),
            ("column",),
            "the table lead has no column “citty”; did you mean “city”?",
        ),
        (compare("zzzz", "null"), ("column",), "the table lead has no column “zzzz”"),
        (
            compare("address1_ctiy", "null"),
            ("column",),
            ("the table lead has no column “address1_ctiy”; did you mean “address1_city”?"),
        ),
        (
            compare("parentacountid.city", "null"),
            ("column",),
            (
                "the table lead has no navigation property “parentacountid”; did you mean "
                "“parentaccountid”?"
            ),
        ),
        (
            compare("Lead_Tasks.city", "null"),
            ("column",),
            (
                "“Lead_Tasks” leads to many rows of task: write {related: Lead_Tasks, where: …} "
                "instead of a column path"
            ),
        ),
        (
            compare("parentaccountid.citty", "null"),
            ("column",),
            "the table account has no column “citty”; did you mean “city”?",
        ),
        (
            compare("revenue", "like", "x"),
            ("operator",),
            (
                "the operator like is not for money columns such as “revenue”: use one of "
                "between, eq, eq-userlanguage, ge, gt, in, le, lt, ne, not-between, not-in, "
                "not-null, null"
            ),
        ),
        (
            compare("city", "today"),
            ("operator",),
            (
                "the operator today is not for string columns such as “city”: use one of "
                "begins-with, ends-with, eq, ge, gt, in, le, like, lt, ne, not-begin-with, "
                "not-end-with, not-in, not-like, not-null, null"
            ),
        ),
        (
            compare("source", "gt", 5),
            ("operator",),
            (
                "the operator gt is not for choice columns such as “source”: use one of eq, in, "
                "ne, not-in, not-null, null"
            ),
        ),
        (
            compare("source", "contain-values", [5]),
            ("operator",),
            (
                "the operator contain-values is not for choice columns such as “source”: use "
                "one of eq, in, ne, not-in, not-null, null"
            ),
        ),
        (
            compare("revenue", "gt", "many"),
            ("value",),
            "“revenue” is a number: write one instead of “many”",
        ),
        (
            compare("revenue", "in", [1, "many"]),
            ("value", 1),
            "“revenue” is a number: write one instead of “many”",
        ),
        (
            compare("source", "eq", "Trade Shw"),
            ("value",),
            "“source” has no choice “Trade Shw”; did you mean “Trade Show”?",
        ),
        (
            compare("source", "in", [7, "trade-show"]),
            ("value", 1),
            "“source” has no choice “trade-show”; did you mean “Trade Show”?",
        ),
        (
            compare("interests", "contain-values", ["Foods"]),
            ("value", 0),
            "“interests” has no choice “Foods”; did you mean “Food”?",
        ),
        (
            compare("createdon", "gt", "soon"),
            ("value",),
            (
                "“createdon” is a date: write one such as 2026-11-23 or 2026-11-23T09:00:00Z "
                "instead of “soon”"
            ),
        ),
        (
            compare("ownerid", "eq", 5),
            ("value",),
            "“ownerid” holds the id of a row: write a GUID instead of “5”",
        ),
        (
            compare("city", "eq", value_of="revenue"),
            ("value_of",),
            ("“city” is a string column and “revenue” a money column: they can never be equal"),
        ),
        (
            compare("city", "eq", value_of="citi"),
            ("value_of",),
            "the table lead has no column “citi”; did you mean “city”?",
        ),
        (
            compare("city", "eq", value_of="record.citi"),
            ("value_of",),
            "the table lead has no column “citi”; did you mean “city”?",
        ),
        ({"related": "tasks"}, ("related",), "the table lead has no navigation property “tasks”"),
        (
            {"all": [{"not": {"related": "Lead_Tasks", "where": compare("citty", "null")}}]},
            ("all", 0, "not", "where", "column"),
            "the table task has no column “citty”; did you mean “city”?",
        ),
        (
            {"any": [{"attribute": "Language", "operator": "null"}]},
            ("any", 0, "attribute"),
            (
                "the seller attribute “Language” can only stand in a condition on sellers, not "
                "on the table lead"
            ),
        ),
    ],
)
def test_what_tables_rule_out_is_named_with_its_place(
    raw: Mapping[str, object], path: tuple[int | str, ...], sentence: str
) -> None:
    (problem,) = problems_of(raw)
    assert problem.path == path
    assert problem.message == sentence


@pytest.mark.parametrize(
    ("raw", "path", "sentence"),
    [
        (
            compare("source", "eq", "Zoo"),
            ("value",),
            (
                "“Zoo” is not among the standard choices of “source” (1 Advertisement, 7 Trade "
                "Show, 8 Web); it is compared with the label that the row carries"
            ),
        ),
        (
            compare("source", "in", ["Web", "Wep"]),
            ("value", 1),
            (
                "“Wep” is not among the standard choices of “source” (1 Advertisement, 7 Trade "
                "Show, 8 Web); it is compared with the label that the row carries"
            ),
        ),
        (
            compare("interests", "contain-values", ["Foot"]),
            ("value", 0),
            (
                "“Foot” is not among the standard choices of “interests” (1 Sport, 2 Music, 9 "
                "Food); it is compared with the label that the row carries"
            ),
        ),
        (
            compare("optout", "eq", "peut-être"),
            ("value",),
            (
                "“peut-être” is not among the standard choices of “optout” (0 Allow, 1 Do Not "
                "Allow); it is compared with the label that the row carries"
            ),
        ),
    ],
)
def test_a_label_far_from_the_known_ones_is_doubtful_and_not_wrong(
    raw: Mapping[str, object], path: tuple[int | str, ...], sentence: str
) -> None:
    assert problems_of(raw) == []
    (doubt,) = list_doubts(parse_condition(raw), LEAD, SCHEMA)
    assert doubt.path == path
    assert doubt.message == sentence


@pytest.mark.parametrize("value", ["Web", "web", "8", 8, 4711, "Wbe "])
def test_known_labels_and_numbers_are_not_doubtful(value: int | str) -> None:
    doubts = list_doubts(parse_condition(compare("source", "eq", value)), LEAD, SCHEMA)
    assert len(doubts) == (value == "Wbe ")


def test_several_numbers_are_known_to_a_multi_select_column_alone() -> None:
    several = parse_condition(compare("interests", "contain-values", ["1,9"]))
    assert list_doubts(several, LEAD, SCHEMA) == []
    single = parse_condition(compare("source", "eq", "1,9"))
    assert len(list_doubts(single, LEAD, SCHEMA)) == 1


def test_a_two_options_column_without_known_labels_takes_true_and_false() -> None:
    table = TableSchema(
        name="lead",
        entity_set="leads",
        primary_id="leadid",
        primary_name=None,
        columns={"flag": Column(name="flag", type=ColumnType.BOOLEAN)},
    )
    (problem,) = problems_of(compare("flag", "eq", "flase"), table)
    assert "did you mean “false”?" in problem.message
    assert problems_of(compare("flag", "eq", "yes"), table) == []
    (doubt,) = list_doubts(parse_condition(compare("flag", "eq", "maybe")), table, SCHEMA)
    assert "(1 true, 0 false)" in doubt.message


def test_labels_of_choices_that_are_not_known_are_accepted() -> None:
    table = TableSchema(
        name="lead",
        entity_set="leads",
        primary_id="leadid",
        primary_name=None,
        columns={
            "kind": Column(name="kind", type=ColumnType.CHOICE),
            "other": Column(name="other", type=ColumnType.UNKNOWN),
        },
    )
    assert problems_of(compare("kind", "eq", "Anything"), table) == []
    assert list_doubts(parse_condition(compare("kind", "eq", "Anything")), table, SCHEMA) == []
    assert problems_of(compare("other", "like", "Anything"), table) == []
    assert problems_of(compare("unknown", "like", "Anything"), table) == []


def test_seller_attributes_belong_to_sellers_and_nothing_is_checked_without_a_table() -> None:
    language = {"attribute": "Language", "operator": "null"}
    assert problems_of(language, SCHEMA["systemuser"]) == []
    assert problems_of(language, None) == []
    assert problems_of({"related": "a", "where": compare("b", "null")}, None) == []


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("address1_ctiy", False),
        ("adress1_city", False),
        ("addres2_x_y", False),
        ("addr1_x", True),
        ("new_address1_x", True),
        ("a_x", False),
        ("newprefix_x", False),
    ],
)
def test_only_the_prefix_of_a_publisher_excuses_an_unknown_name(name: str, is_known: bool) -> None:
    assert (problems_of(compare(name, "null")) == []) is is_known


def test_the_nearest_name_is_suggested() -> None:
    (problem,) = problems_of(compare("createdonn", "null"))
    assert problem.message.endswith("; did you mean “createdon”?")


def test_doubts_are_found_behind_related_rows() -> None:
    condition = parse_condition(
        {"related": "Lead_Tasks", "where": compare("source", "eq", "Zoo")},
    )
    (doubt,) = list_doubts(condition, LEAD, SCHEMA)
    assert doubt.path == ("where", "value")


def test_at_most_a_dozen_choices_are_listed() -> None:
    options = {number: f"Choice {number}" for number in range(1, 15)}
    table = TableSchema(
        name="lead",
        entity_set="leads",
        primary_id="leadid",
        primary_name=None,
        columns={"kind": Column(name="kind", type=ColumnType.CHOICE, options=options)},
    )
    (doubt,) = list_doubts(parse_condition(compare("kind", "eq", "Zoo")), table, SCHEMA)
    assert "12 Choice 12); it is" in doubt.message


def test_the_record_may_be_of_another_table() -> None:
    condition = parse_condition(compare("city", "eq", value_of="record.citi"))
    (problem,) = check_condition(
        condition, SCHEMA["systemuser"], SCHEMA, record_table=SCHEMA["lead"]
    )
    assert "the table lead" in problem.message
    own = parse_condition(compare("city", "eq", value_of="citi"))
    (problem,) = check_condition(own, SCHEMA["systemuser"], SCHEMA, record_table=SCHEMA["lead"])
    assert "the table systemuser" in problem.message


def test_every_column_type_but_the_unknown_one_has_a_family() -> None:
    families = {kind: family_of(kind) for kind in ColumnType}
    assert families.pop(ColumnType.UNKNOWN) is None
    assert set(families.values()) == set(Family)
