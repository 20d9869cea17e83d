"""Why a candidate was chosen or not, in words with numbers, and what would have changed it.

Every candidate is looked at anew, so this is for traces, not for the loop. What was decided before
the candidates were known (conditions, permissions) is explained in `assignment`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from heapq import nsmallest
from math import ceil, inf

from engine.calendars.availability import bucket_of
from engine.decisions.decision import CandidateTrace, Stage
from engine.distribution.model import DistributionRequest
from engine.distribution.scan import (
    OrderKey,
    compares_load,
    order_key,
    scan,
    spare_load,
    wait_of,
    with_capacity,
)
from engine.distribution.standings import Standings

_HOUR = timedelta(hours=1)
_BEYOND = 6
"""Stands for the bucket of who is not free within the window."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would have made the pool choose `position`: all of it together, each part the smallest.

    `units` more capacity (None: no limit), free by `bucket`, last assigned before `before`.
    """

    position: int
    units: int | None = 0
    bucket: int | None = None
    before: datetime | None = None


class Reasons:
    """The view of one request: who has capacity, who is free when, who was chosen."""

    def __init__(self, standings: Standings, request: DistributionRequest) -> None:
        self._standings = standings
        self._request = request
        found, _ = scan(standings, request)
        self._chosen = None if found < 0 else found
        self._with_capacity = set(with_capacity(standings, request))
        self._waits = {at: self._wait(at) for at in sorted(request.candidates)}
        self._bucket = 0 if self._chosen is None else self._bucket_of(self._chosen)
        self._by_load = compares_load(standings, request, self._bucket)

    def _wait(self, position: int) -> timedelta | None:
        if self._request.within_hours is None:
            return timedelta(0)
        return wait_of(self._standings, position, self._request.now)

    def _bucket_of(self, position: int) -> int:
        """The bucket, or one beyond every other for who is not free within the window."""
        wait, hours = self._waits[position], self._request.within_hours or 0
        if wait is None or wait > hours * _HOUR:
            return _BEYOND
        return bucket_of(wait)

    def _key(self, position: int) -> OrderKey:
        return order_key(self._standings, self._request, position, by_load=self._by_load)

    def traces(self) -> tuple[CandidateTrace, ...]:
        """Every candidate: the chosen one, who would have come next, then who fell out."""
        staged = [(self._stage(position), position) for position in self._waits]
        stages = (Stage.CHOSEN, Stage.ORDER, Stage.WINDOW, Stage.CAPACITY)

        def place(item: tuple[Stage, int]) -> tuple[int, int, OrderKey]:
            stage, position = item
            return stages.index(stage), self._bucket_of(position), self._key(position)

        return tuple(
            CandidateTrace(
                target=self._standings.targets[position].reference(),
                stage=stage,
                detail=self._detail(stage, position),
            )
            for stage, position in sorted(staged, key=place)
        )

    def _stage(self, position: int) -> Stage:
        if position == self._chosen:
            return Stage.CHOSEN
        if position not in self._with_capacity:
            return Stage.CAPACITY
        return Stage.WINDOW if self._bucket_of(position) == _BEYOND else Stage.ORDER

    def _detail(self, stage: Stage, position: int) -> str:
        match stage:
            case Stage.CAPACITY:
                return self._capacity_of(position)
            case Stage.WINDOW:
                wait = self._waits[position]
                free = "not free within 120 h" if wait is None else f"free in {hours_of(wait)}"
                return f"{free}, window {self._request.within_hours} h"
            case Stage.CHOSEN:
                return self._why_chosen(position)
            case _:
                return self._why_later(position)

    def _capacity_of(self, position: int) -> str:
        available, maximum = self._standings.available[position], self._standings.maximum[position]
        return (
            "no limit of capacity" if maximum is None else f"capacity {available} of {maximum} left"
        )

    def _why_chosen(self, position: int) -> str:
        reasons: list[str] = []
        if self._request.within_hours is not None:
            wait = self._waits[position] or timedelta(0)
            reasons.append(f"free in {hours_of(wait)}" if wait else "free now")
        if self._by_load:
            reasons.append(self._capacity_of(position))
        return ", ".join([*reasons, self._last_assigned(position)])

    def _why_later(self, position: int) -> str:
        chosen = self._chosen
        if chosen is None or self._bucket_of(position) > self._bucket:
            wait = hours_of(self._waits[position] or timedelta(0))
            return f"free in {wait}, bucket {self._bucket_of(position)}D after {self._bucket}D"
        mine, theirs = self._key(position), self._key(chosen)
        if mine[0] != theirs[0]:
            return f"less spare capacity: {_figure(mine[0])} against {_figure(theirs[0])}"
        if mine[1] != theirs[1]:
            return "the chosen one is in the middle of a turn"
        if mine[2:4] == theirs[2:4]:
            return f"{self._last_assigned(position)}, equal, but later in order"
        return f"assigned more recently: {self._moment(mine[3])}"

    def _last_assigned(self, position: int) -> str:
        clock = self._standings.line_clock(position, self._request.rule)
        return "never assigned" if clock is None else f"last assigned {self._moment(clock)}"

    def _moment(self, moment: datetime) -> str:
        """The time of day alone when it is the request's day."""
        at, now = moment.astimezone(UTC), self._request.now.astimezone(UTC)
        return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"

    def change_for(self, position: int) -> Change | None:
        """The smallest change to this candidate alone that would have had it chosen.

        None for the chosen one, and where only a tie between equals would have had to fall
        otherwise.
        """
        chosen = self._chosen
        if position == chosen:
            return None
        units = self._units_to_pass(position)
        bucket = self._bucket if self._bucket_of(position) > self._bucket else None
        if chosen is None:
            late = self._bucket_of(position) == _BEYOND
            return Change(position, units, bucket=_BEYOND if late else None)
        if self._bucket_of(position) < self._bucket:
            return Change(position, units)
        return self._change_of_order(position, chosen, Change(position, units, bucket))

    def _units_to_pass(self, position: int) -> int:
        """Units without which the capacity filter drops a candidate."""
        available = self._standings.available[position]
        return 0 if position in self._with_capacity else 1 - (available or 0)

    def _change_of_order(self, position: int, chosen: int, change: Change) -> Change | None:
        """Add what it takes to come before the chosen one in the same bucket."""
        mine, theirs = self._key(position)[1:], self._key(chosen)[1:]
        if self._by_load:
            mine_spare, theirs_spare = self._spare(position), self._spare(chosen)
            if theirs_spare != inf:
                units = _units_to_lead(mine_spare, theirs_spare, wins_ties=mine < theirs)
                return replace(change, units=max(units, change.units or 0))
            if mine_spare != inf:
                change = replace(change, units=None)
        if mine < theirs:
            return change
        clock = self._standings.line_clock(chosen, self._request.rule)
        return replace(change, before=clock) if clock and mine[0] == theirs[0] else None

    def _spare(self, position: int) -> Fraction | float:
        return spare_load(self._standings, position)

    def sentence(self, change: Change) -> str:
        """The change in words."""
        parts: list[str] = []
        if change.units is None:
            parts.append("without a limit of capacity")
        elif change.units:
            parts.append(f"with {change.units} more capacity")
        if change.bucket is not None:
            hours = min(24 * change.bucket, self._request.within_hours or 0)
            parts.append(f"if free within {hours} h" if hours else "if free now")
        if change.before is not None:
            parts.append(f"if last assigned before {self._moment(change.before)}")
        name = self._standings.targets[change.position].name
        return f"{name} would have been chosen {' and '.join(parts)}"

    def changes(self, limit: int) -> list[Change]:
        """The changes with the fewest parts, nearest candidates first, `limit` at most."""
        found = [self.change_for(position) for position in self._waits]
        known = [change for change in found if change is not None]
        return nsmallest(limit, known, key=self._size)

    def _size(self, change: Change) -> tuple[int, float, int, OrderKey]:
        parts = (change.units != 0, change.bucket is not None, change.before is not None)
        units = inf if change.units is None else change.units
        position = change.position
        return sum(parts), units, self._bucket_of(position), self._key(position)


def _units_to_lead(mine: Fraction | float, theirs: Fraction | float, *, wins_ties: bool) -> int:
    """The fewest whole units that lift `mine` above `theirs`, or level with it where that wins."""
    if mine == inf:
        return 0
    units = max(0, ceil(theirs - mine))
    return units if mine + units > theirs or wins_ties else units + 1


def _figure(negative_spare: Fraction | float) -> str:
    """A spare load for people, from the key that has it negated."""
    return "no limit" if negative_spare == -inf else f"{float(-negative_spare):g}"


def hours_of(wait: timedelta) -> str:
    """A wait in hours, to one decimal where needed."""
    return f"{wait / _HOUR:.1f}".removesuffix(".0") + " h"
