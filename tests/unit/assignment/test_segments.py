"""Which segment takes a row: priority, default, moves, leaving."""

from typing import Any

import pytest

from engine.decisions.decision import SegmentTrace
from engine.rules.rule_set import RuleSet
from engine.statuses import SegmentationStatus
from tests.support.builders import ALL, ANY, NOW, eq, guid, record, rules, seller
from tests.unit.assignment.deciding import decide, decider, statuses

MIRIAM = seller(1, "Miriam")


def segment(name: str, priority: int, **fields: Any) -> dict[str, Any]:
    number = {"UK": 101, "Fair": 102, "Big": 103}[name]
    column = {"UK": "address1_country", "Fair": "subject", "Big": "companyname"}[name]
    base = {"name": name, "table": "lead", "priority": priority, "segment_id": guid(number)}
    return base | {"when": eq(column, name)} | fields


def with_rules(*segments: dict[str, Any], **more: Any) -> RuleSet:
    """One rule that takes anybody in each segment."""
    parts = [ANY | {"segment": found["name"]} for found in segments]
    return rules(*parts, segments=list(segments), **more)


UK, FAIR = segment("UK", 1), segment("Fair", 2)
IN_FAIR: dict[str, Any] = {"_msdyn_segmentid_value": guid(102)}


def test_the_first_matching_segment_by_priority_takes_the_row() -> None:
    rule_set = with_rules(segment("Fair", 2), segment("UK", 1))
    found = decide(rule_set, MIRIAM, address1_country="UK", subject="Fair")
    assert (found.segment, found.segment_id) == ("UK", guid(101))
    assert statuses(found) == (1, 2, 4)


def test_the_default_takes_what_is_left() -> None:
    found = decide(with_rules(ALL, UK), MIRIAM, address1_country="France")
    assert found.segment == "All"


def test_an_inactive_segment_takes_nothing() -> None:
    found = decide(with_rules(UK | {"active": False}, ALL), MIRIAM, address1_country="UK")
    assert found.segment == "All"


def test_nothing_matches() -> None:
    found = decide(with_rules(UK), MIRIAM, address1_country="France")
    assert (found.segment, found.rule, found.assigned_to) == (None, None, None)
    assert statuses(found) == (3, 16, 3)


def test_a_table_without_segments_matches_nothing() -> None:
    chosen = decider(with_rules(UK), [MIRIAM])
    for number in (1, 2):
        assert statuses(chosen.decide(record(number, "account"), NOW)) == (3, 16, 3)


def test_a_closed_row_is_not_processed() -> None:
    found = decide(with_rules(ALL), MIRIAM, statecode=1, **IN_FAIR)
    assert (found.segment, found.assigned_to, found.sequence) == (None, None, None)
    assert statuses(found) == (5, None, None)


def test_the_same_segment_again_changes_nothing() -> None:
    sequence = {"name": "S", "table": "lead"}
    rule_set = with_rules(UK, FAIR | {"sequence": "S"}, sequences=[sequence])
    found = decide(rule_set, MIRIAM, address1_country="UK", subject="Fair", **IN_FAIR)
    assert (found.segment, found.rule, found.assigned_to) == ("Fair", None, None)
    assert found.sequence == "S"
    assert statuses(found) == (4, None, 5)


@pytest.mark.parametrize(
    ("routes", "expected", "assigned"), [(False, (1, 17, 1), False), (True, (1, 2, 1), True)]
)
def test_a_row_moves_to_a_segment_that_accepts_it(
    routes: bool, expected: tuple[int, int, int], assigned: bool
) -> None:
    target = UK | {"accept_from_other_segments": True, "route_on_move": routes, "sequence": "S"}
    rule_set = with_rules(target, FAIR, sequences=[{"name": "S", "table": "lead"}])
    found = decide(rule_set, MIRIAM, address1_country="UK", subject="Fair", **IN_FAIR)
    assert (found.segment, found.sequence) == ("UK", "S")
    assert statuses(found) == expected
    assert (found.assigned_to is not None) is assigned


def test_every_row_of_a_segment_is_asked_the_same_way() -> None:
    chosen = decider(with_rules(UK, FAIR), [MIRIAM])
    for number in (1, 2):
        found = chosen.decide(record(number, subject="Fair", **IN_FAIR), NOW)
        assert statuses(found) == (4, None, 5)


