"""A rule set against tables, and rule sets against directories."""

from typing import Any

import pytest

from engine.checks.directory import lint_directory
from engine.checks.implication import find_contradiction, implies, is_always, paths_of
from engine.checks.labels import number_labels
from engine.checks.lint import lint_rule_set
from engine.checks.rule_set import check_rule_set
from engine.checks.unfinished import check_unfinished
from engine.conditions.language.model import All, Compare, Operator
from engine.conditions.language.model import Any as Any_
from engine.conditions.language.parsing import parse_condition
from engine.errors import Problem
from engine.rules.placed_conditions import list_conditions
from engine.rules.rule_set import RuleSet
from engine.schema import ColumnType, RelationshipKind
from engine.sellers import Directory
from engine.standard_tables import STANDARD_TABLES
from engine.standard_tables.notation import parse_tables
from tests.support.builders import ALL, NOW, queue, rule, rules, seller, team

EQ = {"operator": "eq", "value": "x"}
NEVER = {"column": "z", "operator": "between", "value": [5, 1]}


def rule_set(*each: dict[str, Any], **parts: Any) -> RuleSet:
    """A rule set whose rules are called R0, R1 and so on."""
    named = [{**one, "name": f"R{number}"} for number, one in enumerate(each)]
    return rules(*named, **parts)


def paths(problems: list[Problem]) -> list[tuple[str | int, ...]]:
    return [problem.path for problem in problems]


def test_every_condition_is_looked_at_with_the_table_of_its_rows() -> None:
    insight = {"name": "I", "table": "msdyn_salessuggestion", "default": True}
    matching = {"matching": {"column": "name", "operator": "not-null"}}
    people = {"primary": {"column": "title", **EQ}, "secondary": [{"column": "title", **EQ}]}
    found = rule_set(
        rule(
            assign_to={"sellers": {"matching": {"column": "fullname", **EQ}}},
            when={"column": "subject", **EQ},
        ),
        rule(assign_to={"teams": matching}),
        rule(assign_to={"queues": matching}),
        rule(
            assign_to={"account_column": "ownerid", **people},
            table="msdyn_salessuggestion",
            segment="I",
        ),
        rule(
            assign_to={"access_team": True, "secondary": []},
            table="msdyn_salessuggestion",
            segment="I",
        ),
        rule(assign_to={"sellers": {"named": ["A"]}}),
        segments=[
            ALL,
            insight,
            {"name": "S", "table": "lead", "priority": 1, "when": {"column": "subject", **EQ}},
        ],
        sequences=[{"name": "Q", "table": "lead", "exit_when": {"column": "subject", **EQ}}],
    )
    assert [
        (placed.path, placed.table, placed.record_table) for placed in list_conditions(found)
    ] == [
        (("sequences", 0, "exit_when"), "lead", None),
        (("segments", 2, "when"), "lead", None),
        (("rules", 0, "when"), "lead", None),
        (("rules", 0, "assign_to", "sellers", "matching"), "systemuser", "lead"),
        (("rules", 1, "assign_to", "teams", "matching"), "team", "lead"),
        (("rules", 2, "assign_to", "queues", "matching"), "queue", "lead"),
        (("rules", 3, "assign_to", "primary"), "systemuser", "msdyn_salessuggestion"),
        (("rules", 3, "assign_to", "secondary", 0), "systemuser", "msdyn_salessuggestion"),
    ]
    assert check_rule_set(found, STANDARD_TABLES) == []


