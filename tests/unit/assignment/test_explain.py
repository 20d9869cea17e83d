"""Decisions in words, as plain data, and with what would have changed them."""

import json
from typing import Any

import pytest

from engine.decisions.decision import AssignmentDecision
from engine.decisions.explanation import explain_decision
from engine.decisions.plain_data import (
    trace_from_data,
    trace_to_data,
)
from tests.support.builders import ALL, ANY, NOW, eq, guid, queue, record, rules, seller, team
from tests.unit.assignment.deciding import decide, decider, free_in

MIRIAM = seller(1, "Miriam", last="10:02", columns={"address1_city": "London"})
SANJAY = seller(2, "Sanjay", last="10:31", columns={"address1_city": "Oslo"})
UK = {"name": "UK", "table": "lead", "priority": 1, "when": eq("address1_country", "UK")}
IN_LONDON = {"assign_to": {"sellers": {"matching": eq("address1_city", "London")}}}


def stages(decision: AssignmentDecision, rule: int = 0) -> dict[str | None, str]:
    assert decision.trace is not None
    candidates = decision.trace.rules[rule].candidates
    return {found.target.name: found.stage.value for found in candidates}


def changes(decision: AssignmentDecision, rule: int = 0) -> tuple[str, ...]:
    assert decision.trace is not None
    return decision.trace.rules[rule].counterfactuals


def test_a_whole_decision_in_words() -> None:
    rule_set = rules(
        ANY | {"name": "Big", "when": eq("subject", "big")},
        ANY | {"name": "London"} | IN_LONDON,
        segments=[UK, ALL | {"sequence": "S"}],
        sequences=[{"name": "S", "table": "lead", "active": False}],
    )
    lines = explain_decision(decide(rule_set, MIRIAM, SANJAY, trace=True, subject="small"))
    text = "\n".join(lines)
    assert lines[0] == f"lead {guid(10)}, decided as of 2026-11-23T12:00:00Z"
    assert 'Segment: "All" (1 Segmentation successful)' in lines
    assert '  segment "All": matches' in lines
    assert 'Owner: Miriam (systemuser) by rule "London" (2 Owner assigned successfully)' in lines
    assert '  rule "Big": 4 Record doesn\'t meet any conditions' in lines
    assert "Miriam was chosen" in text
    assert "Sanjay fell out at condition: needs" in text
    assert 'Sequence: "S" (7 Sequence is either deleted or inactive)' in lines
    assert any(line.startswith("  What to do: Activate the sequence") for line in lines)
    assert 'segment "UK" would take the row' in lines[-1]


def test_a_failure_comes_with_what_to_do() -> None:
    lines = explain_decision(decide(rules(ANY), trace=True))
    assert 'Owner: nobody by rule "Any" (5 No sellers meet the conditions)' in lines
    assert any(line.startswith("  What to do: Widen whom") for line in lines)


def test_a_decision_without_a_trace_says_what_came_out() -> None:
    lines = explain_decision(decide(rules(ANY), MIRIAM))
    assert len(lines) == 5
    closed = explain_decision(decide(rules(ANY), MIRIAM, statecode=1))
    assert closed[1:] == ["Segment: none (5 No segmentation required)", "Owner: not looked at"]


def test_secondary_people_are_named() -> None:
    part = {"name": "I", "table": "msdyn_salessuggestion", "segment": "I"}
    segment = {"name": "I", "table": "msdyn_salessuggestion", "default": True}
    rule_set = rules(part | {"assign_to": {"account_column": "ownerid"}}, segments=[segment])
    group = team(50, "T", members=(guid(1), guid(2)))
    account = {"_ownerid_value": group.id}
    insight = record(70, "msdyn_salessuggestion", msdyn_relatedrecord=account)
    found = decider(rule_set, [MIRIAM, SANJAY], teams=[group]).decide(insight, NOW, trace=True)
    lines = explain_decision(found)
    assert any(line.startswith("  secondary: ") for line in lines)
    assert set(stages(found).values()) == {"chosen", "order"}
    assert len(changes(found)) == 1
    assert "would have been the primary" in changes(found)[0]


