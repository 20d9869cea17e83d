"""When a row that nobody was found for is tried again; taking it up again is the connector's."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.rules.models import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often a row was tried since it began to wait, the latest try included."""

    since: datetime
    count: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """When to try again (None: only when something changes); `note` says why not any more."""

    at: datetime | None
    note: str | None = None


def choose_next_try(
    policy: Retry | None,
    tries: Tries,
    *,
    usual: timedelta | None,
    chance_at: datetime | None = None,
) -> NextTry:
    """When to try a row again under its rule's policy.

    `usual` is the wait where the policy names none, None = for ever. `chance_at` is when somebody
    comes into the rule's window: it takes the place of a usual wait, and it counts although the
    policy has given the row up.
    """
    note = _find_end(policy, tries)
    if note is not None:
        return NextTry(at=chance_at, note=note)
    if policy is None or policy.every_minutes is None:
        return NextTry(at=chance_at or (None if usual is None else tries.now + usual))
    every = tries.now + timedelta(minutes=policy.every_minutes)
    return NextTry(at=every if chance_at is None else min(every, chance_at))


def _find_end(policy: Retry | None, tries: Tries) -> str | None:
    """What the policy says against another try."""
    if policy is None:
        return None
    if policy.attempts is not None and tries.count >= policy.attempts:
        return "given up after 1 try" if tries.count == 1 else f"given up after {tries.count} tries"
    limit = policy.for_hours
    if limit is not None and tries.now >= tries.since + timedelta(hours=limit):
        return f"given up after {limit} {'hour' if limit == 1 else 'hours'}"
    return None
