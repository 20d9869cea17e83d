"""Puts newcomers and returners in their place as time passes; the rules are in `newcomer_rules`."""

from datetime import UTC, datetime
from heapq import heapify, heappop, heappush

from engine.distribution.newcomer_rules import (
    FairnessSettings,
    head_start,
    median_available,
    next_step,
    remaining_head_start,
)
from engine.distribution.standings import Standings
from engine.sellers import Seller


class Calibration:
    """Looks again at a seller or team when something about its place is due, and never earlier.

    Time only runs forward here: a request for an earlier moment finds the places as they are.
    """

    def __init__(self, standings: Standings, settings: FairnessSettings) -> None:
        self._standings = standings
        self._settings = settings
        self._returns = standings.members.returns
        start = datetime.min.replace(tzinfo=UTC)
        self._due = [(start, each.id.lower(), at) for at, each in enumerate(standings.targets)]
        heapify(self._due)

    def advance(self, now: datetime) -> list[int]:
        """Let time run to `now`; the positions whose place may have changed."""
        due = self._due
        looked_at: list[int] = []
        medians: dict[type, int | None] = {}
        while due and due[0][0] <= now:
            _, _, position = heappop(due)
            self._look_at(position, now, medians)
            looked_at.append(position)
        for position in looked_at:
            self._wait_for_next(position, now)
        return looked_at

    def _look_at(self, position: int, now: datetime, medians: dict[type, int | None]) -> None:
        standings = self._standings
        joins_at = self._joins_at(position, now)
        if joins_at is not None:
            kind = type(standings.targets[position])
            if kind not in medians:
                medians[kind] = self._median(kind)
            units = head_start(standings.available[position], medians[kind])
            standings.join(position, joins_at, units)
        joined_at = standings.joined_at[position]
        if joined_at is not None:
            standings.handicap[position] = remaining_head_start(
                standings.head_start[position], joined_at, now, self._settings.ramp_days
            )

    def _joins_at(self, position: int, now: datetime) -> datetime | None:
        """When somebody who has no place since then joined the line; None when the place stands."""
        clock, joined_at = self._standings.clock[position], self._standings.joined_at[position]
        if clock is None and joined_at is None:
            return now
        placed = max(moment for moment in (clock, joined_at) if moment is not None)
        past = [moment for moment in self._returns[position] if placed < moment <= now]
        return past[-1] if past else None

    def _median(self, kind: type) -> int | None:
        standings = self._standings
        return median_available(
            standings.available[at]
            for at, target in enumerate(standings.targets)
            if isinstance(target, kind)
            and not (
                isinstance(target, Seller) and (target.is_disabled or not target.is_assignable)
            )
        )

    def _wait_for_next(self, position: int, now: datetime) -> None:
        standings = self._standings
        coming = [moment for moment in self._returns[position] if moment > now]
        joined_at = standings.joined_at[position]
        if joined_at is not None and standings.handicap[position] > 0:
            step = next_step(joined_at, now, self._settings.ramp_days)
            coming += [] if step is None else [step]
        if coming:
            target = self._standings.targets[position]
            heappush(self._due, (min(coming), target.id.lower(), position))
