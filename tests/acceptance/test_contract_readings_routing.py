"""`leadrobin simulate` against the settled readings of the interface: who gets a row, and files.

Written from the interface description alone; conditions are in `test_contract_readings`.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.builders import ALL, NOON, guid, insight, lead, rule, rules_file, seller_entry
from tests.support.readings import Simulate

NEVER = {"column": "subject", "operator": "eq", "value": "never"}
NOBODY = {"sellers": {"matching": {"column": "fullname", "operator": "eq", "value": "Nobody"}}}
FULL = {"max": 1, "consumed": {"lead": 1}}


@pytest.fixture
def simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Simulate:
    return Simulate(tmp_path, capsys)


def weekly(zone: str = "UTC", **days: list[list[str]]) -> dict[str, Any]:
    return {"time_zone": zone, "weekly": days}


# ---- decision order


TOO_OLD = {"createdon": "2026-11-01T00:00:00Z"}
FAILURES: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {
    4: (rule("conditions", when=NEVER), {}),
    5: (rule("nobody", NOBODY), {}),
    6: (rule("window", {"sellers": {"named": ["Away"]}}, available_within_hours=1), {}),
    7: (rule("capacity", {"sellers": {"named": ["Full"]}}, respect_capacity=True), {}),
    11: (rule("age", created_within_hours=1), TOO_OLD),
    12: (rule("teams", {"teams": {"named": ["North", "South"]}}), {}),
    13: (rule("no team", {"teams": {"matching": NEVER | {"column": "name"}}}), {}),
    14: (rule("queues", {"queues": {"named": ["Red", "Blue"]}}), {}),
    15: (rule("no queue", {"queues": {"matching": NEVER | {"column": "name"}}}), {}),
}
DIRECTORY = {
    "sellers": [
        seller_entry(1, "Away", calendar=weekly(sun=[["08:00", "09:00"]])),
        seller_entry(2, "Full", capacity=FULL),
    ],
    "teams": [
        {"teamid": guid(20), "name": "North", "teamtype": 0, "members": [guid(1)]},
        {"teamid": guid(21), "name": "South", "teamtype": 0, "members": [guid(2)]},
    ],
    "queues": [{"queueid": guid(30), "name": "Red"}, {"queueid": guid(31), "name": "Blue"}],
}
RANKS = [{6, 7, 12, 14}, {5, 13, 15}, {4}, {11}]


@pytest.mark.parametrize("first", FAILURES)
@pytest.mark.parametrize("second", FAILURES)
def test_the_weightiest_failure_is_reported_at_equal_rank_the_first(
    simulate: Simulate, first: int, second: int
) -> None:
    if first == second:
        return
    (one, columns), (two, more) = FAILURES[first], FAILURES[second]
    done = simulate(rules_file(one, two), DIRECTORY, [lead(10, **columns, **more)])
    rank = {code: place for place, codes in enumerate(RANKS) for code in codes}
    expected = second if rank[second] < rank[first] else first
    named = FAILURES[expected][0]["name"]
    assert [(line["routing_status"], line["rule"]) for line in done.lines] == [(expected, named)]
    assert done.owners == [None]
    assert all(each.get("last_assigned_at") is None for each in done.directory["sellers"])


def test_stop_ends_at_a_rule_whose_conditions_hold_though_it_is_too_old(
    simulate: Simulate,
) -> None:
    chosen = (rule("never", when=NEVER), rule("age", created_within_hours=1), rule("any"))
    directory = {"sellers": [seller_entry(1, "Ann")]}
    stopped = simulate(
        rules_file(*chosen, on_rule_failure="stop"), directory, [lead(10, **TOO_OLD)]
    )
    assert (stopped.owners, stopped.lines[0]["routing_status"]) == ([None], 4)
    assert simulate(rules_file(*chosen), directory, [lead(10, **TOO_OLD)]).owners == ["Ann"]


def test_conditions_come_before_age_and_age_before_sellers(simulate: Simulate) -> None:
    strict = rule("R", NOBODY, created_within_hours=1)
    old = simulate(rules_file(strict), DIRECTORY, [lead(10, **TOO_OLD)])
    assert old.lines[0]["routing_status"] == 11
    unmet = simulate(rules_file({**strict, "when": NEVER}), DIRECTORY, [lead(10, **TOO_OLD)])
    assert unmet.lines[0]["routing_status"] == 4


def test_capacity_comes_before_availability(simulate: Simulate) -> None:
    away = seller_entry(1, "Ann", capacity=FULL, calendar=weekly(sun=[["08:00", "09:00"]]))
    both = rule("R", available_within_hours=1, respect_capacity=True)
    assert (
        simulate(rules_file(both), {"sellers": [away]}, [lead(10)]).lines[0]["routing_status"] == 7
    )


@pytest.mark.parametrize("state", [1, 2])
def test_a_closed_row_moves_nothing(simulate: Simulate, state: int) -> None:
    owned = {"_ownerid_value": guid(1), "_createdby_value": guid(1), "statecode": state}
    done = simulate(
        rules_file(rule("R")), {"sellers": [seller_entry(1, "Ann")]}, [lead(10, **owned)]
    )
    line = done.lines[0]
    assert done.statuses == [(5, None, None)]
    assert [line[key] for key in ("segment", "rule", "assigned_to", "sequence")] == [None] * 4
    assert done.directory["sellers"][0].get("last_assigned_at") is None


# ---- edges


@pytest.mark.parametrize(
    ("created", "status"),
    [
        ("2026-11-21T12:00:00Z", 2),
        ("2026-11-21T11:59:59Z", 11),
        ("2026-12-01T00:00:00Z", 2),
        (None, 11),
    ],
)
def test_an_age_of_exactly_n_hours_is_within(
    simulate: Simulate, created: str | None, status: int
) -> None:
    done = simulate(
        rules_file(rule("R", created_within_hours=48)),
        {"sellers": [seller_entry(1, "Ann")]},
        [lead(10, createdon=created)],
    )
    assert done.lines[0]["routing_status"] == status


@pytest.mark.parametrize(
    ("calendar", "now", "hours", "is_free"),
    [
        (weekly(mon=[["08:00", "17:00"]]), "2026-11-23T16:59:59Z", 1, True),
        (weekly(mon=[["08:00", "17:00"]]), "2026-11-23T17:00:00Z", 1, False),
        (weekly(mon=[["08:00", "17:00"]]), "2026-11-23T08:00:00Z", 1, True),
        (weekly(mon=[["08:00", "17:00"]]), "2026-11-23T07:00:00Z", 1, True),
        (weekly(mon=[["08:00", "17:00"]]), "2026-11-23T06:59:59Z", 1, False),
        # hours past midnight run into the next day
        (weekly(sat=[["22:00", "06:00"]]), "2026-11-22T05:59:59Z", 1, True),
        (weekly(sat=[["22:00", "06:00"]]), "2026-11-22T06:00:00Z", 1, False),
        (weekly(sat=[["22:00", "06:00"]]), "2026-11-21T05:00:00Z", 1, False),
        # local wall-clock: the last Sunday of March and of October in London
        (weekly("Europe/London", sat=[["22:00", "06:00"]]), "2026-03-29T04:59:59Z", 1, True),
        (weekly("Europe/London", sat=[["22:00", "06:00"]]), "2026-03-29T05:00:00Z", 1, False),
        (weekly("Europe/London", sat=[["22:00", "06:00"]]), "2026-10-25T05:59:59Z", 1, True),
        (weekly("Europe/London", sat=[["22:00", "06:00"]]), "2026-10-25T06:00:00Z", 1, False),
        (weekly("Europe/London", mon=[["08:00", "17:00"]]), "2026-03-29T07:00:00Z", 24, True),
        (weekly("Europe/London", mon=[["08:00", "17:00"]]), "2026-03-29T07:00:00Z", 23, False),
        (weekly("Europe/London", mon=[["08:00", "17:00"]]), "2026-10-25T08:00:00Z", 24, True),
        (weekly("Europe/London", mon=[["08:00", "17:00"]]), "2026-10-25T07:59:59Z", 24, False),
        # a pause at noon
        (weekly(mon=[["08:00", "12:00"], ["13:00", "17:00"]]), "2026-11-23T12:00:00Z", 1, True),
        (weekly(mon=[["08:00", "12:00"], ["14:00", "17:00"]]), "2026-11-23T12:30:00Z", 1, False),
        # time off without weekly hours: free at all other times, days in the calendar's zone
        (
            {"time_zone": "America/New_York", "time_off": [["2026-12-24", "2026-12-26"]]},
            *("2026-12-27T03:59:59Z", 1, False),
        ),
        (
            {"time_zone": "America/New_York", "time_off": [["2026-12-24", "2026-12-26"]]},
            *("2026-12-27T04:00:00Z", 1, True),
        ),
        (
            {"time_zone": "America/New_York", "time_off": [["2026-12-24", "2026-12-26"]]},
            *("2026-12-24T04:59:59Z", 1, True),
        ),
        # time off wins over working hours
        (
            {**weekly(mon=[["08:00", "17:00"]]), "time_off": [["2026-11-23", "2026-11-23"]]},
            *("2026-11-23T12:00:00Z", 120, False),
        ),
        (None, "2026-11-23T12:00:00Z", 1, True),
    ],
)
def test_the_window(simulate: Simulate, calendar: Any, now: str, hours: int, is_free: bool) -> None:
    done = simulate(
        rules_file(rule("R", available_within_hours=hours)),
        {"sellers": [seller_entry(1, "Ann", calendar=calendar)]},
        [lead(10)],
        *("--now", now),
    )
    assert (done.lines[0]["routing_status"], done.owners) == (
        (2, ["Ann"]) if is_free else (6, [None])
    )


def test_exactly_a_day_ahead_is_the_first_bucket_and_later_buckets_wait(
    simulate: Simulate,
) -> None:
    directory = {
        "sellers": [
            seller_entry(1, "Later", calendar=weekly(tue=[["12:30", "17:00"]])),
            seller_entry(
                2,
                "Exactly",
                calendar=weekly(tue=[["12:00", "17:00"]]),
                last_assigned_at="2026-11-23T11:00:00Z",
            ),
            seller_entry(
                3,
                "Soon",
                calendar=weekly(mon=[["12:05", "17:00"]]),
                last_assigned_at="2026-11-23T11:30:00Z",
            ),
        ]
    }
    balanced = rule("R", available_within_hours=48, distribute_by="load_balancing")
    done = simulate(rules_file(balanced), directory, [lead(n) for n in (10, 11, 12)])
    assert done.owners == ["Exactly", "Soon", "Exactly"]


# ---- clocks


def test_equal_clocks_go_by_the_counter_then_by_id_and_never_assigned_first(
    simulate: Simulate,
) -> None:
    at = "2026-11-23T10:00:00Z"
    directory = {
        "sellers": [
            seller_entry(4, "Never"),
            seller_entry(3, "Second", last_assigned_at=at, assignment_order=8),
            seller_entry(1, "Third", last_assigned_at=at, assignment_order=9),
            seller_entry(2, "First", last_assigned_at=at, assignment_order=2),
            seller_entry(5, "Older", last_assigned_at="2026-11-23T09:00:00+00:00"),
        ]
    }
    done = simulate(rules_file(rule("R")), directory, [lead(n) for n in range(10, 16)])
    assert done.owners == ["Never", "Older", "First", "Second", "Third", "Never"]


def test_clocks_are_compared_to_the_microsecond(simulate: Simulate) -> None:
    directory = {
        "sellers": [
            seller_entry(1, "Later", last_assigned_at="2026-11-23T10:00:00.000003Z"),
            seller_entry(2, "Earlier", last_assigned_at="2026-11-23T10:00:00.000002Z"),
        ]
    }
    assert simulate(rules_file(rule("R")), directory, [lead(10)]).owners == ["Earlier"]


def test_a_run_cut_in_two_goes_on_as_one(simulate: Simulate) -> None:
    people = [
        seller_entry(n, f"S{n}", capacity={"max": 40 + n, "consumed": {"lead": n % 3}})
        for n in range(1, 8)
    ]
    chosen = rules_file(
        rule("A", when={"column": "revenue", "operator": "ge", "value": 3}, respect_capacity=True),
        rule("B", distribute_by="load_balancing"),
        round_robin_scope="rule",
    )
    rows = [lead(n, revenue=n % 5) for n in range(10, 50)]
    whole = simulate(chosen, {"sellers": people}, rows)
    first = simulate(chosen, {"sellers": people}, rows[:17])
    second = simulate(chosen, first.directory, rows[17:])
    assert first.owners + second.owners == whole.owners
    assert second.directory == whole.directory


def test_an_own_creation_counts_at_createdon_and_never_back(simulate: Simulate) -> None:
    directory = {
        "sellers": [
            seller_entry(1, "Miriam", last_assigned_at="2026-11-23T09:00:00Z"),
            seller_entry(2, "Sanjay", last_assigned_at="2026-11-23T10:00:00Z"),
        ]
    }
    own = {"_ownerid_value": guid(1), "_createdby_value": guid(1)}
    moved = simulate(rules_file(rule("R")), directory, [lead(10, **own)])
    assert moved.owners == ["Sanjay"]
    assert moved.directory["sellers"][0]["last_assigned_at"] == NOON
    earlier = lead(10, **own, createdon="2026-11-23T08:00:00Z")
    assert simulate(rules_file(rule("R")), directory, [earlier]).owners == ["Miriam"]
    other = lead(10, _ownerid_value=guid(1), _createdby_value=guid(2))
    assert simulate(rules_file(rule("R")), directory, [other]).owners == ["Miriam"]


def test_rule_scope_moves_the_organizations_clock_as_well(simulate: Simulate) -> None:
    uk = {"column": "address1_country", "operator": "eq", "value": "UK"}
    chosen = rules_file(rule("UK", when=uk), rule("Rest"), round_robin_scope="rule")
    directory = {"sellers": [seller_entry(1, "Ann"), seller_entry(2, "Bob")]}
    rows = [lead(10, address1_country="UK"), lead(11), lead(12, address1_country="UK"), lead(13)]
    done = simulate(chosen, directory, rows)
    assert done.owners == ["Ann", "Bob", "Bob", "Ann"]
    ann = done.directory["sellers"][0]
    assert ann["last_assigned_at_by_rule"] == {"UK": NOON, "Rest": NOON}
    assert ann["last_assigned_at"] == NOON
    whole = simulate({**chosen, "round_robin_scope": "organization"}, directory, rows)
    assert whole.owners == ["Ann", "Bob", "Ann", "Bob"]


def test_whoever_owns_a_row_may_get_it_again(simulate: Simulate) -> None:
    done = simulate(
        rules_file(rule("R")),
        {"sellers": [seller_entry(1, "Ann")]},
        [lead(10, _ownerid_value=guid(1))],
    )
    assert (done.owners, done.statuses) == (["Ann"], [(1, 2, 4)])


# ---- capacity


def capacities(done: Any) -> list[int]:
    return [each["capacity"]["consumed"].get("lead", 0) for each in done.directory["sellers"]]


def test_units_move_with_a_row(simulate: Simulate) -> None:
    directory = {
        "sellers": [
            seller_entry(1, "Ann", capacity={"max": 5, "consumed": {"lead": 5}}),
            seller_entry(2, "Bob", capacity={"max": 5, "consumed": {"lead": 1}}),
        ]
    }
    chosen = rules_file(rule("R", distribute_by="load_balancing", respect_capacity=True))
    taken = simulate(chosen, directory, [lead(10, _ownerid_value=guid(1))])
    assert (taken.owners, capacities(taken)) == (["Bob"], [4, 2])
    kept = simulate(chosen, directory, [lead(10, _ownerid_value=guid(2))])
    assert (kept.owners, capacities(kept)) == (["Bob"], [5, 1])
    stranger = simulate(chosen, directory, [lead(10, _ownerid_value=guid(9))])
    assert capacities(stranger) == [5, 2]


def test_the_default_capacity_and_no_maximum_at_all(simulate: Simulate) -> None:
    chosen = rules_file(rule("R", respect_capacity=True))
    directory = {"sellers": [seller_entry(1, "Ann", capacity={"consumed": {"lead": 2}})]}
    rows = [lead(n) for n in (10, 11, 12)]
    assert simulate(chosen, directory, rows).owners == ["Ann"] * 3
    limited = simulate({**chosen, "default_capacity": 3}, directory, rows)
    assert limited.owners == ["Ann", None, None]
    assert limited.lines[1]["routing_status"] == 7
    nothing = simulate({**chosen, "default_capacity": 0}, {"sellers": [seller_entry(1, "A")]}, rows)
    assert nothing.owners == [None] * 3


def test_among_unlimited_sellers_load_balancing_is_a_tie(simulate: Simulate) -> None:
    directory = {
        "sellers": [
            seller_entry(1, "Ann", last_assigned_at="2026-11-23T10:00:00Z"),
            seller_entry(
                *(2, "Bob"),
                capacity={"consumed": {"lead": 70}},
                last_assigned_at="2026-11-23T09:00:00Z",
            ),
            seller_entry(3, "Cat", capacity={"max": 1_000_000}),
        ]
    }
    chosen = rules_file(rule("R", distribute_by="load_balancing"))
    done = simulate(chosen, directory, [lead(n) for n in (10, 11, 12)])
    assert done.owners == ["Bob", "Ann", "Bob"]


def test_units_of_tables_without_active_rules_do_not_count(simulate: Simulate) -> None:
    consumed = {"lead": 1, "opportunity": 9}
    directory = {"sellers": [seller_entry(1, "Ann", capacity={"max": 5, "consumed": consumed})]}
    segments = [ALL, {"name": "O", "table": "opportunity", "default": True}]
    own = rule("L", respect_capacity=True)
    other = {**rule("O"), "table": "opportunity", "segment": "O"}
    counted = {"segments": segments, "rules": [own, other]}
    assert simulate(counted, directory, [lead(10)]).lines[0]["routing_status"] == 7
    idle = {"segments": segments, "rules": [own, {**other, "active": False}]}
    assert simulate(idle, directory, [lead(10)]).owners == ["Ann"]
    off = [ALL, {"name": "O", "table": "opportunity", "default": True, "active": False}]
    assert simulate({"segments": off, "rules": [own, other]}, directory, [lead(10)]).owners == [
        "Ann"
    ]


# ---- previous segments


FIRST, SECOND, GONE = guid(801), guid(802), guid(803)
FOLLOW = {"name": "Follow", "table": "lead", "sequence_id": guid(700)}


def segments(second: dict[str, Any], **settings: Any) -> dict[str, Any]:
    a = {"column": "subject", "operator": "eq", "value": "a"}
    b = {"column": "subject", "operator": "in", "value": ["a", "b"]}
    listed = [
        {"name": "A", "table": "lead", "priority": 1, "when": a, "segment_id": FIRST},
        {"name": "B", "table": "lead", "priority": 2, "when": b, "segment_id": SECOND, **second},
    ]
    named = [{**rule("RA"), "segment": "A"}, {**rule("RB"), "segment": "B"}]
    return {"segments": listed, "rules": named, "sequences": [FOLLOW], **settings}


@pytest.mark.parametrize(
    ("second", "settings", "previous", "subject", "segment", "statuses"),
    [
        ({}, {}, FIRST, "a", "A", (4, None, 5)),
        ({}, {}, FIRST.upper(), "a", "A", (4, None, 5)),
        ({}, {}, SECOND, "a", "B", (4, None, 5)),
        ({}, {}, FIRST, "b", "A", (5, None, None)),
        ({}, {"exit": "clear"}, FIRST, "b", None, (3, 16, 3)),
        ({"accept_from_other_segments": True}, {}, FIRST, "b", "B", (1, 17, 4)),
        (
            {"accept_from_other_segments": True, "sequence": "Follow"},
            *({}, FIRST, "b", "B", (1, 17, 1)),
        ),
        (
            {"accept_from_other_segments": True, "route_on_move": True},
            *({}, FIRST, "b", "B", (1, 2, 4)),
        ),
        ({}, {}, GONE, "b", "B", (1, 2, 4)),
        ({}, {}, None, "b", "B", (1, 2, 4)),
        ({}, {}, None, "c", None, (3, 16, 3)),
    ],
)
def test_a_previous_segment(
    simulate: Simulate,
    *,
    second: dict[str, Any],
    settings: dict[str, Any],
    previous: str | None,
    subject: str,
    segment: str | None,
    statuses: tuple[Any, Any, Any],
) -> None:
    row = lead(10, subject=subject, _msdyn_segmentid_value=previous)
    done = simulate(segments(second, **settings), {"sellers": [seller_entry(1, "Ann")]}, [row])
    assert done.code == 0, done.err
    assert (done.lines[0]["segment"], done.statuses) == (segment, [statuses])


# ---- whom


PEOPLE = [
    seller_entry(1, "German", attributes={"Language": ["English", "GERMAN"]}),
    seller_entry(2, "French", attributes={"Language": ["French"]}),
    seller_entry(3, "Mute", attributes={"Language": []}),
    seller_entry(4, "Plain"),
]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("eq", "german", {"German"}),
        ("eq", ["German", "french"], {"German", "French"}),
        ("in", ["English", "Dutch"], {"German"}),
        ("ne", ["German"], {"French", "Mute", "Plain"}),
        ("ne", "Dutch", {"German", "French", "Mute", "Plain"}),
        ("null", None, {"Mute", "Plain"}),
        ("not-null", None, {"German", "French"}),
    ],
)
def test_seller_attributes(
    simulate: Simulate, operator: str, value: Any, expected: set[str]
) -> None:
    condition = {"attribute": "Language", "operator": operator}
    if value is not None:
        condition["value"] = value
    chosen = rules_file(rule("R", {"sellers": {"matching": condition}}))
    done = simulate(chosen, {"sellers": PEOPLE}, [lead(n) for n in range(10, 18)])
    assert done.code == 0, done.err
    assert set(done.owners) == expected


def test_dynamic_match_with_absent_values(simulate: Simulate) -> None:
    people = [seller_entry(1, "Rome", address1_city="ROME"), seller_entry(2, "Nowhere")]
    for operator, cities, expected in (
        ("eq", ["Rome", None, "Oslo"], ["Rome", None, None]),
        ("ne", ["Rome", None, "Oslo"], ["Nowhere", None, "Rome"]),
    ):
        matching = {
            "column": "address1_city",
            "operator": operator,
            "value_of": "record.address1_city",
        }
        chosen = rules_file(rule("R", {"sellers": {"matching": matching}}))
        rows = [lead(n, address1_city=city) for n, city in enumerate(cities, start=10)]
        assert simulate(chosen, {"sellers": people}, rows).owners == expected, operator


def test_dynamic_match_follows_the_records_related_rows(simulate: Simulate) -> None:
    matching = {
        "column": "systemuserid",
        "operator": "eq",
        "value_of": "record.parentaccountid.ownerid",
    }
    chosen = rules_file(rule("R", {"sellers": {"matching": matching}}))
    rows = [lead(10, parentaccountid={"_ownerid_value": guid(2).upper()}), lead(11)]
    done = simulate(chosen, {"sellers": PEOPLE}, rows)
    assert done.owners == ["French", None]
    assert done.lines[1]["routing_status"] == 5


@pytest.mark.parametrize("name", ["Miriam", guid(1), guid(1).upper(), f"{{{guid(1)}}}"])
def test_sellers_are_named_by_name_or_id(simulate: Simulate, name: str) -> None:
    people = {"sellers": [seller_entry(1, "Miriam"), seller_entry(2, "Sanjay")]}
    chosen = rules_file(rule("R", {"sellers": {"named": [name]}}))
    assert simulate(chosen, people, [lead(10), lead(11)]).owners == ["Miriam", "Miriam"]


@pytest.mark.parametrize("kind", ["sellers", "teams", "queues"])
def test_a_name_that_nobody_bears_is_a_configuration_error(simulate: Simulate, kind: str) -> None:
    done = simulate(rules_file(rule("R", {kind: {"named": ["Nobody"]}})), DIRECTORY, [lead(10)])
    assert (done.code, done.out) == (2, "")
    assert "Nobody" in done.err


def test_disabled_and_unassignable_sellers_are_not_eligible(simulate: Simulate) -> None:
    people = [seller_entry(1, "Gone", isdisabled=True), seller_entry(2, "Off", assignable=False)]
    done = simulate(
        rules_file(rule("R", {"sellers": {"named": ["Gone", "Off"]}})),
        {"sellers": people},
        [lead(10)],
    )
    assert (done.owners, done.lines[0]["routing_status"]) == ([None], 5)


@pytest.mark.parametrize(("kind", "table"), [("teams", "team"), ("queues", "queue")])
def test_a_draw_among_several_repeats_itself_and_reaches_everybody(
    simulate: Simulate, kind: str, table: str
) -> None:
    names = {"teams": ["North", "South"], "queues": ["Red", "Blue"]}[kind]
    chosen = rules_file(rule("R", {kind: {"named": names}}, when_several="random"))
    rows = [lead(n) for n in range(100, 140)]
    first = simulate(chosen, DIRECTORY, rows)
    again = simulate(chosen, DIRECTORY, rows[::-1])
    assert first.owners == again.owners[::-1]
    assert set(first.owners) == set(names)
    assert min(Counter(first.owners).values()) >= 8
    assert {line["assigned_to"]["table"] for line in first.lines} == {table}


def test_one_team_by_its_columns_and_the_records(simulate: Simulate) -> None:
    matching = {"column": "name", "operator": "eq", "value_of": "record.address1_city"}
    chosen = rules_file(rule("R", {"teams": {"matching": matching}}))
    rows = [lead(10, address1_city="NORTH"), lead(11, address1_city="East"), lead(12)]
    done = simulate(chosen, DIRECTORY, rows)
    assert done.owners == ["North", None, None]
    assert [line["routing_status"] for line in done.lines] == [2, 13, 13]


# ---- insights


TITLES = {1: "Area manager", 2: "Specialist", 3: "Sales representative", 4: "Area manager"}
TEAM = {
    "sellers": [seller_entry(n, f"S{n}", title=title) for n, title in TITLES.items()],
    "teams": [
        {
            "teamid": guid(50),
            "name": "Account team",
            "teamtype": 0,
            "members": [guid(n) for n in TITLES],
        }
    ],
}


def insight_rules(**target: Any) -> dict[str, Any]:
    whom = {"account_column": "owningteam", **target}
    table = "msdyn_salessuggestion"
    return {
        "segments": [{"name": "I", "table": table, "default": True}],
        "rules": [{"name": "R", "table": table, "segment": "I", "assign_to": whom}],
    }


def test_the_primary_is_drawn_by_the_row_and_the_rest_is_secondary(simulate: Simulate) -> None:
    manager = {"column": "title", "operator": "eq", "value": "Area manager"}
    others = {"column": "title", "operator": "in", "value": ["Specialist", "Sales representative"]}
    chosen = insight_rules(primary=manager, secondary=[others])
    rows = [insight(n, msdyn_relatedrecord={"_owningteam_value": guid(50)}) for n in range(10, 40)]
    done = simulate(chosen, TEAM, rows)
    assert set(done.owners) == {"S1", "S4"}
    for line in done.lines:
        people = [line["assigned_to"], *line["secondary"]]
        assert {who["name"] for who in people} == {"S1", "S2", "S3", "S4"}
        assert all(list(who) == ["table", "id", "name"] for who in people)
    assert simulate(chosen, TEAM, rows[::-1]).owners == done.owners[::-1]


def test_an_insight_without_an_account_finds_nobody(simulate: Simulate) -> None:
    done = simulate(insight_rules(), TEAM, [insight(10)])
    assert (done.owners, done.lines[0]["routing_status"]) == ([None], 5)
    assert done.lines[0]["secondary"] == []


def test_the_owner_of_the_account_gets_its_insight(simulate: Simulate) -> None:
    chosen = insight_rules(account_column="ownerid")
    done = simulate(chosen, TEAM, [insight(10, msdyn_relatedrecord={"_ownerid_value": guid(3)})])
    assert done.owners == ["S3"]


# ---- files


def test_lines_that_cannot_be_used_are_named_and_the_others_decided(simulate: Simulate) -> None:
    good = lead(10)
    untyped = {key: value for key, value in lead(11).items() if key != "@odata.type"}
    lines = [
        json.dumps(good),
        "",
        "{not json",
        json.dumps(untyped),
        json.dumps({**good, "leadid": guid(10).upper()}),
        "[]",
        json.dumps({**lead(12), "leadid": None}),
        json.dumps(lead(13)),
    ]
    file = simulate.folder / "some.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    done = simulate(rules_file(rule("R")), {"sellers": [seller_entry(1, "Ann")]}, file)
    assert done.code == 1
    assert [line["line"] for line in done.lines if "error" in line] == [3, 4, 5, 6, 7]
    assert [line["id"] for line in done.lines if "id" in line] == [guid(10), guid(13)]


def test_the_same_id_in_another_table_is_another_row(simulate: Simulate) -> None:
    other = {
        "@odata.type": "#Microsoft.Dynamics.CRM.contact",
        "contactid": guid(10),
        "createdon": NOON,
    }
    done = simulate(rules_file(rule("R")), {"sellers": [seller_entry(1, "Ann")]}, [lead(10), other])
    assert done.code == 0
    assert done.statuses == [(1, 2, 4), (3, 16, 3)]


def test_at_record_time_each_row_has_its_own_now(simulate: Simulate) -> None:
    today = {"column": "lastusedincampaign", "operator": "today"}
    row = {"lastusedincampaign": "2026-01-05T08:00:00Z"}
    rows = [
        lead(10, createdon="2026-01-05T23:00:00Z", **row),
        lead(11, createdon="2026-01-06T01:00:00Z", **row),
        lead(12, createdon=None, **row),
    ]
    chosen = rules_file(rule("R", when=today))
    done = simulate(chosen, {"sellers": [seller_entry(1, "Ann")]}, rows, "--at-record-time")
    assert done.code == 1
    assert [line.get("routing_status") for line in done.lines] == [2, 4, None]
    assert done.directory["sellers"][0]["last_assigned_at"] == "2026-01-05T23:00:00Z"


def test_unknown_keys_of_the_directory_survive(simulate: Simulate) -> None:
    ann = seller_entry(1, "Ann", new_badge={"a": [1, None]}, readable_tables=None, title="Boss")
    directory = {"sellers": [ann], "teams": [], "territories": [{"name": "EMEA"}], "version": 3}
    done = simulate(rules_file(rule("R")), directory, [lead(10)])
    assert done.code == 0, done.err
    assert done.directory["territories"] == [{"name": "EMEA"}]
    assert done.directory["sellers"][0]["new_badge"] == {"a": [1, None]}
    assert done.directory["sellers"][0]["last_assigned_at"] == NOON


def test_a_directory_without_teams_is_written_back_as_it_was(simulate: Simulate) -> None:
    directory = {"sellers": [seller_entry(1, "Ann")], "teams": None, "queues": None}
    done = simulate(rules_file(rule("R")), directory, [lead(10)])
    assert (done.owners, done.directory["teams"]) == (["Ann"], None)
    nobody = simulate(rules_file(rule("R")), {"sellers": None}, [lead(10)])
    assert (nobody.owners, nobody.directory) == ([None], {"sellers": None})


COLUMNS_RULES = rules_file(
    rule(
        "R",
        when={
            "all": [
                {"column": "revenue", "operator": "ge", "value": 10000},
                {"column": "decisionmaker", "operator": "eq", "value": True},
                {"column": "leadsourcecode", "operator": "eq", "value": "Trade Show"},
                {"column": "parentaccountid.industrycode", "operator": "eq", "value": 6},
                {"column": "telephone1", "operator": "eq", "value": "00441"},
                {"column": "lastusedincampaign", "operator": "today"},
                {"column": "estimatedclosedate", "operator": "today"},
                {"column": "subject", "operator": "null"},
            ]
        },
    )
)


def test_csv_cells_are_read_by_their_columns(simulate: Simulate) -> None:
    names = (
        "leadid,statecode,createdon,revenue,decisionmaker,leadsourcecode,"
        "parentaccountid.industrycode,telephone1,lastusedincampaign,estimatedclosedate,subject"
    )
    cells = "0,2026-11-23T12:00:00Z,10000.50,true,7,6,00441,2026-11-23 08:00:00,2026-11-23,"
    file = simulate.folder / "rows.csv"
    file.write_text(f"{names}\n{guid(10)},{cells}\n{guid(11)},{cells}x\n", encoding="utf-8")
    done = simulate(COLUMNS_RULES, {"sellers": [seller_entry(1, "Ann")]}, file, "--table", "lead")
    assert done.code == 0, done.out
    assert done.owners == ["Ann", None]


def test_parquet_cells_are_read_by_their_types(simulate: Simulate) -> None:
    file = simulate.folder / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""COPY (SELECT '{guid(10)}' AS leadid, 0::SMALLINT AS statecode,
            TIMESTAMPTZ '2026-11-23 12:00:00+00' AS createdon, 10000::DECIMAL(19, 4) AS revenue,
            true AS decisionmaker, 7::BIGINT AS leadsourcecode, {{'industrycode': 6}} AS parentaccountid,
            '00441' AS telephone1, TIMESTAMP '2026-11-23 08:00:00.123' AS lastusedincampaign,
            DATE '2026-11-23' AS estimatedclosedate, NULL::VARCHAR AS subject,
            [{{'subject': 'a'}}] AS "Lead_Tasks") TO '{file}' (FORMAT parquet)"""
        )
    done = simulate(COLUMNS_RULES, {"sellers": [seller_entry(1, "Ann")]}, file, "--table", "lead")
    assert done.code == 0, done.out
    assert done.owners == ["Ann"]


def test_a_sequence_is_connected_when_nobody_was_found(simulate: Simulate) -> None:
    chosen: dict[str, Any] = {
        "sequences": [{"name": "Go", "table": "lead"}],
        "segments": [{**ALL, "sequence": "Go"}],
        "rules": [rule("R", NOBODY)],
    }
    done = simulate(chosen, DIRECTORY, [lead(10)])
    assert (done.lines[0]["sequence"], done.statuses) == ("Go", [(1, 5, 1)])
    chosen["sequences"][0]["active"] = False
    assert simulate(chosen, DIRECTORY, [lead(10)]).statuses == [(1, 5, 7)]
