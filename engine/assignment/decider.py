"""The whole decision for one row: segment, rule, owner, sequence. Nothing is written here.

The one way from rows to decisions: what simulates and what runs for real both come through here.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from engine.assignment.assembly import Assembly
from engine.assignment.assigners import give_without_rule, owner_id_of
from engine.assignment.candidates import Candidate
from engine.assignment.evaluator import Evaluator, Hierarchies, Samples
from engine.assignment.routing import Attempt, SegmentRouter
from engine.assignment.segments import SegmentMatch, SegmentTable
from engine.decisions.decision import AssignmentDecision, RuleTrace, Trace
from engine.records import Record
from engine.rules.models import Segment
from engine.rules.rule_set import RuleSet
from engine.schema import Schema
from engine.sellers import Directory
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

_NOTHING_TO_SAY = Attempt(None)
_SKIPPED = Attempt(RoutingStatus.SKIPPED_SEGMENTATION_FAILED)
_NO_RULE = Attempt(RoutingStatus.NO_ASSIGNMENT_RULE)
_WILL_NOT_RUN = Attempt(RoutingStatus.RULES_WILL_NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What follows from one answer of a table's segments.

    `settled` is the answer about the owner where no `router` has to be asked.
    """

    segment: str | None = None
    segment_id: str | None = None
    status: SegmentationStatus
    settled: Attempt
    router: SegmentRouter | None = None
    fallback: Candidate | None = None
    sequence: str | None = None
    sequence_status: SequenceStatus | None = None


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
        self._keeps_with_creator = rule_set.keep_with_creator
        self._tables = {
            table: SegmentTable(rule_set, table, self._evaluator) for table in rule_set.tables
        }
        active = [segment for segment in rule_set.segments if segment.active]
        self._routers = {_key(segment): assembly.build_router(segment) for segment in active}
        self._fallbacks = {_key(segment): assembly.find_fallback(segment) for segment in active}
        assembly.raise_if_problems()
        self._courses: dict[SegmentMatch, _Course] = {}

    def decide(self, record: Record, now: datetime, *, trace: bool = False) -> AssignmentDecision:
        """Decide one row as of `now`; an assignment moves the seller's clock and consumes units."""
        table = self._tables.get(record.table) or self._add_table(record.table)
        match = table.match(record, now)
        course = self._courses.get(match) or self._add_course(match)
        if record.creator_id is not None and record.is_open:
            self._count_creation(record)
        attempt, router = course.settled, course.router
        tried: list[RuleTrace] | None = [] if trace else None
        if router is not None:
            is_kept = self._keeps_with_creator and _is_self_created(record)
            attempt = _keep(record) if is_kept else router.route(record, now, tried)
            if attempt.target is None and course.fallback is not None:
                attempt = self._fall_back(course.fallback, record, now)
        return AssignmentDecision(
            record.table,
            record.id,
            now,
            course.status,
            course.segment,
            course.segment_id,
            attempt.rule,
            attempt.target,
            attempt.secondary,
            course.sequence,
            attempt.status,
            course.sequence_status,
            None if tried is None else _build_trace(table, record, now, tried),
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

    def _fall_back(self, fallback: Candidate, record: Record, now: datetime) -> Attempt:
        """Nobody was found: the row goes to whom the rule set names for that case."""
        give_without_rule(self._pool, record, now, fallback.reference)
        return Attempt(RoutingStatus.OWNER_ASSIGNED, fallback.reference)

    def _add_course(self, match: SegmentMatch) -> _Course:
        self._courses[match] = course = self._chart(match)
        return course

    def _chart(self, match: SegmentMatch) -> _Course:
        """What follows from a match, worked out once; routing has no say in the sequence."""
        segment = match.segment
        if match.status is SegmentationStatus.NO_MATCHING_SEGMENTS:
            skipped = SequenceStatus.SKIPPED_SEGMENTATION_FAILED
            return _Course(status=match.status, settled=_SKIPPED, sequence_status=skipped)
        if segment is None:
            return _Course(status=match.status, settled=_NOTHING_TO_SAY)
        staying = _Course(
            segment=segment.name,
            segment_id=segment.segment_id,
            status=match.status,
            settled=_NOTHING_TO_SAY,
        )
        if match.status is SegmentationStatus.NO_SEGMENTATION_REQUIRED:
            return staying
        if match.status is SegmentationStatus.MATCHED_WITH_PREVIOUS_SEGMENT:
            unchanged = SequenceStatus.UNCHANGED
            return replace(staying, sequence=segment.sequence, sequence_status=unchanged)
        return self._chart_entry(replace(staying, sequence=segment.sequence), match, segment)

    def _chart_entry(self, course: _Course, match: SegmentMatch, segment: Segment) -> _Course:
        """A row enters a segment: its sequence is connected, its rules run, moves aside."""
        course = replace(course, sequence_status=self._connect(segment))
        if match.moved and not segment.route_on_move:
            return replace(course, settled=_WILL_NOT_RUN)
        return replace(
            course,
            settled=_NO_RULE,
            router=self._routers[_key(segment)],
            fallback=self._fallbacks[_key(segment)],
        )

    def _connect(self, segment: Segment) -> SequenceStatus:
        sequence = self._rule_set.find_sequence(segment)
        if sequence is None:
            return SequenceStatus.NO_SEQUENCE
        active = sequence.active
        return SequenceStatus.CONNECTED if active else SequenceStatus.DELETED_OR_INACTIVE


def _build_trace(
    table: SegmentTable, record: Record, now: datetime, tried: list[RuleTrace]
) -> Trace:
    return Trace(segments=table.trace(record, now), rules=tuple(tried))


def _key(segment: Segment) -> tuple[str, str]:
    return segment.table, segment.name


def _keep(record: Record) -> Attempt:
    """A row that stays with its owner."""
    return Attempt(RoutingStatus.OWNER_ASSIGNED_MANUALLY, record.owner)


def _is_self_created(record: Record) -> bool:
    return record.owner is not None and record.owner.id == record.creator_id
