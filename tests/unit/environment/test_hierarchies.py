"""Every place a hierarchy condition can stand in gets the hierarchy of the rows it compares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connector.environment.hierarchies import fetch_hierarchies
from connector.environment.table_definitions import describe_tables
from engine.assignment.decider import open_decider
from engine.conditions.language.context import Context
from engine.records import Record
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.schema import TableSchema
from engine.sellers import Directory, Queue, Seller, Team
from engine.sequences.timing import EndReason, find_end
from engine.standard_tables import STANDARD_TABLES
from tests.support.builders import NOW, compare, guid, queue, record, seller, team

GROUP, HOLDING, BRANCH, STRANGER = guid(1), guid(2), guid(3), guid(4)
"""Accounts: the branch belongs to the holding, which belongs to the group."""
BOSS, MIRIAM, SANJAY = guid(11), guid(12), guid(13)
"""Users: Miriam reports to the boss."""
HQ, NORTH, OSLO, SOUTH = guid(21), guid(22), guid(23), guid(24)
"""Business units: Oslo is a part of North, which is a part of the headquarters; South is none."""
PARENTS = {
    "account": {GROUP: None, HOLDING: GROUP, BRANCH: HOLDING, STRANGER: None},
    "systemuser": {BOSS: None, MIRIAM: BOSS, SANJAY: None},
    "businessunit": {HQ: None, NORTH: HQ, OSLO: NORTH, SOUTH: None},
}
COLUMNS = {
    "account": ("accountid", "_parentaccountid_value"),
    "systemuser": ("systemuserid", "_parentsystemuserid_value"),
    "businessunit": ("businessunitid", "_parentbusinessunitid_value"),
}


class Reader:
    """The environment's rows that have a parent; notes which tables are asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read_rows(
        self, table: str, columns: Sequence[str], **_options: Any
    ) -> Iterator[Mapping[str, object]]:
        assert tuple(columns) == COLUMNS[table]
        self.asked.append(table)
        key, parent = columns
        for row_id, above in PARENTS[table].items():
            if above is not None:
                yield {key: row_id.upper(), parent: above.upper()}


def describe(logical_name: str) -> TableSchema:
    return STANDARD_TABLES[logical_name]


def learn(rule_set: RuleSet) -> tuple[Mapping[str, TableSchema], Any, Reader]:
    """What a start reads for a rule set: definitions, then hierarchies."""
    reader = Reader()
    schema = describe_tables(rule_set, rule_set.tables, describe)
    return schema, fetch_hierarchies(rule_set, schema, reader), reader


def in_fetchxml(column: str, operator: str, value: str) -> dict[str, Any]:
    text = f"<condition attribute='{column}' operator='{operator}' value='{value}'/>"
    return {"fetchxml": f"<filter>{text}</filter>"}


def in_related(column: str, operator: str, value: str) -> dict[str, Any]:
    return {"related": "parentaccountid", "where": compare(column, operator, value)}


def rules(table: str, **rule: Any) -> dict[str, Any]:
    when = rule.pop("segment_when", None)
    default = {"default": True}
    segment = {
        "name": "S",
        "table": table,
        **(default if when is None else {"priority": 1, "when": when}),
    }
    part = {"name": "R", "table": table, "segment": "S", "assign_to": {"any_seller": True}, **rule}
    return {"version": 1, "segments": [segment], "rules": [part]}


def in_segment(condition: Any) -> dict[str, Any]:
    return rules("lead", segment_when=condition)


def in_rule(condition: Any) -> dict[str, Any]:
    return rules("lead", when=condition)


def on(kind: str) -> Callable[[Any], dict[str, Any]]:
    def put(condition: Any) -> dict[str, Any]:
        return rules("lead", assign_to={kind: {"matching": condition}})

    return put


def as_primary(condition: Any) -> dict[str, Any]:
    target = {"account_column": "ownerid", "primary": condition}
    return rules("msdyn_salessuggestion", assign_to=target)


def as_secondary(condition: Any) -> dict[str, Any]:
    target = {
        "access_team": True,
        "primary": {"column": "fullname", "operator": "eq", "value": "Boss"},
        "secondary": [condition],
    }
    return rules("msdyn_salessuggestion", assign_to=target)


