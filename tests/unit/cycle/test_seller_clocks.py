"""Clocks and consumed units over a directory, and what is put back after failed writes."""

from datetime import timedelta

import pytest

from connector.cycle.rows.seller_clocks import (
    count_units,
    find_moved,
    restore_clocks,
    touch_clock,
)
from engine.rules.rule_set import build_rule_set
from engine.sellers import SellerClock
from tests.support.fake_dataverse import START
from tests.support.worlds import RULES

EARLY = SellerClock(seller_id="m", last_assigned_at=START, order=1)
LATE = SellerClock(seller_id="m", last_assigned_at=START + timedelta(hours=1), order=5)
LATER = SellerClock(seller_id="m", last_assigned_at=START + timedelta(hours=2), order=6)


def test_open_rows_consume_units_of_their_rule_or_table() -> None:
    rule_set = build_rule_set({**RULES, "capacity_units": {"lead": 2}})
    open_rows = {("lead", "m", ""): 2, ("lead", "m", "UK to all"): 1, ("task", "s", ""): 1}
    assert count_units(open_rows, rule_set) == {"m": {"lead": 6}, "s": {"task": 1}}


def test_only_moved_clocks_are_found() -> None:
    other = SellerClock(seller_id="s", order=2)
    assert find_moved({"m": EARLY, "s": other}, {"m": LATE, "s": other}) == {"m": LATE}
    assert find_moved({}, {"s": other}) == {"s": other}


def test_a_turn_taken_by_hand_stands_behind_equal_clocks() -> None:
    clocks = {"m": EARLY, "s": SellerClock(seller_id="s", last_assigned_at=START, order=7)}
    assert touch_clock(clocks, "m", START).order == 8
    assert touch_clock({}, "new", START) == SellerClock(
        seller_id="new", last_assigned_at=START, order=1
    )


@pytest.mark.parametrize(
    ("current", "assigned", "restored"),
    [
        (LATE, [("m", False)], [EARLY]),
        (LATE, [("m", False), ("m", False)], [EARLY]),
        (LATE, [("m", True)], []),
        (LATE, [("m", False), ("m", True)], []),
        (LATER, [("m", False)], []),
        (LATE, [("stranger", False)], []),
    ],
    ids=["failed", "all failed", "arrived", "one arrived", "moved since", "no clock of ours"],
)
def test_a_clock_is_put_back_when_none_of_its_rows_arrived(
    current: SellerClock, assigned: list[tuple[str, bool]], restored: list[SellerClock]
) -> None:
    found = restore_clocks({"m": current}, before=[EARLY], after=[LATE], assigned=assigned)
    assert found == restored


def test_a_first_clock_is_put_back_to_never() -> None:
    found = restore_clocks({"m": LATE}, before=[], after=[LATE], assigned=[("m", False)])
    assert found == [SellerClock(seller_id="m")]
