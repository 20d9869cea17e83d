"""Rules assembled once decide every page as rules made for that page alone would.

What such a page starts from is laid into the directory, and who is passed over is switched off in
it: the long way that the short one must equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.assignment.assembly import AssembledRules
from engine.assignment.compiled_rules import CompiledRuleSet
from engine.assignment.decider import Decider, open_decider
from engine.decisions.decision import AssignmentDecision
from engine.normalise import normalise
from engine.records import Record
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Calendar, Directory, Seller, SellerClock, Team, read_clocks
from tests.support.builders import guid, row, seller, team

START = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
IDS = [guid(number) for number in range(1, 6)]
TEAM_ID = guid(20)
ABSENCE = ((date(2026, 11, 10), date(2026, 11, 22)),)
MORNINGS = {"mon": (("07:00", "12:00"),), "tue": (("07:00", "12:00"),)}
moments = st.integers(-90, 0).map(lambda hours: START + timedelta(hours=hours))


def when(column: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    found = {"column": column, "operator": operator, **more}
    return found if value is None else found | {"value": value}


SEGMENTS = [
    {
        "name": "UK",
        "table": "lead",
        "priority": 1,
        "segment_id": guid(101),
        "when": when("address1_country", "eq", "UK"),
    },
    {"name": "All", "table": "lead", "default": True, "segment_id": guid(102)},
]
BASE = {"table": "lead", "segment": "All"}
RULES = [
    BASE
    | {
        "name": "Near",
        "segment": "UK",
        "assign_to": {
            "sellers": {"matching": when("address1_city", "eq", value_of="record.address1_city")}
        },
        "respect_capacity": True,
    },
    BASE
    | {
        "name": "Recent",
        "segment": "UK",
        "when": when("createdon", "last-x-hours", 40),
        "assign_to": {"sellers": {"matching": when("createdon", "olderthan-x-hours", 20)}},
        "distribute_by": "load_balancing",
        "available_within_hours": 24,
    },
    BASE
    | {
        "name": "Load",
        "when": when("subject", "like", "x%"),
        "assign_to": {"any_seller": True},
        "distribute_by": "load_balancing",
        "capacity_units": 2,
        "respect_capacity": True,
    },
    BASE
    | {
        "name": "Team",
        "when": when("subject", "eq", "t"),
        "assign_to": {"teams": {"named": ["T"]}},
    },
    BASE | {"name": "Sticky", "assign_to": {"any_seller": True}, "sticky_owner": True},
]
documents = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "segments": st.just(SEGMENTS),
        "rules": st.just(RULES),
        "default_capacity": st.sampled_from([3, 50]),
        "round_robin_scope": st.sampled_from(["organization", "rule"]),
        "load_balance_every_bucket": st.booleans(),
        "on_rule_failure": st.sampled_from(["stop", "next_rule"]),
        "weights": st.sampled_from([{}, {"Seller 2": 3}]),
        "fairness": st.sampled_from([None, None, {"absence_days": 5}]),
        "fallback": st.sampled_from([None, {"seller": "Seller 1"}]),
    },
)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """Sellers and a team without clocks."""
    cities = st.sampled_from(["London", "Oslo"])
    people = tuple(
        seller(
            number,
            columns={
                "address1_city": draw(cities),
                "createdon": draw(moments).isoformat(),
            },
            calendar=draw(
                st.sampled_from([None, Calendar(weekly=MORNINGS), Calendar(time_off=ABSENCE)])
            ),
            readable_tables=draw(st.sampled_from([None, None, frozenset({"task"})])),
        )
        for number in range(1, 6)
    )
    return Directory(sellers=people, teams=(team(20, "T", members=tuple(IDS[:2])),))


clocks_of = st.dictionaries(
    st.sampled_from([*IDS, TEAM_ID]),
    st.fixed_dictionaries(
        {
            "last_assigned_at": st.none() | moments,
            "order": st.integers(0, 9),
            "by_rule": st.dictionaries(st.sampled_from(["Load", "Sticky"]), moments),
            "turns": st.integers(0, 2),
        }
    ),
)
consumed_by = st.dictionaries(
    st.sampled_from([*IDS, TEAM_ID]), st.dictionaries(st.just("lead"), st.integers(1, 4))
)
rows = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {
                "address1_country": st.sampled_from(["UK", "France"]),
                "address1_city": st.sampled_from(["London", "Oslo", None]),
                "subject": st.sampled_from(["x1", "t", "y"]),
                "createdon": moments.map(lambda moment: moment.isoformat()),
                "_ownerid_value": st.sampled_from([None, *IDS[:2]]),
                "_createdby_value": st.sampled_from([None, IDS[0]]),
                "_msdyn_segmentid_value": st.sampled_from([*[None] * 8, guid(101), guid(102)]),
                "parentaccountid": st.sampled_from([None, {"_ownerid_value": IDS[2]}]),
            }
        ),
        st.sampled_from([frozenset[str](), frozenset(IDS[:1]), frozenset(IDS[1:]), frozenset(IDS)]),
    ),
    min_size=2,
    max_size=8,
)
Page = tuple[
    Mapping[str, Mapping[str, Any]],
    Mapping[str, Mapping[str, int]],
    Sequence[tuple[Mapping[str, Any], frozenset[str]]],
]
pages = st.lists(st.tuples(clocks_of, consumed_by, rows), min_size=1, max_size=4)


@settings(max_examples=50)
@given(document=documents, people=directories(), turned=pages, traces=st.booleans())
def test_assembled_rules_decide_every_page_as_fresh_ones(
    document: dict[str, Any], people: Directory, turned: list[Page], traces: bool
) -> None:
    rule_set = build_rule_set(document)
    assembled = AssembledRules(CompiledRuleSet(rule_set), people)
    for number, (clocks, consumed, wanted) in enumerate(turned):
        now = START + timedelta(hours=7 * number)
        start = {who: SellerClock(seller_id=who, **fields) for who, fields in clocks.items()}
        kept = Decider(assembled, start, consumed)
        fresh = Fresh(rule_set, lay_over(people, start, consumed))
        for at, (columns, passed_over) in enumerate(wanted):
            record = normalise(row(100 * number + at, **columns))
            assert isinstance(record, Record)
            found = kept.decide(record, now, trace=traces, passed_over=passed_over)
            expected = fresh.decide(record, now, traces, passed_over)
            assert found._replace(trace=None) == expected._replace(trace=None)
            if not passed_over:
                assert found.trace == expected.trace
        assert kept.snapshot() == fresh.snapshot()
        after = read_clocks(fresh.snapshot())
        moved = {who: clock for who, clock in after.items() if start.get(who) != clock}
        found_moved = kept.list_moved()
        assert {who: found_moved.get(who) for who in moved} == moved


def lay_over(
    people: Directory, clocks: Mapping[str, SellerClock], consumed: Mapping[str, Mapping[str, int]]
) -> Directory:
    """The directory with clocks and counts of its own."""

    def fields(target: Seller | Team) -> dict[str, Any]:
        clock = clocks.get(target.id, SellerClock(seller_id=target.id))
        return {
            "consumed": consumed.get(target.id, {}),
            "last_assigned_at": clock.last_assigned_at,
            "last_assigned_at_by_rule": clock.by_rule,
            "assignment_order": clock.order,
            "turns_taken": clock.turns,
        }

    return Directory(
        sellers=tuple(replace(each, **fields(each)) for each in people.sellers),
        teams=tuple(replace(each, **fields(each)) for each in people.teams),
    )


class Fresh:
    """A decider made anew whenever others are passed over, from where the last one stood."""

    def __init__(self, rule_set: RuleSet, people: Directory) -> None:
        self._rule_set = rule_set
        self._passed_over: frozenset[str] = frozenset()
        self._decider = open_decider(rule_set, people)

    def decide(
        self, record: Record, now: datetime, traces: bool, passed_over: frozenset[str]
    ) -> AssignmentDecision:
        if self._rule_set.fairness is not None:  # a seller switched off would move the median
            return self._decider.decide(record, now, trace=traces, passed_over=passed_over)
        if passed_over != self._passed_over:
            self._passed_over = passed_over
            self._decider = open_decider(self._rule_set, self._switch_off(passed_over))
        return self._decider.decide(record, now, trace=traces)

    def snapshot(self) -> Directory:
        return self._switch_off(frozenset())

    def _switch_off(self, ids: frozenset[str]) -> Directory:
        people = self._decider.snapshot()
        sellers = (replace(each, is_assignable=each.id not in ids) for each in people.sellers)
        return replace(people, sellers=tuple(sellers))
