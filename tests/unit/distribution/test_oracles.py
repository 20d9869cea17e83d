"""The examples of Microsoft's distribution page, at the level of the pool: O1 to O10, P1 to P6."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.sellers import Calendar, Directory, Seller
from engine.statuses import RoutingStatus
from tests.support.builders import ROOM, at, seller
from tests.unit.distribution.pools import open_pool, positions_of

DAY = datetime(2026, 11, 23, tzinfo=UTC)
NOW = DAY + timedelta(hours=17)


def free_in_bucket(number: int) -> Calendar:
    """The calendar of somebody who is free first in the middle of the bucket."""
    free = NOW + timedelta(hours=24 * number - 12)
    return Calendar(weekly={f"{free:%a}".lower(): ((f"{free:%H:%M}", f"{free:%H}:59"),)})


class Desk:
    """A pool and a way to hand it leads."""

    def __init__(self, *sellers: Seller, method: Method = "round_robin", **settings: Any) -> None:
        self.pool = open_pool(Directory(sellers=sellers), DistributionSettings(**settings))
        self.method = method

    def request(
        self,
        *,
        rule: str = "R",
        now: datetime = NOW,
        hours: int | None = None,
        capacity: bool = False,
        only: list[str] | None = None,
    ) -> DistributionRequest:
        names = only or [seller.name for seller in self.pool.snapshot().sellers]
        candidates = positions_of(self.pool, names)
        return DistributionRequest(rule, candidates, "lead", self.method, now, hours, capacity)

    def lead(self, **asked: Any) -> RoutingStatus | str:
        request = self.request(**asked)
        outcome = self.pool.choose(request)
        if outcome.seller is None:
            return outcome.status
        self.pool.assign(request, outcome)
        return outcome.seller.name

    def leads(self, count: int, **asked: Any) -> list[RoutingStatus | str]:
        return [self.lead(**asked) for _ in range(count)]

    def line(self) -> list[str]:
        sellers = self.pool.snapshot().sellers
        return [
            each.name for each in sorted(sellers, key=lambda each: each.last_assigned_at or DAY)
        ]


def test_o1_the_seller_who_has_waited_longest_gets_the_lead() -> None:
    desk = Desk(
        seller("Miriam", last="10:02"),
        seller("Sanjay", last="10:31"),
        seller("Susana", last="11:17"),
    )
    assert desk.lead(now=at("11:20")) == "Miriam"
    assert desk.line() == ["Sanjay", "Susana", "Miriam"]


def test_o1_a_manual_assignment_of_a_counted_table_moves_the_clock() -> None:
    desk = Desk(
        seller("Miriam", last="10:02"),
        seller("Sanjay", last="10:31"),
        seller("Susana", last="11:17"),
    )
    desk.lead(now=at("11:20"))
    desk.pool.touch("Susana", at("13:50"))
    assert desk.line() == ["Sanjay", "Miriam", "Susana"]
    assert desk.lead(now=at("14:30")) == "Sanjay"
    desk.pool.touch("Miriam", at("15:00"))
    assert desk.line() == ["Susana", "Sanjay", "Miriam"]


def test_o2_one_clock_serves_every_rule() -> None:
    desk = Desk(seller("Miriam"), seller("Sanjay"), seller("Susana"))
    given = [desk.lead(rule=rule) for rule in ("1", "2", "3", "1")]
    assert given == ["Miriam", "Sanjay", "Susana", "Miriam"]


def test_o2_with_rule_scope_each_rule_has_its_own_line() -> None:
    desk = Desk(
        seller("Miriam", last="10:00"),
        seller("Sanjay", last="10:01"),
        seller("Susana", last="10:02"),
        round_robin_scope="rule",
    )
    assert desk.lead(rule="1") == "Miriam"
    assert desk.lead(rule="1") == "Sanjay"
    snapshot = desk.pool.snapshot().sellers
    assert snapshot[0].last_assigned_at_by_rule == {"1": NOW}
    assert snapshot[0].last_assigned_at == NOW


def test_o3_a_self_created_row_moves_its_creators_clock() -> None:
    desk = Desk(seller("Miriam", last="10:00"), seller("Sanjay", last="10:05"))
    desk.pool.touch("Miriam", at("11:00"))
    assert desk.lead(now=at("11:01")) == "Sanjay"
    assert desk.line() == ["Miriam", "Sanjay"]


def test_o4_load_balancing_gives_to_whom_has_most_capacity_left() -> None:
    desk = Desk(
        seller("Miriam", left=10),
        seller("Sanjay", left=12),
        seller("Susana", left=15),
        method="load_balancing",
    )
    assert desk.leads(3) == ["Susana"] * 3
    assert desk.lead() == "Sanjay"
    for _ in range(3):
        desk.pool.release("Miriam", "lead")
    assert desk.lead() == "Miriam"


def test_o5_sellers_without_capacity_are_passed_over() -> None:
    sellers = [
        seller("Sanjay", last="14:37", left=0),
        seller("Susana", last="14:57", left=4),
        seller("David", last="15:02", left=1),
        seller("Miriam", last="14:35", left=-2),
    ]
    assert Desk(*sellers).lead(capacity=True) == "Susana"
    assert Desk(*sellers).lead() == "Miriam"


def test_o5_nobody_with_capacity_leaves_the_row_unassigned() -> None:
    desk = Desk(seller("Sanjay", left=0), seller("Miriam", left=-2))
    assert desk.lead(capacity=True) is RoutingStatus.NO_CAPACITY


def test_o6_the_window_cuts_exactly() -> None:
    monday = {"mon": (("09:00", "17:00"),)}
    friday = datetime(2026, 11, 20, 21, tzinfo=UTC)
    desk = Desk(Seller(id="a", name="A", row={}, calendar=Calendar(weekly=monday)))
    assert desk.lead(now=friday, hours=48) is RoutingStatus.NO_AVAILABILITY
    assert desk.lead(now=friday, hours=59) is RoutingStatus.NO_AVAILABILITY
    assert desk.lead(now=friday, hours=60) == "A"


def test_o7_round_robin_stays_in_the_first_bucket() -> None:
    desk = Desk(
        seller("Burt", last="14:37", calendar=free_in_bucket(1)),
        seller("Maya", last="14:15", calendar=free_in_bucket(1)),
        seller("Vivek", last="15:02"),
        seller("Maria", last="15:10", calendar=free_in_bucket(2)),
        seller("Sal", last="14:29"),
    )
    assert desk.leads(4, hours=120) == ["Sal", "Vivek", "Sal", "Vivek"]


def test_o8_load_balancing_stays_in_the_first_bucket_and_may_overdraw() -> None:
    desk = Desk(
        seller("Burt", left=14, calendar=free_in_bucket(1)),
        seller("Maya", left=20, calendar=free_in_bucket(1)),
        seller("Vivek", left=5),
        seller("Maria", left=10, calendar=free_in_bucket(2)),
        seller("Sal", left=2),
        method="load_balancing",
    )
    given = desk.leads(14, hours=120)
    assert given[:3] == ["Vivek"] * 3
    assert sorted(given[3:5]) == ["Sal", "Vivek"]
    assert set(given) == {"Vivek", "Sal"}
    left = [ROOM - each.consumed["lead"] for each in desk.pool.snapshot().sellers]
    assert abs(left[2] - left[4]) <= 1
    assert left[2] < 0


@pytest.mark.parametrize(
    ("burt", "maya", "expected"),
    [
        pytest.param("14:37", "14:15", ["Maya", "Burt", "Maya"], id="O9"),
        pytest.param("14:15", "14:37", ["Burt", "Maya", "Burt"], id="O9-swapped"),
    ],
)
def test_o9_beyond_the_first_bucket_round_robin_decides(
    burt: str, maya: str, expected: list[str]
) -> None:
    desk = Desk(
        seller("Burt", last=burt, left=14, calendar=free_in_bucket(1)),
        seller("Maya", last=maya, left=20, calendar=free_in_bucket(1)),
        seller("Vivek", last="15:02", left=-1),
        seller("Maria", last="15:10", left=10, calendar=free_in_bucket(2)),
        seller("Sal", last="14:29", left=0),
        method="load_balancing",
    )
    assert desk.leads(3, hours=120, capacity=True) == expected


def test_load_balancing_in_every_bucket_is_a_setting() -> None:
    desk = Desk(
        seller("Burt", last="14:15", left=14, calendar=free_in_bucket(1)),
        seller("Maya", last="14:37", left=20, calendar=free_in_bucket(1)),
        method="load_balancing",
        load_balance_every_bucket=True,
    )
    assert desk.leads(3, hours=24) == ["Maya"] * 3


@pytest.mark.parametrize(
    ("tables", "left"), [({"lead"}, 30), ({"lead", "opportunity"}, 20)], ids=["leads", "both"]
)
def test_o10_only_counted_tables_consume(tables: set[str], left: int) -> None:
    alex = Seller(
        id="alex",
        name="Alex",
        row={},
        max_capacity=50,
        consumed={"lead": 20, "opportunity": 10},
    )
    desk = Desk(alex, counted_tables=frozenset(tables))
    given = desk.leads(left + 1, capacity=True)
    assert given == ["Alex"] * left + [RoutingStatus.NO_CAPACITY]


def test_o10_rows_of_other_tables_cost_no_capacity() -> None:
    desk = Desk(seller("Alex", left=1), counted_tables=frozenset({"lead"}))
    desk.pool.consume("Alex", "opportunity")
    assert desk.lead(capacity=True) == "Alex"


def test_p1_only_matched_sellers_stand_in_line() -> None:
    desk = Desk(seller("S1", last="11:00"), seller("S2", last="10:00"), seller("S3", last="12:00"))
    assert desk.lead(now=at("13:30")) == "S2"
    assert desk.lead(only=["S2", "S3"]) == "S3"


def test_p3_capacity_before_the_clock() -> None:
    desk = Desk(
        seller("S1", last="11:00", left=-2),
        seller("S2", last="10:00", left=0),
        seller("S3", last="12:00", left=4),
        seller("S4", last="13:00", left=1),
    )
    assert desk.lead(capacity=True) == "S3"


def test_p4_and_p5_availability_before_clock_and_load() -> None:
    sellers = [
        seller("S1", last="11:00", left=14, calendar=free_in_bucket(1)),
        seller("S2", last="10:00", left=20, calendar=free_in_bucket(1)),
        seller("S3", last="12:00", left=5),
        seller("S4", last="13:00", left=10, calendar=free_in_bucket(2)),
        seller("S5", last="10:30", left=2),
    ]
    assert Desk(*sellers).leads(3, hours=120) == ["S5", "S3", "S5"]
    assert Desk(*sellers, method="load_balancing").lead(hours=120) == "S3"


def test_p6_capacity_then_bucket_then_round_robin() -> None:
    desk = Desk(
        seller("S1", last="10:00", left=14, calendar=free_in_bucket(1)),
        seller("S2", last="11:00", left=20, calendar=free_in_bucket(1)),
        seller("S3", last="12:00", left=-1),
        seller("S5", last="10:30", left=0),
        method="load_balancing",
    )
    assert desk.leads(3, hours=120, capacity=True) == ["S1", "S2", "S1"]
