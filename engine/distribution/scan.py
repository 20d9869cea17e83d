"""Choosing by looking at every candidate: the plain definition that the index is tested against."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import inf

from engine.calendars.availability import bucket_of, wait_until_free
from engine.distribution.capacity import consumed_units
from engine.distribution.model import DistributionRequest
from engine.distribution.standings import Standings
from engine.statuses import RoutingStatus

OrderKey = tuple[Fraction | float, bool, bool, datetime, int, str]
_NEVER = datetime.min.replace(tzinfo=UTC)


def scan(standings: Standings, request: DistributionRequest) -> tuple[int, RoutingStatus]:
    """The position that the request's candidates yield, or -1 and why there is none.

    Capacity, then the availability window and its first non-empty bucket, then load or the longest
    wait ("Understand lead and opportunity distribution", Dynamics 365 Sales).
    """
    if not request.candidates:
        return -1, RoutingStatus.NO_SELLERS_MEET_CONDITIONS
    left = with_capacity(standings, request)
    if not left:
        return -1, RoutingStatus.NO_CAPACITY
    waits = waits_within(standings, request, left)
    if not waits:
        return -1, RoutingStatus.NO_AVAILABILITY
    first = min(bucket_of(wait) for wait in waits.values())
    by_load = compares_load(standings, request, first)
    left = [position for position, wait in waits.items() if bucket_of(wait) == first]
    chosen = min(
        left, key=lambda position: order_key(standings, request, position, by_load=by_load)
    )
    return chosen, RoutingStatus.OWNER_ASSIGNED


def with_capacity(standings: Standings, request: DistributionRequest) -> list[int]:
    """The candidates with capacity left; all of them when the rule does not ask."""
    if not request.respect_capacity:
        return sorted(request.candidates)
    available = standings.available
    return [at for at in sorted(request.candidates) if (left := available[at]) is None or left > 0]


def waits_within(
    standings: Standings, request: DistributionRequest, positions: Iterable[int]
) -> dict[int, timedelta]:
    """How long each of `positions` takes to be free, without those beyond the window."""
    if request.within_hours is None:
        return dict.fromkeys(positions, timedelta(0))
    window = timedelta(hours=request.within_hours)
    waits = {position: wait_of(standings, position, request.now) for position in positions}
    return {at: wait for at, wait in waits.items() if wait is not None and wait <= window}


def wait_of(standings: Standings, position: int, now: datetime) -> timedelta | None:
    """The shortest wait among the calendars behind a target (a team has its members')."""
    waits = [wait_until_free(calendar, now) for calendar in standings.calendars[position]]
    return min((wait for wait in waits if wait is not None), default=None)


def compares_load(standings: Standings, request: DistributionRequest, bucket: int) -> bool:
    """Whether load decides: beyond bucket 0D round robin does, unless set otherwise."""
    if request.method == "round_robin":
        return False
    return bucket == 0 or standings.settings.load_balance_every_bucket


def order_key(
    standings: Standings, request: DistributionRequest, position: int, *, by_load: bool
) -> OrderKey:
    """What candidates are compared by, smallest first; the id makes it total."""
    clock = standings.line_clock(position, request.rule)
    return (
        -spare_load(standings, position) if by_load else 0.0,
        standings.turns[position] == 0,
        clock is not None,
        clock or _NEVER,
        standings.order[position],
        standings.targets[position].id.lower(),
    )


def spare_load(standings: Standings, position: int) -> Fraction | float:
    """Available capacity as load balancing compares it; unlimited beats every figure."""
    maximum = standings.maximum[position]
    if maximum is None:
        return inf
    consumed = consumed_units(standings.consumed(position), standings.settings.counted_tables)
    return (
        maximum - standings.handicap[position] - Fraction(consumed, standings.weight_of(position))
    )
