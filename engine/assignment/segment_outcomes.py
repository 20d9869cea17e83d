"""What follows from each answer of a table's segments; who is chosen is decided in `routing`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.assignment.candidates import Candidate
from engine.assignment.compiled_rules import SegmentKey, key_of
from engine.assignment.routing import Attempt, SegmentRouter
from engine.assignment.segments import SegmentMatch
from engine.rules.models import Segment
from engine.rules.rule_set import RuleSet
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

_NOTHING_TO_SAY = Attempt(None)
_SKIPPED = Attempt(RoutingStatus.SKIPPED_SEGMENTATION_FAILED)
_NO_RULE = Attempt(RoutingStatus.NO_ASSIGNMENT_RULE)
_WILL_NOT_RUN = Attempt(RoutingStatus.RULES_WILL_NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """What follows from one answer of a table's segments.

    `settled` is the answer about the owner where no `router` has to be asked; `fallback` gets the
    rows that the router gives to nobody.
    """

    segment: str | None = None
    segment_id: str | None = None
    status: SegmentationStatus
    settled: Attempt
    router: SegmentRouter | None = None
    fallback: Candidate | None = None
    sequence: str | None = None
    sequence_status: SequenceStatus | None = None


class SegmentOutcomes:
    """The outcome of every answer, worked out once; routing has no say in the sequence."""

    def __init__(
        self,
        rule_set: RuleSet,
        routers: Mapping[SegmentKey, SegmentRouter | None],
        fallbacks: Mapping[SegmentKey, Candidate | None],
    ) -> None:
        self._rule_set = rule_set
        self._routers = routers
        self._fallbacks = fallbacks
        self._known: dict[SegmentMatch, SegmentOutcome] = {}

    def find(self, match: SegmentMatch) -> SegmentOutcome:
        """What follows from a match."""
        return self._known.get(match) or self._add(match)

    def _add(self, match: SegmentMatch) -> SegmentOutcome:
        self._known[match] = outcome = self._work_out(match)
        return outcome

    def _work_out(self, match: SegmentMatch) -> SegmentOutcome:
        segment = match.segment
        if match.status is SegmentationStatus.NO_MATCHING_SEGMENTS:
            skipped = SequenceStatus.SKIPPED_SEGMENTATION_FAILED
            return SegmentOutcome(status=match.status, settled=_SKIPPED, sequence_status=skipped)
        if segment is None:
            return SegmentOutcome(status=match.status, settled=_NOTHING_TO_SAY)
        staying = SegmentOutcome(
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
        return self._enter(replace(staying, sequence=segment.sequence), match, segment)

    def _enter(
        self, outcome: SegmentOutcome, match: SegmentMatch, segment: Segment
    ) -> SegmentOutcome:
        """A row enters a segment: its sequence is connected, its rules run, moves aside."""
        outcome = replace(outcome, sequence_status=self._connect(segment))
        if match.moved and not segment.route_on_move:
            return replace(outcome, settled=_WILL_NOT_RUN)
        return replace(
            outcome,
            settled=_NO_RULE,
            router=self._routers[key_of(segment)],
            fallback=self._fallbacks[key_of(segment)],
        )

    def _connect(self, segment: Segment) -> SequenceStatus:
        sequence = self._rule_set.find_sequence(segment)
        if sequence is None:
            return SequenceStatus.NO_SEQUENCE
        active = sequence.active
        return SequenceStatus.CONNECTED if active else SequenceStatus.DELETED_OR_INACTIVE