def test_skipped_segments_and_several_failures_are_told() -> None:
    both = {"all": [eq("address1_country", "UK"), eq("subject", "x")]}
    fair = UK | {"name": "Fair", "priority": 2, "segment_id": guid(102), "when": both}
    rule_set = rules(segments=[UK, fair])
    lines = explain_decision(decide(rule_set, trace=True, _msdyn_segmentid_value=guid(102)))
    assert '  segment "UK": not tried, it takes no rows that are in another segment' in lines
    assert any("and 1 more do not hold" in line for line in lines)
    assert lines[-1].endswith('and 1 more conditions held, segment "Fair" would take the row')


def test_only_the_nearest_segments_are_told() -> None:
    both = {"all": [eq("address1_country", "UK"), eq("subject", "x")]}
    far = UK | {"name": "Far", "priority": 2, "when": both}
    near = UK | {"name": "Near", "priority": 3, "when": eq("companyname", "x")}
    lines = explain_decision(decide(rules(segments=[UK, far, near]), trace=True))
    told = [line for line in lines if line.endswith("would take the row")]
    assert [line.split('segment "')[1].split('"')[0] for line in told] == ["UK", "Near"]


def test_every_stage_at_which_a_seller_falls_out() -> None:
    people = [
        seller(1, "Off", is_disabled=True),
        seller(2, "No", is_assignable=False),
        seller(3, "Elsewhere", columns={"address1_city": "Oslo"}),
        seller(4, "Blind", columns={"address1_city": "London"}, readable_tables=frozenset()),
        seller(5, "Full", columns={"address1_city": "London"}, max_capacity=0),
        seller(6, "Away", columns={"address1_city": "London"}, calendar=free_in(5)),
        seller(7, "Later", last="11:00", columns={"address1_city": "London"}),
        seller(8, "First", last="10:00", columns={"address1_city": "London"}),
    ]
    rule = ANY | IN_LONDON | {"respect_capacity": True, "available_within_hours": 2}
    found = decide(rules(rule), *people, trace=True)
    assert stages(found) == {
        "Off": "disabled",
        "No": "not assignable",
        "Elsewhere": "condition",
        "Blind": "permission",
        "Full": "capacity",
        "Away": "window",
        "Later": "order",
        "First": "chosen",
    }
    assert len(explain_decision(found)) > 10


def test_tracing_changes_no_decision() -> None:
    people = [MIRIAM, SANJAY]
    rule_set = rules(ANY | IN_LONDON, ANY | {"name": "b"})
    plain, traced = decider(rule_set, people), decider(rule_set, people)
    for number in range(8):
        first = plain.decide(record(number, subject=str(number)), NOW)
        second = traced.decide(record(number, subject=str(number)), NOW, trace=True)
        assert first.assigned_to == second.assigned_to
    assert plain.snapshot() == traced.snapshot()


# what would have changed it


def test_one_failing_condition_of_a_rule_is_a_change_away() -> None:
    rule_set = rules(ANY | {"name": "a", "when": eq("subject", "big")}, ANY)
    found = decide(rule_set, MIRIAM, SANJAY, trace=True)
    assert len(changes(found)) == 1
    assert changes(found)[0].startswith("Miriam would have been chosen if subject")
    two = {"all": [eq("subject", "big"), eq("companyname", "x")]}
    assert changes(decide(rules(ANY | {"when": two}), MIRIAM, trace=True)) == ()
    old = ANY | {"when": eq("subject", "big"), "created_within_hours": 1}
    assert changes(decide(rules(old), MIRIAM, trace=True, createdon=None)) == ()
    empty = ANY | {"when": eq("subject", "big")}
    assert changes(decide(rules(empty), trace=True)) == ()