def test_a_lower_segment_that_accepts_others_does_not_pull_a_row_away() -> None:
    rule_set = with_rules(
        FAIR | {"priority": 1}, UK | {"priority": 2, "accept_from_other_segments": True}
    )
    found = decide(rule_set, MIRIAM, address1_country="UK", subject="Fair", **IN_FAIR)
    assert statuses(found) == (4, None, 5)


def test_a_row_without_a_match_keeps_its_segment() -> None:
    found = decide(with_rules(UK, FAIR, ALL), MIRIAM, address1_country="UK", **IN_FAIR)
    assert (found.segment, found.segment_id) == ("Fair", guid(102))
    assert (found.assigned_to, found.sequence) == (None, None)
    assert statuses(found) == (5, None, None)


def test_the_default_segment_accepts_others_only_when_told() -> None:
    default = ALL | {"accept_from_other_segments": True, "route_on_move": True}
    found = decide(with_rules(FAIR, default), MIRIAM, **IN_FAIR)
    assert found.segment == "All"
    assert statuses(found) == (1, 2, 4)


@pytest.mark.parametrize(
    ("policy", "own", "expected"),
    [
        ("clear", None, (3, 16, 3)),
        ("keep", "clear", (3, 16, 3)),
        ("clear", "keep", (5, None, None)),
    ],
)
def test_the_exit_policy_decides_whether_the_segment_is_kept(
    policy: str, own: str | None, expected: tuple[int, int | None, int | None]
) -> None:
    leaving = FAIR if own is None else FAIR | {"exit": own}
    found = decide(with_rules(UK, leaving, exit=policy), MIRIAM, **IN_FAIR)
    assert statuses(found) == expected
    assert (found.segment is None) is (expected[0] == 3)


def test_a_row_in_an_inactive_segment_stays_there() -> None:
    rule_set = with_rules(UK, FAIR | {"active": False})
    found = decide(rule_set, MIRIAM, address1_country="UK", subject="Fair", **IN_FAIR)
    assert found.segment == "Fair"
    assert statuses(found) == (5, None, None)


def test_a_segment_that_the_rules_do_not_know_counts_as_none() -> None:
    found = decide(with_rules(UK), MIRIAM, address1_country="UK", _msdyn_segmentid_value=guid(999))
    assert statuses(found) == (1, 2, 4)


def test_segment_ids_compare_without_case() -> None:
    fair = FAIR | {"segment_id": "ABCDEF00-0000-4000-8000-000000000102"}
    previous: dict[str, Any] = {"_msdyn_segmentid_value": "abcdef00-0000-4000-8000-000000000102"}
    assert statuses(decide(with_rules(fair), MIRIAM, subject="Fair", **previous)) == (4, None, 5)


@pytest.mark.parametrize("table", ["account", "opportunity"])
def test_segments_of_other_tables_are_not_previous_ones(table: str) -> None:
    other = {"name": "Other", "table": table, "default": True, "segment_id": guid(102)}
    found = decide(rules(ANY, segments=[ALL, other]), MIRIAM, **IN_FAIR)
    assert found.segmentation_status is SegmentationStatus.SUCCESSFUL


def test_the_trace_names_the_first_failing_condition_and_what_it_saw() -> None:
    both = {"all": [eq("address1_country", "UK"), eq("subject", "x"), eq("companyname", "y")]}
    rule_set = with_rules(UK | {"when": both}, segment("Big", 3), FAIR, ALL)
    found = decide(rule_set, MIRIAM, trace=True, address1_country="UK", companyname="Z")
    assert found.trace is not None
    first, second, third, last = found.trace.segments
    assert (first.matched, first.also_failed) == (False, 1)
    assert first.failed is not None
    assert "subject" in first.failed.condition
    assert "null" in first.failed.seen
    assert second.also_failed == 0
    assert (second.segment, third.segment) == ("Fair", "Big")
    assert last == SegmentTrace(segment="All", matched=True)


def test_the_trace_ends_at_the_match_and_names_the_segments_not_tried() -> None:
    rule_set = with_rules(UK, FAIR, segment("Big", 3))
    found = decide(rule_set, MIRIAM, trace=True, subject="Fair", **IN_FAIR)
    assert found.trace is not None
    assert [(found.segment, found.matched) for found in found.trace.segments] == [
        ("UK", False),
        ("Fair", True),
    ]
    assert found.trace.segments[0].skipped == "it takes no rows that are in another segment"


def test_a_closed_row_has_an_empty_trace() -> None:
    found = decide(with_rules(ALL), MIRIAM, trace=True, statecode=1)
    assert found.trace is not None
    assert (found.trace.segments, found.trace.rules) == ((), ())