def test_columns_are_checked_in_every_condition() -> None:
    found = rule_set(
        rule(
            assign_to={
                "sellers": {
                    "matching": {"column": "titel", "operator": "eq", "value_of": "record.subjct"}
                }
            },
            when={"column": "subjct", **EQ},
        )
    )
    assert paths(check_rule_set(found, STANDARD_TABLES)) == [
        ("rules", 0, "when", "column"),
        ("rules", 0, "assign_to", "sellers", "matching", "column"),
        ("rules", 0, "assign_to", "sellers", "matching", "value_of"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("leads", 'there is no table "leads"; did you mean "lead"?'),
        ("Lead", 'there is no table "Lead"; did you mean "lead"?'),
        ("opportunitys", 'there is no table "opportunitys"; did you mean "opportunity"?'),
        ("quote", None),
        ("new_visit", None),
    ],
)
def test_a_misspelt_table_is_told_with_the_right_one(table: str, message: str | None) -> None:
    found = rule_set(segments=[{**ALL, "table": table}])
    assert [problem.message for problem in check_rule_set(found, STANDARD_TABLES)] == (
        [message] if message else []
    )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("ownerid", None),
        ("_owningteam_value", None),
        ("preferredsystemuserid", None),
        ("new_manager", None),
        ("xyz", 'the table account has no column "xyz"'),
        ("owninguse", 'the table account has no column "owninguse"; did you mean "owninguser"?'),
        ("territoryid", 'the column "territoryid" of account leads to no user or team'),
        ("name", 'the column "name" of account leads to no user or team'),
    ],
)
def test_the_account_column_leads_to_people(column: str, message: str | None) -> None:
    insight = {"name": "All", "table": "msdyn_salessuggestion", "default": True}
    found = rule_set(
        rule(assign_to={"account_column": column}, table="msdyn_salessuggestion"),
        segments=[insight],
    )
    problems = check_rule_set(found, STANDARD_TABLES)
    assert [problem.message for problem in problems] == ([message] if message else [])
    assert check_rule_set(found, {}) == []


def test_conditions_are_checked_though_the_file_is_wrong_elsewhere() -> None:
    data = {
        "segments": [
            5,
            {"table": "lead", "when": {"all": [{"column": "subjct", **EQ}, {"colum": "x"}]}},
            {"table": "lead", "when": {"not": {"any": [{"column": "subjct", **EQ}, 5]}}},
            {"table": "lead", "when": "nonsense"},
        ],
        "rules": [
            {
                "table": "lead",
                "assign_to": {"sellers": {"matching": {"column": "titel", **EQ}}, "x": 1},
            },
            {"table": "lead", "assign_to": {"teams": {"named": ["a"]}}},
        ],
        "sequences": {"no": "list"},
    }
    assert paths(check_unfinished(data, STANDARD_TABLES)) == [
        ("segments", 1, "when", "all", 0, "column"),
        ("segments", 2, "when", "not", "any", 0, "column"),
        ("rules", 0, "assign_to", "sellers", "matching", "column"),
    ]
    assert check_unfinished([], STANDARD_TABLES) == []


def condition(**fields: Any) -> Any:
    return parse_condition({"column": "revenue", **fields})


@pytest.mark.parametrize(
    ("raw", "never"),
    [
        (NEVER, True),
        ({"any": [NEVER, {"not": {"not": NEVER}}]}, True),
        ({"any": [NEVER, {"column": "subject", **EQ}]}, False),
        ({"all": [{"any": [NEVER]}]}, True),
        ({"not": {"column": "subject", **EQ}}, False),
        ({"related": "Lead_Tasks", "exists": True, "where": NEVER}, True),
        ({"related": "Lead_Tasks", "exists": False, "where": NEVER}, False),
        ({"attribute": "Language", "operator": "null"}, False),
        ({"column": "revenue", "operator": "between", "value": [5, 1]}, True),
        ({"column": "revenue", "operator": "between", "value": [1, 5]}, False),
        (
            {
                "all": [
                    {"column": "city", "operator": "in", "value": ["a", "b"]},
                    {"column": "city", "operator": "ne", "value": "a"},
                    {"column": "city", "operator": "ne", "value": "b"},
                ]
            },
            True,
        ),
        (
            {
                "all": [
                    {"column": "city", "operator": "in", "value": ["a", "b", "c"]},
                    {"column": "city", "operator": "ne", "value": "a"},
                    {"column": "city", "operator": "ne", "value": "b"},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "gt", "value": 5},
                    {"column": "a", "operator": "le", "value": 5},
                ]
            },
            True,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "ge", "value": 5},
                    {"column": "a", "operator": "le", "value": 5},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "gt", "value": 5},
                    {"column": "a", "operator": "like", "value": "x"},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "like", "value": "y"},
                    {"column": "a", "operator": "like", "value": "x"},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "null"},
                    {"column": "a", "operator": "ne", "value": "x"},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "eq", "value": "7"},
                    {"column": "a", "operator": "eq", "value": 8},
                ]
            },
            False,
        ),
        (
            {
                "all": [
                    {"column": "a", "operator": "eq", "value": True},
                    {"column": "a", "operator": "eq", "value": False},
                ]
            },
            True,
        ),
    ],
)
def test_contradictions_are_certain(raw: Any, never: bool) -> None:
    assert (find_contradiction(parse_condition(raw)) is not None) is never


