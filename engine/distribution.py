"""Who gets the next record: round robin and load balancing over a pool of sellers and teams.

Which sellers are candidates is decided in `routing`.
"""

from datetime import datetime

from engine.decisions import CandidateTrace, Stage
from engine.distribution_ledger import Ledger
from engine.distribution_model import (
    DistributionOutcome,
    DistributionRequest,
    DistributionSettings,
    Method,
    Scope,
)
from engine.distribution_scan import scan
from engine.sellers import Directory, Seller, Team
from engine.statuses import RoutingStatus

__all__ = [
    "DistributionOutcome",
    "DistributionRequest",
    "DistributionSettings",
    "Method",
    "Scope",
    "SellerPool",
]


class SellerPool:
    """The sellers and teams of a directory with their clocks and capacity, moving with each
    assignment.

    Positions number the directory's sellers in its order, then its teams. Exact: the answer is that
    of comparing every candidate, whatever index finds it. Not for several threads at once.
    """

    def __init__(self, directory: Directory, settings: DistributionSettings | None = None) -> None:
        self._ledger = Ledger(directory, settings or DistributionSettings())
        self._chosen = [self._outcome_of(position) for position in range(len(self._ledger.targets))]

    def position_of(self, target_id: str) -> int | None:
        """The position of a seller or team by id, whatever the case of its letters."""
        return self._ledger.positions.get(target_id.lower())

    def choose(self, request: DistributionRequest) -> DistributionOutcome:
        """Choose among the candidates; nothing moves until `assign`.

        The status is 2, or 5 without candidates, 7 when nobody has capacity, 6 when nobody is free
        in time.
        """
        found = scan(self._ledger, request)
        if isinstance(found, RoutingStatus):
            return DistributionOutcome(None, found)
        return self._chosen[found]

    def assign(self, request: DistributionRequest, outcome: DistributionOutcome) -> None:
        """Record that the outcome's seller or team got the record.

        Moves the clocks to the request's now, consumes the rule's units, and gives the table's
        units back to the listed owner the record is taken from; who keeps the record pays nothing.
        """
        owner = None if request.owner_id is None else self.position_of(request.owner_id)
        self._ledger.assign(
            outcome.position, rule=request.rule, table=request.table, now=request.now, owner=owner
        )

    def touch(self, target_id: str, at: datetime) -> None:
        """Move a clock without an engine's assignment: assigned by hand, or created by its owner.

        The clock is set even when `at` is earlier. Ids that are not in the pool are passed over.
        """
        position = self.position_of(target_id)
        if position is not None:
            self._ledger.move_clock(position, at)

    def clock_of(self, target_id: str) -> datetime | None:
        """When a seller or team was last given something; None = never, or not in the pool."""
        position = self.position_of(target_id)
        return None if position is None else self._ledger.clock[position]

    def consume(self, target_id: str, table: str, rule: str | None = None) -> None:
        """Count a row that somebody got without `assign`."""
        position = self.position_of(target_id)
        if position is not None:
            self._ledger.consume(position, table, self._ledger.settings.units.cost(table, rule))

    def release(self, target_id: str, table: str, rule: str | None = None) -> None:
        """Give a row's units back: closed, deleted, or taken away. `rule` is the one that assigned
        it, if known."""
        position = self.position_of(target_id)
        if position is not None:
            self._ledger.release(position, table, self._ledger.settings.units.cost(table, rule))

    def snapshot(self) -> Directory:
        """The directory as it stands now; a pool built from it goes on where this one is."""
        return self._ledger.snapshot()

    def explain(self, request: DistributionRequest) -> tuple[CandidateTrace, ...]:
        """Every candidate with the stage at which it fell out, in the order of choice."""
        found = self.choose(request).position
        return tuple(
            CandidateTrace(
                target=self._ledger.targets[position].reference(),
                stage=Stage.CHOSEN if position == found else Stage.ORDER,
                detail="",
            )
            for position in sorted(request.candidates)
        )

    def _outcome_of(self, position: int) -> DistributionOutcome:
        target = self._ledger.targets[position]
        return DistributionOutcome(
            target if isinstance(target, Seller) else None,
            RoutingStatus.OWNER_ASSIGNED,
            target if isinstance(target, Team) else None,
            position,
        )
