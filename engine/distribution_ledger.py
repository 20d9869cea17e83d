"""The moving part of a directory: clocks, turns and consumed units; choosing with it is in
`distribution`."""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from engine.capacity import available_units
from engine.distribution_model import DistributionSettings
from engine.sellers import Calendar, Directory, Seller, Team

Target = Seller | Team
AnyTarget = TypeVar("AnyTarget", Seller, Team)


class Ledger:
    """Clock, assignment order, turn and consumption of every seller and team.

    Positions: the sellers in the directory's order, then the teams.
    """

    def __init__(self, directory: Directory, settings: DistributionSettings) -> None:
        self.directory = directory
        self.settings = settings
        self.targets: tuple[Target, ...] = (*directory.sellers, *directory.teams)
        self.positions = {
            target.id.lower(): position for position, target in enumerate(self.targets)
        }
        self.clock = [target.last_assigned_at for target in self.targets]
        self.rule_clock = [dict(target.last_assigned_at_by_rule) for target in self.targets]
        self.order = [target.assignment_order for target in self.targets]
        self.turns = [target.turns_taken for target in self.targets]
        self.consumed = [dict(target.consumed) for target in self.targets]
        self.maximum = [self._maximum(target) for target in self.targets]
        self.available = [self._available(position) for position in range(len(self.targets))]
        self.calendars = [self._calendars(target) for target in self.targets]
        self.next_order = max(self.order, default=0) + 1

    def _maximum(self, target: Target) -> int | None:
        if target.max_capacity is not None or isinstance(target, Seller):
            return self._own_maximum(target)
        maxima = [self._own_maximum(seller) for seller in self._members(target)]
        known = [maximum for maximum in maxima if maximum is not None]
        if not maxima:
            return self.settings.default_capacity
        return sum(known) if len(known) == len(maxima) else None

    def _members(self, team: Team) -> list[Seller]:
        members = {member.lower() for member in team.members}
        return [seller for seller in self.directory.sellers if seller.id.lower() in members]

    def _calendars(self, target: Target) -> tuple[Calendar | None, ...]:
        if isinstance(target, Seller):
            return (target.calendar,)
        return tuple(seller.calendar for seller in self._members(target)) or (None,)

    def weight_of(self, position: int) -> int:
        """The weight that counts: everybody's is 1 unless weights are switched on."""
        return self.targets[position].weight if self.settings.use_weights else 1

    def _own_maximum(self, target: Target) -> int | None:
        return (
            self.settings.default_capacity if target.max_capacity is None else target.max_capacity
        )

    def _available(self, position: int) -> int | None:
        return available_units(
            self.maximum[position], self.consumed[position], self.settings.counted_tables
        )

    def assign(
        self, position: int, *, rule: str, table: str, now: datetime, owner: int | None
    ) -> None:
        """A rule gave a row to `position`; `owner` is the position of who owned it, if listed."""
        self.move_clock(position, now)
        if self.settings.round_robin_scope == "rule":
            self.rule_clock[position][rule] = now
        if self.settings.use_weights:
            self.turns[position] = (self.turns[position] + 1) % self.weight_of(position)
        if owner != position:
            self.consume(position, table, self.settings.units.cost(table, rule))
            if owner is not None:
                self.release(owner, table, self.settings.units.cost(table))

    def move_clock(self, position: int, now: datetime) -> None:
        """Set the organisation's clock and take the next place among equal ones."""
        self.clock[position] = now
        self.order[position] = self.next_order
        self.next_order += 1

    def consume(self, position: int, table: str, units: int) -> None:
        """Count `units` more of `table`."""
        consumed = self.consumed[position]
        consumed[table] = consumed.get(table, 0) + units
        self.available[position] = self._available(position)

    def release(self, position: int, table: str, units: int) -> None:
        """Give `units` of `table` back; nobody owns less than nothing."""
        consumed = self.consumed[position]
        if table in consumed:
            consumed[table] = max(0, consumed[table] - units)
        self.available[position] = self._available(position)

    def snapshot(self) -> Directory:
        """The directory with everything that moved since."""
        count = len(self.directory.sellers)
        return replace(
            self.directory,
            sellers=tuple(
                self._moved(seller, at) for at, seller in enumerate(self.directory.sellers)
            ),
            teams=tuple(
                self._moved(team, count + at) for at, team in enumerate(self.directory.teams)
            ),
        )

    def _moved(self, target: AnyTarget, position: int) -> AnyTarget:
        return replace(
            target,
            last_assigned_at=self.clock[position],
            last_assigned_at_by_rule=dict(self.rule_clock[position]),
            assignment_order=self.order[position],
            turns_taken=self.turns[position],
            consumed=dict(self.consumed[position]),
        )