@pytest.mark.parametrize(
    ("created", "seen"),
    [
        (None, "createdon is null"),
        ("2026-11-20T00:00:00Z", "createdon is 2026-11-20T00:00:00Z"),
    ],
)
def test_the_age_is_told_with_who_would_have_got_it(created: str | None, seen: str) -> None:
    rule = ANY | {"created_within_hours": 1}
    found = decide(rules(rule), MIRIAM, trace=True, createdon=created)
    assert found.trace is not None
    (tried,) = found.trace.rules
    assert tried.failed is not None
    assert (tried.failed.condition, tried.failed.seen) == ("created within 1 hours", seen)
    assert tried.candidates == ()
    assert changes(found) == ("Miriam would have been chosen if the row were young enough",)


def test_capacity_window_conditions_and_the_next_in_line() -> None:
    people = [
        seller(1, "Full", last="08:00", max_capacity=0),
        seller(2, "Away", last="08:30", calendar=free_in(5)),
        seller(3, "Off", last="07:00", is_disabled=True),
        seller(4, "First", last="10:00"),
        seller(5, "Next", last="11:00"),
    ]
    rule = ANY | {"respect_capacity": True, "available_within_hours": 2}
    found = decide(rules(rule), *people, trace=True)
    assert changes(found) == (
        "Next would have been chosen if last assigned before 10:00",
        "Away would have been chosen if free now",
        "Full would have been chosen with 1 more capacity",
        "Next would have been chosen if First had not been a candidate",
        "Off would have been chosen if the user were enabled",
    )


def test_nobody_else_to_choose_means_no_change() -> None:
    assert changes(decide(rules(ANY), MIRIAM, trace=True)) == ()
    assert changes(decide(rules(ANY), trace=True)) == ()


def test_draws_tell_what_drawing_would_have_given() -> None:
    like = {"column": "name", "operator": "begins-with", "value": "t"}
    teams = [team(20, "T1"), team(21, "T2")]
    none = ANY | {"assign_to": {"teams": {"matching": like}}}
    found = decider(rules(none), teams=teams).decide(record(), NOW, trace=True)
    assert set(stages(found).values()) == {"order"}
    assert changes(found)[0].endswith("would have been chosen if the rule drew one of several")
    drawn = decider(rules(none | {"when_several": "random"}), teams=teams)
    found = drawn.decide(record(), NOW, trace=True)
    assert sorted(stages(found).values()) == ["chosen", "order"]
    assert changes(found) == ()
    one = decider(rules(none), teams=teams[:1]).decide(record(), NOW, trace=True)
    assert stages(one) == {"T1": "chosen"}
    empty = decider(rules(none)).decide(record(), NOW, trace=True)
    assert (stages(empty), changes(empty)) == ({}, ())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_queue_a_change_away_is_named(count: int) -> None:
    to_queues = {"assign_to": {"queues": {"matching": {"column": "name", "operator": "not-null"}}}}
    rule = ANY | to_queues | {"when": eq("subject", "x")}
    queues = [queue(30 + number, f"Q{number}") for number in range(count)]
    found = decider(rules(rule), queues=queues).decide(record(), NOW, trace=True)
    assert bool(changes(found)) is (count == 1)


def test_an_insight_a_change_away_is_named() -> None:
    table = "msdyn_salessuggestion"
    segment = {"name": "I", "table": table, "default": True}
    part = {
        "name": "I",
        "table": table,
        "segment": "I",
        "when": eq("msdyn_name", "x"),
        "assign_to": {"account_column": "ownerid"},
    }
    chosen = decider(rules(part, segments=[segment]), [MIRIAM])
    account = {"msdyn_relatedrecord": {"_ownerid_value": MIRIAM.id}}
    found = chosen.decide(record(70, table, **account), NOW, trace=True)
    assert changes(found)[0].startswith("Miriam would have been chosen if msdyn_name")
    nobody = chosen.decide(record(71, table), NOW, trace=True)
    assert changes(nobody) == ()


