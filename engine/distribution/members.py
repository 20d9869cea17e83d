"""Who takes part in distribution, numbered, with all that no assignment moves."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from engine.distribution.model import DistributionSettings
from engine.distribution.newcomer_rules import returns_of
from engine.distribution.windows import TimelineShelf
from engine.sellers import Calendar, Directory, Seller, Team

Target = Seller | Team


class PoolMembers:
    """The sellers and teams of a directory; any number of pools can start from them.

    Positions number the directory's sellers in its order, then its teams. Ranks number them by id,
    so that a rank breaks every tie.
    """

    def __init__(self, directory: Directory, settings: DistributionSettings) -> None:
        self.directory = directory
        self.settings = settings
        self.targets: tuple[Target, ...] = (*directory.sellers, *directory.teams)
        self.positions = {target.id.lower(): at for at, target in enumerate(self.targets)}
        self.by_id = {target.id: target for target in self.targets}
        self.weights = [self._weight(target) for target in self.targets]
        self.maximum = [self._maximum(target) for target in self.targets]
        self.calendars = [self._calendars(target) for target in self.targets]

    @cached_property
    def position_of(self) -> Sequence[int]:
        """The position of each rank."""
        ids = [target.id.lower() for target in self.targets]
        return sorted(range(len(ids)), key=lambda at: (ids[at], at))

    @cached_property
    def rank_of(self) -> Sequence[int]:
        """The rank of each position."""
        ranks = [0] * len(self.targets)
        for rank, position in enumerate(self.position_of):
            ranks[position] = rank
        return ranks

    @cached_property
    def shelf(self) -> TimelineShelf:
        """The working time of everybody, worked out as it is asked for and kept."""
        return TimelineShelf(self.calendars)

    @cached_property
    def returns(self) -> Sequence[Sequence[datetime]]:
        """When each position comes back from long absences; nobody does without calibration."""
        fairness = self.settings.fairness
        return [
            returns_of(target.calendar, fairness.absence_days)
            if fairness is not None and isinstance(target, Seller)
            else ()
            for target in self.targets
        ]

    def _weight(self, target: Target) -> int:
        """The weight that counts: everybody's is 1 unless weights are switched on."""
        return max(1, target.weight) if self.settings.use_weights else 1

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
