"""Paces every thread of one credential below the service protection limits; the arithmetic is in
`budgets`.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import structlog

from connector.dataverse.limits.budgets import DailyCount, PacedBudget
from connector.dataverse.limits.latency import LatencyWatch
from connector.dataverse.wire.errors import Fault, Reaction
from connector.dataverse.wire.metrics import WireMetrics
from connector.dataverse.wire.retrying import TimeBudget
from connector.errors import RetriableError
from connector.ports import Clock

log = structlog.get_logger(__name__)

_EXECUTION_CODE = "0x80072321"
_CONCURRENCY_CODE = "0x80072326"
_DEFAULT_PAUSE = timedelta(seconds=30)
_LONGEST_NAP = 5.0
_SHORTEST_NAP = 0.001
_SLOT_STEP_SECONDS = 5.0
_PUBLISHED_CONCURRENCY = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorOptions:
    """Limits per web server and window of 300 s, and how much of them we allow ourselves.

    Without `is_pacing` requests leave at once, and only a 429 holds them back. `share` below 1
    leaves room for other applications of the same user; `servers` is only where to start.
    """

    requests: int = 6000
    execution_seconds: float = 1200.0
    max_concurrency: int = 16
    share: float = 0.95
    servers: float = 1.0
    window_seconds: float = 300.0
    is_pacing: bool = True
    daily_limit: int | None = None
    stop_at_daily_limit: bool = False
    warn_at_daily_share: float = 0.8


@dataclass(slots=True)
class Ticket:
    """The right to send one request; to be handed back with `finish` or `abandon`."""

    operation: str
    estimate: float
    is_probe: bool = False
    is_open: bool = field(default=True)


class Governor:
    """Decides when a request may leave. One for each credential, since the limits are per user.

    https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
    """

    def __init__(
        self,
        options: GovernorOptions,
        budget: TimeBudget,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        metrics: WireMetrics,
    ) -> None:
        self._options = options
        self._time = budget
        self._clock = clock
        self._sleep = sleep
        self._metrics = metrics
        self._free = threading.Condition()
        self._requests = _build_budget(options.requests, options)
        self._execution = _build_budget(options.execution_seconds, options)
        self._daily = DailyCount(options.daily_limit)
        self._latency = LatencyWatch()
        self._in_flight = 0
        self._slots = float(min(options.max_concurrency, 8))
        self._hint: int | None = None
        self._slots_were_short = False
        self._slots_checked_at = 0.0
        self._paused_until = 0.0
        self._needs_probe = False
        self._probe_is_out = False
        self._has_warned = False

    def admit(self, operation: str, *, operations: int = 1) -> Ticket:
        """Wait until one more request may leave; raises RetriableError when that is beyond the
        cycle's time.
        """
        while True:
            with self._free:
                delay = self._delay(operation, operations)
                if delay == 0.0:
                    return self._issue(operation, operations)
                if delay is None:
                    self._free.wait(timeout=1.0)
                    continue
            self._time.raise_if_too_long(delay, "the service protection limit of the environment")
            self._sleep(min(max(delay, _SHORTEST_NAP), _LONGEST_NAP))

    def foresee(self, operation: str) -> tuple[float, int, float]:
        """Seconds until such a request could leave as things stand; how many are under way, and how
        many the window holds.
        """
        with self._free:
            now = self._now()
            used = self._requests.window.total(now)
            return self._foresee_delay(now, operation), self._in_flight, used

    def room(self) -> float:
        """How many requests could leave without waiting for the request budget."""
        with self._free:
            return self._requests.room(self._now()) if self._options.is_pacing else math.inf

    def _foresee_delay(self, now: float, operation: str) -> float:
        if now < self._paused_until:
            return self._paused_until - now
        estimate = self._latency.expect(operation)
        if self._needs_probe or self._in_flight >= max(1, int(self._slots)):
            return estimate
        if not self._options.is_pacing:
            return 0.0
        return max(self._requests.foresee(now, 1.0), self._execution.foresee(now, estimate))

    def finish(self, ticket: Ticket, seconds: float, *, hint: int | None = None) -> None:
        """Hand back a ticket whose request was answered; `seconds` is how long that took."""
        with self._free:
            now = self._now()
            self._close(ticket)
            self._execution.charge(now, seconds - ticket.estimate)
            self._latency.observe(ticket.operation, seconds)
            if hint is not None and hint > 0:
                self._hint = hint
            if ticket.is_probe:
                self._needs_probe = False
            self._adapt(now)
            self._free.notify_all()

    def throttle(self, ticket: Ticket, fault: Fault) -> None:
        """Hand back a ticket whose request was refused: all pause, then one probe goes out."""
        with self._free:
            self._close(ticket)
            self._execution.charge(self._now(), -ticket.estimate)
        self.pause(fault)

    def pause(self, fault: Fault) -> None:
        """Hold everybody back for as long as a throttled answer asks, outside or inside a batch."""
        pause = fault.retry_after or _DEFAULT_PAUSE
        with self._free:
            now = self._now()
            if now >= self._paused_until:
                self._learn(now, fault.code)
            self._paused_until = max(self._paused_until, now + pause.total_seconds())
            self._needs_probe = True
            self._free.notify_all()
        self._metrics.throttled(pause.total_seconds())
        log.warning(
            "throttled",
            action="throttle",
            code=fault.code,
            pause_seconds=pause.total_seconds(),
            request_id=fault.request_id,
        )

    def abandon(self, ticket: Ticket) -> None:
        """Hand back a ticket whose request got no answer."""
        with self._free:
            self._close(ticket)
            self._free.notify_all()

    def describe(self) -> dict[str, float]:
        """The figures an operator wants to see."""
        with self._free:
            now = self._now()
            return {
                "request_rate": self._requests.rate,
                "execution_rate": self._execution.rate,
                "slots": self._slots,
                "in_flight": float(self._in_flight),
                "used_today": float(self._daily.used(now)),
                "pause_seconds": max(0.0, self._paused_until - now),
            }

    def to_plain(self) -> dict[str, object]:
        """The state worth keeping over a restart, as plain data."""
        with self._free:
            return {
                "requests": self._requests.to_plain(),
                "execution": self._execution.to_plain(),
                "daily": self._daily.to_plain(),
                "slots": self._slots,
                "paused_until": self._paused_until,
            }

    def restore(self, data: Mapping[str, object]) -> None:
        """Take over the state of an earlier process."""
        with self._free:
            self._requests.restore(cast("Mapping[str, object]", data["requests"]))
            self._execution.restore(cast("Mapping[str, object]", data["execution"]))
            self._daily.restore(cast("Sequence[Sequence[float]]", data["daily"]))
            self._slots = min(
                float(cast("float", data["slots"])), float(self._options.max_concurrency)
            )
            self._paused_until = float(cast("float", data["paused_until"]))
            self._needs_probe = self._paused_until > self._now()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _delay(self, operation: str, operations: int) -> float | None:
        """Seconds to wait, 0 to go, None to wait for another request to end."""
        now = self._now()
        self._check_daily(now, operations)
        if now < self._paused_until:
            return self._paused_until - now
        if self._needs_probe and self._probe_is_out:
            return None
        if self._in_flight >= max(1, int(self._slots)):
            self._slots_were_short = True
            return None
        if not self._options.is_pacing:
            return 0.0
        estimate = self._latency.expect(operation)
        return max(self._requests.delay(now, 1.0), self._execution.delay(now, estimate))

    def _issue(self, operation: str, operations: int) -> Ticket:
        now = self._now()
        ticket = Ticket(operation, self._latency.expect(operation), is_probe=self._needs_probe)
        self._probe_is_out = self._probe_is_out or ticket.is_probe
        self._requests.charge(now, 1.0)
        self._execution.charge(now, ticket.estimate)
        self._daily.add(now, operations)
        self._in_flight += 1
        return ticket

    def _close(self, ticket: Ticket) -> None:
        if not ticket.is_open:
            return
        ticket.is_open = False
        self._in_flight -= 1
        if ticket.is_probe:
            self._probe_is_out = False

    def _learn(self, now: float, code: str) -> None:
        if code == _CONCURRENCY_CODE:
            self._slots = max(1.0, self._slots / 2)
        elif code == _EXECUTION_CODE:
            self._execution.learn_limit(now)
        else:
            self._requests.learn_limit(now)

    def _adapt(self, now: float) -> None:
        self._requests.grow(now)
        self._execution.grow(now)
        if now < self._slots_checked_at + _SLOT_STEP_SECONDS:
            return
        self._slots_checked_at = now
        if self._latency.is_queueing and self._slots > 2:
            self._slots = max(2.0, self._slots * 0.8)
        elif self._slots_were_short:
            self._slots += 2.0 if self._hint and self._slots < self._hint else 1.0
        ceiling = min(self._options.max_concurrency, _PUBLISHED_CONCURRENCY)
        self._slots = min(self._slots, float(ceiling))
        self._slots_were_short = False

    def _check_daily(self, now: float, operations: int) -> None:
        share = self._daily.share_used(now)
        if share >= self._options.warn_at_daily_share and not self._has_warned:
            self._has_warned = True
            log.warning(
                "daily entitlement", action="entitlement", used=self._daily.used(now), share=share
            )
        if share < self._options.warn_at_daily_share:
            self._has_warned = False
        if not self._options.stop_at_daily_limit:
            return
        delay = self._daily.delay(now, operations)
        if delay > 0:
            raise RetriableError(
                f"the daily entitlement of {self._daily.limit} operations is used up; work goes "
                "on as hours drop out",
                retry_after=timedelta(seconds=delay),
            )


def _build_budget(per_server: float, options: GovernorOptions) -> PacedBudget:
    return PacedBudget(
        per_server,
        share=options.share,
        servers=options.servers,
        window_seconds=options.window_seconds,
    )


def is_throttle(fault: Fault) -> bool:
    """Whether a fault is a service protection limit."""
    return fault.reaction is Reaction.THROTTLED
