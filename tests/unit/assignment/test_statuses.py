"""Every routing and sequence status a decision can end in, and which failure is told."""

from typing import Any

import pytest

from engine.sellers import Seller
from tests.support.builders import ALL, ANY, NOW, at, eq, queue, record, rules, seller, team
from tests.unit.assignment.deciding import decide, decider, free_in, owner, statuses

MIRIAM = seller(1, "Miriam", last="10:02", columns={"address1_city": "London"})
NEVER = {"when": eq("subject", "never")}
OSLO = {"assign_to": {"sellers": {"matching": eq("address1_city", "Oslo")}}}
LIKE_T = {"column": "name", "operator": "begins-with", "value": "t"}
TEAMS = {"assign_to": {"teams": {"matching": LIKE_T}}}
QUEUES = {"assign_to": {"queues": {"matching": LIKE_T}}}
OLD = {"created_within_hours": 1}
FULL = {"respect_capacity": True}
AWAY = {"available_within_hours": 2}


def busy(**fields: Any) -> Seller:
    """Somebody without capacity who is not free for hours."""
    settings: dict[str, Any] = {"max_capacity": 1, "consumed": {"lead": 1}, "calendar": free_in(5)}
    return seller(1, "Miriam", **(settings | fields))


TABLE: list[tuple[dict[str, Any], int]] = [
    ({}, 2),
    (NEVER, 4),
    (OSLO, 5),
    (AWAY, 6),
    (FULL, 7),
    (OLD, 11),
    (TEAMS, 12),
    ({"assign_to": {"teams": {"matching": eq("name", "none")}}}, 13),
    (QUEUES, 14),
    ({"assign_to": {"queues": {"matching": eq("name", "none")}}}, 15),
]


@pytest.mark.parametrize(("part", "status"), TABLE, ids=[str(status) for _, status in TABLE])
def test_each_outcome_of_a_rule_has_its_status(part: dict[str, Any], status: int) -> None:
    chosen = decider(
        rules(ANY | part),
        [busy()],
        teams=[team(20, "T1"), team(21, "T2")],
        queues=[queue(30, "T3"), queue(31, "T4")],
    )
    found = chosen.decide(record(createdon="2026-11-23T10:59:59Z"), NOW)
    assert statuses(found) == (1, status, 4)
    assert found.rule == "Any"
    assert (found.assigned_to is not None) is (status == 2)


def test_a_segment_without_active_rules_says_so() -> None:
    found = decide(rules(ANY | {"active": False}), MIRIAM)
    assert statuses(found) == (1, 8, 4)
    assert found.rule is None


@pytest.mark.parametrize(
    ("readable", "expected"), [(None, 2), (("lead",), 2), (("account",), 10), ((), 10)]
)
def test_sellers_who_may_not_read_the_table_get_nothing(
    readable: tuple[str, ...] | None, expected: int
) -> None:
    tables = None if readable is None else frozenset(readable)
    found = decide(rules(ANY), seller(1, "Miriam", readable_tables=tables))
    assert found.routing_status == expected


def test_permission_is_told_only_when_nothing_else_stands_in_the_way() -> None:
    blind = frozenset({"account"})
    disabled = seller(1, "Off", is_disabled=True, readable_tables=blind)
    switched_off = seller(2, "No", is_assignable=False, readable_tables=blind)
    elsewhere = seller(3, "Rome", readable_tables=blind)
    assert decide(rules(ANY), disabled, switched_off).routing_status == 5
    assert decide(rules(ANY | OSLO), elsewhere).routing_status == 5
    assert decide(rules(ANY), elsewhere, disabled).routing_status == 10
    full = seller(4, "Full", max_capacity=0)
    assert decide(rules(ANY | FULL), elsewhere, full).routing_status == 7


@pytest.mark.parametrize("field", ["is_disabled", "is_assignable"])
def test_disabled_and_switched_off_sellers_get_nothing(field: str) -> None:
    switched_off: dict[str, Any] = {field: field == "is_disabled"}
    out = seller(1, "Out", **switched_off)
    assert owner(decide(rules(ANY), out, seller(2, "In", last="11:00"))) == "In"
    named = rules(ANY | {"assign_to": {"sellers": {"named": ["Out"]}}})
    assert decide(named, out).routing_status == 5


