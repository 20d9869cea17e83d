"""Seller clocks and consumed capacity: held, moved by hand, put back when a write failed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.distribution.capacity import CapacityUnits
from engine.rules.rule_set import RuleSet
from engine.sellers import SellerClock

OpenRows = Mapping[tuple[str, str, str], int]
"""Open rows by table, owner id and the rule that assigned them."""


def count_units(open_rows: OpenRows, rule_set: RuleSet) -> dict[str, dict[str, int]]:
    """The units that open rows consume, by owner id and table."""
    by_rule = {r.name: r.capacity_units for r in rule_set.rules if r.capacity_units is not None}
    units = CapacityUnits(by_table=rule_set.capacity_units, by_rule=by_rule)
    consumed: dict[str, dict[str, int]] = {}
    for (table, owner, rule), count in open_rows.items():
        own = consumed.setdefault(owner, {})
        own[table] = own.get(table, 0) + count * units.cost(table, rule or None)
    return consumed


def find_moved(
    before: Mapping[str, SellerClock], after: Mapping[str, SellerClock]
) -> dict[str, SellerClock]:
    """The clocks of `after` that differ from `before`."""
    return {seller: clock for seller, clock in after.items() if before.get(seller) != clock}


def touch_clock(
    clocks: Mapping[str, SellerClock], seller_id: str, at: datetime, *, rule: str | None = None
) -> SellerClock:
    """The clock of somebody who was given work at `at`, which may have been seen late.

    It comes behind all with an equal clock and never goes back. `rule` is named where rules have
    clocks of their own.
    """
    order = max((clock.order for clock in clocks.values()), default=0) + 1
    clock = clocks.get(seller_id, SellerClock(seller_id=seller_id))
    by_rule = dict(clock.by_rule)
    if rule is not None:
        by_rule[rule] = max(at, by_rule.get(rule, at))
    latest = max(at, clock.last_assigned_at or at)
    return replace(clock, last_assigned_at=latest, order=order, by_rule=by_rule)


def clock_rule(rule_set: RuleSet, rule: str | None) -> str | None:
    """The rule whose own clock a turn moves; None where all rules share the organization's."""
    return rule if rule_set.round_robin_scope == "rule" else None


def hold_clocks(clocks: Mapping[str, SellerClock], now: datetime) -> dict[str, SellerClock]:
    """The clocks with none ahead of `now`.

    After the machine's clock was put back, whoever is given work first would otherwise look as if
    it had been the longest ago until the others' last turn comes round again.
    """
    return {seller: _held(clock, now) for seller, clock in clocks.items()}


def restore_clocks(
    current: Mapping[str, SellerClock],
    *,
    before: Sequence[SellerClock],
    after: Sequence[SellerClock],
    assigned: Iterable[tuple[str, bool]],
) -> list[SellerClock]:
    """The clocks to put back after some writes of a plan failed.

    `assigned` names the seller of each decision in the order they were taken and whether the row
    got there. A seller whose rows all failed gets the old clock back, unless it moved again
    since.
    """
    kept: set[str] = set()
    failed: set[str] = set()
    for seller, arrived in assigned:
        (kept if arrived else failed).add(seller)
    old = {clock.seller_id: clock for clock in before}
    new = {clock.seller_id: clock for clock in after}
    return [
        old.get(seller, SellerClock(seller_id=seller))
        for seller in sorted(failed - kept)
        if seller in new and current.get(seller) == new[seller]
    ]


def clocks_of(clocks: Mapping[str, SellerClock], sellers: Collection[str]) -> list[SellerClock]:
    """The clocks of some sellers; one that never moved is a fresh clock."""
    return [clocks.get(seller, SellerClock(seller_id=seller)) for seller in sorted(sellers)]


def _held(clock: SellerClock, now: datetime) -> SellerClock:
    moments = (clock.last_assigned_at, *clock.by_rule.values())
    if all(at is None or at <= now for at in moments):
        return clock
    return replace(
        clock,
        last_assigned_at=clock.last_assigned_at and min(clock.last_assigned_at, now),
        by_rule={rule: min(at, now) for rule, at in clock.by_rule.items()},
    )
