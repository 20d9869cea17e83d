"""The whole decision for one row: segment, rule, owner, sequence. Nothing is written here.

The one way from rows to decisions: what simulates and what runs for real both come through here.
"""

from datetime import datetime
from typing import NamedTuple

from engine.assembly import Assembly
from engine.assigning import give_without_rule, owner_id_of
from engine.candidates import Candidate
from engine.decisions import AssignmentDecision, Trace
from engine.predicates import Evaluator, Hierarchies, Samples
from engine.records import Record
from engine.routing import Attempt, RoutingOutcome, SegmentRouter
from engine.ruleset import RuleSet, Segment
from engine.schema import Schema
from engine.segments import SegmentMatch, SegmentTable
from engine.sellers import Directory
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

_SKIPPED = RoutingOutcome(None, Attempt(RoutingStatus.SKIPPED_SEGMENTATION_FAILED))
_NO_RULE = RoutingOutcome(None, Attempt(RoutingStatus.NO_ASSIGNMENT_RULE))
_WILL_NOT_RUN = RoutingOutcome(None, Attempt(RoutingStatus.RULES_WILL_NOT_RUN))


class _Plan(NamedTuple):
    """What follows once a segment has taken a row."""

    router: SegmentRouter | None
    routes_on_move: bool
    fallback: Candidate | None
    sequence: str | None
    sequence_status: SequenceStatus


