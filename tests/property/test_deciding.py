"""What holds for every rules file and every row: only documented errors, and the same answer again."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.assignment.decider import Decider
from engine.decisions.decision import AssignmentDecision
from engine.errors import InvalidDocument
from engine.normalise import normalise
from engine.records import Record, RejectedRow
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Seller, Team
from engine.statuses import RoutingStatus
from tests.support.builders import NOW, guid, queue, row, seller, team
from tests.unit.assignment.deciding import decider

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 130),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from([guid(1), "2026-11-23T09:00:00Z", "lead", "All", "eq", "Miriam", "random"]),
)
KEYS = st.sampled_from(
    [
        "name",
        "table",
        "when",
        "all",
        "any",
        "not",
        "column",
        "operator",
        "value",
        "sellers",
        "steps",
    ]
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "time_zone": "Europe/London",
    "default_capacity": 5,
    "fallback": {"seller": "Sanjay"},
    "sequences": [{"name": "S", "table": "lead", "steps": [{"email": "Hi", "within": "1 day"}]}],
    "segments": [
        {
            "name": "UK",
            "table": "lead",
            "priority": 1,
            "segment_id": guid(101),
            "when": {"column": "address1_country", "operator": "eq", "value": "UK"},
            "sequence": "S",
        },
        {"name": "All", "table": "lead", "default": True},
    ],
    "rules": [
        {
            "name": "Turn",
            "table": "lead",
            "segment": "UK",
            "created_within_hours": 48,
            "assign_to": {
                "sellers": {
                    "matching": {
                        "column": "address1_city",
                        "operator": "eq",
                        "value_of": "record.address1_city",
                    }
                }
            },
            "respect_capacity": True,
        },
        {
            "name": "Draw",
            "table": "lead",
            "segment": "All",
            "when": {"not": {"column": "subject", "operator": "like", "value": "x%"}},
            "assign_to": {"teams": {"named": ["T1", "T2"]}},
            "when_several": "random",
        },
        {
            "name": "Load",
            "table": "lead",
            "segment": "All",
            "assign_to": {"any_seller": True},
            "distribute_by": "load_balancing",
        },
    ],
}
PEOPLE = [
    seller(1, "Miriam", last="10:02", columns={"address1_city": "London"}),
    seller(2, "Sanjay", last="10:31", columns={"address1_city": "Oslo"}),
]


def places_in(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places_in(child, (*path, key))


PLACES = [place for place in places_in(DOCUMENT) if place]


def with_junk(document: dict[str, Any], place: tuple[Any, ...], junk: Any, *, adds: bool) -> Any:
    """The document with one place overwritten, or with a key too many."""
    changed = copy.deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = {"extra": junk} if adds else junk
    return changed


@given(document=JUNK)
def test_any_document_is_a_rule_set_or_names_its_problems(document: Any) -> None:
    assert_only_documented_errors(document)


@settings(max_examples=200)
@given(place=st.sampled_from(PLACES), junk=JUNK, adds=st.booleans())
def test_one_wrong_place_is_a_rule_set_or_names_its_problems(
    place: tuple[Any, ...], junk: Any, adds: bool
) -> None:
    assert_only_documented_errors(with_junk(DOCUMENT, place, junk, adds=adds))


def assert_only_documented_errors(document: Any) -> None:
    try:
        rule_set = build_rule_set(document)
        chosen = decider(rule_set, PEOPLE, teams=[team(20, "T1"), team(21, "T2")])
    except InvalidDocument as error:
        messages = [problem.message for problem in error.problems]
    else:
        messages = ["none"]
        decide_one(rule_set, chosen)
    assert messages
    assert all(messages)


def decide_one(rule_set: RuleSet, chosen: Decider) -> None:
    assert len(rule_set.checksum) == 64
    found = normalise(row())
    assert isinstance(found, Record)
    assert isinstance(chosen.decide(found, NOW, trace=True), AssignmentDecision)


COLUMNS = st.sampled_from(
    [
        *("leadid", "createdon", "modifiedon", "statecode", "_ownerid_value", "_createdby_value"),
        *("_msdyn_segmentid_value", "address1_country", "address1_city", "subject"),
        *("@odata.type", "@odata.etag", "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"),
    ]
)


@settings(max_examples=200)
@given(columns=st.dictionaries(COLUMNS, JUNK, max_size=5))
def test_any_row_becomes_a_record_or_is_rejected_with_reasons(columns: dict[str, Any]) -> None:
    found = normalise(row() | columns)
    if isinstance(found, RejectedRow):
        assert found.reasons
        return
    chosen = decider(build_rule_set(DOCUMENT), PEOPLE, teams=[team(20, "T1"), team(21, "T2")])
    assert chosen.decide(found, NOW).table == "lead"


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "address1_country": st.sampled_from(["UK", "France", None]),
            "address1_city": st.sampled_from(["London", "oslo", "Rome", None]),
            "subject": st.sampled_from(["x1", "y", None]),
            "statecode": st.sampled_from([0, 0, 0, 1]),
            "createdon": st.sampled_from(["2026-11-23T09:00:00Z", "2026-11-01T09:00:00Z", None]),
            "_ownerid_value": st.sampled_from([None, guid(1), guid(2)]),
            "_createdby_value": st.sampled_from([None, guid(1)]),
            "_msdyn_segmentid_value": st.sampled_from([None, guid(101), guid(7)]),
        }
    ),
    max_size=8,
)


@given(wire=ROWS)
def test_the_same_rows_give_the_same_decisions_traced_or_not(wire: list[dict[str, Any]]) -> None:
    rule_set = build_rule_set(DOCUMENT)
    groups = [team(20, "T1"), team(21, "T2")]
    plain = decider(rule_set, PEOPLE, teams=groups, queues=[queue(30, "Q")])
    traced = decider(rule_set, PEOPLE, teams=groups, queues=[queue(30, "Q")])
    for number, columns in enumerate(wire):
        record = normalise(row(100 + number, **columns))
        assert isinstance(record, Record)
        first, second = plain.decide(record, NOW), traced.decide(record, NOW, trace=True)
        assert (first.assigned_to, first.rule, first.routing_status) == (
            second.assigned_to,
            second.rule,
            second.routing_status,
        )
        given_to_somebody = first.routing_status is RoutingStatus.OWNER_ASSIGNED
        assert given_to_somebody is (first.assigned_to is not None)
    assert plain.snapshot() == traced.snapshot()


@given(wire=ROWS, cut=st.integers(0, 8))
def test_a_run_may_be_cut_anywhere_and_goes_on_from_the_snapshot(
    wire: list[dict[str, Any]], cut: int
) -> None:
    rule_set = build_rule_set(DOCUMENT)
    groups = [team(20, "T1"), team(21, "T2")]
    records = [normalise(row(100 + number, **columns)) for number, columns in enumerate(wire)]
    whole = decider(rule_set, PEOPLE, teams=groups)
    first = decider(rule_set, PEOPLE, teams=groups)
    expected = [whole.decide(found, NOW) for found in records if isinstance(found, Record)]
    found = [first.decide(found, NOW) for found in records[:cut] if isinstance(found, Record)]
    saved = first.snapshot()
    second = decider(rule_set, saved.sellers, teams=saved.teams)
    found += [second.decide(found, NOW) for found in records[cut:] if isinstance(found, Record)]
    assert found == expected
    assert standing(second) == standing(whole)


def standing(chosen: Decider) -> list[Any]:
    """Clocks and counts; a count of nothing and none at all are the same."""
    saved = chosen.snapshot()
    targets: tuple[Seller | Team, ...] = (*saved.sellers, *saved.teams)
    return [
        (one.id, one.last_assigned_at, one.assignment_order, +Counter(one.consumed))
        for one in targets
    ]