def test_the_people_of_an_insight_and_why_they_got_nothing() -> None:
    table = "msdyn_salessuggestion"
    segment = {"name": "I", "table": table, "default": True}
    part = {
        "name": "I",
        "table": table,
        "segment": "I",
        "assign_to": {"account_column": "ownerid", "primary": eq("title", "Chief")},
    }
    people = [
        seller(1, "Off", is_disabled=True, columns={"title": "Chief"}),
        seller(2, "Blind", readable_tables=frozenset(), columns={"title": "Chief"}),
        seller(3, "Aide", columns={"title": "Aide"}),
        seller(4, "Chief", columns={"title": "Chief"}),
    ]
    group = team(50, "T", members=tuple(one.id for one in people))
    insight = record(70, table, msdyn_relatedrecord={"_ownerid_value": group.id})
    found = decider(rules(part, segments=[segment]), people, teams=[group]).decide(
        insight, NOW, trace=True
    )
    assert stages(found) == {
        "Off": "disabled",
        "Blind": "permission",
        "Aide": "condition",
        "Chief": "chosen",
    }
    without = decider(rules(part, segments=[segment]), people[:3], teams=[group]).decide(
        insight, NOW, trace=True
    )
    assert stages(without) == {"Off": "disabled", "Blind": "permission", "Aide": "condition"}


# plain data


def examples() -> list[AssignmentDecision]:
    rule_set = rules(
        ANY | {"name": "Big", "when": eq("subject", "big")},
        ANY | IN_LONDON,
        segments=[UK, ALL | {"sequence": "S"}],
        sequences=[{"name": "S", "table": "lead"}],
    )
    columns: list[dict[str, Any]] = [{}, {"statecode": 1}, {"address1_country": "UK"}]
    return [decide(rule_set, MIRIAM, SANJAY, trace=True, **one) for one in columns]


def test_a_trace_survives_its_plain_data() -> None:
    for decision in examples():
        assert decision.trace is not None
        again = trace_from_data(json.loads(json.dumps(trace_to_data(decision.trace))))
        assert again == decision.trace
        read = decision._replace(trace=again)
        assert explain_decision(read) == explain_decision(decision)


@pytest.mark.parametrize(
    ("outsider", "change"),
    [
        ({"is_disabled": True}, "the user were enabled"),
        ({"is_assignable": False}, "the assignment of work to this seller were switched on"),
        ({"columns": {"title": "Junior"}}, "the rule's condition held"),
        ({"readable_tables": frozenset({"account"})}, "the seller could read the row's table"),
    ],
)
def test_whom_one_thing_keeps_out_is_named_with_it(outsider: dict[str, Any], change: str) -> None:
    senior: dict[str, Any] = {"columns": {"title": "Senior"}}
    rule = ANY | {"assign_to": {"sellers": {"matching": eq("title", "Senior")}}}
    people = [
        seller(1, "Inside", last="10:00", **senior),
        seller(2, "Out", last="07:00", **senior | outsider),
    ]
    found = changes(decide(rules(rule), *people, trace=True))
    assert found == (f"Out would have been chosen if {change}",)


@pytest.mark.parametrize(("owner", "named"), [(1, False), (3, True)])
def test_the_accounts_owner_is_passed_by_nobody(owner: int, named: bool) -> None:
    people = [
        seller(1, "Inside", last="10:00"),
        seller(2, "Early", last="07:00", is_disabled=True),
        seller(3, "Late", last="11:00", is_disabled=True),
    ]
    account = {"parentaccountid": {"_ownerid_value": guid(owner)}}
    found = changes(decide(rules(ANY | {"sticky_owner": True}), *people, trace=True, **account))
    change = "Late would have been chosen if the user were enabled"
    assert found == ((change,) if named else ())


def test_whom_two_things_keep_out_is_not_named() -> None:
    rule = ANY | {"assign_to": {"sellers": {"matching": eq("title", "Senior")}}}
    people = [
        seller(1, "Inside", last="10:00", columns={"title": "Senior"}),
        seller(2, "Out", last="07:00", columns={"title": "Junior"}, is_disabled=True),
    ]
    assert changes(decide(rules(rule), *people, trace=True)) == ()
