"""Whom rules assign to: names, conditions, draws, and the settings beyond the original."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.assignment.decider import open_decider
from engine.errors import ConfigProblem, InvalidDocument
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory
from tests.support.builders import ALL, ANY, NOW, at, eq, guid, queue, record, rules, seller, team
from tests.unit.assignment.deciding import decide, decider, free_in, owner, owners, statuses

MIRIAM = seller(1, "Miriam", last="10:02")
SANJAY = seller(2, "Sanjay", last="10:31")
SUSANA = seller(3, "Susana", last="11:17")
LIKE_T = {"column": "name", "operator": "begins-with", "value": "t"}
TEAMS = {"assign_to": {"teams": {"matching": LIKE_T}}}
QUEUES = {"assign_to": {"queues": {"matching": LIKE_T}}}


def named(*names: str, kind: str = "sellers") -> dict[str, Any]:
    return ANY | {"assign_to": {kind: {"named": list(names)}}}


def consumed(chosen: Any) -> dict[str, int]:
    return {one.name: one.consumed.get("lead", 0) for one in chosen.snapshot().sellers}


# names


@pytest.mark.parametrize(
    "name", ["Sanjay", "sANJAY", " sanjay ", guid(2), "{" + guid(2).upper() + "}"]
)
def test_a_seller_is_named_by_id_or_by_full_name_without_case(name: str) -> None:
    assert owner(decide(rules(named(name)), MIRIAM, SANJAY)) == "Sanjay"


def test_somebody_named_twice_is_one_candidate() -> None:
    assert owners(decider(rules(named("Sanjay", guid(2))), [MIRIAM, SANJAY]), 2) == ["Sanjay"] * 2


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (named("Miriamm"), 'the directory has no seller "Miriamm"; did you mean "Miriam"?'),
        (named("Zz"), 'the directory has no seller "Zz"'),
        (
            named("Twin"),
            f'"Twin" is the name of 2 sellers; name one by its id: {guid(8)}, {guid(9)}',
        ),
        (named("Nope", kind="teams"), 'the directory has no team "Nope"'),
        (named("Nope", kind="queues"), 'the directory has no queue "Nope"'),
    ],
)
def test_a_name_that_stands_for_nobody_or_several_is_an_error(
    part: dict[str, Any], words: str
) -> None:
    people = [MIRIAM, seller(8, "Twin"), seller(9, "twin")]
    with pytest.raises(InvalidDocument) as caught:
        decider(rules(ANY | {"name": "first"}, part), people)
    (problem,) = caught.value.problems
    kind = next(iter(part["assign_to"]))
    assert problem.path == ("rules", 1, "assign_to", kind, "named", 0)
    assert problem.message == words
    assert isinstance(caught.value, ConfigProblem)


def test_all_bad_names_are_told_at_once_with_their_places() -> None:
    segment = ALL | {"fallback": {"team": "C"}}
    rule_set = rules(
        named("A", "B"), segments=[segment], fallback={"seller": "D"}, weights={"E": 2}
    )
    with pytest.raises(InvalidDocument) as caught:
        decider(rule_set, [MIRIAM])
    assert [problem.path for problem in caught.value.problems] == [
        ("weights", "E"),
        ("rules", 0, "assign_to", "sellers", "named", 0),
        ("rules", 0, "assign_to", "sellers", "named", 1),
        ("segments", 0, "fallback", "team"),
    ]
    with pytest.raises(InvalidDocument) as caught:
        decider(rules(ANY, fallback={"seller": "D"}), [MIRIAM])
    assert caught.value.problems[0].path == ("fallback", "seller")


def test_names_in_inactive_rules_and_segments_are_not_looked_up() -> None:
    off = ALL | {"name": "Off", "active": False, "default": False, "priority": 1}
    rule_set = rules(
        ANY,
        named("Gone") | {"name": "a", "active": False},
        named("Gone") | {"name": "b", "segment": "Off"},
        segments=[ALL, off | {"when": eq("subject", "x")}],
    )
    assert owner(decide(rule_set, MIRIAM)) == "Miriam"


# conditions on sellers


def matching(condition: dict[str, Any]) -> RuleSet:
    return rules(ANY | {"assign_to": {"sellers": {"matching": condition}}})


SAME_CITY = {"column": "address1_city", "operator": "eq", "value_of": "record.address1_city"}


def test_a_dynamic_match_follows_the_record() -> None:
    people = [
        seller(1, "Miriam", columns={"address1_city": "LONDON"}),
        seller(2, "Sanjay", columns={"address1_city": "Oslo"}),
    ]
    chosen = decider(matching(SAME_CITY), people)
    cities = ["london", "Oslo", None, "Rome", "London", "Oslo"]
    found = [
        owner(chosen.decide(record(10 + number, address1_city=city), NOW))
        for number, city in enumerate(cities)
    ]
    assert found == ["Miriam", "Sanjay", None, None, "Miriam", "Sanjay"]


def test_a_dynamic_match_over_two_columns_and_a_related_row() -> None:
    unit = {
        "column": "businessunitid",
        "operator": "eq",
        "value_of": "record.parentaccountid.owningbusinessunit",
    }
    people = [
        seller(1, "Miriam", columns={"address1_city": "London", "_businessunitid_value": guid(90)}),
        seller(2, "Sanjay", columns={"address1_city": "London", "_businessunitid_value": guid(91)}),
    ]
    chosen = decider(matching({"all": [SAME_CITY, unit]}), people)
    account = {"_owningbusinessunit_value": guid(91)}
    found = chosen.decide(record(address1_city="London", parentaccountid=account), NOW)
    assert owner(found) == "Sanjay"
    without = chosen.decide(record(11, address1_city="London", parentaccountid=None), NOW)
    assert without.routing_status == 5


def test_a_match_that_depends_on_the_time_is_asked_again() -> None:
    recent = {"column": "createdon", "operator": "last-x-days", "value": 2}
    people = [seller(1, "Miriam", columns={"createdon": "2026-11-22T00:00:00Z"})]
    chosen = decider(matching(recent), people)
    assert owners(chosen, 1) == ["Miriam"]
    assert owners(chosen, 1, now=NOW + timedelta(days=9)) == [None]


def test_more_combinations_than_are_remembered_still_match() -> None:
    people = [seller(1, "Miriam", columns={"address1_city": "City 4999"})]
    chosen = decider(matching(SAME_CITY), people)
    found = [
        owner(chosen.decide(record(number, address1_city=f"City {number}"), NOW))
        for number in range(5000)
    ]
    assert found == [None] * 4999 + ["Miriam"]
    assert owner(chosen.decide(record(9, address1_city="city 4999"), NOW)) == "Miriam"


def test_a_related_row_of_the_seller_is_matched_with_the_record() -> None:
    account = {"column": "accountid", "operator": "eq", "value_of": "record.parentaccountid"}
    owns = {"related": "user_accounts", "where": account}
    people = [
        seller(number, name, columns={"user_accounts": [{"accountid": guid(owned)}]})
        for number, name, owned in ((1, "Miriam", 60), (2, "Sanjay", 61))
    ]
    chosen = decider(matching(owns), people)
    found = chosen.decide(record(_parentaccountid_value=guid(61)), NOW)
    assert owner(found) == "Sanjay"


def test_a_place_in_the_hierarchy_is_matched_seller_by_seller() -> None:
    below = {"column": "systemuserid", "operator": "under", "value": guid(1)}
    people = [MIRIAM, SANJAY, SUSANA]
    tree = {"systemuser": {guid(2): guid(1), guid(3): None}}
    directory = Directory(sellers=tuple(people))
    chosen = open_decider(matching(below), directory, hierarchies=tree)
    assert owners(chosen, 2) == ["Sanjay", "Sanjay"]


def test_sellers_alike_in_what_is_asked_are_told_apart_otherwise() -> None:
    people = [
        seller(1, "Miriam", columns={"address1_city": "London"}, readable_tables=frozenset()),
        seller(2, "Sanjay", columns={"address1_city": "London"}),
        seller(3, "Susana", columns={"address1_city": "LONDON", "title": "x"}),
    ]
    chosen = decider(matching(eq("address1_city", "London")), people)
    assert owners(chosen, 3) == ["Sanjay", "Susana", "Sanjay"]


def test_rules_with_one_question_share_its_candidates() -> None:
    rule_set = rules(
        ANY | {"name": "a", "when": eq("subject", "a")}, ANY | {"name": "b"}, named("Sanjay")
    )
    chosen = decider(rule_set, [MIRIAM, SANJAY])
    found = [chosen.decide(record(n, subject=text), NOW) for n, text in enumerate("abab")]
    assert [one.rule for one in found] == ["a", "b", "a", "b"]
    assert [owner(one) for one in found] == ["Miriam", "Sanjay", "Miriam", "Sanjay"]


def test_samples_change_no_decision() -> None:
    both = {"all": [eq("subject", "x"), eq("companyname", "y")]}
    segment = {"name": "S", "table": "lead", "priority": 1, "when": both}
    rule_set = rules(ANY | {"segment": "S"}, segments=[segment])
    rows = [record(n, subject="x", companyname="y" if n % 3 else "z") for n in range(9)]
    samples = {"lead": [one.row for one in rows]}
    plain = decider(rule_set, [MIRIAM])
    sampled = open_decider(rule_set, Directory(sellers=(MIRIAM,)), samples=samples)
    assert [plain.decide(one, NOW) for one in rows] == [sampled.decide(one, NOW) for one in rows]


def test_attributes_are_alternatives_inside_and_all_together() -> None:
    language = {"attribute": "Language", "operator": "in", "value": ["german", "french"]}
    level = {"attribute": "Level", "operator": "eq", "value": "1"}
    people = [
        seller(1, "Miriam", attributes={"Language": ("English",), "Level": ("1",)}),
        seller(2, "Sanjay", attributes={"Language": ("German",), "Level": ("2",)}),
        seller(3, "Susana", attributes={"Language": ("German",), "Level": ("1",)}),
    ]
    assert owner(decide(matching({"all": [language, level]}), *people)) == "Susana"


# clocks and capacity


def test_a_row_created_by_its_owner_moves_the_clock_forward_only() -> None:
    chosen = decider(matching(eq("address1_city", "Oslo")), [MIRIAM])
    own = {"_ownerid_value": MIRIAM.id, "_createdby_value": MIRIAM.id}
    chosen.decide(record(10, createdon="2026-11-23T09:00:00Z", **own), NOW)
    assert chosen.snapshot().sellers[0].last_assigned_at == at("10:02")
    chosen.decide(record(11, createdon="2026-11-23T10:05:00Z", **own), NOW)
    assert chosen.snapshot().sellers[0].last_assigned_at == at("10:05")


@pytest.mark.parametrize(
    "columns",
    [
        {"statecode": 1, "_ownerid_value": guid(1), "_createdby_value": guid(1)},
        {"_ownerid_value": guid(1), "_createdby_value": guid(2)},
        {"_ownerid_value": guid(1)},
        {"_ownerid_value": guid(1), "_createdby_value": guid(1), "createdon": None},
        {"_ownerid_value": guid(77), "_createdby_value": guid(77)},
        {},
    ],
    ids=["closed", "somebody else's", "no creator", "no createdon", "not listed", "no owner"],
)
def test_other_rows_move_no_clock(columns: dict[str, Any]) -> None:
    nobody = matching(eq("address1_city", "Oslo"))
    chosen = decider(nobody, [MIRIAM])
    chosen.decide(record(**columns), NOW)
    assert chosen.snapshot().sellers[0].last_assigned_at == at("10:02")


def test_a_self_created_row_moves_no_clock_on_a_table_without_rules() -> None:
    chosen = decider(rules(ANY | {"active": False}), [MIRIAM])
    chosen.decide(record(_ownerid_value=MIRIAM.id, _createdby_value=MIRIAM.id), NOW)
    assert chosen.snapshot().sellers[0].last_assigned_at == at("10:02")


def test_an_observed_assignment_sets_the_first_clock() -> None:
    chosen = decider(rules(ANY), [seller(1, "Miriam"), SANJAY])
    chosen.observe_assignment(guid(1), "lead", at("11:00"))
    chosen.observe_assignment(guid(77), "lead", at("11:00"))
    assert chosen.snapshot().sellers[0].last_assigned_at == at("11:00")
    assert owners(chosen, 1) == ["Sanjay"]


def test_taking_a_row_gives_the_unit_back_and_keeping_it_costs_none() -> None:
    people = [
        replace(MIRIAM, max_capacity=9, consumed={"lead": 3}),
        replace(SANJAY, max_capacity=9, consumed={"lead": 3}),
    ]
    taken = decider(rules(named("Sanjay")), people)
    taken.decide(record(_ownerid_value=MIRIAM.id), NOW)
    assert consumed(taken) == {"Miriam": 2, "Sanjay": 4}
    kept = decider(rules(named("Sanjay")), people)
    kept.decide(record(_ownerid_value=SANJAY.id), NOW)
    assert consumed(kept) == {"Miriam": 3, "Sanjay": 3}
    assert kept.snapshot().sellers[1].last_assigned_at == NOW


def test_a_team_takes_the_unit_from_the_seller_and_a_queue_does_not() -> None:
    people = [replace(MIRIAM, consumed={"lead": 3})]
    to_team = decider(rules(named("T1", kind="teams")), people, teams=[team(20, "T1")])
    found = to_team.decide(record(_ownerid_value=MIRIAM.id), NOW)
    assert (found.assigned_to, owner(found)) == (team(20, "T1").reference(), "T1")
    assert consumed(to_team) == {"Miriam": 2}
    to_queue = decider(rules(named("T3", kind="queues")), people, queues=[queue(30, "T3")])
    found = to_queue.decide(record(_ownerid_value=MIRIAM.id), NOW)
    assert found.assigned_to == queue(30, "T3").reference()
    assert consumed(to_queue) == {"Miriam": 3}


# teams and queues


def four_teams(part: dict[str, Any], **more: Any) -> Any:
    teams = [team(20 + number, f"T{number}", **more) for number in range(4)]
    queues = [queue(30 + number, f"T{number}") for number in range(4)]
    access = team(40, "T access", team_type=1)
    return decider(rules(ANY | part), teams=[*teams, access], queues=queues)


@pytest.mark.parametrize("part", [TEAMS, QUEUES], ids=["teams", "queues"])
def test_a_draw_is_even_and_repeats_itself(part: dict[str, Any]) -> None:
    random = part | {"when_several": "random"}
    first = owners(four_teams(random), 400)
    again = [
        owner(four_teams(random).decide(record(number), NOW)) for number in reversed(range(10, 50))
    ]
    assert first[:40] == list(reversed(again))
    counts = Counter(first)
    assert set(counts) == {"T0", "T1", "T2", "T3"}
    assert min(counts.values()) > 70


def test_another_team_takes_rows_from_the_others_but_moves_none_between_them() -> None:
    random = ANY | TEAMS | {"when_several": "random"}
    teams = [team(20 + number, f"T{number}") for number in range(4)]
    before = owners(decider(rules(random), teams=teams[:3]), 100)
    after = owners(decider(rules(random), teams=teams), 100)
    moved = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert moved
    assert {new for _, new in moved} == {"T3"}


@pytest.mark.parametrize("several", [{}, {"when_several": "none"}])
@pytest.mark.parametrize(("part", "status"), [(TEAMS, 12), (QUEUES, 14)])
def test_none_of_several_is_the_default(
    part: dict[str, Any], status: int, several: dict[str, Any]
) -> None:
    found = four_teams(part | several).decide(record(), NOW)
    assert statuses(found) == (1, status, 4)


def test_an_access_team_cannot_own_rows() -> None:
    access = team(40, "T access", team_type=1)
    only = decider(rules(ANY | TEAMS), teams=[access]).decide(record(), NOW)
    assert only.routing_status == 13
    by_name = decider(rules(named("T access", kind="teams")), teams=[access])
    assert by_name.decide(record(), NOW).routing_status == 13
    beside = decider(rules(ANY | TEAMS), teams=[access, team(20, "T1")]).decide(record(), NOW)
    assert owner(beside) == "T1"


def test_round_robin_over_teams() -> None:
    chosen = four_teams(TEAMS | {"when_several": "round_robin"})
    assert owners(chosen, 5) == ["T0", "T1", "T2", "T3", "T0"]
    assert [one.last_assigned_at for one in chosen.snapshot().teams] == [NOW] * 4 + [None]


def test_load_balancing_over_teams() -> None:
    spread = TEAMS | {"when_several": "load_balancing", "respect_capacity": True}
    teams = [team(20, "T1", max_capacity=2), team(21, "T2", max_capacity=3)]
    chosen = decider(rules(ANY | spread), teams=teams)
    found = owners(chosen, 6)
    assert found[0] == "T2"
    assert Counter(found) == {"T1": 2, "T2": 3, None: 1}
    assert chosen.decide(record(99), NOW).routing_status == 7


def test_spreading_over_no_team_is_status_13() -> None:
    spread = ANY | TEAMS | {"when_several": "round_robin"}
    assert decider(rules(spread)).decide(record(), NOW).routing_status == 13


# settings beyond the original


def test_keep_with_creator_leaves_self_created_rows_where_they_are() -> None:
    rule_set = rules(ANY, keep_with_creator=True)
    own: dict[str, Any] = {"_ownerid_value": MIRIAM.id, "_createdby_value": MIRIAM.id}
    found = decide(rule_set, MIRIAM, SANJAY, **own)
    assert found.assigned_to == MIRIAM.reference()
    assert statuses(found) == (1, 9, 4)
    assert found.rule is None
    given = decide(rule_set, MIRIAM, SANJAY, _ownerid_value=MIRIAM.id, _createdby_value=SANJAY.id)
    assert statuses(given) == (1, 2, 4)


STICKY = ANY | {"sticky_owner": True}


@pytest.mark.parametrize(
    "navigation", ["parentaccountid", "customerid_account", "parentcustomerid_account"]
)
def test_the_accounts_owner_comes_first(navigation: str) -> None:
    account: dict[str, Any] = {navigation: {"_ownerid_value": SUSANA.id.upper()}}
    people = [MIRIAM, SANJAY, SUSANA]
    assert owner(decide(rules(STICKY), *people, **account)) == "Susana"
    assert owner(decide(rules(ANY), *people, **account)) == "Miriam"


@pytest.mark.parametrize(
    "account",
    [
        {},
        {"parentaccountid": None},
        {"parentaccountid": {"_ownerid_value": None}},
        {"parentaccountid": {"_ownerid_value": guid(77)}},
        {"parentaccountid": {"_ownerid_value": guid(4)}},
        {"parentaccountid": {"_ownerid_value": guid(5)}},
    ],
    ids=["no account", "null", "no owner", "not listed", "not a candidate", "no capacity"],
)
def test_without_a_fit_owner_of_the_account_the_order_decides(account: dict[str, Any]) -> None:
    disabled = seller(4, "Off", is_disabled=True)
    full = seller(5, "Full", max_capacity=0)
    found = decide(rules(STICKY | {"respect_capacity": True}), MIRIAM, disabled, full, **account)
    assert owner(found) == "Miriam"


OSLO = {"assign_to": {"sellers": {"matching": eq("address1_city", "Oslo")}}}


def test_a_fallback_seller_gets_what_no_rule_gives_away() -> None:
    people = [replace(MIRIAM, consumed={"lead": 3}), replace(SANJAY, consumed={"lead": 1})]
    chosen = decider(rules(ANY | OSLO, fallback={"seller": "Sanjay"}), people)
    found = chosen.decide(record(_ownerid_value=MIRIAM.id), NOW)
    assert (owner(found), found.rule) == ("Sanjay", None)
    assert statuses(found) == (1, 2, 4)
    assert consumed(chosen) == {"Miriam": 2, "Sanjay": 2}
    assert chosen.snapshot().sellers[1].last_assigned_at == NOW
    chosen.decide(record(_ownerid_value=SANJAY.id), NOW)
    chosen.decide(record(12), NOW)
    assert consumed(chosen) == {"Miriam": 2, "Sanjay": 3}


def test_a_segments_own_fallback_goes_before_the_general_one() -> None:
    segment = ALL | {"fallback": {"team": "T1"}}
    rule_set = rules(ANY | OSLO, segments=[segment], fallback={"seller": "Miriam"})
    chosen = decider(rule_set, [MIRIAM], teams=[team(20, "T1")])
    assert owner(chosen.decide(record(), NOW)) == "T1"


def test_a_fallback_is_for_failing_rules_not_for_segments_without_any() -> None:
    rule_set = rules(ANY | {"active": False}, fallback={"seller": "Miriam"})
    assert statuses(decide(rule_set, MIRIAM)) == (1, 8, 4)


def test_a_fallback_who_cannot_be_given_work_is_none() -> None:
    off = seller(4, "Off", is_disabled=True)
    assert statuses(decide(rules(ANY | OSLO, fallback={"seller": "Off"}), off)) == (1, 5, 4)


def test_weights_by_name_or_id_share_the_turns() -> None:
    people = [seller(1, "Miriam"), seller(2, "Sanjay")]
    rule_set = rules(ANY, weights={"Miriam": 3, guid(2): 1})
    assert Counter(owners(decider(rule_set, people), 40)) == {"Miriam": 30, "Sanjay": 10}
    heavy = [replace(people[0], weight=3), people[1]]
    assert Counter(owners(decider(rules(ANY), heavy), 40))["Miriam"] == 20
    using = rules(ANY, use_weights=True)
    assert Counter(owners(decider(using, heavy), 40))["Miriam"] == 30


def test_units_by_table_and_by_rule() -> None:
    people = [seller(1, "Miriam", max_capacity=50)]
    by_table = decider(rules(ANY, capacity_units={"lead": 5}), people)
    owners(by_table, 2)
    assert consumed(by_table) == {"Miriam": 10}
    by_rule = decider(rules(ANY | {"capacity_units": 7}, capacity_units={"lead": 5}), people)
    owners(by_rule, 2)
    assert consumed(by_rule) == {"Miriam": 14}


def test_load_is_balanced_in_every_bucket_when_asked() -> None:
    people = [
        seller(1, "Near", last="09:00", max_capacity=10, calendar=free_in(5)),
        seller(2, "Roomy", last="10:00", max_capacity=20, calendar=free_in(6)),
    ]
    rule = ANY | {"distribute_by": "load_balancing", "available_within_hours": 24}
    assert owners(decider(rules(rule), people), 1) == ["Near"]
    assert owners(decider(rules(rule, load_balance_every_bucket=True), people), 1) == ["Roomy"]


def test_a_newcomer_is_not_flooded_when_calibrated() -> None:
    people = [
        seller(1, "Miriam", last="10:02", max_capacity=50, consumed={"lead": 30}),
        seller(2, "Sanjay", last="10:31", max_capacity=50, consumed={"lead": 30}),
        seller(3, "Newcomer", max_capacity=50),
    ]
    balanced = ANY | {"distribute_by": "load_balancing"}
    plain = Counter(owners(decider(rules(balanced), people), 12))
    calibrated = Counter(owners(decider(rules(balanced, fairness={}), people), 12))
    assert plain["Newcomer"] == 12
    assert calibrated["Newcomer"] < 12


# insights


SUGGESTION = "msdyn_salessuggestion"
INSIGHTS = {"name": "Insights", "table": SUGGESTION, "default": True}


def insights(assign_to: dict[str, Any]) -> RuleSet:
    part = {"name": "I", "table": SUGGESTION, "segment": "Insights", "assign_to": assign_to}
    return rules(part, segments=[INSIGHTS])


def behind(seller_or_team_id: str, column: str = "_ownerid_value") -> dict[str, Any]:
    return {"msdyn_relatedrecord": {"accountid": guid(60), column: seller_or_team_id}}


TEAM = team(50, "Contoso", members=(guid(3), guid(1), guid(2), guid(77)))


def test_the_members_of_an_owning_team_are_drawn_by_the_rows_id() -> None:
    people = [MIRIAM, SANJAY, SUSANA]
    chosen = decider(insights({"account_column": "ownerid"}), people, teams=[TEAM])
    found = [
        chosen.decide(record(number, SUGGESTION, **behind(TEAM.id.upper())), NOW)
        for number in range(60)
    ]
    assert {owner(one) for one in found} == {"Miriam", "Sanjay", "Susana"}
    again = decider(insights({"account_column": "ownerid"}), people, teams=[TEAM])
    assert owner(again.decide(record(59, SUGGESTION, **behind(TEAM.id)), NOW)) == owner(found[59])
    for one in found:
        names = {person.name for person in one.secondary} | {owner(one)}
        assert names == {"Miriam", "Sanjay", "Susana"}
    assert sum(consumed_of(chosen, SUGGESTION).values()) == 60


def consumed_of(chosen: Any, table: str) -> dict[str, int]:
    return {one.name: one.consumed.get(table, 0) for one in chosen.snapshot().sellers}


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"msdyn_relatedrecord": None},
        behind(guid(77)),
        {"msdyn_relatedrecord": {"_ownerid_value": None}},
    ],
    ids=["no account", "null account", "owner not listed", "no owner"],
)
def test_an_insight_without_people_finds_nobody(columns: dict[str, Any]) -> None:
    chosen = decider(insights({"account_column": "ownerid"}), [MIRIAM], teams=[TEAM])
    assert statuses(chosen.decide(record(70, SUGGESTION, **columns), NOW)) == (1, 5, 4)


def test_people_who_cannot_be_given_work_are_neither_primary_nor_secondary() -> None:
    people = [
        seller(1, "Off", is_disabled=True),
        seller(2, "Blind", readable_tables=frozenset({"lead"})),
        seller(3, "Susana"),
    ]
    any_of = {
        "account_column": "ownerid",
        "secondary": [{"column": "fullname", "operator": "not-null"}],
    }
    chosen = decider(insights(any_of), people, teams=[TEAM])
    found = chosen.decide(record(70, SUGGESTION, **behind(TEAM.id)), NOW)
    assert (owner(found), found.secondary) == ("Susana", ())
    blind = decider(insights(any_of), people[:2], teams=[TEAM])
    assert blind.decide(record(70, SUGGESTION, **behind(TEAM.id)), NOW).routing_status == 10


def test_secondary_people_need_no_primary_condition_but_a_primary_is_needed() -> None:
    people = [
        seller(1, "Chief", columns={"title": "Chief"}),
        seller(2, "Aide", columns={"title": "Aide"}),
    ]
    assign_to = {
        "account_column": "ownerid",
        "primary": eq("title", "Chief"),
        "secondary": [eq("title", "Aide")],
    }
    found = decider(insights(assign_to), people, teams=[TEAM]).decide(
        record(70, SUGGESTION, **behind(TEAM.id)), NOW
    )
    assert (owner(found), [one.name for one in found.secondary]) == ("Chief", ["Aide"])
    alone = decider(insights(assign_to), people[1:], teams=[TEAM])
    assert statuses(alone.decide(record(70, SUGGESTION, **behind(TEAM.id)), NOW)) == (1, 5, 4)


def test_the_rest_of_those_who_fit_as_primary_come_before_the_other_secondary_people() -> None:
    titles = ["Aide", "Chief", "Chief"]
    people = [
        seller(number, f"P{number}", columns={"title": title})
        for number, title in enumerate(titles, 1)
    ]
    assign_to = {
        "account_column": "ownerid",
        "primary": eq("title", "Chief"),
        "secondary": [eq("title", "Aide")],
    }
    found = decider(insights(assign_to), people, teams=[TEAM]).decide(
        record(70, SUGGESTION, **behind(TEAM.id)), NOW
    )
    assert {owner(found), found.secondary[0].name} == {"P2", "P3"}
    assert [one.name for one in found.secondary[1:]] == ["P1"]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"_msdyn_relatedrecord_value": guid(60)},
        {"msdyn_relatedrecord": {"accountid": guid(60)}},
    ],
    ids=["of the insight", "of the account's id", "of the account's row"],
)
def test_the_access_team_regards_the_insight_or_its_account(columns: dict[str, Any]) -> None:
    regarding = guid(60) if columns else guid(70)
    access = team(
        41,
        "Access",
        team_type=1,
        members=(guid(2),),
        columns={"_regardingobjectid_value": regarding.upper()},
    )
    other = team(
        42, "Other", team_type=1, members=(guid(1),), columns={"_regardingobjectid_value": guid(9)}
    )
    plain = team(43, "Plain", members=(guid(1),))
    chosen = decider(
        insights({"access_team": True}), [MIRIAM, SANJAY], teams=[access, other, plain]
    )
    assert owner(chosen.decide(record(70, SUGGESTION, **columns), NOW)) == "Sanjay"


def test_sellers_may_be_assigned_insights_by_round_robin_too() -> None:
    chosen = decider(insights({"any_seller": True}), [SANJAY, MIRIAM])
    assert owner(chosen.decide(record(70, SUGGESTION), NOW)) == "Miriam"
