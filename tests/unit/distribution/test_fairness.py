"""Newcomers and returners: neither dumped on nor starved, and nothing of it by default."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.distribution.newcomer_rules import (
    FairnessSettings,
    head_start,
    median_available,
    next_step,
    remaining_head_start,
    returns_of,
)
from engine.distribution.pool import SellerPool
from engine.sellers import Calendar, Directory, Seller, Team
from tests.support.builders import seller, team
from tests.unit.distribution.pools import open_pool, positions_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOLIDAY = Calendar(time_off=((date(2026, 11, 9), date(2026, 11, 22)),))


def before(days: float) -> datetime:
    return NOW - days * DAY


CALIBRATED = FairnessSettings()


def pool_of(
    *sellers: Seller,
    fairness: FairnessSettings | None = CALIBRATED,
    teams: tuple[Team, ...] = (),
    **settings: Any,
) -> SellerPool:
    directory = Directory(sellers=sellers, teams=teams)
    return open_pool(directory, DistributionSettings(fairness=fairness, **settings))


def give(
    pool: SellerPool,
    names: str,
    count: int = 1,
    now: datetime = NOW,
    method: Method = "round_robin",
) -> str:
    given = []
    for _ in range(count):
        candidates = positions_of(pool, names)
        request = DistributionRequest("R", candidates, "lead", method, now)
        outcome = pool.choose(request)
        pool.assign(request, outcome)
        chosen = outcome.reference()
        assert chosen is not None
        given.append(chosen.id)
    return "".join(given)


def test_without_calibration_a_newcomer_comes_first_and_gets_everything() -> None:
    line = [seller("a", last=before(2)), seller("b", last=before(1)), seller("n")]
    assert give(pool_of(*line, fairness=None), "abn") == "n"
    load = [
        seller("a", last=before(2), left=5),
        seller("b", last=before(1), left=6),
        seller("n", left=50),
    ]
    assert give(pool_of(*load, fairness=None), "abn", 10, method="load_balancing") == "n" * 10


def test_a_newcomer_joins_at_the_end_of_the_line() -> None:
    pool = pool_of(
        seller("a", last=before(2)), seller("b", last=before(1)), seller("n"), seller("m")
    )
    assert give(pool, "abmn", 6) == "abmnab"


def test_a_returner_joins_at_the_end_of_the_line_from_the_day_of_return_on() -> None:
    pool = pool_of(
        seller("a", last=before(2)),
        seller("r", last=before(14), calendar=HOLIDAY),
        seller("b", last=before(0.01)),
    )
    assert give(pool, "abr", 3) == "arb"
    assert pool.snapshot().sellers[1].joined_at == datetime(2026, 11, 23, tzinfo=UTC)


def test_a_short_absence_and_one_before_the_last_assignment_change_nothing() -> None:
    weekend = Calendar(time_off=((date(2026, 11, 21), date(2026, 11, 22)),))
    pool = pool_of(
        seller("a", last=before(2)),
        seller("r", last=before(3), calendar=weekend),
        seller("b", last=before(1)),
    )
    assert give(pool, "abr") == "r"
    back = pool_of(seller("a", last=before(0)), seller("r", last=before(0.1), calendar=HOLIDAY))
    assert give(back, "ar") == "r"
    assert back.snapshot().sellers[1].joined_at is None


def test_a_return_is_noticed_while_the_pool_is_in_use() -> None:
    pool = pool_of(
        seller("a", last=before(30)),
        seller("r", last=before(31), calendar=HOLIDAY),
        seller("b", last=before(29)),
    )
    assert give(pool, "ab", 1, now=NOW - 5 * DAY) == "a"
    assert pool.snapshot().sellers[1].joined_at is None
    assert give(pool, "abr", 3) == "bar"


def test_with_rule_scope_a_newcomer_to_the_rule_stands_where_they_joined() -> None:
    pool = pool_of(seller("a", last=before(2)), seller("n"), round_robin_scope="rule")
    assert give(pool, "an", 3) == "ana"


def test_a_newcomer_counts_as_loaded_as_the_median_seller() -> None:
    pool = pool_of(
        seller("a", last=before(2), left=5),
        seller("b", last=before(1), left=6),
        seller("n", left=50),
    )
    given = give(pool, "abn", 12, method="load_balancing")
    assert {name: given.count(name) for name in "abn"} == {"a": 4, "b": 4, "n": 4}
    assert pool.snapshot().sellers[2].head_start == 44


def test_the_head_start_melts_from_day_to_day_and_is_gone_in_the_end() -> None:
    fairness = FairnessSettings(ramp_days=2)
    pool = pool_of(
        seller("a", last=before(2), left=6),
        seller("b", last=before(1), left=6),
        seller("n", left=26),
        fairness=fairness,
    )
    assert give(pool, "abn", 3, method="load_balancing") == "abn"
    second = give(pool, "abn", 16, now=NOW + DAY, method="load_balancing")
    assert second[:10] == "n" * 10
    assert second.count("a") == second.count("b") == 2
    assert give(pool, "abn", 9, now=NOW + 3 * DAY, method="load_balancing") == "n" * 9
    again = open_pool(pool.snapshot(), DistributionSettings(fairness=fairness))
    assert give(again, "abn", 3, now=NOW + 3 * DAY, method="load_balancing") == "nab"


def test_the_last_unit_of_a_head_start_melts_too() -> None:
    fairness = FairnessSettings(ramp_days=2)
    pool = pool_of(seller("a", last=before(2), left=6), seller("n", left=7), fairness=fairness)
    assert give(pool, "an", 2, method="load_balancing") == "an"
    assert pool.snapshot().sellers[1].head_start == 1
    assert give(pool, "an", 3, now=NOW + DAY, method="load_balancing") == "nan"


def test_whoever_is_given_something_at_the_moment_of_return_has_their_place() -> None:
    back = datetime(2026, 11, 23, tzinfo=UTC)
    returner = Seller(id="r", name="r", row={}, last_assigned_at=back, calendar=HOLIDAY)
    pool = pool_of(seller("a", last=before(0)), returner)
    assert give(pool, "ar") == "r"
    assert pool.snapshot().sellers[1].joined_at is None


def test_a_return_counts_from_its_very_moment_on() -> None:
    back = datetime(2026, 11, 23, tzinfo=UTC)
    pool = pool_of(seller("a", last=before(1)), seller("r", last=before(20), calendar=HOLIDAY))
    assert give(pool, "ar", now=back - timedelta(seconds=1)) == "r"
    again = pool_of(seller("a", last=before(1)), seller("r", last=before(20), calendar=HOLIDAY))
    assert give(again, "ar", now=back) == "a"


def test_a_return_is_noticed_while_a_head_start_melts() -> None:
    away = Calendar(time_off=((date(2026, 11, 24), date(2026, 11, 29)),))
    pool = pool_of(seller("a", last=before(2), left=6), seller("n", left=50, calendar=away))
    for day in range(7):
        give(pool, "a", now=NOW + day * DAY)
    assert pool.snapshot().sellers[1].joined_at == NOW
    back = datetime(2026, 11, 30, tzinfo=UTC)
    give(pool, "a", now=back + timedelta(hours=1))
    assert pool.snapshot().sellers[1].joined_at == back


def test_newcomers_join_one_after_the_other() -> None:
    pool = pool_of(seller("b"), seller("a"), seller("c", last=before(1)))
    give(pool, "c")
    assert [each.assignment_order for each in pool.snapshot().sellers] == [2, 1, 3]


def test_nobody_without_a_limit_has_a_head_start() -> None:
    pool = pool_of(seller("a", last=before(1)), seller("n"))
    give(pool, "an")
    assert [each.head_start for each in pool.snapshot().sellers] == [0, 0]


def test_disabled_sellers_and_other_kinds_do_not_count_for_the_median() -> None:
    helpers = team("t", max_capacity=5)
    pool = pool_of(
        seller("a", last=before(1), left=10),
        seller("x", last=before(1), left=2, is_disabled=True),
        seller("y", last=before(1), left=2, is_assignable=False),
        seller("n", left=50),
        teams=(helpers,),
    )
    give(pool, "an")
    directory = pool.snapshot()
    assert directory.sellers[3].head_start == 40
    assert directory.teams[0].head_start == 0


def test_explaining_lets_newcomers_take_their_place_too() -> None:
    pool = pool_of(seller("a", last=before(2)), seller("n"))
    request = DistributionRequest("R", frozenset({0, 1}), "lead", "round_robin", NOW)
    assert [trace.target.id for trace in pool.explain(request)] == ["a", "n"]


def test_touching_absences_are_one_and_end_at_local_midnight() -> None:
    calendar = Calendar(
        time_zone="America/New_York",
        time_off=(
            (date(2026, 12, 28), date(2026, 12, 31)),
            (date(2026, 12, 24), date(2026, 12, 27)),
            (date(2026, 7, 6), date(2026, 7, 8)),
            (date(2026, 12, 25), date(2026, 12, 26)),
        ),
    )
    assert returns_of(calendar, 5) == [datetime(2027, 1, 1, 5, tzinfo=UTC)]
    assert returns_of(None, 5) == []


def test_an_absence_without_end_has_no_return() -> None:
    assert returns_of(Calendar(time_off=((date(2026, 1, 1), date.max),)), 5) == []


@pytest.mark.parametrize(
    ("available", "others", "expected"),
    [(50, [5, 50, 6], 44), (5, [5, 50, 6], 0), (None, [5], 0), (9, [None], 0), (9, [], 0)],
)
def test_a_head_start_is_what_is_left_above_the_lower_median(
    available: int | None, others: list[int | None], expected: int
) -> None:
    assert head_start(available, median_available(others)) == expected


@pytest.mark.parametrize(
    ("days", "left", "following"),
    [(-1, 10, 0), (0, 10, 1), (0.9, 10, 1), (1, 7, 2), (3, 2, 4), (4, 0, None), (9, 0, None)],
)
def test_a_head_start_melts_in_equal_steps(days: float, left: int, following: int | None) -> None:
    assert remaining_head_start(10, NOW, NOW + days * DAY, 4) == left
    step = next_step(NOW, NOW + days * DAY, 4)
    assert step == (None if following is None else NOW + following * DAY)
