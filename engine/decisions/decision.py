"""What the engine answers for one record, with its reasons as data; `explain` prints them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from engine.records import EntityReference
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus


class Stage(StrEnum):
    """Where a candidate fell out of a rule, in the order of the filters."""

    DISABLED = "disabled"
    NOT_ASSIGNABLE = "not assignable"
    HAD_IT = "had it"
    CONDITION = "condition"
    PERMISSION = "permission"
    CAPACITY = "capacity"
    WINDOW = "window"
    ORDER = "order"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCondition:
    """The first condition that did not hold, as text, with the value it saw."""

    condition: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTrace:
    """One seller, team or queue and how far it came in one rule; `detail` says why in words."""

    target: EntityReference
    stage: Stage
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTrace:
    """One segment tried: `failed` is None when it matched; `skipped` says why it was not tried.

    `also_failed` counts the conditions behind `failed` that do not hold either.
    """

    segment: str
    matched: bool
    skipped: str | None = None
    failed: FailedCondition | None = None
    also_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """One rule tried: status, failed condition, every candidate, what would change it."""

    rule: str
    status: RoutingStatus = RoutingStatus.IN_PROGRESS
    failed: FailedCondition | None = None
    candidates: tuple[CandidateTrace, ...] = ()
    counterfactuals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything that was tried for one record, in the order it was tried."""

    segments: tuple[SegmentTrace, ...] = ()
    rules: tuple[RuleTrace, ...] = ()


class AssignmentDecision(NamedTuple):
    """The answer for one record; None stands for a thing that is absent.

    `secondary` holds the further users of an insight. `now` is the instant decided for. A named
    tuple because it is built for every record, and a frozen dataclass takes five times as long.
    """

    table: str
    id: str
    now: datetime
    segmentation_status: SegmentationStatus
    segment: str | None = None
    segment_id: str | None = None
    rule: str | None = None
    assigned_to: EntityReference | None = None
    secondary: tuple[EntityReference, ...] = ()
    sequence: str | None = None
    routing_status: RoutingStatus | None = None
    sequence_status: SequenceStatus | None = None
    trace: Trace | None = None
