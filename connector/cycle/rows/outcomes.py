"""What is recorded of rows that were decided and written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connector.cycle.context import Cycle
from connector.cycle.rows.arrivals import describe_row
from connector.cycle.rows.backlog_entries import (
    ROUTING_CODES,
    Waiting,
    wait_for_routing,
    wait_for_write,
)
from connector.cycle.rows.decisions import DecidedRow
from connector.cycle.rows.seller_clocks import restore_clocks
from connector.cycle.rows.take_back_watch import find_rule, note_handovers
from connector.cycle.rows.wake_ups import Openings
from connector.ports import WriteOutcome, WriteResult
from connector.state.records import (
    BacklogEntry,
    DecisionKind,
    DecisionRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
    PlanOrigin,
)
from connector.state.session import SellerClockState, StateSession
from connector.watched_tables.watched_table import WatchedTable
from engine.plans.changes import (
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
    Skip,
)
from engine.rules.rule_set import RuleSet
from engine.statuses import RoutingStatus, SegmentationStatus

ARRIVED = frozenset({WriteOutcome.APPLIED, WriteOutcome.ALREADY_SO})


Results = Mapping[str, WriteResult]


def record_rows(
    cycle: Cycle,
    session: StateSession,
    rows: Sequence[DecidedRow],
    results: Results,
) -> None:
    """Save decisions, ledger and backlog of rows that were written or needed no write."""
    table = cycle.table.name
    ids = [row.record.id for row in rows]
    waiting = session.load_backlog(table, ids)
    openings = Openings(cycle.rule_set, cycle.people, cycle.now())
    kept: list[LedgerRow] = []
    entries: list[BacklogEntry] = []
    decisions: list[DecisionRecord] = []
    gone: list[str] = []
    arrived: list[tuple[DecidedRow, DecisionRecord]] = []
    for row in rows:
        result = results.get(row.record.id)
        decision = _finish(row.decision, result)
        if result is None or result.outcome in ARRIVED:
            arrived.append((row, decision))
        if result is not None and result.outcome is WriteOutcome.ROW_GONE:
            gone.append(row.record.id)
        else:
            kept.append(_ledger_row(cycle.table, row, decision, result, cycle.generation))
        entry = _wait(cycle.rule_set, openings, _describe_wait(row, decision, waiting), result)
        if entry is not None:
            entries.append(entry)
        if _is_news(cycle.origin, row, decision, result):
            decisions.append(decision)
        _count(cycle.counts, row, decision, result)
    session.save_rows(kept)
    session.remove_backlog(table, ids)
    session.save_backlog(entries)
    session.delete_rows(table, gone)
    session.add_decisions(decisions)
    note_handovers(cycle, session, arrived)


def settle_clocks(
    session: SellerClockState, open_plan: OpenPlan, rows: Sequence[DecidedRow], results: Results
) -> None:
    """Put back the clocks of sellers whose rows did not get there."""
    session.lock_clocks()
    assigned = [
        (change.after.id, result.outcome in ARRIVED)
        for row in rows
        if isinstance(row.planned, PlannedRow)
        and (change := row.planned.owner_change) is not None
        and (result := results.get(row.record.id)) is not None
    ]
    session.save_clocks(
        restore_clocks(
            session.load_clocks(),
            before=open_plan.clocks,
            after=open_plan.clocks_after,
            assigned=assigned,
        )
    )


def _finish(decision: DecisionRecord, result: WriteResult | None) -> DecisionRecord:
    if result is None:
        return replace(decision, outcome=Outcome.UNCHANGED)
    return replace(
        decision,
        outcome=Outcome(result.outcome.value),
        request_id=result.request_id,
        message=result.message or decision.message,
        etag=result.etag,
    )


def _ledger_row(
    table: WatchedTable,
    row: DecidedRow,
    decision: DecisionRecord,
    result: WriteResult | None,
    generation: int,
) -> LedgerRow:
    """What the ledger remembers after the outcome; after a conflict: what it knew before."""
    if result is not None and result.outcome is WriteOutcome.CONFLICT and row.before is not None:
        return replace(row.before, generation=generation)
    seen = describe_row(row.record, row.before, table, generation=generation)
    if result is not None and result.outcome not in ARRIVED:
        return seen
    seen = with_decision(seen, decision)
    if isinstance(row.planned, Skip) or result is None:
        return seen
    if row.as_decided is not None:
        watched_set, fingerprint = row.as_decided
        seen = replace(seen, watched_set=watched_set, fingerprint=fingerprint)
    return _with_changes(replace(seen, etag=_own_version(row, result)), row.planned)


def _own_version(row: DecidedRow, result: WriteResult) -> str | None:
    """The version our write made; None where it may be that of a later change by others.

    Then the fingerprint tells whether anything changed.
    """
    is_ours = result.outcome is WriteOutcome.APPLIED and result.attempts <= 1
    return result.etag if is_ours and row.as_decided is None else None


def with_decision(seen: LedgerRow, decision: DecisionRecord) -> LedgerRow:
    """The ledger row of a decision that is in force.

    An undone one leaves the row as the decision before had left it, a person's choice included;
    without one before, a backfill takes it up again.
    """
    if decision.kind is DecisionKind.UNDONE:
        return replace(
            seen,
            segment=decision.segment,
            rule=decision.rule,
            is_manual=decision.previous.was_manual,
            segmentation_status=None,
            routing_status=None,
            sequence_status=None,
            decided_at=decision.decided_at if decision.previous.was_decided else None,
        )
    is_assigned = decision.routing_status == RoutingStatus.OWNER_ASSIGNED
    segment = seen.segment
    if decision.segment is not None:
        segment = decision.segment
    elif decision.segmentation_status == SegmentationStatus.NO_MATCHING_SEGMENTS:
        segment = None
    return replace(
        seen,
        segment=segment,
        rule=decision.rule if is_assigned else seen.rule,
        is_manual=seen.is_manual and not is_assigned,
        segmentation_status=decision.segmentation_status,
        routing_status=decision.routing_status,
        sequence_status=decision.sequence_status,
        decided_at=decision.decided_at,
    )


def _with_changes(seen: LedgerRow, planned: PlannedRow) -> LedgerRow:
    for change in planned.changes:
        match change:
            case OwnerChange(after=owner):
                seen = replace(seen, owner=owner)
            case SegmentChange(after=segment):
                seen = replace(seen, segment_id=segment)
            case SequenceChange(after=sequence):
                seen = replace(seen, sequence_id=sequence)
            case QueueChange():
                pass
    return seen


def _describe_wait(
    row: DecidedRow, decision: DecisionRecord, waiting: Mapping[str, BacklogEntry]
) -> Waiting:
    before = waiting.get(row.record.id)
    return Waiting(decision=decision, before=before, created_on=row.record.created_on)


def _wait(
    rule_set: RuleSet, openings: Openings, row: Waiting, result: WriteResult | None
) -> BacklogEntry | None:
    if result is None or result.outcome in ARRIVED:
        if _is_left_alone(rule_set, row):
            return None
        rule = find_rule(rule_set, row.decision)
        return wait_for_routing(
            row,
            openings.now,
            policy=rule.retry if rule else None,
            chance_at=openings.find_next_chance(row.decision),
        )
    is_lost = result.outcome is WriteOutcome.FAILED
    if result.outcome is WriteOutcome.ROW_GONE or (may_stay(row.decision) and not is_lost):
        return None
    return wait_for_write(row, result.outcome, openings.now, message=result.message)


def _is_left_alone(rule_set: RuleSet, row: Waiting) -> bool:
    """The row's segment has no rule, not even one that is switched off: its rows stay as they are.

    Such a segment keeps rows out of those behind it, as Microsoft's for self-created leads does. A
    row that waited for somebody before the rules were taken away goes on waiting.
    """
    decision = row.decision
    if row.before is not None and row.before.code in ROUTING_CODES:
        return False
    if decision.routing_status != RoutingStatus.NO_ASSIGNMENT_RULE:
        return False
    segment = decision.table, decision.segment
    return all((rule.table, rule.segment) != segment for rule in rule_set.rules)


def may_stay(decision: DecisionRecord) -> bool:
    """The row is somebody's whatever becomes of it: it does not wait.

    One to be taken back stays due; one to be undone can be undone again.
    """
    return decision.kind in {DecisionKind.TAKEN_BACK, DecisionKind.UNDONE}


def _is_news(
    origin: PlanOrigin, row: DecidedRow, decision: DecisionRecord, result: WriteResult | None
) -> bool:
    """A retry that ends as it did before adds nothing to the history."""
    is_retry = origin in {PlanOrigin.BACKLOG, PlanOrigin.SCHEDULED}
    if not is_retry or result is not None or row.before is None:
        return True
    return decision.routing_status != row.before.routing_status


def _count(
    counts: Counter[str], row: DecidedRow, decision: DecisionRecord, result: WriteResult | None
) -> None:
    counts["decided"] += 1
    if decision.routing_status == RoutingStatus.OWNER_ASSIGNED:
        counts["assigned"] += 1
    is_take_back = decision.kind is DecisionKind.TAKEN_BACK
    if is_take_back and result is not None and result.outcome in ARRIVED:
        counts["taken_back"] += 1
    if result is not None:
        counts[result.outcome.value] += 1
    elif isinstance(row.planned, Skip):
        counts["skipped"] += 1