PLACES = {
    "a segment": (in_segment, compare, "parentaccountid", GROUP, "account"),
    "a rule": (in_rule, compare, "parentaccountid", GROUP, "account"),
    "FetchXML": (in_rule, in_fetchxml, "parentaccountid", GROUP, "account"),
    "a related row": (in_segment, in_related, "accountid", GROUP, "account"),
    "a related row's lookup": (in_segment, in_related, "parentaccountid", GROUP, "account"),
    "an owner": (in_segment, compare, "ownerid", BOSS, "systemuser"),
    "sellers": (on("sellers"), compare, "systemuserid", BOSS, "systemuser"),
    "sellers' units": (on("sellers"), compare, "businessunitid", HQ, "businessunit"),
    "teams": (on("teams"), compare, "administratorid", BOSS, "systemuser"),
    "teams' units": (on("teams"), compare, "businessunitid", HQ, "businessunit"),
    "queues": (on("queues"), compare, "primaryuserid", BOSS, "systemuser"),
    "queues' units": (on("queues"), compare, "businessunitid", HQ, "businessunit"),
    "a primary": (as_primary, compare, "systemuserid", BOSS, "systemuser"),
    "a primary's unit": (as_primary, compare, "businessunitid", HQ, "businessunit"),
    "a secondary": (as_secondary, compare, "systemuserid", BOSS, "systemuser"),
    "a secondary's unit": (as_secondary, compare, "businessunitid", HQ, "businessunit"),
}


def person(user_id: str, name: str, unit: str) -> Seller:
    columns = {"systemuserid": user_id, "_businessunitid_value": unit}
    return replace(seller(1, name, columns=columns), id=user_id)


def group(number: int, name: str, user: str, unit: str, **fields: Any) -> Team:
    columns = {"_administratorid_value": user, "_businessunitid_value": unit}
    return team(number, name, columns=columns | fields.pop("columns", {}), **fields)


def box(number: int, name: str, user: str, unit: str) -> Queue:
    found = queue(number, name)
    columns = {"_primaryuserid_value": user, "_businessunitid_value": unit}
    return replace(found, row={**found.row, **columns})


EVERYBODY = (BOSS, MIRIAM, SANJAY)
PEOPLE = Directory(
    sellers=(
        person(BOSS, "Boss", SOUTH),
        person(MIRIAM, "Miriam", OSLO),
        person(SANJAY, "Sanjay", SOUTH),
    ),
    teams=(
        group(31, "Of Miriam", MIRIAM, OSLO),
        group(32, "Of Sanjay", SANJAY, SOUTH),
        group(
            33,
            "Regarding",
            SANJAY,
            SOUTH,
            team_type=1,
            members=EVERYBODY,
            columns={"_regardingobjectid_value": BRANCH},
        ),
        group(34, "Owning", BOSS, HQ, team_type=1, members=EVERYBODY),
    ),
    queues=(box(41, "Of Miriam", MIRIAM, OSLO), box(42, "Of Sanjay", SANJAY, SOUTH)),
)
ROWS = {
    "below": {
        "_parentaccountid_value": BRANCH,
        "parentaccountid": {"accountid": BRANCH, "_parentaccountid_value": HOLDING},
        "_ownerid_value": MIRIAM,
    },
    "beside": {
        "_parentaccountid_value": STRANGER,
        "parentaccountid": {"accountid": STRANGER, "_parentaccountid_value": STRANGER},
        "_ownerid_value": SANJAY,
    },
}


def about_branch(number: int, table: str, **columns: Any) -> Record:
    """A row whose account is the branch, where rows have one."""
    account = {"accountid": BRANCH, "_ownerid_value": guid(34)}
    return record(number, table, msdyn_relatedrecord=account, **columns)


