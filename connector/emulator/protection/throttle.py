"""Service protection: three limits per user and virtual server over a sliding window.

https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connector.emulator.organization.clock import EmulatorClock
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.messages import Response, error_response

AFFINITY = "ARRAffinity"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one virtual server; `seconds` is combined execution time in a window."""

    requests: int = 6000
    seconds: float = 1200
    concurrent: int = 52
    window_seconds: float = 300
    servers: int = 1
    parallelism_hint: int = 4


@dataclass(slots=True)
class _Usage:
    arrivals: deque[float] = field(default_factory=deque[float])
    spent: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])
    spent_seconds: float = 0
    running: int = 0
    ignored: int = 0
    blocked_until: float = 0

    def forget_before(self, moment: float) -> None:
        """Drop what left the window."""
        while self.arrivals and self.arrivals[0] <= moment:
            self.arrivals.popleft()
        while self.spent and self.spent[0][0] <= moment:
            self.spent_seconds -= self.spent.popleft()[1]


@dataclass(slots=True)
class Admission:
    """Whether a request may run, and the headers its answer carries."""

    server: int
    usage: _Usage
    started: float
    headers: tuple[tuple[str, str], ...] = ()
    refusal: Response | None = None

    def decorate(self, response: Response) -> Response:
        """The answer with the limits' headers."""
        return Response(response.status, (*response.headers, *self.headers), response.body)


class Throttle:
    """Counts what each user does on each virtual server."""

    def __init__(self, limits: Limits, clock: EmulatorClock, timer: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._timer = timer
        self._usage: dict[tuple[str, int], _Usage] = {}
        self._next_server = 0

    def admit(self, user: str, headers: Mapping[str, str]) -> Admission:
        """Let a request in, or refuse it with 429; call `release` afterwards."""
        server = self._server_of(headers)
        usage = self._usage.setdefault((user, server), _Usage())
        now = self._clock.now().timestamp()
        usage.forget_before(now - self.limits.window_seconds)
        admission = Admission(server, usage, self._timer())
        refusal = self._refusal(usage, now)
        if refusal is not None:
            admission.refusal = self._refused(usage, now, *refusal)
            return admission
        usage.ignored = 0
        usage.arrivals.append(now)
        usage.running += 1
        admission.headers = self._headers(usage, server)
        return admission

    def release(self, admission: Admission) -> None:
        """Note that a request ended and how long it ran."""
        if admission.refusal is not None:
            return
        admission.usage.running -= 1
        self._charge(admission.usage, self._timer() - admission.started)

    def spend(self, user: str, seconds: float, server: int = 0) -> None:
        """Charge execution time without running anything."""
        self._charge(self._usage.setdefault((user, server), _Usage()), seconds)

    def _charge(self, usage: _Usage, seconds: float) -> None:
        usage.spent.append((self._clock.now().timestamp(), seconds))
        usage.spent_seconds += seconds

    def reset(self, limits: Limits | None = None) -> None:
        """Forget all use; optionally with other limits."""
        self._usage.clear()
        if limits is not None:
            self.limits = limits

    def _refusal(self, usage: _Usage, now: float) -> tuple[str, str, float] | None:
        limits = self.limits
        if len(usage.arrivals) >= limits.requests:
            wait = usage.arrivals[0] + limits.window_seconds - now if usage.arrivals else 1
            window = f"{limits.window_seconds:g}"
            message = (
                f"Number of requests exceeded the limit of {limits.requests} over time window of "
                f"{window} seconds."
            )
            return ErrorCode.REQUEST_LIMIT_EXCEEDED, message, wait
        if usage.spent_seconds >= limits.seconds and usage.spent:
            wait = usage.spent[0][0] + limits.window_seconds - now
            message = (
                "Combined execution time of incoming requests exceeded limit of "
                f"{limits.seconds * 1000:,.0f} milliseconds over time window of "
                f"{limits.window_seconds:g} seconds. Decrease number of concurrent requests or "
                "reduce the duration of requests and try again later."
            )
            return ErrorCode.EXECUTION_TIME_LIMIT_EXCEEDED, message, wait
        if usage.running >= limits.concurrent:
            message = f"Number of concurrent requests exceeded the limit of {limits.concurrent}."
            return ErrorCode.CONCURRENCY_LIMIT_EXCEEDED, message, 1
        return None

    def _refused(self, usage: _Usage, now: float, code: str, message: str, wait: float) -> Response:
        if now < usage.blocked_until:
            usage.ignored += 1
        seconds = min(round(max(wait, 1) * (1 + 0.5 * usage.ignored)), 600)
        usage.blocked_until = max(usage.blocked_until, now + seconds)
        response = error_response(ODataError(429, code, message))
        return response.with_header("Retry-After", str(max(1, seconds)))

    def _headers(self, usage: _Usage, server: int) -> tuple[tuple[str, str], ...]:
        left = self.limits.requests - len(usage.arrivals)
        time_left = max(0.0, self.limits.seconds - usage.spent_seconds)
        cookie = f"{AFFINITY}=server-{server}; path=/; secure; HttpOnly"
        return (
            ("x-ms-dop-hint", str(self.limits.parallelism_hint)),
            ("x-ms-ratelimit-burst-remaining-xrm-requests", str(left)),
            ("x-ms-ratelimit-time-remaining-xrm-requests", f"{time_left:,.2f}"),
            ("Set-Cookie", cookie),
        )

    def _server_of(self, headers: Mapping[str, str]) -> int:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            number = value.removeprefix("server-")
            if name == AFFINITY and number.isdigit() and int(number) < self.limits.servers:
                return int(number)
        self._next_server = (self._next_server + 1) % self.limits.servers
        return self._next_server
