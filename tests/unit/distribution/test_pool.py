"""Order, capacity units, weights, teams and bookkeeping of a pool."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import engine.distribution.rankings
from engine.distribution.capacity import CapacityUnits, available_units
from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.distribution.pool import SellerPool
from engine.records import EntityReference
from engine.sellers import Calendar, Directory, Queue, Seller, Team
from engine.statuses import RoutingStatus
from tests.support.builders import seller, team
from tests.unit.distribution.pools import open_pool, positions_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def pool_of(*sellers: Seller, teams: tuple[Team, ...] = (), **settings: Any) -> SellerPool:
    return open_pool(Directory(sellers=sellers, teams=teams), DistributionSettings(**settings))


def request(
    pool: SellerPool,
    *names: str,
    method: Method = "round_robin",
    rule: str = "R",
    table: str = "lead",
    **asked: Any,
) -> DistributionRequest:
    candidates = positions_of(pool, names)
    return DistributionRequest(rule, candidates, table, method, asked.pop("now", NOW), **asked)


def give(pool: SellerPool, *names: str, count: int = 1, **asked: Any) -> str:
    """Who gets the next records, by id."""
    given = []
    for _ in range(count):
        asked_for = request(pool, *names, **asked)
        outcome = pool.choose(asked_for)
        if outcome.position >= 0:
            pool.assign(asked_for, outcome)
        given.append((outcome.reference() or EntityReference(table="", id="")).id)
    return "".join(given)


def consumed(pool: SellerPool, name: str) -> Mapping[str, int]:
    targets: tuple[Seller | Team, ...] = (*pool.snapshot().sellers, *pool.snapshot().teams)
    return next(target.consumed for target in targets if target.id == name)


def test_nobody_asked_for_means_nobody_meets_the_conditions() -> None:
    asked = DistributionRequest("R", frozenset(), "lead", "round_robin", NOW)
    pool = pool_of(seller("a"))
    outcome = pool.choose(asked)
    assert pool.explain(asked) == ()
    assert outcome.reference() is None
    assert outcome == (None, RoutingStatus.NO_SELLERS_MEET_CONDITIONS, None, -1)


def test_never_assigned_then_clock_then_counter_then_id() -> None:
    hour = timedelta(hours=1)
    pool = pool_of(
        seller("e", last=NOW - hour, assignment_order=4),
        seller("d", last=NOW - hour, assignment_order=3),
        seller("c", last=NOW - 2 * hour, assignment_order=9),
        seller("B"),
        seller("a"),
    )
    assert give(pool, *"edcba", count=7) == "aBcdeaB"


def test_ids_are_compared_and_found_without_case() -> None:
    pool = pool_of(seller("B"), seller("a"))
    assert pool.position_of("b") == pool.position_of("B") == 0
    assert pool.position_of("nobody") is None
    assert give(pool, "a", "B", count=2) == "aB"


def test_a_clock_can_be_set_back() -> None:
    pool = pool_of(seller("a", last=NOW), seller("b", last=NOW))
    pool.touch("b", NOW - timedelta(days=1))
    pool.touch("nobody", NOW)
    assert pool.clock_of("B") == NOW - timedelta(days=1)
    assert pool.clock_of("nobody") is None
    assert give(pool, "a", "b") == "b"


def test_a_snapshot_goes_on_where_the_pool_stood() -> None:
    first = pool_of(seller("a"), seller("b"), seller("c"), seller("d"))
    given = give(first, *"abcd", count=6)
    settings = DistributionSettings()
    second = open_pool(first.snapshot(), settings)
    assert given + give(second, *"abcd", count=6) == "abcdabcdabcd"
    assert [each.assignment_order for each in first.snapshot().sellers] == [5, 6, 3, 4]


def test_keeping_a_row_costs_nothing_and_taking_it_gives_the_unit_back() -> None:
    pool = pool_of(
        seller("a", max_capacity=3, consumed={"lead": 1}),
        seller("b", max_capacity=3, consumed={"lead": 1}),
    )
    assert give(pool, "a", owner_id="A") == "a"
    assert consumed(pool, "a") == {"lead": 1}
    assert give(pool, "b", owner_id="a") == "b"
    assert (consumed(pool, "a"), consumed(pool, "b")) == ({"lead": 0}, {"lead": 2})
    assert give(pool, "b", owner_id="somebody else") == "b"
    assert consumed(pool, "b") == {"lead": 3}


def test_nobody_owns_less_than_nothing() -> None:
    pool = pool_of(seller("a", max_capacity=1, consumed={"lead": 1}))
    for table in ("lead", "lead", "opportunity"):
        pool.release("a", table)
    pool.release("nobody", "lead")
    assert consumed(pool, "a") == {"lead": 0}
    assert give(pool, "a", count=2, respect_capacity=True) == "a"


def test_a_chosen_seller_is_told_with_the_status() -> None:
    pool = pool_of(seller("a"))
    outcome = pool.choose(request(pool, "a"))
    assert outcome == (pool.snapshot().sellers[0], RoutingStatus.OWNER_ASSIGNED, None, 0)


def test_taking_a_row_gives_back_what_the_table_costs() -> None:
    units = CapacityUnits(by_table={"lead": 5}, by_rule={"Big": 7})
    pool = pool_of(seller("a", consumed={"lead": 9}), seller("b"), units=units)
    give(pool, "b", rule="Big", owner_id="a")
    assert (consumed(pool, "a"), consumed(pool, "b")) == ({"lead": 4}, {"lead": 7})


def test_a_table_given_back_at_once_stays_listed() -> None:
    pool = pool_of(seller("a"))
    give(pool, "a")
    pool.release("a", "lead")
    assert consumed(pool, "a") == {"lead": 0}


def test_a_team_with_a_member_without_a_limit_has_none() -> None:
    teams = (team("t", members=("a", "b")),)
    pool = pool_of(seller("a", max_capacity=1), seller("b"), teams=teams)
    assert give(pool, "t", count=3, respect_capacity=True) == "ttt"


def test_giving_back_what_nobody_had_lists_no_table() -> None:
    pool = pool_of(seller("a"), seller("b", consumed={"lead": 1}))
    pool.release("a", "lead")
    assert consumed(pool, "a") == {}


def test_rows_got_by_hand_count() -> None:
    pool = pool_of(seller("a", max_capacity=2), seller("b"))
    pool.consume("a", "lead")
    pool.consume("a", "opportunity")
    pool.consume("nobody", "lead")
    assert consumed(pool, "a") == {"lead": 1, "opportunity": 1}
    assert give(pool, "a", respect_capacity=True) == ""


def test_units_are_the_rules_own_then_the_tables() -> None:
    units = CapacityUnits(by_table={"opportunity": 5}, by_rule={"Big": 7})
    pool = pool_of(seller("a"), units=units)
    give(pool, "a", rule="Big", table="opportunity")
    give(pool, "a", table="opportunity")
    give(pool, "a")
    assert consumed(pool, "a") == {"opportunity": 12, "lead": 1}
    pool.release("a", "opportunity", rule="Big")
    assert consumed(pool, "a")["opportunity"] == 5
    pool.release("a", "opportunity")
    assert consumed(pool, "a") == {"lead": 1, "opportunity": 0}
    for rule in ("Big", "Small", None):
        pool.consume("a", "opportunity", rule)
    assert consumed(pool, "a")["opportunity"] == 7 + 5 + 5


def test_a_pool_in_use_notices_what_is_got_and_given_back_by_hand() -> None:
    pool = pool_of(seller("a", max_capacity=1), seller("b", max_capacity=1))
    asked = request(pool, "a", "b", respect_capacity=True)
    assert pool.choose(asked).position == 0
    pool.consume("a", "lead")
    assert pool.choose(asked).position == 1
    pool.release("a", "lead")
    assert pool.choose(asked).position == 0


def test_only_counted_tables_use_up_capacity() -> None:
    pool = pool_of(seller("a", max_capacity=1), counted_tables=frozenset({"lead"}))
    asked = request(pool, "a", respect_capacity=True)
    pool.consume("a", "opportunity")
    assert pool.choose(asked).position == 0
    pool.consume("a", "lead")
    assert pool.choose(asked).status is RoutingStatus.NO_CAPACITY
    pool.release("a", "opportunity")
    assert pool.choose(asked).status is RoutingStatus.NO_CAPACITY
    pool.release("a", "lead")
    assert pool.choose(asked).position == 0


@pytest.mark.parametrize(
    ("maximum", "counted", "left"),
    [(None, None, None), (10, None, 3), (10, frozenset({"lead"}), 8), (1, None, -6)],
)
def test_available_is_maximum_less_what_counts(
    maximum: int | None, counted: frozenset[str] | None, left: int | None
) -> None:
    assert available_units(maximum, {"lead": 2, "case": 5}, counted) == left


def test_no_limit_beats_every_figure_and_ties_with_its_like() -> None:
    pool = pool_of(seller("a", max_capacity=10**30), seller("b"), seller("c"))
    assert give(pool, *"abc", count=4, method="load_balancing") == "bcbc"


def test_the_default_capacity_is_for_those_without_their_own() -> None:
    pool = pool_of(seller("a", max_capacity=1), seller("b"), default_capacity=3)
    assert give(pool, *"ab", count=5, method="load_balancing", respect_capacity=True) == "bbab"


def test_weights_are_honoured_by_round_robin_turn_by_turn() -> None:
    pool = pool_of(seller("a", weight=3), seller("b"), use_weights=True)
    assert give(pool, *"ab", count=6) == "aaabaa"
    assert pool.snapshot().sellers[0].turns_taken == 2
    again = open_pool(pool.snapshot(), DistributionSettings(use_weights=True))
    assert give(again, *"ab", count=2) == "ab"


def test_weights_are_honoured_by_load_balancing() -> None:
    pool = pool_of(
        seller("a", weight=2, max_capacity=50), seller("b", max_capacity=50), use_weights=True
    )
    given = give(pool, *"ab", count=30, method="load_balancing")
    assert (given.count("a"), given.count("b")) == (20, 10)


def test_weights_wait_until_they_are_switched_on() -> None:
    pool = pool_of(seller("a", weight=3, turns_taken=1), seller("b"))
    assert give(pool, *"ab", count=4) == "abab"
    assert give(pool_of(seller("a", weight=0), seller("b"), use_weights=True), "a", "b") == "a"
    load = pool_of(seller("a", weight=3, max_capacity=9), seller("b", max_capacity=9))
    assert give(load, *"ab", count=4, method="load_balancing") == "abab"


def test_what_is_given_by_hand_takes_the_next_place() -> None:
    pool = pool_of(seller("a", assignment_order=5), seller("b"), seller("c"))
    for name in "bca":
        pool.touch(name, NOW)
    assert [each.assignment_order for each in pool.snapshot().sellers] == [8, 6, 7]


def test_a_team_is_no_member_of_a_team() -> None:
    teams = (
        team("t", members=("u", "T", "a")),
        team("u", members=("a",)),
    )
    pool = pool_of(seller("a", max_capacity=2), teams=teams)
    assert give(pool, "t", count=3, respect_capacity=True) == "tt"


def test_teams_stand_in_line_with_their_own_clock_and_their_members_capacity() -> None:
    busy = Calendar(weekly={})
    teams = (
        team("t", members=("A", "b", "gone")),
        team("u", max_capacity=1, members=("b",)),
        team("v", members=("a", "c")),
        team("w"),
    )
    pool = pool_of(
        seller("a", max_capacity=2),
        seller("b", max_capacity=1, calendar=busy),
        seller("c"),
        teams=teams,
    )
    limits = request(pool, "t", "u", method="load_balancing", respect_capacity=True)
    outcome = pool.choose(limits)
    assert (outcome.seller, outcome.team) == (None, teams[0])
    assert give(pool, *"tu", count=5, respect_capacity=True) == "tutt"
    assert give(pool, "u", within_hours=120) == ""
    assert give(pool, *"tv", count=2, within_hours=1) == "vt"
    assert give(pool, *"vw", count=2, within_hours=1, respect_capacity=True) == "wv"
    assert consumed(pool, "t") == {"lead": 4}


def test_everybody_can_be_referred_to() -> None:
    queue = Queue(id="q", name="Overflow", row={})
    assert queue.reference() == EntityReference(table="queue", id="q")
    assert team("t").reference().table == "team"


def test_availability_is_not_blamed_when_capacity_failed() -> None:
    closed = Calendar(weekly={})
    pool = pool_of(seller("a", max_capacity=0), seller("b", max_capacity=1, calendar=closed))
    tight = request(pool, "a", respect_capacity=True, within_hours=24)
    assert pool.choose(tight).status is RoutingStatus.NO_CAPACITY
    both = request(pool, "a", "b", respect_capacity=True, within_hours=24)
    assert pool.choose(both).status is RoutingStatus.NO_AVAILABILITY


def test_the_index_starts_afresh_rather_than_grow_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine.distribution.rankings, "_MOST_POOLS", 2)
    pool = pool_of(*map(seller, "abcd"))
    sets = ["ab", "bc", "cd", "abcd"] * 3
    fresh = [give(pool, *names) for names in sets]
    monkeypatch.setattr(engine.distribution.rankings, "_MOST_POOLS", 100)
    kept = pool_of(*map(seller, "abcd"))
    assert fresh == [give(kept, *names) for names in sets]


def test_moments_at_the_ends_of_the_calendar_do_no_harm() -> None:
    calendar = Calendar(time_zone="America/New_York", weekly={"mon": (("09:00", "17:00"),)})
    pool = pool_of(seller("a", calendar=calendar), seller("b"))
    for now in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert give(pool, *"ab", count=2, within_hours=120, now=now) in {"bb", "ab"}