def outcomes(rule_set: RuleSet) -> set[str]:
    """Which rows were assigned where rules look at the row, else who got one."""
    schema, hierarchies, _ = learn(rule_set)
    table = rule_set.rules[0].table
    decider = open_decider(rule_set, PEOPLE, schema=schema, hierarchies=hierarchies)
    found: set[str] = set()
    for number in range(20):
        for name, columns in ROWS.items():
            decision = decider.decide(about_branch(number + 50, table, **columns), NOW)
            if decision.assigned_to is None:
                continue
            names = [str(one.name) for one in decision.secondary]
            found |= {name, str(decision.assigned_to.name), *names}
    return found


def expected(place: str, *, is_under: bool) -> set[str]:
    if place in {"a segment", "a rule", "FetchXML", "an owner"} or "related" in place:
        return {"below" if is_under else "beside", "Boss", "Miriam", "Sanjay"}
    rows = {"below", "beside"}
    if place.startswith(("teams", "queues")):
        return rows | {"Of Miriam" if is_under else "Of Sanjay"}
    if is_under:
        return rows | ({"Boss", "Miriam"} if "secondary" in place else {"Miriam"})
    return rows | {"Boss", "Sanjay"}


@pytest.mark.parametrize("place", PLACES)
def test_the_hierarchy_of_the_compared_table_is_read(place: str) -> None:
    put, write, column, top, table = PLACES[place]
    _, hierarchies, reader = learn(build_rule_set(put(write(column, "under", top))))
    assert reader.asked == [table]
    below = {row_id: above for row_id, above in PARENTS[table].items() if above}
    assert hierarchies == {table: below}


@pytest.mark.parametrize("place", PLACES)
def test_under_finds_who_is_below_and_not_under_all_others(place: str) -> None:
    put, write, column, top, _ = PLACES[place]
    under = outcomes(build_rule_set(put(write(column, "under", top))))
    assert under == expected(place, is_under=True)
    others = outcomes(build_rule_set(put(write(column, "not-under", top))))
    assert others == expected(place, is_under=False)


@pytest.mark.parametrize(
    ("operator", "named", "found"),
    [
        ("above", MIRIAM, {"Boss"}),
        ("eq-or-above", MIRIAM, {"Boss", "Miriam"}),
        ("eq-or-under", BOSS, {"Boss", "Miriam"}),
    ],
)
def test_the_other_operators_get_it_too(operator: str, named: str, found: set[str]) -> None:
    document = on("sellers")(compare("systemuserid", operator, named))
    assert outcomes(build_rule_set(document)) == found | {"below", "beside"}


@pytest.mark.parametrize("operator", ["eq-useroruserhierarchy", "eq-useroruserhierarchyandteams"])
@pytest.mark.parametrize("put", [in_segment, in_rule, on("teams"), on("queues")])
def test_operators_on_those_who_report_to_the_caller_need_the_users(
    put: Any, operator: str
) -> None:
    column = "administratorid" if put not in {in_segment, in_rule} else "ownerid"
    rule_set = build_rule_set(put({"column": column, "operator": operator}))
    reader = Reader()
    schema = {name: STANDARD_TABLES[name] for name in ("lead", "systemuser", "team", "queue")}
    fetch_hierarchies(rule_set, schema, reader)
    assert reader.asked == ["systemuser"]


def test_a_sequence_that_ends_by_a_hierarchy_gets_it() -> None:
    document = in_segment(None) | {
        "sequences": [
            {
                "name": "Welcome",
                "table": "lead",
                "exit_when": compare("parentaccountid", "under", GROUP),
            }
        ]
    }
    rule_set = build_rule_set(document)
    schema, hierarchies, reader = learn(rule_set)
    assert reader.asked == ["account"]
    context = Context(now=NOW, hierarchies=hierarchies, table="lead", schema=schema)
    ends = {
        name: find_end(rule_set.sequences[0], about_branch(50, "lead", **columns), context)
        for name, columns in ROWS.items()
    }
    assert ends["below"] is EndReason.EXIT_CRITERION_MET
    assert ends["beside"] is not EndReason.EXIT_CRITERION_MET


def test_rules_without_hierarchies_read_none() -> None:
    document = in_rule(compare("parentaccountid", "eq", GROUP))
    _, hierarchies, reader = learn(build_rule_set(document))
    assert (reader.asked, hierarchies) == ([], {})
