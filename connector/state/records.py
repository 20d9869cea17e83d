"""The values that outlive a cycle.

How they are kept is in `store`, who moves them is in `cycle`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.plans.plan import Plan
from engine.records import EntityReference
from engine.sellers import SellerClock


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """What is remembered of one row of a watched table: enough to tell what happened to it since.

    `fingerprint` holds one hash for each column of the watched set named by `watched_set`, in the
    set's order. `segment` is the segment decided last, `segment_id` the one the row carries.
    `is_manual` = a person gave the row its owner. `generation` is the full read that saw the row
    last.
    """

    table: str
    id: str
    etag: str | None
    owner: EntityReference | None
    is_open: bool
    watched_set: str
    fingerprint: str
    created_on: datetime | None = None
    segment: str | None = None
    segment_id: str | None = None
    sequence_id: str | None = None
    rule: str | None = None
    segmentation_status: int | None = None
    routing_status: int | None = None
    sequence_status: int | None = None
    decided_at: datetime | None = None
    is_manual: bool = False
    generation: int = 0


class ReadMode(StrEnum):
    """What the link of a watermark leads through."""

    BASELINE = "baseline"
    CHANGES = "changes"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """How far a table is processed; `link` is the next page or delta link, opaque.

    `signpost` is the start of the cycle that moved it last; `generation` counts full reads.
    """

    table: str
    mode: ReadMode
    link: str | None = None
    watched_set: str = ""
    columns_hash: str = ""
    organization_id: str | None = None
    generation: int = 1
    pages: int = 0
    rows_seen: int = 0
    baseline_done_at: datetime | None = None
    signpost: datetime | None = None


class PlanOrigin(StrEnum):
    """Who asked for a plan."""

    CYCLE = "cycle"
    BACKLOG = "backlog"
    BACKFILL = "backfill"
    APPLY = "apply"
    UNDO = "undo"
    SCHEDULED = "scheduled"
    TAKE_BACK = "take_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlan:
    """A plan about to be written; open until its outcomes are saved.

    `clocks` are the seller clocks it assumed, `decisions` those behind its rows, not yet carried
    out. `fingerprints` holds the fingerprint of each row as it was decided, by row id, over the
    columns of `watched_set`.
    """

    id: str
    table: str
    cycle_id: str
    origin: PlanOrigin
    created_at: datetime
    plan: Plan
    clocks: Sequence[SellerClock] = ()
    clocks_after: Sequence[SellerClock] = ()
    decisions: "Sequence[DecisionRecord]" = ()
    watched_set: str = ""
    fingerprints: Mapping[str, str] = field(default_factory=dict[str, str])


class Outcome(StrEnum):
    """How a decision ended: as its write did, or without one.

    INTENDED = its write is still to come. UNCHANGED = there was nothing to write. MANUAL = a person
    chose the owner. The others are those of `ports.WriteOutcome`.
    """

    INTENDED = "intended"
    APPLIED = "applied"
    ALREADY_SO = "already_so"
    CONFLICT = "conflict"
    ROW_GONE = "row_gone"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    MANUAL = "manual"


class DecisionKind(StrEnum):
    """Who decided about a row, and what for.

    ASSIGNED = the rules, also where they found nobody. TAKEN_BACK = the rules, because the seller
    who had the row did not touch it. UNDONE = somebody put it back to where it was before a cycle.
    MANUAL = a person gave it its owner in Dataverse.
    """

    ASSIGNED = "assigned"
    TAKEN_BACK = "taken_back"
    UNDONE = "undone"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """What a decision that goes back on an earlier one found.

    `owner` is from whom a row was taken back. The others say what an undone row goes back to: was
    it decided at all, and had a person chosen its owner.
    """

    owner: EntityReference | None = None
    was_decided: bool = True
    was_manual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision as it was taken and how it ended; never changed once saved.

    `before` and `after` hold owner, segment and sequence as plain data, `trace` everything that
    was tried.
    """

    table: str
    row_id: str
    cycle_id: str
    decided_at: datetime
    outcome: Outcome
    plan_checksum: str
    rule_set_checksum: str
    kind: DecisionKind = DecisionKind.ASSIGNED
    previous: Previous = Previous()
    segment: str | None = None
    rule: str | None = None
    segmentation_status: int | None = None
    routing_status: int | None = None
    sequence_status: int | None = None
    before: Mapping[str, object] = field(default_factory=dict[str, object])
    after: Mapping[str, object] = field(default_factory=dict[str, object])
    trace: Mapping[str, object] | None = None
    request_id: str | None = None
    message: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogEntry:
    """A row that waits: why, since when, and when it is tried next (None = not by itself).

    `segment` is the segment it was decided for, `created_on` when the row itself was created.
    """

    table: str
    row_id: str
    reason: str
    code: str
    since: datetime
    next_try_at: datetime | None
    attempts: int = 1
    segment: str | None = None
    created_on: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A row that a seller was given and nobody touched yet; `rule` takes it back at `due_at`.

    `due_at` None = it stays where it is: it went through as many hands as the rule allows. `hops`
    counts how often it was taken back, `had_by` holds the ids of everybody who had it.
    """

    table: str
    row_id: str
    owner_id: str
    segment: str | None
    rule: str
    assigned_at: datetime
    due_at: datetime | None
    hops: int = 0
    had_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRuleSet:
    """A rule set that cycles ran under from `in_force_since` on, as plain data."""

    checksum: str
    in_force_since: datetime
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """A row that could not be normalised, with every reason."""

    table: str
    row_id: str
    reasons: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    times: int = 1


class CycleOutcome(StrEnum):
    """How a cycle ended."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    BROKEN_OFF = "broken_off"


_QUIET_COUNTS = frozenset({"pages", "rows_read", "echoes", "unchanged", "compared", "forgotten"})
"""What a cycle counts although nothing happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRecord:
    """One pass over one table: its counts by name, such as rows_read, decided, conflict.

    BROKEN_OFF = its process ended without a word, as the next one on the table found.
    """

    id: str
    table: str
    origin: PlanOrigin
    started_at: datetime
    outcome: CycleOutcome = CycleOutcome.RUNNING
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    message: str | None = None

    @property
    def is_idle(self) -> bool:
        """It ended well and there was nothing to do."""
        is_quiet = not any(self.counts[name] for name in self.counts.keys() - _QUIET_COUNTS)
        return self.outcome is CycleOutcome.DONE and is_quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """Who works on the store; the generation grows with each new holder."""

    name: str
    holder: str
    generation: int
    expires_at: datetime