def test_what_always_holds() -> None:
    subject = parse_condition({"column": "subject", **EQ})
    assert is_always(None)
    assert find_contradiction(Any_(())) == "`any` without a condition"
    assert not implies(Any_((subject,)), parse_condition({"column": "b", **EQ}))
    assert find_contradiction(Compare(("a",), Operator.BETWEEN)) is None
    assert not is_always(Any_((Any_(()),)))
    assert is_always(All(()))
    assert is_always(parse_condition({"not": NEVER}))
    assert is_always(
        parse_condition(
            {"any": [{"column": "subject", **EQ}, {"not": {"column": "subject", **EQ}}]}
        )
    )
    assert is_always(parse_condition({"any": [{"not": NEVER}, {"column": "subject", **EQ}]}))
    assert not is_always(subject)
    assert not is_always(parse_condition({"any": [{"column": "a", **EQ}, {"column": "b", **EQ}]}))
    assert not is_always(
        parse_condition({"any": [{"attribute": "a", "operator": "null"}, {"column": "b", **EQ}]})
    )


@pytest.mark.parametrize(
    ("one", "other", "does"),
    [
        ({"operator": "eq", "value": 5}, {"operator": "in", "value": [4, 5]}, True),
        ({"operator": "in", "value": [4, 5]}, {"operator": "eq", "value": 5}, False),
        ({"operator": "ge", "value": 10}, {"operator": "gt", "value": 5}, True),
        ({"operator": "lt", "value": 3}, {"operator": "le", "value": 5}, True),
        ({"operator": "gt", "value": 3}, {"operator": "gt", "value": 5}, False),
        ({"operator": "gt", "value": 3}, {"operator": "not-null"}, True),
        ({"operator": "ne", "value": 3}, {"operator": "not-null"}, False),
        ({"operator": "null"}, {"operator": "ne", "value": 3}, True),
        ({"operator": "null"}, {"operator": "gt", "value": 3}, False),
        (
            {"operator": "begins-with", "value": "Lon"},
            {"operator": "begins-with", "value": "lo"},
            True,
        ),
        (
            {"operator": "begins-with", "value": "L%n"},
            {"operator": "begins-with", "value": "L"},
            False,
        ),
        ({"operator": "ends-with", "value": "don"}, {"operator": "ends-with", "value": "on"}, True),
        ({"operator": "begins-with", "value": "a"}, {"operator": "ends-with", "value": "a"}, False),
        ({"operator": "not-null"}, {"operator": "gt", "value": 1}, False),
    ],
)
def test_one_condition_implies_another(one: Any, other: Any, does: bool) -> None:
    assert implies(condition(**one), condition(**other)) is does


def test_implication_goes_through_groups_and_not_across_columns() -> None:
    five = condition(operator="eq", value=5)
    text = parse_condition({"column": "subject", **EQ})
    related = parse_condition({"related": "Lead_Tasks", "where": {"column": "subject", **EQ}})
    assert implies(five, All((condition(operator="gt", value=1), All(()))))
    assert not implies(five, text)
    assert not implies(related, five)
    assert paths_of(
        All((five, related, parse_condition({"attribute": "L", "operator": "null"})))
    ) == {
        ("revenue",),
        ("Lead_Tasks",),
        ("attribute", "L"),
    }


