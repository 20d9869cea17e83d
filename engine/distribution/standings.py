"""Clocks, turns and consumed units of a directory as they move; choosing is in `pool`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from engine.distribution.capacity import available_units
from engine.distribution.members import PoolMembers
from engine.sellers import (
    Consumed,
    Directory,
    Seller,
    SellerClock,
    Team,
)

AnyTarget = TypeVar("AnyTarget", Seller, Team)
_NEVER = SellerClock(seller_id="")
_NOTHING: Mapping[str, int] = {}


class _Charge(NamedTuple):
    """What a row costs under a rule, where it is counted, and whether capacity minds it."""

    units: int
    counts: list[int]
    is_counted: bool


class Standings:
    """Clock, assignment order, turn and consumption of every seller and team.

    They start from `clocks` and `consumed`, both by id; who is in neither was never given anything.
    """

    def __init__(
        self, members: PoolMembers, clocks: Mapping[str, SellerClock], consumed: Consumed
    ) -> None:
        self.members = members
        self.settings = settings = members.settings
        self.targets, self.positions = members.targets, members.positions
        self.calendars, self.maximum = list(members.calendars), list(members.maximum)
        starts = [clocks.get(target.id, _NEVER) for target in self.targets]
        self.clock = [start.last_assigned_at for start in starts]
        self.rule_clock = [dict(start.by_rule) for start in starts]
        self.order = [start.order for start in starts]
        turns_taken = [start.turns for start in starts]
        self.turns = [
            turns % weight for turns, weight in zip(turns_taken, members.weights, strict=True)
        ]
        self.joined_at = [start.joined_at for start in starts]
        self.head_start = [start.head_start for start in starts]
        self.handicap = [0] * len(self.targets)
        self.initially = [consumed.get(target.id, _NOTHING) for target in self.targets]
        self.available = [
            available_units(maximum, units, settings.counted_tables)
            for maximum, units in zip(self.maximum, self.initially, strict=True)
        ]
        tables = {table for units in self.initially for table in units}
        self._consumed = {table: self._counts(table) for table in tables}
        self._emptied = set[tuple[int, str]]()
        self._counted = settings.counted_tables
        self._by_rule = settings.round_robin_scope == "rule"
        self._use_weights = settings.use_weights
        self._charges: dict[tuple[str, str], _Charge] = {}
        self._next_order = max(self.order, default=0) + 1
        # A turn that the weights of today make shorter has moved, too.
        pairs = zip(self.turns, turns_taken, strict=True)
        self._moved = {at for at, (now, before) in enumerate(pairs) if now != before}

    def weight_of(self, position: int) -> int:
        """The weight that counts: everybody's is 1 unless weights are switched on."""
        return self.members.weights[position]

    def line_clock(self, position: int, rule: str) -> datetime | None:
        """The clock that round robin compares: the organization's or the rule's, or when joined."""
        clock = self.clock[position]
        if self.settings.round_robin_scope == "rule":
            clock = self.rule_clock[position].get(rule)
        joined_at = self.joined_at[position]
        if joined_at is None or self.settings.fairness is None:
            return clock
        return joined_at if clock is None else max(clock, joined_at)

    def assign(
        self, position: int, *, rule: str, table: str, now: datetime, owner: int | None
    ) -> None:
        """A rule gave a row to `position`; `owner` is the position of who owned it, if listed."""
        self._moved.add(position)
        self.clock[position] = now
        self.order[position] = self._next_order
        self._next_order += 1
        if self._by_rule:
            self.rule_clock[position][rule] = now
        if self._use_weights:
            self.turns[position] = (self.turns[position] + 1) % self.weight_of(position)
        if owner != position:
            charge = self._charges.get((table, rule)) or self._add_charge(table, rule)
            charge.counts[position] += charge.units
            available = self.available[position]
            if charge.is_counted and available is not None:
                self.available[position] = available - charge.units
            if owner is not None:
                self.release(owner, table, self.cost(table))

    def _add_charge(self, table: str, rule: str) -> _Charge:
        charge = _Charge(self.cost(table, rule), self._counts_of(table), self._is_counted(table))
        self._charges[table, rule] = charge
        return charge

    def move_clock(self, position: int, at: datetime) -> None:
        """Set the organization's clock and take the next place among equal ones."""
        self._moved.add(position)
        self.clock[position] = at
        self.order[position] = self._next_order
        self._next_order += 1

    def join(self, position: int, at: datetime, head_start: int) -> None:
        """Stand at the end of the line from `at` on, with a head start in load."""
        self._moved.add(position)
        self.joined_at[position] = at
        self.head_start[position] = head_start
        self.order[position] = self._next_order
        self._next_order += 1

    def cost(self, table: str, rule: str | None = None) -> int:
        """Units that a row of `table` costs."""
        return self.settings.units.cost(table, rule)

    def consume(self, position: int, table: str, units: int) -> None:
        """Count `units` more of `table`."""
        self._counts_of(table)[position] += units
        self._move_available(position, table, -units)

    def release(self, position: int, table: str, units: int) -> None:
        """Give `units` of `table` back; nobody owns less than nothing."""
        counts = self._consumed.get(table)
        if counts is not None and counts[position] > 0:
            returned = min(units, counts[position])
            counts[position] -= returned
            self._move_available(position, table, returned)
            if not counts[position]:
                self._emptied.add((position, table))

    def consumed(self, position: int) -> dict[str, int]:
        """Units consumed by table, without tables that never counted for this target."""
        listed = self.initially[position]
        counts = {table: counts[position] for table, counts in sorted(self._consumed.items())}
        return {
            table: units
            for table, units in counts.items()
            if units or table in listed or (position, table) in self._emptied
        }

    def list_moved(self) -> dict[str, SellerClock]:
        """The clocks that moved since the start, by id."""
        return {self.targets[at].id: self._clock_at(at) for at in sorted(self._moved)}

    def snapshot(self) -> Directory:
        """The directory with everything as it stands."""
        directory = self.members.directory
        first_team = len(directory.sellers)
        return replace(
            directory,
            sellers=tuple(
                self._as_it_stands(each, at) for at, each in enumerate(directory.sellers)
            ),
            teams=tuple(
                self._as_it_stands(each, at) for at, each in enumerate(directory.teams, first_team)
            ),
        )

    def _clock_at(self, position: int) -> SellerClock:
        return SellerClock(
            seller_id=self.targets[position].id,
            last_assigned_at=self.clock[position],
            order=self.order[position],
            by_rule=dict(self.rule_clock[position]),
            turns=self.turns[position],
            joined_at=self.joined_at[position],
            head_start=self.head_start[position],
        )

    def _as_it_stands(self, target: AnyTarget, position: int) -> AnyTarget:
        clock = self._clock_at(position)
        return replace(
            target,
            last_assigned_at=clock.last_assigned_at,
            last_assigned_at_by_rule=clock.by_rule,
            assignment_order=clock.order,
            turns_taken=clock.turns,
            joined_at=clock.joined_at,
            head_start=clock.head_start,
            consumed=self.consumed(position),
        )

    def _move_available(self, position: int, table: str, units: int) -> None:
        available = self.available[position]
        if available is not None and self._is_counted(table):
            self.available[position] = available + units

    def _is_counted(self, table: str) -> bool:
        return self._counted is None or table in self._counted

    def _counts_of(self, table: str) -> list[int]:
        """The units of `table` by position, from its first use on."""
        if table not in self._consumed:
            self._consumed[table] = self._counts(table)
        return self._consumed[table]

    def _counts(self, table: str) -> list[int]:
        return [units.get(table, 0) for units in self.initially]
