"""A traced decision is the plain one, with every segment and rule that was tried."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from engine.assignment.decider import open_decider
from engine.decisions.decision import FailedCondition, RuleTrace, SegmentTrace, Trace
from engine.sellers import Directory
from engine.standard_tables import STANDARD_TABLES
from engine.statuses import RoutingStatus
from tests.support.builders import ALL, ANY, NOW, eq, guid, record, rules, seller
from tests.unit.assignment.deciding import decide, decider, free_in, owner

MIRIAM = seller(1, "Miriam", last="10:02", columns={"address1_city": "London"})
TODAY = {"column": "createdon", "operator": "today"}
FAILING: list[dict[str, Any]] = [
    {"name": "Never", "when": eq("subject", "never")},
    {"name": "Oslo", "assign_to": {"sellers": {"matching": eq("address1_city", "Oslo")}}},
    {"name": "Old", "created_within_hours": 1},
    {"name": "Full", "respect_capacity": True},
]


def trace_of(parts: list[dict[str, Any]], segments: list[dict[str, Any]], **columns: Any) -> Trace:
    rule_set = rules(*(ANY | part for part in parts), segments=segments)
    found = decide(rule_set, MIRIAM, trace=True, **columns).trace
    assert found is not None
    return found


@pytest.mark.parametrize("on_rule_failure", ["next_rule", "stop"])
@pytest.mark.parametrize("order", list(permutations(range(4), 3)), ids=str)
def test_the_worst_failure_is_the_same_with_a_trace(
    on_rule_failure: str, order: tuple[int, ...]
) -> None:
    parts = [ANY | FAILING[number] for number in order]
    rule_set = rules(*parts, on_rule_failure=on_rule_failure)
    full = seller(1, "Miriam", max_capacity=0)
    row = record(createdon="2026-11-23T10:00:00Z")
    plain = decider(rule_set, [full]).decide(row, NOW)
    traced = decider(rule_set, [full]).decide(row, NOW, trace=True)
    assert traced._replace(trace=None) == plain
    assert traced.trace is not None
    tried = [trace.rule for trace in traced.trace.rules]
    names = [part["name"] for part in parts]
    stops_at = next(at for at, name in enumerate(names) if name != "Never")
    assert tried == (names if on_rule_failure == "next_rule" else names[: stops_at + 1])
    statuses = {"Never": 4, "Oslo": 5, "Old": 11, "Full": 7}
    assert [trace.status for trace in traced.trace.rules] == [statuses[name] for name in tried]


def test_a_rule_whose_conditions_fail_is_told_with_what_it_saw() -> None:
    part = {"name": "Big", "when": eq("subject", "big")}
    assert trace_of([part], [ALL], subject="small").rules == (
        RuleTrace(
            rule="Big",
            status=RoutingStatus.RECORD_MEETS_NO_CONDITIONS,
            failed=FailedCondition(condition="subject eq big", seen="subject is small"),
            counterfactuals=("Miriam would have been chosen if subject eq big held",),
        ),
    )


def test_a_rule_for_newer_rows_is_told_with_the_age() -> None:
    part = {"name": "New", "created_within_hours": 1}
    assert trace_of([part], [ALL], createdon="2026-11-23T10:00:00Z").rules == (
        RuleTrace(
            rule="New",
            status=RoutingStatus.RECORD_TOO_OLD,
            failed=FailedCondition(
                condition="created within 1 hours", seen="createdon is 2026-11-23T10:00:00Z"
            ),
            counterfactuals=("Miriam would have been chosen if the row were young enough",),
        ),
    )


def test_the_rule_that_assigns_is_the_last_one_told() -> None:
    parts: list[dict[str, Any]] = [
        {"name": "Big", "when": eq("subject", "big")},
        {},
        {"name": "Later"},
    ]
    tried = trace_of(parts, [ALL]).rules
    assert [(trace.rule, trace.status) for trace in tried] == [("Big", 4), ("Any", 2)]


@pytest.mark.parametrize("days", [0, 1])
def test_relative_dates_are_traced_as_of_the_decision(days: int) -> None:
    now = NOW + timedelta(days=days)
    segments = [{"name": "Today", "table": "lead", "priority": 1, "when": TODAY}, ALL]
    parts = [ANY | {"name": "Now", "when": TODAY}, ANY]
    chosen = decider(rules(*parts, segments=segments), [MIRIAM])
    row = record(createdon=now.isoformat())
    found = chosen.decide(row, now, trace=True)
    assert found.trace is not None
    assert found.trace.segments == (SegmentTrace(segment="Today", matched=True),)
    chosen = decider(rules(*parts), [MIRIAM])
    found = chosen.decide(row, now, trace=True)
    assert found.trace is not None
    assert [trace.rule for trace in found.trace.rules] == ["Now"]
    late = chosen.decide(record(11, createdon=NOW.isoformat()), NOW + timedelta(days=3), trace=True)
    assert late.trace is not None
    assert late.trace.rules[0].failed == FailedCondition(
        condition="createdon today", seen=f"createdon is {NOW.isoformat()}"
    )


def test_rules_are_asked_as_of_the_decision() -> None:
    oslo = {"assign_to": {"sellers": {"matching": eq("address1_city", "Oslo")}}}
    chosen = decider(rules(ANY | oslo, ANY | {"name": "Now", "when": TODAY}), [MIRIAM])
    now = NOW + timedelta(days=5)
    for number, created, rule in ((1, now, "Now"), (2, NOW, "Any")):
        row = record(number, createdon=created.isoformat())
        assert chosen.decide(row, now).rule == rule
    first = decider(rules(ANY | {"name": "Now", "when": TODAY}), [MIRIAM])
    assert owner(first.decide(record(3, createdon=now.isoformat()), now)) == "Miriam"
    assert owner(first.decide(record(4), now)) is None


def test_what_would_have_been_chosen_is_free_at_the_time_of_the_decision() -> None:
    away = seller(2, "Away", last="08:00", calendar=free_in(5))
    part = ANY | {"when": eq("subject", "big"), "available_within_hours": 1}
    chosen = decider(rules(part), [MIRIAM, away])
    old = {"created_within_hours": 1, "available_within_hours": 1}
    late = decider(rules(ANY | old), [MIRIAM, away])
    for hours, name in ((0, "Miriam"), (5, "Away")):
        now = NOW + timedelta(hours=hours)
        found = chosen.decide(record(), now, trace=True).trace
        assert found is not None
        assert found.rules[0].counterfactuals == (
            f"{name} would have been chosen if subject eq big held",
        )
        found = late.decide(record(createdon="2026-11-20T00:00:00Z"), now, trace=True).trace
        assert found is not None
        assert found.rules[0].counterfactuals == (
            f"{name} would have been chosen if the row were young enough",
        )


def test_who_is_assigned_a_young_row_is_assigned_it_now() -> None:
    chosen = decider(rules(ANY | {"created_within_hours": 48}), [MIRIAM])
    now = NOW + timedelta(hours=1)
    assert owner(chosen.decide(record(), now)) == "Miriam"
    assert chosen.snapshot().sellers[0].last_assigned_at == now


def test_known_labels_decide_segment_and_rule() -> None:
    web = {"name": "Web", "table": "lead", "priority": 1, "when": eq("leadsourcecode", "Web")}
    parts = [
        ANY | {"segment": "Web", "when": eq("leadsourcecode", label)} for label in ("Other", "Web")
    ]
    rule_set = rules(parts[0] | {"name": "A"}, parts[1] | {"name": "B"}, segments=[web, ALL])
    chosen = open_decider(rule_set, Directory(sellers=(MIRIAM,)), schema=STANDARD_TABLES)
    found = chosen.decide(record(leadsourcecode=8), NOW)
    assert (found.segment, found.rule) == ("Web", "B")


def test_labels_of_known_choices_are_traced_as_numbers() -> None:
    both = {"all": [eq("leadsourcecode", "Web"), eq("subject", "x")]}
    web = {"name": "Web", "table": "lead", "priority": 1, "when": both}
    rule_set = rules(ANY | {"when": both}, segments=[web, ALL])
    chosen = open_decider(rule_set, Directory(sellers=(MIRIAM,)), schema=STANDARD_TABLES)
    found = chosen.decide(record(leadsourcecode=8), NOW, trace=True)
    assert found.trace is not None
    failed = FailedCondition(condition="subject eq x", seen="subject is null")
    assert found.trace.segments[0] == SegmentTrace(segment="Web", matched=False, failed=failed)
    assert found.trace.rules == (
        RuleTrace(
            rule="Any",
            status=RoutingStatus.RECORD_MEETS_NO_CONDITIONS,
            failed=failed,
            counterfactuals=("Miriam would have been chosen if subject eq x held",),
        ),
    )


def test_a_row_without_a_segment_and_one_in_an_unknown_segment_try_all() -> None:
    web = {"name": "Web", "table": "lead", "priority": 1, "when": eq("subject", "x")}
    for columns in ({}, {"_msdyn_segmentid_value": guid(77)}):
        names = [each.segment for each in trace_of([], [web, ALL], **columns).segments]
        assert names == ["Web", "All"]
