"""The one retry policy, on tenacity: what is repeated, after which wait, and until when."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeVar

import structlog
import tenacity

from connector.dataverse.wire.errors import (
    LostReply,
    NotSent,
    Reaction,
    SignInAgain,
    TransientFault,
)
from connector.dataverse.wire.metrics import WireMetrics
from connector.dataverse.wire.transport import Request
from connector.errors import RetriableError
from connector.ports import Clock

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long; `budget` is the time a cycle may spend before it ends itself."""

    max_attempts: int = 8
    bounded_attempts: int = 3
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=60)
    budget: timedelta = timedelta(minutes=15)


class _Kind(Enum):
    """Kinds of failure that are counted by themselves."""

    SIGN_IN = auto()
    BOUNDED = auto()
    OTHER = auto()


class TimeBudget:
    """How long the cycle may still wait; shared by every request and thread of it."""

    def __init__(self, budget: timedelta, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._deadline: datetime | None = None

    def start(self, limit: timedelta | None = None) -> None:
        """Begin anew, at the start of each cycle; `limit` replaces the usual length."""
        self._deadline = self._clock.now() + (self._budget if limit is None else limit)

    def allows(self, seconds: float) -> bool:
        """Whether a wait of so many seconds ends in time; without a start every wait does that
        fits.
        """
        if self._deadline is None:
            return timedelta(seconds=seconds) <= self._budget
        return self._clock.now() + timedelta(seconds=seconds) <= self._deadline

    def raise_if_too_long(self, seconds: float, reason: str) -> None:
        """Raise RetriableError, which ends the cycle, when a wait does not fit."""
        if not self.allows(seconds):
            raise RetriableError(
                f"{reason} asks for a wait of {seconds:.0f} s, more than this cycle has left; the "
                "next one goes on",
                retry_after=timedelta(seconds=seconds),
            )


class Retrier:
    """Runs attempts under the policy; `sleep` may raise to cancel, `random` gives [0, 1)."""

    def __init__(
        self,
        policy: RetryPolicy,
        budget: TimeBudget,
        *,
        sleep: Callable[[float], None],
        random: Callable[[], float],
        metrics: WireMetrics,
    ) -> None:
        self._policy = policy
        self._budget = budget
        self._sleep = sleep
        self._random = random
        self._metrics = metrics

    def run(self, request: Request, attempt: Callable[[], Result]) -> Result:
        """The result of the first attempt that succeeds; raises the last error otherwise.

        Each kind of failure is counted by itself: a token refused after some gateway errors is
        still worth its one new sign-in.
        """
        met: Counter[_Kind] = Counter()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: is_worth_repeating(error, request)),
            stop=lambda state: self._is_over(state, met),
            wait=self._choose_wait,
            sleep=self._sleep,
            before_sleep=lambda state: self._note(request, state),
            reraise=True,
        )
        return retrying(attempt)

    def _is_over(self, state: tenacity.RetryCallState, met: Counter[_Kind]) -> bool:
        kind = _classify(_error_of(state))
        met[kind] += 1
        allowed = {_Kind.SIGN_IN: 2, _Kind.BOUNDED: self._policy.bounded_attempts}
        if met[kind] >= allowed.get(kind, self._policy.max_attempts):
            return True
        if state.attempt_number >= self._policy.max_attempts:
            return True
        return not self._budget.allows(state.upcoming_sleep)

    def _choose_wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        if isinstance(error, SignInAgain):
            return 0.0
        if isinstance(error, RetriableError) and error.retry_after is not None:
            return error.retry_after.total_seconds() + self._random()
        doubled = self._policy.first_wait.total_seconds() * 2.0 ** (state.attempt_number - 1)
        ceiling = min(doubled, self._policy.longest_wait.total_seconds())
        return ceiling * (0.5 + 0.5 * self._random())

    def _note(self, request: Request, state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        self._metrics.retried(request.operation, type(error).__name__)
        log.info(
            "trying again",
            action="retry",
            operation=request.operation,
            attempt=state.attempt_number,
            wait_seconds=round(state.upcoming_sleep, 1),
            reason=str(error),
        )


def is_worth_repeating(error: BaseException, request: Request) -> bool:
    """The opt-in list: what may be sent again, given what sending twice would do."""
    match error:
        case SignInAgain() | NotSent():
            return True
        case LostReply():
            return request.is_repeatable
        case TransientFault(fault=fault) if fault.reaction is Reaction.THROTTLED:
            return True
        case TransientFault(fault=fault) if fault.reaction is Reaction.SERVER_ERROR:
            return request.is_read
        case TransientFault():
            return request.is_repeatable
        case _:
            return False


def _classify(error: BaseException | None) -> _Kind:
    if isinstance(error, SignInAgain):
        return _Kind.SIGN_IN
    bounded = {Reaction.BOUNDED, Reaction.SERVER_ERROR}
    if isinstance(error, TransientFault) and error.fault.reaction in bounded:
        return _Kind.BOUNDED
    return _Kind.OTHER


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
