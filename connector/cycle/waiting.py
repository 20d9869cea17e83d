"""When a row that could not be handled is tried again; taking it up again is in `retrying`."""

from datetime import datetime, timedelta

from connector.ports import WriteOutcome
from connector.state import BacklogEntry, DecisionRecord
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


def wait_for_routing(
    decision: DecisionRecord,
    before: BacklogEntry | None,
    now: datetime,
    *,
    chance_at: datetime | None = None,
) -> BacklogEntry | None:
    """The entry of a row that nobody could be found for; None when there is nothing to wait for.

    `chance_at` is when somebody may be found, where that is known.
    """
    if decision.routing_status is None:
        return None
    status = RoutingStatus(decision.routing_status)
    if status not in _WAIT_OF_STATUS:
        return None
    wait = _WAIT_OF_STATUS[status]
    rule = f" (rule {decision.rule})" if decision.rule else ""
    return _build_entry(
        decision,
        before,
        now,
        code=status.name.lower(),
        reason=f"{_words(status.name)}{rule}",
        next_try_at=chance_at or (None if wait is None else now + wait),
    )


def wait_for_write(
    decision: DecisionRecord,
    outcome: WriteOutcome,
    before: BacklogEntry | None,
    now: datetime,
    *,
    message: str | None,
) -> BacklogEntry:
    """The entry of a row whose write did not arrive.

    Conflicts are due at once, others ever later.
    """
    attempts = before.attempts if before else 0
    wait = min(FIRST_WAIT * 2 ** min(attempts, 10), LONGEST_WAIT)
    if outcome is WriteOutcome.CONFLICT:
        wait = timedelta(0)
    reason = _REASONS[outcome]
    return _build_entry(
        decision,
        before,
        now,
        code=outcome.value,
        reason=f"{reason}: {message}" if message else reason,
        next_try_at=now + wait,
    )


def _build_entry(
    decision: DecisionRecord,
    before: BacklogEntry | None,
    now: datetime,
    *,
    code: str,
    reason: str,
    next_try_at: datetime | None,
) -> BacklogEntry:
    return BacklogEntry(
        table=decision.table,
        row_id=decision.row_id,
        reason=reason,
        code=code,
        since=before.since if before else now,
        next_try_at=next_try_at,
        attempts=before.attempts + 1 if before else 1,
    )


def _words(name: str) -> str:
    return name.lower().replace("_", " ")