def test_labels_become_numbers_where_they_are_known() -> None:
    raw = {
        "all": [
            {
                "column": "leadsourcecode",
                "operator": "in",
                "value": ["web", "Trade Show", 1, "Unheard"],
            },
            {"not": {"any": [{"column": "statecode", "operator": "eq", "value": "Open"}]}},
            {
                "related": "parentaccountid",
                "where": {"column": "industrycode", "operator": "eq", "value": "Legal Services"},
            },
            {"related": "Lead_Tasks"},
            {"column": "subject", "operator": "null"},
        ]
    }
    assert number_labels(parse_condition(raw), "lead", STANDARD_TABLES) == parse_condition(
        {
            "all": [
                {"column": "leadsourcecode", "operator": "in", "value": [8, 7, 1, "Unheard"]},
                {"not": {"any": [{"column": "statecode", "operator": "eq", "value": 0}]}},
                {
                    "related": "parentaccountid",
                    "where": {"column": "industrycode", "operator": "eq", "value": 21},
                },
                {"related": "Lead_Tasks"},
                {"column": "subject", "operator": "null"},
            ]
        }
    )


@pytest.mark.parametrize(
    ("earlier", "later", "reachable"),
    [
        ({}, {"created_within_hours": 5}, False),
        ({"created_within_hours": 5}, {}, True),
        ({"available_within_hours": 5}, {"available_within_hours": 4}, False),
        ({"available_within_hours": 5}, {"available_within_hours": 6}, True),
        ({"available_within_hours": 5}, {}, True),
        ({"respect_capacity": True}, {}, True),
        ({"respect_capacity": True}, {"respect_capacity": True}, False),
        ({"when": {"column": "subject", **EQ}}, {}, True),
    ],
)
def test_a_rule_behind_one_as_wide_is_unreachable(
    earlier: dict[str, Any], later: dict[str, Any], reachable: bool
) -> None:
    found = lint_rule_set(rule_set(rule(**earlier), rule(**later)), STANDARD_TABLES)
    assert paths(found) == ([] if reachable else [("rules", 1)])


def test_a_rule_for_the_same_people_is_unreachable_and_told_once() -> None:
    teams = {"teams": {"matching": {"column": "name", "operator": "not-null"}}}
    found = rule_set(
        rule(assign_to=teams),
        rule(assign_to=teams),
        rule(assign_to=teams),
        rule(assign_to=teams, when_several="random"),
    )
    assert paths(lint_rule_set(found, STANDARD_TABLES)) == [("rules", 1), ("rules", 2)]


def test_a_rule_of_a_contradictory_segment_is_not_blamed() -> None:
    segment = {"name": "S", "table": "lead", "priority": 1, "when": {**NEVER, "column": "revenue"}}
    found = rule_set(
        rule(segment="S", when={"column": "revenue", "operator": "gt", "value": 1}),
        segments=[ALL, segment],
    )
    assert paths(lint_rule_set(found, STANDARD_TABLES)) == [("segments", 1, "when")]


def test_order_counts_and_idle_rules_do_not() -> None:
    london = {"column": "address1_city", "operator": "eq", "value": "London"}
    found = rule_set(rule(), rule(when=london, order=1), rule(active=False), rule(when=london))
    assert paths(lint_rule_set(found, STANDARD_TABLES)) == [("rules", 3)]


PEOPLE = Directory(
    sellers=(seller(1, columns={"title": "Manager"}), seller(2, is_assignable=False)),
    teams=(
        team(3, "Key"),
        team(4, "Klio"),
    ),
    queues=(queue(5, "Overflow"),),
)
NAMED_K = {"matching": {"column": "name", "operator": "begins-with", "value": "K"}}


