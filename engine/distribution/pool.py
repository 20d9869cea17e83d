"""Who gets the next record: round robin and load balancing over a pool of sellers and teams.

Which sellers are candidates is decided in `assignment`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from engine.decisions.decision import CandidateTrace
from engine.distribution.explain import Reasons
from engine.distribution.keys import KeyLayout
from engine.distribution.members import PoolMembers
from engine.distribution.model import (
    DistributionOutcome,
    DistributionRequest,
)
from engine.distribution.newcomers import Calibration
from engine.distribution.rankings import Ranking, RankingKind, kind_of
from engine.distribution.standings import Standings
from engine.sellers import (
    Consumed,
    Directory,
    Seller,
    SellerClock,
    Team,
)
from engine.statuses import RoutingStatus


class SellerPool:
    """Sellers and teams with their clocks and capacity, moving with each assignment.

    They start from `clocks` and `consumed`, both by id. Exact: the answer is that of comparing
    every candidate, whatever index finds it. `passed_over` are the positions that must not get the
    row at hand; whoever names candidates leaves them out. Not for several threads at once.
    """

    def __init__(
        self, members: PoolMembers, clocks: Mapping[str, SellerClock], consumed: Consumed
    ) -> None:
        settings = members.settings
        self.passed_over: frozenset[int] = frozenset()
        self._standings = Standings(members, clocks, consumed)
        self._layout = KeyLayout(self._standings)
        self._shelf = members.shelf
        self._rankings: dict[RankingKind, Ranking] = {}
        self._calibration: Calibration | None = None
        if settings.fairness is not None:
            self._calibration = Calibration(self._standings, settings.fairness)

    def position_of(self, target_id: str) -> int | None:
        """The position of a seller or team by id, whatever the case of its letters."""
        return self._standings.positions.get(target_id.lower())

    def choose(self, request: DistributionRequest) -> DistributionOutcome:
        """Choose among the candidates; nothing moves until `assign`.

        The status is 2, or 5 without candidates, 7 when nobody has capacity, 6 when nobody is free
        in time.
        """
        kind = kind_of(
            self._standings.settings,
            request.method,
            rule=request.rule,
            within_hours=request.within_hours,
            respect_capacity=request.respect_capacity,
        )
        position = self.first(self.ranking(kind), request.candidates, request.now)
        if position < 0:
            return DistributionOutcome(None, self._failure(request))
        target = self._standings.targets[position]
        return DistributionOutcome(
            target if isinstance(target, Seller) else None,
            RoutingStatus.OWNER_ASSIGNED,
            target if isinstance(target, Team) else None,
            position,
        )

    def ranking(self, kind: RankingKind) -> Ranking:
        """A way of comparing, kept up to date from its first use on, to be handed to `first`."""
        return self._rankings.get(kind) or self._add_ranking(kind)

    def _add_ranking(self, kind: RankingKind) -> Ranking:
        self._rankings[kind] = Ranking(kind, self._standings, self._layout, self._shelf)
        return self._rankings[kind]

    def first(self, ranking: Ranking, candidates: frozenset[int], now: datetime) -> int:
        """The position of who comes first as of `now`, -1 when nobody can be chosen.

        Hand in the same frozenset object again for the same candidates: it is the key of an index.
        """
        if self._calibration is not None:
            self._refresh(self._calibration.advance(now))
        rank = ranking.first(candidates, now)
        return self._layout.position_of[rank] if rank >= 0 else -1

    def _failure(self, request: DistributionRequest) -> RoutingStatus:
        if not request.candidates:
            return RoutingStatus.NO_SELLERS_MEET_CONDITIONS
        if request.within_hours is None:
            return RoutingStatus.NO_CAPACITY
        at_any_time = request._replace(within_hours=None, method="round_robin")
        if self.choose(at_any_time).position < 0:
            return RoutingStatus.NO_CAPACITY
        return RoutingStatus.NO_AVAILABILITY

    def assign(self, request: DistributionRequest, outcome: DistributionOutcome) -> None:
        """Record that the outcome's seller or team got the record.

        Moves the clocks to the request's now, consumes the rule's units, and gives the table's
        units back to the listed owner the record is taken from; who keeps it pays nothing.
        """
        self.give(outcome.position, request.rule, request.table, request.now, request.owner_id)

    def give(
        self, position: int, rule: str, table: str, now: datetime, owner_id: str | None
    ) -> None:
        """The same for a position, as `first` gives it."""
        owner = None if owner_id is None else self.position_of(owner_id)
        self._standings.assign(position, rule=rule, table=table, now=now, owner=owner)
        line = self._layout.line(position, now)
        for ranking in self._rankings.values():
            ranking.refresh(position, line)
            if owner is not None:
                ranking.refresh(owner)

    def _refresh(self, positions: Iterable[int]) -> None:
        for ranking in self._rankings.values():
            for position in positions:
                ranking.refresh(position)

    def touch(self, target_id: str, at: datetime) -> None:
        """Move a clock without an engine's assignment: assigned by hand, or created by its owner.

        The clock is set even when `at` is earlier. Ids that are not in the pool are passed over.
        """
        position = self.position_of(target_id)
        if position is not None:
            self._standings.move_clock(position, at)
            self._refresh((position,))

    def clock_of(self, target_id: str) -> datetime | None:
        """When a seller or team was last given something; None = never, or not in the pool."""
        position = self.position_of(target_id)
        return None if position is None else self._standings.clock[position]

    def consume(self, target_id: str, table: str, rule: str | None = None) -> None:
        """Count a row that somebody got without `assign`."""
        position = self.position_of(target_id)
        if position is not None:
            self._standings.consume(position, table, self._standings.cost(table, rule))
            self._refresh((position,))

    def release(self, target_id: str, table: str, rule: str | None = None) -> None:
        """Give back the units of a row that was closed, deleted or taken away.

        `rule` is the one that assigned it, if known.
        """
        position = self.position_of(target_id)
        if position is not None:
            self._standings.release(position, table, self._standings.cost(table, rule))
            self._refresh((position,))

    def list_moved(self) -> dict[str, SellerClock]:
        """The clocks that moved since the pool was opened, by id."""
        return self._standings.list_moved()

    def snapshot(self) -> Directory:
        """The directory as it stands now; a pool built from it goes on where this one is."""
        return self._standings.snapshot()

    def explain(self, request: DistributionRequest) -> tuple[CandidateTrace, ...]:
        """Every candidate with the stage it reached, in order of choice; ask before `assign`."""
        return self._reasons(request).traces()

    def counterfactuals(self, request: DistributionRequest, limit: int = 3) -> tuple[str, ...]:
        """The smallest changes to one candidate that would have it chosen; ask before `assign`."""
        reasons = self._reasons(request)
        return tuple(reasons.sentence(change) for change in reasons.changes(limit))

    def _reasons(self, request: DistributionRequest) -> Reasons:
        if self._calibration is not None:
            self._refresh(self._calibration.advance(request.now))
        return Reasons(self._standings, request)
