"""Clocks, turns and consumed units of a directory as they move; choosing is in `distribution`."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from engine.distribution.capacity import available_units
from engine.distribution.model import DistributionSettings
from engine.sellers import Calendar, Directory, Seller, Team

Target = Seller | Team
AnyTarget = TypeVar("AnyTarget", Seller, Team)


class _Charge(NamedTuple):
    """What a row costs under a rule, where it is counted, and whether capacity minds it."""

    units: int
    counts: list[int]
    is_counted: bool


class Standings:
    """Clock, assignment order, turn and consumption of every seller and team.

    Positions: the sellers in the directory's order, then the teams.
    """

    def __init__(self, directory: Directory, settings: DistributionSettings) -> None:
        self.directory = directory
        self.settings = settings
        self.targets: tuple[Target, ...] = (*directory.sellers, *directory.teams)
        self.positions = {target.id.lower(): at for at, target in enumerate(self.targets)}
        self.clock = [target.last_assigned_at for target in self.targets]
        self.rule_clock = [dict(target.last_assigned_at_by_rule) for target in self.targets]
        self.order = [target.assignment_order for target in self.targets]
        self.turns = [
            target.turns_taken % self.weight_of(at) for at, target in enumerate(self.targets)
        ]
        self.joined_at = [target.joined_at for target in self.targets]
        self.head_start = [target.head_start for target in self.targets]
        self.handicap = [0] * len(self.targets)
        self.maximum = [self._maximum(target) for target in self.targets]
        self.available = [
            available_units(maximum, target.consumed, settings.counted_tables)
            for maximum, target in zip(self.maximum, self.targets, strict=True)
        ]
        tables = {table for target in self.targets for table in target.consumed}
        self._consumed = {table: self._counts(table) for table in tables}
        self._emptied = set[tuple[int, str]]()
        self.calendars = [self._calendars(target) for target in self.targets]
        self._counted = settings.counted_tables
        self._by_rule = settings.round_robin_scope == "rule"
        self._use_weights = settings.use_weights
        self._charges: dict[tuple[str, str], _Charge] = {}
        self._next_order = max(self.order, default=0) + 1

    def weight_of(self, position: int) -> int:
        """The weight that counts: everybody's is 1 unless weights are switched on."""
        return max(1, self.targets[position].weight) if self.settings.use_weights else 1

    def line_clock(self, position: int, rule: str) -> datetime | None:
        """The clock that round robin compares: the organisation's or the rule's, or when joined."""
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
        """Set the organisation's clock and take the next place among equal ones."""
        self.clock[position] = at
        self.order[position] = self._next_order
        self._next_order += 1

    def join(self, position: int, at: datetime, head_start: int) -> None:
        """Stand at the end of the line from `at` on, with a head start in load."""
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
        listed = self.targets[position].consumed
        counts = {table: counts[position] for table, counts in sorted(self._consumed.items())}
        return {
            table: units
            for table, units in counts.items()
            if units or table in listed or (position, table) in self._emptied
        }

    def snapshot(self) -> Directory:
        """The directory with everything that moved since."""
        first_team = len(self.directory.sellers)
        return replace(
            self.directory,
            sellers=tuple(self._moved(each, at) for at, each in enumerate(self.directory.sellers)),
            teams=tuple(
                self._moved(each, at) for at, each in enumerate(self.directory.teams, first_team)
            ),
        )

    def _moved(self, target: AnyTarget, position: int) -> AnyTarget:
        return replace(
            target,
            last_assigned_at=self.clock[position],
            last_assigned_at_by_rule=dict(self.rule_clock[position]),
            assignment_order=self.order[position],
            turns_taken=self.turns[position],
            joined_at=self.joined_at[position],
            head_start=self.head_start[position],
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
        return [target.consumed.get(table, 0) for target in self.targets]

    def _maximum(self, target: Target) -> int | None:
        if target.max_capacity is not None or isinstance(target, Seller):
            return self._own_maximum(target)
        maxima = [self._own_maximum(seller) for seller in self._members(target)]
        known = [maximum for maximum in maxima if maximum is not None]
        if not maxima:
            return self.settings.default_capacity
        return sum(known) if len(known) == len(maxima) else None

    def _own_maximum(self, target: Target) -> int | None:
        maximum = target.max_capacity
        return self.settings.default_capacity if maximum is None else maximum

    def _calendars(self, target: Target) -> tuple[Calendar | None, ...]:
        if isinstance(target, Seller):
            return (target.calendar,)
        return tuple(seller.calendar for seller in self._members(target)) or (None,)

    def _members(self, team: Team) -> list[Seller]:
        at = [self.positions.get(member.lower()) for member in team.members]
        sellers = self.directory.sellers
        return [sellers[each] for each in at if each is not None and each < len(sellers)]
