"""Why each candidate was chosen or not, and the smallest change that would have changed it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.decisions.decision import Stage
from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.distribution.newcomer_rules import FairnessSettings
from engine.sellers import Calendar, Directory, Seller
from tests.support.builders import seller
from tests.unit.distribution.pools import open_pool

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
MONDAYS = Calendar(weekly={"mon": (("09:00", "17:00"),)})


def ask(
    *sellers: Seller,
    method: Method = "round_robin",
    now: datetime = NOW,
    within: int | None = None,
    capacity: bool = False,
    **settings: Any,
) -> tuple[list[tuple[str | None, Stage, str]], tuple[str, ...]]:
    pool = open_pool(Directory(sellers=sellers), DistributionSettings(**settings))
    everybody = frozenset(range(len(sellers)))
    request = DistributionRequest("R", everybody, "lead", method, now, within, capacity)
    traces = [(each.target.name, each.stage, each.detail) for each in pool.explain(request)]
    return traces, pool.counterfactuals(request)


def test_round_robin_names_the_clocks() -> None:
    traces, changes = ask(
        seller("Susana", last="11:17"),
        seller("Miriam", last="10:02"),
        seller("Sanjay", last="10:31"),
    )
    assert traces == [
        ("Miriam", Stage.CHOSEN, "last assigned 10:02"),
        ("Sanjay", Stage.ORDER, "assigned more recently: 10:31"),
        ("Susana", Stage.ORDER, "assigned more recently: 11:17"),
    ]
    assert changes == (
        "Sanjay would have been chosen if last assigned before 10:02",
        "Susana would have been chosen if last assigned before 10:02",
    )


def test_another_day_is_named_with_its_date() -> None:
    traces, _ = ask(seller("Miriam", last="10:02"), now=NOW + timedelta(days=1))
    assert traces[0][2] == "last assigned 2026-11-23 10:02"


def test_equals_fall_out_by_order_and_nothing_about_them_could_have_changed_it() -> None:
    traces, changes = ask(seller("A"), seller("B"), seller("C", last="10:00"))
    assert [detail for _, _, detail in traces] == [
        "never assigned",
        "never assigned, equal, but later in order",
        "assigned more recently: 10:00",
    ]
    assert changes == ()


def test_capacity_is_counted() -> None:
    traces, changes = ask(
        seller("A", last="10:00", left=0), seller("B", last="11:00", left=4), capacity=True
    )
    assert traces == [
        ("B", Stage.CHOSEN, "last assigned 11:00"),
        ("A", Stage.CAPACITY, "capacity 0 of 50 left"),
    ]
    assert changes == ("A would have been chosen with 1 more capacity",)


def test_the_last_unit_can_be_given_away() -> None:
    traces, _ = ask(seller("A", last="10:00", left=1), capacity=True)
    assert traces == [("A", Stage.CHOSEN, "last assigned 10:00")]


def test_nobody_chosen_who_is_free_lacks_capacity_only() -> None:
    _, changes = ask(seller("A", left=0), within=48, capacity=True)
    assert changes == ("A would have been chosen with 1 more capacity",)


def test_nobody_chosen_still_says_what_was_missing() -> None:
    traces, changes = ask(seller("A", left=-2, calendar=MONDAYS), within=48, capacity=True, now=NOW)
    assert traces == [("A", Stage.CAPACITY, "capacity -2 of 50 left")]
    assert changes == ("A would have been chosen with 3 more capacity and if free within 48 h",)


@pytest.mark.parametrize(
    ("days", "hours", "detail"),
    [
        (4, 48, "free in 64 h, window 48 h"),
        (1, 48, "not free within 120 h, window 48 h"),
        (4.01, 60, "free in 63.8 h, window 60 h"),
    ],
)
def test_the_window_is_counted_in_hours(days: float, hours: int, detail: str) -> None:
    now = NOW + timedelta(days=days)
    traces, changes = ask(seller("A", calendar=MONDAYS), within=hours, now=now)
    assert traces == [("A", Stage.WINDOW, detail)]
    assert changes == (f"A would have been chosen if free within {hours} h",)


def test_free_at_the_end_of_the_window_is_within_it() -> None:
    tuesday = Calendar(weekly={"tue": (("09:00", "17:00"),)})
    traces, _ = ask(seller("A", last="10:00", calendar=tuesday), within=16)
    assert traces == [("A", Stage.CHOSEN, "free in 16 h, last assigned 10:00")]
    traces, _ = ask(seller("A", last="10:00", calendar=tuesday), within=15)
    assert traces == [("A", Stage.WINDOW, "free in 16 h, window 15 h")]


def test_earlier_buckets_come_first() -> None:
    tuesday = Calendar(weekly={"tue": (("09:00", "17:00"),)})
    wednesday = Calendar(weekly={"wed": (("09:00", "17:00"),)})
    people = (
        seller("A", last="10:00", calendar=wednesday),
        seller("B", last="11:00", calendar=tuesday),
        seller("C", last="09:00"),
    )
    traces, changes = ask(*people, within=48)
    assert traces[0] == ("C", Stage.CHOSEN, "free now, last assigned 09:00")
    assert traces[1] == ("B", Stage.ORDER, "free in 16 h, bucket 1D after 0D")
    assert traces[2] == ("A", Stage.ORDER, "free in 40 h, bucket 2D after 0D")
    assert changes[0].startswith("B would have been chosen if free now and if last assigned")
    traces, changes = ask(*people[:2], within=30)
    assert traces[0][2] == "free in 16 h, last assigned 11:00"
    assert changes == ("A would have been chosen if free within 24 h",)


def test_load_balancing_names_what_is_left() -> None:
    traces, changes = ask(
        seller("A", last="10:00", left=12),
        seller("B", last="11:00", left=15),
        seller("C", last="12:00", left=15),
        method="load_balancing",
    )
    assert traces == [
        ("B", Stage.CHOSEN, "capacity 15 of 50 left, last assigned 11:00"),
        ("C", Stage.ORDER, "assigned more recently: 12:00"),
        ("A", Stage.ORDER, "less spare capacity: 12 against 15"),
    ]
    assert changes == (
        "C would have been chosen with 1 more capacity",
        "A would have been chosen with 3 more capacity",
    )


def test_nothing_but_no_limit_beats_no_limit() -> None:
    traces, changes = ask(
        seller("A", last="10:00"), seller("B", last="11:00"), seller("C", last="09:00", left=9), seller("D", last="12:00", left=9),
        method="load_balancing",
    )  # fmt: skip
    assert traces[0][2] == "no limit of capacity, last assigned 10:00"
    assert traces[2][2] == "less spare capacity: 9 against no limit"
    assert changes == (
        "B would have been chosen if last assigned before 10:00",
        "C would have been chosen without a limit of capacity",
        "D would have been chosen without a limit of capacity and if last assigned before 10:00",
    )


def test_more_load_than_the_filter_alone_asks_for() -> None:
    _, changes = ask(
        seller("A", last="10:00", left=-1),
        seller("B", last="11:00", left=4),
        method="load_balancing",
        capacity=True,
    )
    assert changes == ("A would have been chosen with 5 more capacity",)


def test_unlimited_but_late_only_has_to_be_free() -> None:
    traces, changes = ask(
        seller("A", last="10:00", calendar=MONDAYS), seller("B", last="11:00", left=4),
        method="load_balancing", within=24,
    )  # fmt: skip
    assert traces[1][1] is Stage.WINDOW
    assert changes == ("A would have been chosen if free now",)


def test_a_turn_that_goes_on_is_said_so() -> None:
    traces, changes = ask(
        seller("A", last="10:00"),
        seller("B", last="11:00", weight=2, turns_taken=1),
        use_weights=True,
    )
    assert traces[1] == ("A", Stage.ORDER, "the chosen one is in the middle of a turn")
    assert changes == ()


def test_earlier_availability_needs_only_the_missing_capacity() -> None:
    tuesday = Calendar(weekly={"tue": (("09:00", "17:00"),)})
    _, changes = ask(
        seller("A", last="12:00", left=0),
        seller("B", last="11:00", left=4, calendar=tuesday),
        within=24,
        capacity=True,
    )
    assert changes == ("A would have been chosen with 1 more capacity",)


def test_load_is_what_counts_per_weight() -> None:
    traces, changes = ask(
        seller("A", last="12:00", left=29, weight=2), seller("B", last="11:00", left=41), seller("C", last="09:00", left=12),
        method="load_balancing", use_weights=True,
    )  # fmt: skip
    assert traces == [
        ("B", Stage.CHOSEN, "capacity 41 of 50 left, last assigned 11:00"),
        ("A", Stage.ORDER, "less spare capacity: 39.5 against 41"),
        ("C", Stage.ORDER, "less spare capacity: 12 against 41"),
    ]
    assert changes == (
        "A would have been chosen with 2 more capacity",
        "C would have been chosen with 29 more capacity",
    )


def test_the_filter_may_ask_for_more_than_the_load() -> None:
    _, changes = ask(
        seller("A", last="10:00", left=0, weight=2), seller("B", last="11:00", left=4),
        method="load_balancing", capacity=True, use_weights=True,
    )  # fmt: skip
    assert changes == ("A would have been chosen with 1 more capacity",)


def test_only_counted_tables_are_a_load() -> None:
    busy = Seller(
        id="a", name="A", row={}, max_capacity=50, consumed={"lead": 10, "opportunity": 30}
    )
    traces, _ = ask(
        busy,
        seller("B", last="11:00", left=45),
        method="load_balancing",
        counted_tables=frozenset({"lead"}),
    )
    assert traces[1][2] == "less spare capacity: 40 against 45"


def test_a_head_start_is_a_load() -> None:
    traces, _ = ask(
        seller("A", last="10:00", left=20), seller("N", left=50),
        method="load_balancing", fairness=FairnessSettings(),
    )  # fmt: skip
    assert traces == [
        ("A", Stage.CHOSEN, "capacity 20 of 50 left, last assigned 10:00"),
        ("N", Stage.ORDER, "assigned more recently: 17:00"),
    ]


def test_who_has_more_to_spare_but_is_late_only_has_to_be_free() -> None:
    _, changes = ask(
        seller("A", last="10:00", left=9, calendar=MONDAYS), seller("B", last="11:00", left=4),
        method="load_balancing", within=24,
    )  # fmt: skip
    assert changes == ("A would have been chosen if free now",)


def test_with_rule_scope_the_clocks_of_the_rule_are_named() -> None:
    people = [
        Seller(
            id=name.lower(), name=name, row={}, last_assigned_at=NOW,
            last_assigned_at_by_rule={"R": NOW.replace(hour=hour), "Other": NOW},
        )
        for name, hour in (("A", 9), ("B", 11))
    ]  # fmt: skip
    traces, changes = ask(*people, round_robin_scope="rule")
    assert [detail for _, _, detail in traces] == [
        "last assigned 09:00",
        "assigned more recently: 11:00",
    ]
    assert changes == ("B would have been chosen if last assigned before 09:00",)


def test_two_in_the_middle_of_a_turn_are_told_apart_by_their_clocks() -> None:
    _, changes = ask(
        seller("A", last="10:00", weight=2, turns_taken=1),
        seller("B", last="11:00", weight=2, turns_taken=1),
        use_weights=True,
    )
    assert changes == ("B would have been chosen if last assigned before 10:00",)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is fixed here")
def test_times_are_told_in_utc_wherever_the_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        traces, _ = ask(
            seller("A", last="10:00"),
            seller("B", last="23:30"),
            now=NOW.astimezone(ZoneInfo("Asia/Tokyo")),
        )
    time.tzset()
    assert [detail for _, _, detail in traces] == [
        "last assigned 10:00",
        "assigned more recently: 23:30",
    ]


def test_only_so_many_changes_are_named() -> None:
    pool = open_pool(Directory(sellers=tuple(seller(name, last="10:00") for name in "ABCDE")))
    request = DistributionRequest("R", frozenset(range(5)), "lead", "round_robin", NOW)
    assert len(pool.counterfactuals(request)) == 3
    assert len(pool.counterfactuals(request, limit=1)) == 1