@pytest.mark.parametrize(
    ("assign_to", "more", "words"),
    [
        ({"any_seller": True}, {}, None),
        ({"sellers": {"named": ["Seller 1"]}}, {}, None),
        ({"sellers": {"named": ["Seller 2"]}}, {}, "no seller in the directory"),
        ({"sellers": {"matching": {"column": "title", **EQ}}}, {}, "no seller in the directory"),
        (
            {"sellers": {"matching": {"column": "title", "operator": "eq", "value": "manager"}}},
            {},
            None,
        ),
        (
            {
                "sellers": {
                    "matching": {"column": "title", "operator": "eq", "value_of": "record.subject"}
                }
            },
            {},
            None,
        ),
        ({"sellers": {"matching": {"column": "createdon", "operator": "today"}}}, {}, None),
        ({"teams": NAMED_K}, {}, "several teams fit (Key, Klio)"),
        ({"teams": NAMED_K}, {"when_several": "random"}, None),
        ({"teams": {"named": ["Key"]}}, {}, None),
        ({"queues": NAMED_K}, {}, "no queue in the directory"),
        ({"queues": {"named": ["Overflow"]}}, {}, None),
        ({"sellers": {"named": ["Seller 2"]}}, {"active": False}, None),
    ],
)
def test_rules_are_held_against_a_directory(
    assign_to: dict[str, Any], more: dict[str, Any], words: str | None
) -> None:
    found = lint_directory(
        rule_set(rule(assign_to=assign_to, **more)), PEOPLE, STANDARD_TABLES, NOW
    )
    assert paths(found) == ([("rules", 0, "assign_to")] if words else [])
    assert all(words is not None and words in problem.message for problem in found)


def test_people_of_an_insight_depend_on_its_account() -> None:
    insight = {"name": "All", "table": "msdyn_salessuggestion", "default": True}
    found = rule_set(
        rule(assign_to={"access_team": True}, table="msdyn_salessuggestion"), segments=[insight]
    )
    assert lint_directory(found, PEOPLE, STANDARD_TABLES, NOW) == []


def test_standard_tables_know_their_columns() -> None:
    lead = STANDARD_TABLES["lead"]
    assert (lead.entity_set, lead.primary_id, lead.primary_name) == ("leads", "leadid", "fullname")
    assert lead.columns["leadsourcecode"].options[7] == "Trade Show"
    assert lead.columns["ownerid"].targets == ("systemuser", "team")
    assert lead.columns["donotemail"].options == {0: "Allow", 1: "Do Not Allow"}
    assert lead.columns["decisionmaker"].options == {0: "No", 1: "Yes"}
    assert lead.columns["estimatedclosedate"].type is ColumnType.DATE
    assert lead.relationships["customerid_account"].table == "account"
    assert lead.relationships["parentaccountid"].column == "parentaccountid"
    assert lead.relationships["Lead_Tasks"].kind is RelationshipKind.ONE_TO_MANY
    assert STANDARD_TABLES["account"].columns["industrycode"].options[33] == "Wholesale"
    assert STANDARD_TABLES["opportunity"].columns["estimatedvalue"].type is ColumnType.MONEY


@pytest.mark.parametrize("name", STANDARD_TABLES)
def test_standard_tables_hang_together(name: str) -> None:
    table = STANDARD_TABLES[name]
    assert table.columns[table.primary_id].type is ColumnType.UNIQUEIDENTIFIER
    assert table.primary_name is None or table.primary_name in table.columns
    for column in table.columns.values():
        assert column.name == column.name.lower()
        assert bool(column.targets) == (
            column.type in {ColumnType.LOOKUP, ColumnType.OWNER, ColumnType.CUSTOMER}
        )
    for relationship in table.relationships.values():
        if relationship.kind is RelationshipKind.MANY_TO_ONE:
            assert relationship.column is not None


def test_the_notation_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError):
        parse_tables("table a as aid -\nnonsense x\n")


def test_lines_before_the_first_table_are_ignored() -> None:
    assert parse_tables("string lost\n") == {}


def test_a_negation_contradicts_what_it_negates_on_either_side() -> None:
    equal = parse_condition({"column": "a", **EQ})
    negated = parse_condition({"not": {"column": "a", **EQ}})
    assert find_contradiction(All((negated, equal))) is not None
    assert find_contradiction(All((equal, negated))) is not None


def test_an_empty_end_of_a_range_proves_nothing() -> None:
    between = {"column": "a", "operator": "between", "value": ["x", ""]}
    assert find_contradiction(parse_condition(between)) is None
