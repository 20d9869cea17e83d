"""Choosing by looking at every candidate: the plain definition that the index is tested against."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import inf

from engine.calendars.availability import bucket_of, wait_until_free
from engine.distribution.capacity import consumed_units
from engine.distribution.model import DistributionRequest
from engine.distribution.standings import Ledger
from engine.statuses import RoutingStatus

OrderKey = tuple[Fraction | float, bool, bool, datetime, int, str]
_NEVER = datetime.min.replace(tzinfo=UTC)


def scan(ledger: Ledger, request: DistributionRequest) -> tuple[int, RoutingStatus]:
    """The position that the request's candidates yield, or -1 and why there is none.

    Capacity, then the availability window and its first non-empty bucket, then load or the longest
    wait ("Understand lead and opportunity distribution", Dynamics 365 Sales).
    """
    if not request.candidates:
        return -1, RoutingStatus.NO_SELLERS_MEET_CONDITIONS
    left = with_capacity(ledger, request)
    if not left:
        return -1, RoutingStatus.NO_CAPACITY
    waits = waits_within(ledger, request, left)
    if not waits:
        return -1, RoutingStatus.NO_AVAILABILITY
    first = min(bucket_of(wait) for wait in waits.values())
    by_load = compares_load(ledger, request, first)
    left = [position for position, wait in waits.items() if bucket_of(wait) == first]
    chosen = min(left, key=lambda position: order_key(ledger, request, position, by_load=by_load))
    return chosen, RoutingStatus.OWNER_ASSIGNED


def with_capacity(ledger: Ledger, request: DistributionRequest) -> list[int]:
    """The candidates with capacity left; all of them when the rule does not ask."""
    if not request.respect_capacity:
        return sorted(request.candidates)
    available = ledger.available
    return [at for at in sorted(request.candidates) if (left := available[at]) is None or left > 0]


def waits_within(
    ledger: Ledger, request: DistributionRequest, positions: Iterable[int]
) -> dict[int, timedelta]:
    """How long each of `positions` takes to be free, without those beyond the window."""
    if request.within_hours is None:
        return dict.fromkeys(positions, timedelta(0))
    window = timedelta(hours=request.within_hours)
    waits = {position: wait_of(ledger, position, request.now) for position in positions}
    return {at: wait for at, wait in waits.items() if wait is not None and wait <= window}


def wait_of(ledger: Ledger, position: int, now: datetime) -> timedelta | None:
    """The shortest wait among the calendars behind a target (a team has its members')."""
    waits = [wait_until_free(calendar, now) for calendar in ledger.calendars[position]]
    return min((wait for wait in waits if wait is not None), default=None)


def compares_load(ledger: Ledger, request: DistributionRequest, bucket: int) -> bool:
    """Whether load decides: beyond bucket 0D round robin does, unless set otherwise."""
    if request.method == "round_robin":
        return False
    return bucket == 0 or ledger.settings.load_balance_every_bucket


def order_key(
    ledger: Ledger, request: DistributionRequest, position: int, *, by_load: bool
) -> OrderKey:
    """What candidates are compared by, smallest first; the id makes it total."""
    clock = ledger.line_clock(position, request.rule)
    return (
        -spare_load(ledger, position) if by_load else 0.0,
        ledger.turns[position] == 0,
        clock is not None,
        clock or _NEVER,
        ledger.order[position],
        ledger.targets[position].id.lower(),
    )


def spare_load(ledger: Ledger, position: int) -> Fraction | float:
    """Available capacity as load balancing compares it; unlimited beats every figure."""
    maximum = ledger.maximum[position]
    if maximum is None:
        return inf
    consumed = consumed_units(ledger.consumed(position), ledger.settings.counted_tables)
    return maximum - ledger.handicap[position] - Fraction(consumed, ledger.weight_of(position))
