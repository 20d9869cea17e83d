"""Which segment a row belongs to: priority, default, moves, leaving; who gets it is elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engine.assignment.evaluator import Evaluator
from engine.decisions.decision import SegmentTrace
from engine.records import Record, Row
from engine.rules.models import Segment
from engine.rules.rule_set import RuleSet
from engine.statuses import SegmentationStatus


@dataclass(frozen=True, slots=True, eq=False)
class SegmentMatch:
    """The segment of a row, None when there is none; `moved` = it came from another segment.

    It is compared by identity: a table gives the same object for the same answer.
    """

    segment: Segment | None
    status: SegmentationStatus
    moved: bool = False


CLOSED = SegmentMatch(None, SegmentationStatus.NO_SEGMENTATION_REQUIRED)
_UNMATCHED = SegmentMatch(None, SegmentationStatus.NO_MATCHING_SEGMENTS)


class _Search(NamedTuple):
    """A compiled first match over some segments; `answers` has one more: nothing matched."""

    find: Callable[[Row, datetime], int]
    answers: tuple[SegmentMatch, ...]


class SegmentTable:
    """The segments of one table, compiled once.

    Rows without a previous segment try the active segments by priority, the default last. A row
    that is in a segment (`msdyn_segmentid`, known by `segment_id`) tries only that one and those
    that accept rows of others ("Edit a segment", Dynamics 365 Sales).
    """

    def __init__(self, rule_set: RuleSet, table: str, evaluator: Evaluator) -> None:
        self._table = table
        self._policy = rule_set.exit
        self._evaluator = evaluator
        self._active = rule_set.segments_of(table)
        self._by_id = {
            segment.segment_id.lower(): segment
            for segment in rule_set.segments
            if segment.table == table and segment.segment_id is not None
        }
        self._fresh = self._build_search(self._active, None)
        self._again: dict[str, _Search] = {}

    def match(self, record: Record, now: datetime) -> SegmentMatch:
        """The segment that takes the row now."""
        if not record.is_open:
            return CLOSED
        search = self._fresh
        if record.segment_id is not None:
            search = self._search_again(record.segment_id)
        return search.answers[search.find(record.row, now)]

    def previous_of(self, record: Record) -> Segment | None:
        """The segment the row is in by now, active or not; None for one not in the rule set."""
        return None if record.segment_id is None else self._by_id.get(record.segment_id)

    def trace(self, record: Record, now: datetime) -> tuple[SegmentTrace, ...]:
        """Every segment up to the one that matched, with the first condition that failed."""
        previous = self.previous_of(record)
        traces: list[SegmentTrace] = []
        for segment in self._active if record.is_open else ():
            traces.append(self._trace_one(segment, previous, record, now))
            if traces[-1].matched:
                break
        return tuple(traces)

    def _trace_one(
        self, segment: Segment, previous: Segment | None, record: Record, now: datetime
    ) -> SegmentTrace:
        if not _is_open_to(segment, previous):
            reason = "it takes no rows that are in another segment"
            return SegmentTrace(segment=segment.name, matched=False, skipped=reason)
        context = self._evaluator.context(now, self._table)
        failures = self._evaluator.list_failures(segment.when, record.row, context)
        if not failures:
            return SegmentTrace(segment=segment.name, matched=True)
        return SegmentTrace(
            segment=segment.name,
            matched=False,
            failed=failures[0],
            also_failed=len(failures) - 1,
        )

    def _search_again(self, segment_id: str) -> _Search:
        previous = self._by_id.get(segment_id)
        if previous is None:
            return self._fresh
        if previous.name not in self._again:
            tried = [segment for segment in self._active if _is_open_to(segment, previous)]
            self._again[previous.name] = self._build_search(tried, previous)
        return self._again[previous.name]

    def _build_search(self, tried: Sequence[Segment], previous: Segment | None) -> _Search:
        conditions = [segment.when for segment in tried]
        answers = [_answer(segment, previous) for segment in tried]
        return _Search(
            self._evaluator.compile_first_match(conditions, self._table),
            (*answers, self._answer_without_match(previous)),
        )

    def _answer_without_match(self, previous: Segment | None) -> SegmentMatch:
        if previous is None or (previous.exit or self._policy) == "clear":
            return _UNMATCHED
        return SegmentMatch(previous, SegmentationStatus.NO_SEGMENTATION_REQUIRED)


def _is_open_to(segment: Segment, previous: Segment | None) -> bool:
    return previous is None or segment is previous or segment.accept_from_other_segments


def _answer(segment: Segment, previous: Segment | None) -> SegmentMatch:
    if segment is previous:
        return SegmentMatch(segment, SegmentationStatus.MATCHED_WITH_PREVIOUS_SEGMENT)
    return SegmentMatch(segment, SegmentationStatus.SUCCESSFUL, moved=previous is not None)
