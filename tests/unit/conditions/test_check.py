"""Conditions that their tables rule out."""

import pytest

from engine.conditions.check import check_condition, list_doubts
from engine.conditions.operators import Family, family_of
from engine.conditions.parsing import parse_condition
from engine.errors import Problem
from engine.schema import Column, ColumnType, TableSchema
from tests.unit.conditions.worlds import LEAD, SCHEMA, compare

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
def test_what_tables_allow_has_no_problems(raw):
    assert problems_of(raw) == []


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        (compare("citty", "null"), ("column",), "no column “citty”; did you mean “city”?"),
        (compare("zzzz", "null"), ("column",), "has no column “zzzz”"),
        (compare("address1_ctiy", "null"), ("column",), "did you mean “address1_city”?"),
        (compare("parentacountid.city", "null"), ("column",), "did you mean “parentaccountid”?"),
        (compare("Lead_Tasks.city", "null"), ("column",), "{related: Lead_Tasks, where: …}"),
        (compare("parentaccountid.citty", "null"), ("column",), "the table account has no column"),
        (compare("revenue", "like", "x"), ("operator",), "not for money columns"),
        (compare("city", "today"), ("operator",), "not for string columns"),
        (compare("source", "gt", 5), ("operator",), "use one of eq, in, ne, not-in"),
        (compare("source", "contain-values", [5]), ("operator",), "not for choice columns"),
        (compare("revenue", "gt", "many"), ("value",), "“revenue” is a number"),
        (compare("revenue", "in", [1, "many"]), ("value", 1), "“revenue” is a number"),
        (compare("source", "eq", "Trade Shw"), ("value",), "did you mean “Trade Show”?"),
        (compare("source", "in", [7, "trade-show"]), ("value", 1), "did you mean “Trade Show”?"),
        (compare("interests", "contain-values", ["Foods"]), ("value", 0), "did you mean “Food”?"),
        (compare("createdon", "gt", "soon"), ("value",), "“createdon” is a date"),
        (compare("ownerid", "eq", 5), ("value",), "“ownerid” is a lookup"),
        (compare("city", "eq", value_of="revenue"), ("value_of",), "they can never be equal"),
        (compare("city", "eq", value_of="citi"), ("value_of",), "did you mean “city”?"),
        (compare("city", "eq", value_of="record.citi"), ("value_of",), "did you mean “city”?"),
        ({"related": "tasks"}, ("related",), "no navigation property “tasks”"),
        (
            {"all": [{"not": {"related": "Lead_Tasks", "where": compare("citty", "null")}}]},
            ("all", 0, "not", "where", "column"),
            "the table task has no column “citty”",
        ),
        (
            {"any": [{"attribute": "Language", "operator": "null"}]},
            ("any", 0, "attribute"),
            "only stand in a condition on sellers",
        ),
    ],
)
def test_what_tables_rule_out_is_named_with_its_place(raw, path, words):
    (problem,) = problems_of(raw)
    assert problem.path == path
    assert words in problem.message


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        (compare("source", "eq", "Zoo"), ("value",), "1 Advertisement, 7 Trade Show, 8 Web"),
        (compare("source", "in", ["Web", "Wep"]), ("value", 1), "“Wep” is not among"),
        (compare("interests", "contain-values", ["Foot"]), ("value", 0), "“Foot” is not among"),
        (compare("optout", "eq", "peut-être"), ("value",), "the label that the row carries"),
    ],
)
def test_a_label_far_from_the_known_ones_is_doubtful_and_not_wrong(raw, path, words):
    assert problems_of(raw) == []
    (doubt,) = list_doubts(parse_condition(raw), LEAD, SCHEMA)
    assert doubt.path == path
    assert words in doubt.message


@pytest.mark.parametrize("value", ["Web", "web", "8", 8, 4711, "Wbe "])
def test_known_labels_and_numbers_are_not_doubtful(value):
    doubts = list_doubts(parse_condition(compare("source", "eq", value)), LEAD, SCHEMA)
    assert len(doubts) == (value == "Wbe ")


def test_a_two_options_column_without_known_labels_takes_true_and_false():
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


def test_labels_of_choices_that_are_not_known_are_accepted():
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
    assert problems_of(compare("other", "like", "Anything"), table) == []
    assert problems_of(compare("unknown", "like", "Anything"), table) == []


def test_seller_attributes_belong_to_sellers_and_nothing_is_checked_without_a_table():
    language = {"attribute": "Language", "operator": "null"}
    assert problems_of(language, SCHEMA["systemuser"]) == []
    assert problems_of(language, None) == []
    assert problems_of({"related": "a", "where": compare("b", "null")}, None) == []


def test_the_record_may_be_of_another_table():
    condition = parse_condition(compare("city", "eq", value_of="record.citi"))
    (problem,) = check_condition(
        condition, SCHEMA["systemuser"], SCHEMA, record_table=SCHEMA["lead"]
    )
    assert "the table lead" in problem.message


def test_every_column_type_but_the_unknown_one_has_a_family():
    families = {kind: family_of(kind) for kind in ColumnType}
    assert families.pop(ColumnType.UNKNOWN) is None
    assert set(families.values()) == set(Family)