class Decider:
    """A rule set over a directory: decides row after row, moving clocks and capacity as it goes.

    Raises InvalidDocument when the rules name sellers, teams or queues that the directory lacks or
    knows several of. `hierarchies` maps a table to id → id of the parent; `samples` are some rows
    of each table, for speed alone. Not for several threads.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        directory: Directory,
        *,
        schema: Schema | None = None,
        hierarchies: Hierarchies | None = None,
        samples: Samples | None = None,
    ) -> None:
        self._rule_set = rule_set
        self._evaluator = Evaluator(rule_set, schema or {}, hierarchies or {}, samples)
        assembly = Assembly(rule_set, directory, self._evaluator)
        self._pool = assembly.pool
        self._counted = rule_set.counted_tables
        self._tables = {
            table: SegmentTable(rule_set, table, self._evaluator) for table in rule_set.tables
        }
        self._plans: dict[str, dict[str, _Plan]] = {table: {} for table in rule_set.tables}
        for segment in rule_set.segments:
            if segment.active:
                self._plans[segment.table][segment.name] = _build_plan(assembly, segment)
        assembly.raise_if_problems()

    def decide(self, record: Record, now: datetime, *, trace: bool = False) -> AssignmentDecision:
        """Decide one row as of `now`; an assignment moves the seller's clock and consumes units."""
        table = self._tables.get(record.table) or self._add_table(record.table)
        match = table.match(record, now)
        if record.is_open and record.creator_id is not None:
            self._count_creation(record)
        outcome = self._route(match, record, now, trace=trace)
        sequence, sequence_status = self._connect(match)
        segment = match.segment
        attempt = outcome.attempt if outcome is not None else None
        return AssignmentDecision(
            table=record.table,
            id=record.id,
            now=now,
            segment=None if segment is None else segment.name,
            segment_id=None if segment is None else segment.segment_id,
            rule=None if outcome is None else outcome.rule,
            assigned_to=None if attempt is None else attempt.target,
            secondary=() if attempt is None else attempt.secondary,
            sequence=sequence,
            segmentation_status=match.status,
            routing_status=None if attempt is None else attempt.status,
            sequence_status=sequence_status,
            trace=_build_trace(table, record, now, outcome) if trace else None,
        )

    def snapshot(self) -> Directory:
        """The directory with its clocks and counts as they stand; a Decider of it goes on."""
        return self._pool.snapshot()

    def observe_assignment(self, owner_id: str, table: str, at: datetime) -> None:
        """A row was given to somebody by hand: their clock moves, if the table has rules.

        Clocks never move back. Ids that the directory lacks are passed over.
        """
        if table in self._counted and self._is_later(owner_id, at):
            self._pool.touch(owner_id, at)

    def _add_table(self, table: str) -> SegmentTable:
        """A table without any segments: nothing matches."""
        self._tables[table] = SegmentTable(self._rule_set, table, self._evaluator)
        return self._tables[table]

    def _count_creation(self, record: Record) -> None:
        """A row that its creator owns counts as given to them when it was created."""
        owner_id = owner_id_of(record)
        if owner_id is not None and owner_id == record.creator_id and record.created_on is not None:
            self.observe_assignment(owner_id, record.table, record.created_on)

    def _is_later(self, owner_id: str, at: datetime) -> bool:
        clock = self._pool.clock_of(owner_id)
        return clock is None or clock < at

    def _route(
        self, match: SegmentMatch, record: Record, now: datetime, *, trace: bool
    ) -> RoutingOutcome | None:
        """The outcome of the rules; None where they have nothing to say."""
        if match.status is SegmentationStatus.NO_MATCHING_SEGMENTS:
            return _SKIPPED
        if match.status is not SegmentationStatus.SUCCESSFUL or match.segment is None:
            return None
        plan = self._plans[match.segment.table][match.segment.name]
        if match.moved and not plan.routes_on_move:
            return _WILL_NOT_RUN
        if self._rule_set.keep_with_creator and _is_self_created(record):
            return RoutingOutcome(
                None, Attempt(RoutingStatus.OWNER_ASSIGNED_MANUALLY, record.owner)
            )
        if plan.router is None:
            return _NO_RULE
        outcome = plan.router.route(record, now, trace=trace)
        if outcome.attempt.target is None and plan.fallback is not None:
            return self._fall_back(plan.fallback, record, now, outcome)
        return outcome

    def _fall_back(
        self, fallback: Candidate, record: Record, now: datetime, outcome: RoutingOutcome
    ) -> RoutingOutcome:
        give_without_rule(self._pool, record, now, fallback.reference)
        attempt = Attempt(RoutingStatus.OWNER_ASSIGNED, fallback.reference)
        return RoutingOutcome(None, attempt, outcome.traces)

    def _connect(self, match: SegmentMatch) -> tuple[str | None, SequenceStatus | None]:
        """The segment's sequence and what becomes of it; routing has no say in it."""
        if match.status is SegmentationStatus.NO_MATCHING_SEGMENTS:
            return None, SequenceStatus.SKIPPED_SEGMENTATION_FAILED
        if match.segment is None or match.status is SegmentationStatus.NO_SEGMENTATION_REQUIRED:
            return None, None
        plan = self._plans[match.segment.table][match.segment.name]
        if match.status is SegmentationStatus.MATCHED_WITH_PREVIOUS_SEGMENT:
            return plan.sequence, SequenceStatus.UNCHANGED
        return plan.sequence, plan.sequence_status


def _build_trace(
    table: SegmentTable, record: Record, now: datetime, outcome: RoutingOutcome | None
) -> Trace:
    rules = () if outcome is None else outcome.traces
    return Trace(segments=table.trace(record, now), rules=rules)


def _is_self_created(record: Record) -> bool:
    return record.owner is not None and record.owner.id == record.creator_id


def _build_plan(assembly: Assembly, segment: Segment) -> _Plan:
    sequence = assembly.rule_set.find_sequence(segment)
    status = SequenceStatus.NO_SEQUENCE
    if sequence is not None:
        status = SequenceStatus.CONNECTED if sequence.active else SequenceStatus.DELETED_OR_INACTIVE
    return _Plan(
        router=assembly.build_router(segment),
        routes_on_move=segment.route_on_move,
        fallback=assembly.find_fallback(segment),
        sequence=segment.sequence,
        sequence_status=status,
    )
