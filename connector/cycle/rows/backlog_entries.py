"""When a row that could not be handled is tried again; taking it up is in `backlog`."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.ports import WriteOutcome
from connector.state.records import BacklogEntry, DecisionRecord
from engine.policies.retries import Tries, choose_next_try
from engine.rules.models import Retry
from engine.statuses import RoutingStatus

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)

_WAIT_OF_STATUS: dict[RoutingStatus, timedelta | None] = {
    RoutingStatus.SERVER_ISSUE: timedelta(minutes=1),
    RoutingStatus.NO_SELLERS_MEET_CONDITIONS: timedelta(hours=1),
    RoutingStatus.NO_AVAILABILITY: timedelta(minutes=15),
    RoutingStatus.NO_CAPACITY: timedelta(hours=1),
    RoutingStatus.SELLER_LACKS_PERMISSIONS: timedelta(hours=1),
    RoutingStatus.MULTIPLE_TEAMS: timedelta(hours=1),
    RoutingStatus.NO_TEAM: timedelta(hours=1),
    RoutingStatus.MULTIPLE_QUEUES: timedelta(hours=1),
    RoutingStatus.NO_QUEUE: timedelta(hours=1),
    RoutingStatus.APP_USER_LACKS_PERMISSIONS: timedelta(hours=1),
    RoutingStatus.RECORD_MEETS_NO_CONDITIONS: None,
    RoutingStatus.NO_ASSIGNMENT_RULE: None,
    RoutingStatus.RECORD_TOO_OLD: None,
}
"""What may pass by itself, and how soon it is worth a look if nothing wakes the row before.

None waits for an edit, or for other rules or people.
"""

ROUTING_CODES = tuple(status.name.lower() for status in _WAIT_OF_STATUS)
"""The codes of rows that nobody was found for."""

_REASONS: dict[WriteOutcome, str] = {
    WriteOutcome.CONFLICT: "somebody changed the row between our reading and our writing it",
    WriteOutcome.FORBIDDEN: "the application user may not write this row",
    WriteOutcome.REFUSED: "Dataverse refused the write",
    WriteOutcome.FAILED: "the write did not get through",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A row that is to wait: what was decided, and its entry so far."""

    decision: DecisionRecord
    before: BacklogEntry | None = None
    created_on: datetime | None = None


def wait_for_routing(
    row: Waiting,
    now: datetime,
    *,
    policy: Retry | None = None,
    chance_at: datetime | None = None,
) -> BacklogEntry | None:
    """The entry of a row that nobody could be found for; None when there is nothing to wait for.

    `policy` is that of the rule whose failure is reported, `chance_at` is when somebody may be
    found, where that is known.
    """
    decision = row.decision
    if decision.routing_status is None:
        return None
    status = RoutingStatus(decision.routing_status)
    if status not in _WAIT_OF_STATUS:
        return None
    entry = _build_entry(row, now, code=status.name.lower(), reason=_describe(status, decision))
    if status is RoutingStatus.RECORD_TOO_OLD:
        # A row does not get younger.
        return entry
    following = choose_next_try(
        policy,
        Tries(since=entry.since, count=entry.attempts, now=now),
        usual=_WAIT_OF_STATUS[status],
        chance_at=chance_at,
    )
    reason = f"{entry.reason}; {following.note}" if following.note else entry.reason
    return replace(entry, reason=reason, next_try_at=following.at)


def wait_for_write(
    row: Waiting, outcome: WriteOutcome, now: datetime, *, message: str | None
) -> BacklogEntry:
    """The entry of a row whose write did not arrive.

    Conflicts are due at once, others ever later.
    """
    attempts = row.before.attempts if row.before else 0
    wait = min(FIRST_WAIT * 2 ** min(attempts, 10), LONGEST_WAIT)
    if outcome is WriteOutcome.CONFLICT:
        wait = timedelta(0)
    reason = _REASONS[outcome]
    entry = _build_entry(
        row, now, code=outcome.value, reason=f"{reason}: {message}" if message else reason
    )
    return replace(entry, next_try_at=now + wait)


def _build_entry(row: Waiting, now: datetime, *, code: str, reason: str) -> BacklogEntry:
    decision, before = row.decision, row.before
    return BacklogEntry(
        table=decision.table,
        row_id=decision.row_id,
        reason=reason,
        code=code,
        since=before.since if before else now,
        next_try_at=None,
        attempts=before.attempts + 1 if before else 1,
        segment=decision.segment,
        created_on=row.created_on,
    )


def _describe(status: RoutingStatus, decision: DecisionRecord) -> str:
    rule = f" (rule {decision.rule})" if decision.rule else ""
    return f"{status.name.lower().replace('_', ' ')}{rule}"
