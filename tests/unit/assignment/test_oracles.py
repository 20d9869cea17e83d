"""The published worked examples of work distribution, decided from the row to the owner.

O1-O9: "Understand lead and opportunity distribution"; O10: "Manage seller attributes and capacity";
P1-P6: the 2021 version of the first page; I1, I2: "Configure assignment rules to automatically
assign insights" (all Dynamics 365 Sales documentation).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.assignment.decider import Decider
from engine.rules.rule_set import RuleSet
from engine.sellers import Calendar, Seller
from tests.support.builders import ALL, ANY, NOW, at, eq, guid, record, rules, seller, team
from tests.unit.assignment.deciding import decider, free_in, owner, owners, statuses

MIRIAM = seller(1, "Miriam", last="10:02")
SANJAY = seller(2, "Sanjay", last="10:31")
SUSANA = seller(3, "Susana", last="11:17")
THREE = [MIRIAM, SANJAY, SUSANA]
OPPORTUNITIES = {"name": "Opportunities", "table": "opportunity", "default": True}
OPPORTUNITY_RULE = ANY | {"name": "Opp", "table": "opportunity", "segment": "Opportunities"}
BALANCED = {"distribute_by": "load_balancing"}


def order_of(chosen: Decider) -> list[str]:
    """Who comes next, and next after that, in organization scope."""
    found = chosen.snapshot().sellers
    key = {one.name: (one.last_assigned_at or NOW, one.assignment_order) for one in found}
    return sorted(key, key=key.__getitem__)


def load(person: Seller, available: int, maximum: int = 100) -> Seller:
    return replace(person, max_capacity=maximum, consumed={"lead": maximum - available})


def waits(person: Seller, hours: float) -> Seller:
    return replace(person, calendar=free_in(hours))


def test_o1a_the_seller_who_waited_longest_gets_the_lead() -> None:
    chosen = decider(rules(ANY), THREE)
    assert owner(chosen.decide(record(), at("11:20"))) == "Miriam"
    assert chosen.snapshot().sellers[0].last_assigned_at == at("11:20")


@pytest.mark.parametrize("both", [False, True], ids=["lead rules only", "both tables"])
def test_o1b_manual_assignments_count_for_tables_with_rules(both: bool) -> None:
    more = {"segments": [ALL, OPPORTUNITIES]} if both else {}
    rule_set = rules(ANY, OPPORTUNITY_RULE, **more) if both else rules(ANY)
    chosen = decider(rule_set, THREE)
    assert owner(chosen.decide(record(10), at("11:20"))) == "Miriam"
    assert order_of(chosen) == ["Sanjay", "Susana", "Miriam"]
    chosen.observe_assignment(SUSANA.id, "opportunity", at("13:50"))
    assert order_of(chosen) == (
        ["Sanjay", "Miriam", "Susana"] if both else ["Sanjay", "Susana", "Miriam"]
    )
    assert owner(chosen.decide(record(11), at("14:30"))) == "Sanjay"
    assert order_of(chosen) == (
        ["Miriam", "Susana", "Sanjay"] if both else ["Susana", "Miriam", "Sanjay"]
    )
    chosen.observe_assignment(MIRIAM.id, "lead", at("15:00"))
    assert order_of(chosen) == ["Susana", "Sanjay", "Miriam"]


def three_rules(**more: Any) -> RuleSet:
    parts = [
        ANY | {"name": f"Rule {number}", "when": eq("leadsourcecode", number)}
        for number in (1, 2, 3)
    ]
    return rules(*parts, **more)


@pytest.mark.parametrize(("scope", "fourth"), [("organization", "Miriam"), ("rule", "Sanjay")])
def test_o2_one_clock_for_the_organization_or_one_for_each_rule(scope: str, fourth: str) -> None:
    chosen = decider(three_rules(round_robin_scope=scope), THREE)
    found = [
        owner(chosen.decide(record(10 + number, leadsourcecode=source), NOW))
        for number, source in enumerate((1, 2, 3, 1))
    ]
    if scope == "organization":
        assert found[:3] == ["Miriam", "Sanjay", "Susana"]
    assert found[0] == "Miriam"
    assert found[3] == fourth


def test_o3_a_self_created_lead_goes_to_somebody_else() -> None:
    chosen = decider(rules(ANY), [MIRIAM, SANJAY])
    own = record(
        10,
        _ownerid_value=MIRIAM.id,
        _createdby_value=MIRIAM.id,
        createdon="2026-11-23T11:30:00Z",
    )
    assert owner(chosen.decide(own, at("11:31"))) == "Sanjay"
    assert order_of(chosen) == ["Miriam", "Sanjay"]


def test_o4_load_balancing_takes_the_most_capacity_then_the_longest_waiting() -> None:
    people = [load(MIRIAM, 10), load(SANJAY, 12), load(SUSANA, 15)]
    chosen = decider(rules(ANY | BALANCED), people)
    assert owners(chosen, 4) == ["Susana", "Susana", "Susana", "Sanjay"]
    closed = [
        replace(one, consumed={"lead": one.consumed["lead"] - (3 if one.name == "Miriam" else 0)})
        for one in chosen.snapshot().sellers
    ]
    assert owners(decider(rules(ANY | BALANCED), closed), 1) == ["Miriam"]


O5 = [
    load(seller(2, "Sanjay", last="14:37"), 0),
    load(seller(3, "Susana", last="14:57"), 4),
    load(seller(4, "David", last="15:02"), 1),
    load(seller(1, "Miriam", last="14:35"), -2),
]


@pytest.mark.parametrize(("respects", "expected"), [(True, "Susana"), (False, "Miriam")])
def test_o5_capacity_drops_sellers_before_round_robin(respects: bool, expected: str) -> None:
    chosen = decider(rules(ANY | {"respect_capacity": respects}), O5)
    assert owners(chosen, 1, now=at("15:30")) == [expected]


def test_o5_nobody_has_capacity() -> None:
    people = [load(MIRIAM, 0), load(SANJAY, -2)]
    found = decider(rules(ANY | {"respect_capacity": True}), people).decide(record(), NOW)
    assert statuses(found) == (1, 7, 4)


@pytest.mark.parametrize(("hours", "expected"), [(48, None), (60, "Monday")])
def test_o6_the_window_cuts_exactly(hours: int, expected: str | None) -> None:
    days = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), (("08:00", "17:00"),))
    vacation = datetime(2026, 11, 21, tzinfo=UTC).date()
    people = [
        seller(1, "Monday", last="10:00", calendar=Calendar(weekly=days)),
        seller(
            2,
            "Saturday",
            last="09:00",
            calendar=Calendar(
                weekly={"sat": (("08:00", "17:00"),)}, time_off=((vacation, vacation),)
            ),
        ),
    ]
    chosen = decider(rules(ANY | {"available_within_hours": hours}), people)
    friday_evening = datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert owners(chosen, 1, now=friday_evening) == [expected]


def five(capacity: bool) -> list[Seller]:
    table = [
        ("Burt", 20, "09:37", 14),
        ("Maya", 20, "09:15", 20),
        ("Vivek", 0, "10:02", 5),
        ("Maria", 44, "10:10", 10),
        ("Sal", 0, "09:29", 2),
    ]
    people = [
        waits(seller(number, name, last=last), hours)
        for number, (name, hours, last, _) in enumerate(table, 1)
    ]
    frees = [entry[3] for entry in table]
    return (
        [load(one, free) for one, free in zip(people, frees, strict=True)] if capacity else people
    )


WINDOW = {"available_within_hours": 120}


def test_o7_round_robin_inside_the_first_bucket() -> None:
    chosen = decider(rules(ANY | WINDOW), five(capacity=True))
    assert owners(chosen, 4, now=NOW) == ["Sal", "Vivek", "Sal", "Vivek"]


def test_o8_load_balancing_inside_the_first_bucket() -> None:
    chosen = decider(rules(ANY | WINDOW | BALANCED), five(capacity=True))
    found = owners(chosen, 10)
    assert found[:3] == ["Vivek", "Vivek", "Vivek"]
    assert set(found) == {"Vivek", "Sal"}
    free = {
        one.name: (one.max_capacity or 0) - one.consumed["lead"]
        for one in chosen.snapshot().sellers
    }
    assert abs(free["Vivek"] - free["Sal"]) <= 1
    assert free["Vivek"] < 0


def o9(burt: str, maya: str) -> list[Seller]:
    people = {one.name: one for one in five(capacity=True)}
    return [
        replace(people["Burt"], last_assigned_at=at(burt)),
        replace(people["Maya"], last_assigned_at=at(maya)),
        load(people["Vivek"], -1),
        people["Maria"],
        load(people["Sal"], 0),
    ]


@pytest.mark.parametrize(
    ("burt", "maya", "expected"),
    [("10:37", "10:15", ["Maya", "Burt"]), ("10:15", "10:37", ["Burt", "Maya"])],
    ids=["O9", "O9 with the clocks swapped"],
)
def test_o9_beyond_the_first_bucket_round_robin_decides(
    burt: str, maya: str, expected: Sequence[str]
) -> None:
    rule = ANY | WINDOW | BALANCED | {"respect_capacity": True}
    assert owners(decider(rules(rule), o9(burt, maya)), 2) == expected


@pytest.mark.parametrize(("maximum", "assigned"), [(21, True), (20, False), (31, True)])
def test_o10_only_tables_with_rules_consume_capacity(maximum: int, assigned: bool) -> None:
    alex = seller(1, "Alex", max_capacity=maximum, consumed={"lead": 20, "opportunity": 10})
    respecting = {"respect_capacity": True}
    chosen = decider(rules(ANY | respecting), [alex])
    assert (owner(chosen.decide(record(), NOW)) is not None) is assigned
    both = rules(ANY | respecting, OPPORTUNITY_RULE, segments=[ALL, OPPORTUNITIES])
    found = decider(both, [alex]).decide(record(), NOW)
    assert (found.assigned_to is not None) is (maximum == 31)


def numbered(*table: tuple[str | None, float, int | None]) -> list[Seller]:
    """S1, S2 … with last assignment, hours until free, available capacity."""
    people: list[Seller] = []
    for number, (last, hours, free) in enumerate(table, 1):
        one = waits(seller(number, f"S{number}", last=last), hours)
        people.append(one if free is None else load(one, free))
    return people


def test_p1_round_robin() -> None:
    people = numbered(("11:00", 0, None), ("10:00", 0, None), ("12:00", 0, None))
    chosen = decider(rules(ANY), people)
    assert owners(chosen, 1, now=at("13:30")) == ["S2"]
    two = rules(ANY | {"assign_to": {"sellers": {"named": ["S2", "S3"]}}})
    assert owners(decider(two, chosen.snapshot().sellers), 1, now=at("13:40")) == ["S3"]


def test_p2_load_balancing() -> None:
    people = numbered(("11:00", 0, 10), ("10:00", 0, 12), ("12:00", 0, 15))
    chosen = decider(rules(ANY | BALANCED), people)
    assert owners(chosen, 3, now=at("13:00")) == ["S3", "S3", "S3"]
    assert owners(chosen, 1, now=at("13:10")) == ["S2"]


def test_p3_round_robin_with_capacity() -> None:
    people = numbered(("11:00", 0, -2), ("10:00", 0, 0), ("12:00", 0, 4), ("13:00", 0, 1))
    assert owners(decider(rules(ANY | {"respect_capacity": True}), people), 1) == ["S3"]


P4 = (("11:00", 20, 14), ("10:00", 20, 20), ("12:00", 0, 5), ("13:00", 44, 10), ("10:30", 0, 2))


def test_p4_round_robin_with_availability() -> None:
    people = numbered(*[(last, hours, None) for last, hours, _ in P4])
    assert owners(decider(rules(ANY | WINDOW), people), 3) == ["S5", "S3", "S5"]


def test_p5_load_balancing_with_availability() -> None:
    assert owners(decider(rules(ANY | WINDOW | BALANCED), numbered(*P4)), 1) == ["S3"]


def test_p6_load_balancing_with_availability_and_capacity() -> None:
    people = numbered(
        ("10:00", 20, 14), ("11:00", 20, 20), ("12:00", 0, -1), ("13:00", 44, 10), ("10:30", 0, 0)
    )
    rule = ANY | WINDOW | BALANCED | {"respect_capacity": True}
    assert owners(decider(rules(rule), people), 3) == ["S1", "S2", "S1"]


INSIGHTS: dict[str, Any] = {
    "name": "Insights",
    "table": "msdyn_salessuggestion",
    "priority": 1,
    "when": {
        "all": [
            eq("msdyn_name", "Contoso"),
            {"column": "msdyn_potentialrevenue", "operator": "le", "value": 30000},
        ]
    },
}
INSIGHT_RULE = {"name": "I", "table": "msdyn_salessuggestion", "segment": "Insights"}
CONTOSO = {"msdyn_name": "contoso", "msdyn_potentialrevenue": 30000}


def test_i1_the_owner_of_the_account_is_the_primary() -> None:
    rule = INSIGHT_RULE | {"assign_to": {"account_column": "ownerid"}}
    insight = record(
        70,
        "msdyn_salessuggestion",
        msdyn_relatedrecord={"accountid": guid(60), "_ownerid_value": SANJAY.id},
        **CONTOSO,
    )
    found = decider(rules(rule, segments=[INSIGHTS]), THREE).decide(insight, NOW)
    assert (owner(found), found.secondary) == ("Sanjay", ())
    assert statuses(found) == (1, 2, 4)


def test_i2_titles_in_the_owning_team_make_the_primary_and_the_secondary_users() -> None:
    titles = ["Area manager", "Specialist", "Sales representative", "Clerk", "Area manager"]
    people = [
        seller(number, f"P{number}", columns={"title": title})
        for number, title in enumerate(titles, 1)
    ]
    account_team = team(50, "Contoso team", members=tuple(one.id for one in people[:4]))
    rule = INSIGHT_RULE | {
        "assign_to": {
            "account_column": "owningteam",
            "primary": eq("title", "Area manager"),
            "secondary": [eq("title", "Specialist"), eq("title", "Sales representative")],
        }
    }
    insight = record(
        70,
        "msdyn_salessuggestion",
        msdyn_relatedrecord={"customersize": "Enterprise", "_owningteam_value": account_team.id},
        **CONTOSO,
    )
    enterprise = INSIGHTS["when"] | {}
    segment = INSIGHTS | {
        "when": {"all": [enterprise, eq("msdyn_relatedrecord.customersize", "Enterprise")]}
    }
    found = decider(rules(rule, segments=[segment]), people, teams=[account_team]).decide(
        insight, NOW
    )
    assert owner(found) == "P1"
    assert [person.name for person in found.secondary] == ["P2", "P3"]
