"""The arithmetic of service protection limits: sliding windows, paced budgets, the daily count; no
waiting here.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

WINDOW_SECONDS = 300.0
_BUCKET_SECONDS = 1.0
_HOUR = 3600.0
_DAY = 24 * _HOUR


class SlidingSum:
    """A sum over the last `length` seconds, kept in buckets of `grain` seconds."""

    def __init__(self, length: float = WINDOW_SECONDS, grain: float = _BUCKET_SECONDS) -> None:
        self._length = length
        self._grain = grain
        self._buckets: deque[list[float]] = deque()
        self._total = 0.0

    def add(self, now: float, amount: float) -> None:
        """Count an amount now."""
        start = now - now % self._grain
        if self._buckets and self._buckets[-1][0] >= start:
            self._buckets[-1][1] += amount
        else:
            self._buckets.append([start, amount])
        self._total += amount

    def total(self, now: float) -> float:
        """What was counted within the window that ends now."""
        while self._buckets and self._buckets[0][0] + self._grain <= now - self._length:
            self._total -= self._buckets.popleft()[1]
        return max(0.0, self._total)

    def delay_until(self, now: float, limit: float) -> float:
        """Seconds until the sum falls to the limit if nothing more is added."""
        excess = self.total(now) - limit
        if excess <= 0:
            return 0.0
        for start, amount in self._buckets:
            excess -= amount
            if excess <= 0:
                return max(0.0, start + self._grain + self._length - now)
        return self._length

    def to_plain(self) -> list[list[float]]:
        """The buckets as plain data."""
        return [list(bucket) for bucket in self._buckets]

    def restore(self, buckets: Sequence[Sequence[float]]) -> None:
        """Take over buckets written by `to_plain`."""
        self._buckets = deque([float(start), float(amount)] for start, amount in buckets)
        self._total = sum(amount for _, amount in self._buckets)


class PacedBudget:
    """One limit (requests or execution seconds): how much may be used now, and how large it seems
    to be.

    `per_server` is the published amount per window and web server. The number of servers is not
    told, so `capacity` starts at one server, grows by steps while it is what holds us back, and is
    set to what the window really took when the service says no.
    """

    def __init__(
        self,
        per_server: float,
        *,
        share: float,
        servers: float = 1.0,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self.per_server = per_server
        self.share = share
        self.capacity = per_server * servers
        self.window = SlidingSum(window_seconds, window_seconds / WINDOW_SECONDS)
        self._length = window_seconds
        self._tokens = 0.0
        self._updated_at: float | None = None
        self._is_learned = False
        self._was_binding = False
        self._next_step_at: float | None = None
        self._step_interval = _RAMP_SECONDS

    @property
    def rate(self) -> float:
        """Units a second that keep the window just below its share of the capacity."""
        return self.share * self.capacity / self._length

    @property
    def _burst(self) -> float:
        return _BURST_SHARE * self.share * self.capacity

    def delay(self, now: float, cost: float) -> float:
        """Seconds until `cost` may be used; 0 when it may be now. Notes that it was wanted."""
        found = self.foresee(now, cost)
        self._was_binding = self._was_binding or found > 0
        return found

    def foresee(self, now: float, cost: float) -> float:
        """The same delay, by somebody who only asks."""
        self._refill(now)
        wanted = min(cost, self._burst)
        missing = wanted - self._tokens
        by_pace = max(0.0, missing / self.rate) if missing > 1e-9 else 0.0
        by_window = self.window.delay_until(now, max(0.0, self._ceiling - wanted))
        return max(by_pace, by_window)

    @property
    def _ceiling(self) -> float:
        return min(1.0, self.share * 1.03) * self.capacity

    def room(self, now: float) -> float:
        """How much may be used at once without waiting."""
        self._refill(now)
        left = self._ceiling - self.window.total(now)
        return max(0.0, min(self._tokens, left))

    def charge(self, now: float, cost: float) -> None:
        """Use up an amount; a negative one gives back what was estimated too high."""
        self._refill(now)
        self._tokens -= cost
        self.window.add(now, cost)

    def learn_limit(self, now: float) -> None:
        """The service refused for this budget: what the window holds is what it takes."""
        seen = self.window.total(now)
        learned = max(seen, self.capacity * 0.5, self.per_server * 0.1)
        is_confirmed = self._is_learned and abs(learned - self.capacity) < 0.08 * self.capacity
        self._step_interval = (
            min(self._step_interval * 2, _HOUR) if is_confirmed else _PROBE_SECONDS
        )
        self.capacity = learned
        self._is_learned = True
        self._tokens = min(self._tokens, 0.0)
        self._next_step_at = now + self._step_interval

    def grow(self, now: float) -> None:
        """Raise the capacity by a step when it has held us back since the last one.

        Who leaves much room to others stays at what is published or was learned: feeling for more
        would drive the others into their limits.
        """
        if self.share < _PROBING_SHARE:
            return
        if self._next_step_at is None:
            self._next_step_at = now + self._step_interval
        if now < self._next_step_at:
            return
        self._next_step_at = now + self._step_interval
        if self._was_binding:
            self.capacity += (
                _PROBE_STEP * self.capacity if self._is_learned else _RAMP_STEP * self.per_server
            )
        self._was_binding = False

    def to_plain(self) -> dict[str, object]:
        """What is worth keeping over a restart."""
        return {
            "capacity": self.capacity,
            "is_learned": self._is_learned,
            "window": self.window.to_plain(),
        }

    def restore(self, data: Mapping[str, object]) -> None:
        """Take over what `to_plain` wrote."""
        self.capacity = max(self.per_server * 0.1, float(cast("float", data["capacity"])))
        self._is_learned = bool(data["is_learned"])
        self._step_interval = _PROBE_SECONDS if self._is_learned else _RAMP_SECONDS
        self.window.restore(cast("Sequence[Sequence[float]]", data["window"]))

    def _refill(self, now: float) -> None:
        if self._updated_at is None:
            self._tokens = self._burst
        else:
            passed = max(0.0, now - self._updated_at)
            self._tokens = min(self._burst, self._tokens + passed * self.rate)
        self._updated_at = max(now, self._updated_at or now)


_BURST_SHARE = 0.1
_RAMP_SECONDS = 15.0
_RAMP_STEP = 0.1
_PROBE_SECONDS = 240.0
_PROBE_STEP = 0.02
_PROBING_SHARE = 0.85


class DailyCount:
    """Operations of the last 24 hours against the tenant's entitlement; `limit` None counts only.

    https://learn.microsoft.com/power-platform/admin/api-request-limits-allocations
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._hours = SlidingSum(_DAY, _HOUR)

    def add(self, now: float, operations: int) -> None:
        """Count operations."""
        self._hours.add(now, float(operations))

    def used(self, now: float) -> int:
        """Operations of the last 24 hours."""
        return round(self._hours.total(now))

    def share_used(self, now: float) -> float:
        """The used share of the limit; 0 without one."""
        return self.used(now) / self.limit if self.limit else 0.0

    def delay(self, now: float, operations: int) -> float:
        """Seconds until so many operations fit below the limit."""
        if not self.limit:
            return 0.0
        return self._hours.delay_until(now, max(0.0, self.limit - operations))

    def to_plain(self) -> list[list[float]]:
        """The hours as plain data."""
        return self._hours.to_plain()

    def restore(self, hours: Sequence[Sequence[float]]) -> None:
        """Take over hours written by `to_plain`."""
        self._hours.restore(hours)