RANKING = [
    (OLD, NEVER, 4, "b"),
    (NEVER, OSLO, 5, "b"),
    (OSLO, FULL, 7, "b"),
    (FULL, OSLO, 7, "a"),
    (OSLO, NEVER, 5, "a"),
    (NEVER, OLD, 4, "a"),
    (FULL, AWAY, 7, "a"),
    (AWAY, FULL, 6, "a"),
    (TEAMS, AWAY, 12, "a"),
    (OSLO, {"assign_to": {"teams": {"matching": eq("name", "x")}}}, 5, "a"),
    (OLD, OLD, 11, "a"),
]


@pytest.mark.parametrize(("first", "second", "status", "rule"), RANKING)
def test_the_highest_ranked_failure_is_told_at_equal_rank_the_first(
    first: dict[str, Any], second: dict[str, Any], status: int, rule: str
) -> None:
    rule_set = rules(ANY | {"name": "a"} | first, ANY | {"name": "b"} | second)
    chosen = decider(rule_set, [busy()], teams=[team(20, "T1"), team(21, "T2")])
    found = chosen.decide(record(createdon="2026-11-20T00:00:00Z"), NOW)
    assert statuses(found) == (1, status, 4)
    assert found.rule == rule
    assert found.assigned_to is None


def test_a_rule_behind_a_failing_one_assigns() -> None:
    found = decide(rules(ANY | {"name": "a"} | OSLO, ANY | {"name": "b"}), MIRIAM)
    assert (found.rule, owner(found), int(found.routing_status or 0)) == ("b", "Miriam", 2)


@pytest.mark.parametrize(("first", "status", "rule"), [(OSLO, 5, "b"), (OLD, 4, "a")])
def test_stop_ends_at_the_first_rule_whose_conditions_hold(
    first: dict[str, Any], status: int, rule: str
) -> None:
    rule_set = rules(
        ANY | {"name": "a"} | NEVER,
        ANY | {"name": "b"} | first,
        ANY | {"name": "c"},
        on_rule_failure="stop",
    )
    found = decide(rule_set, MIRIAM, createdon="2026-11-20T00:00:00Z")
    assert (found.rule, found.routing_status) == (rule, status)


def test_stop_tells_the_higher_ranked_of_those_tried() -> None:
    rule_set = rules(ANY | {"name": "a"} | NEVER, ANY | {"name": "b"} | OLD, on_rule_failure="stop")
    found = decide(rule_set, MIRIAM, createdon="2026-11-20T00:00:00Z")
    assert (found.rule, found.routing_status) == ("a", 4)


def test_conditions_go_before_age_and_age_before_sellers() -> None:
    assert decide(rules(ANY | NEVER | OLD | OSLO), createdon=None).routing_status == 4
    assert decide(rules(ANY | OLD | OSLO), createdon=None).routing_status == 11


def test_capacity_goes_before_availability() -> None:
    assert decide(rules(ANY | FULL | AWAY), busy()).routing_status == 7


@pytest.mark.parametrize(
    ("created", "status"),
    [
        ("2026-11-23T11:00:00Z", 2),
        ("2026-11-23T10:59:59.999Z", 11),
        ("2026-11-24T00:00:00Z", 2),
        (None, 11),
    ],
    ids=["exactly N hours", "just older", "in the future", "no createdon"],
)
def test_the_age_limit_includes_exactly_n_hours(created: str | None, status: int) -> None:
    assert decide(rules(ANY | OLD), MIRIAM, createdon=created).routing_status == status


SEQUENCE = {"name": "S", "table": "lead", "steps": [{"email": "Hi", "within": "1 working day"}]}


@pytest.mark.parametrize(
    ("active", "part", "expected"),
    [
        (True, {}, (1, 2, 1)),
        (False, {}, (1, 2, 7)),
        (True, OSLO, (1, 5, 1)),
        (True, NEVER, (1, 4, 1)),
    ],
)
def test_the_sequence_is_connected_whoever_owns_the_row(
    active: bool, part: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    rule_set = rules(
        ANY | part,
        segments=[ALL | {"sequence": "S"}],
        sequences=[SEQUENCE | {"active": active}],
    )
    found = decide(rule_set, MIRIAM)
    assert statuses(found) == expected
    assert found.sequence == "S"


def test_the_decision_tells_its_instant_and_its_row() -> None:
    found = decider(rules(ANY), [MIRIAM]).decide(record(77), at("13:00"))
    assert (found.table, found.id, found.now) == ("lead", record(77).id, at("13:00"))
    assert found.trace is None
