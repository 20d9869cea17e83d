"""The seams between the cycle and the state that outlives a process; the others are in `ports`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from connector.state.records import (
    BacklogEntry,
    CycleRecord,
    DecisionRecord,
    Handover,
    KeptRuleSet,
    LeaseRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
    QuarantinedRow,
    Watermark,
)
from engine.records import EntityReference
from engine.sellers import SellerClock


class WatermarkState(Protocol):
    """How far each table is processed."""

    def load_watermark(self, table: str) -> Watermark | None:
        """How far a table is processed; None before first contact."""
        ...

    def list_watermarks(self) -> Sequence[Watermark]:
        """All watermarks, by table."""
        ...

    def save_watermark(self, watermark: Watermark) -> None:
        """Insert or replace a watermark."""
        ...


class LedgerReader(Protocol):
    """What is remembered of the rows of the watched tables."""

    def load_rows(self, table: str, ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """The remembered rows among `ids`, by id."""
        ...

    def find_unmarked(self, table: str, generation: int, limit: int) -> Sequence[str]:
        """Ids of rows that the full read `generation` did not see."""
        ...

    def list_undecided(
        self,
        table: str,
        after: LedgerRow | None,
        size: int,
        *,
        with_rules: Collection[str] = (),
    ) -> Sequence[LedgerRow]:
        """Open rows that no rule was ever asked about, oldest first, from behind `after` on.

        Rows of the segments `with_rules` are among them if these had no rules at the time.
        """
        ...

    def count_open(self) -> Mapping[tuple[str, str, str], int]:
        """Open rows by table, owner id and the rule that assigned them ("" = none)."""
        ...

    def count_rows(self, table: str, *, before_generation: int | None = None) -> int:
        """Rows of a table, or those last seen by an earlier full read."""
        ...


class LedgerWriter(Protocol):
    """Remembering and forgetting rows of the watched tables."""

    def save_rows(self, rows: Sequence[LedgerRow]) -> None:
        """Insert or replace rows and keep the count of open rows of each owner exact."""
        ...

    def mark_rows(self, table: str, ids: Sequence[str], generation: int) -> None:
        """Note that a full read saw these rows."""
        ...

    def delete_rows(self, table: str, ids: Sequence[str]) -> int:
        """Forget rows and what waits for them; unknown ids are ignored; how many were known."""
        ...


class WatchedSetState(Protocol):
    """The columns that fingerprints in the ledger are of."""

    def load_watched_set(self, watched_set: str) -> tuple[str, ...] | None:
        """The columns behind the name of a watched set."""
        ...

    def save_watched_set(self, watched_set: str, columns: Sequence[str]) -> None:
        """Remember the columns of a watched set."""
        ...


class SellerClockState(Protocol):
    """When each seller was given work last."""

    def lock_clocks(self) -> None:
        """Keep every other session from deciding until this one ends."""
        ...

    def load_clocks(self) -> Mapping[str, SellerClock]:
        """Every seller's clock, by seller id."""
        ...

    def save_clocks(self, clocks: Iterable[SellerClock]) -> None:
        """Insert or replace clocks."""
        ...


class OpenPlanState(Protocol):
    """Plans that are written or were when the process ended."""

    def save_open_plan(self, open_plan: OpenPlan) -> None:
        """Save an open plan."""
        ...

    def list_open_plans(self, table: str) -> Sequence[OpenPlan]:
        """The open plans of a table, oldest first."""
        ...

    def close_open_plan(self, plan_id: str, at: datetime) -> None:
        """Note that every outcome of a plan is saved."""
        ...

    def prune_plans(self, table: str, before: datetime) -> int:
        """Forget plans of a table that were closed earlier; how many."""
        ...


class DecisionState(Protocol):
    """The history of decisions."""

    def add_decisions(self, records: Sequence[DecisionRecord]) -> None:
        """Append decisions; none is ever changed."""
        ...

    def list_decisions(
        self, *, row: EntityReference | None = None, cycle_id: str | None = None, limit: int = 1000
    ) -> Sequence[DecisionRecord]:
        """Decisions of one row or one cycle, newest first."""
        ...

    def page_decisions(self, *, after: int, limit: int) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions behind a number, oldest first, each with its own number."""
        ...

    def prune_decisions(self, table: str, before: datetime) -> int:
        """Forget decisions of a table that are older; how many."""
        ...


class PastDecisions(Protocol):
    """What an undo and a settlement look up in the history."""

    def page_cycle(
        self, cycle_id: str, *, after: int, limit: int
    ) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions of a cycle behind a number, oldest first, each with its own; without traces."""
        ...

    def list_recorded(self, cycle_id: str, plan_checksum: str) -> Sequence[str]:
        """Ids of the rows that a plan of a cycle has decisions of."""
        ...

    def load_latest(
        self, table: str, ids: Sequence[str], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """Of each of the rows `ids` the last decision that ended in one of `outcomes`, by row id.

        They come without traces.
        """
        ...

    def load_before(
        self, numbers: Sequence[int], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """What other cycles decided of rows before the decisions with these numbers, by row id.

        Of each row it is the last decision that ended in one of `outcomes`, without its trace.
        """
        ...


class BacklogState(Protocol):
    """Rows that wait."""

    def save_backlog(self, entries: Sequence[BacklogEntry]) -> None:
        """Insert or replace waiting rows."""
        ...

    def remove_backlog(self, table: str, ids: Sequence[str]) -> None:
        """Take rows off the backlog; unknown ids are ignored."""
        ...

    def load_backlog(self, table: str, ids: Sequence[str]) -> Mapping[str, BacklogEntry]:
        """The waiting rows among `ids`, by id."""
        ...

    def list_backlog(
        self, *, table: str | None = None, due_at: datetime | None = None, limit: int = 1000
    ) -> Sequence[BacklogEntry]:
        """Waiting rows, longest first; with `due_at` only those to be tried by then."""
        ...


class WaitingRows(Protocol):
    """Rows that wait for a cause that is over."""

    def list_unassigned(
        self, table: str, segment: str, *, codes: Sequence[str], limit: int
    ) -> Sequence[BacklogEntry]:
        """Waiting rows of a segment with one of the codes, those created first first."""
        ...

    def wake_backlog(self, table: str, codes: Sequence[str], at: datetime) -> int:
        """Make waiting rows with one of the codes due `at`, unless they are before; how many."""
        ...


class CycleState(Protocol):
    """The records of cycles."""

    def save_cycle(self, cycle: CycleRecord) -> None:
        """Insert or replace a cycle's record."""
        ...

    def list_cycles(self, limit: int, *, with_idle: bool = True) -> Sequence[CycleRecord]:
        """The latest cycles, newest first; without the idle ones if those are not wanted."""
        ...

    def break_off_cycles(self, table: str, at: datetime) -> int:
        """Note that cycles of a table which still seem to run do not; how many."""
        ...

    def prune_idle(self, table: str, before: datetime) -> int:
        """Forget idle cycles of a table that are older; how many."""
        ...

    def prune_cycles(self, table: str, before: datetime) -> int:
        """Forget cycles of a table that are older, idle or not; how many."""
        ...


class QuarantineState(Protocol):
    """Rows that could not be normalised."""

    def save_rejected(self, rows: Sequence[QuarantinedRow]) -> None:
        """Put rows into quarantine, or count them once more."""
        ...

    def release_rejected(self, table: str, ids: Sequence[str]) -> None:
        """Take rows out of quarantine that can be read again."""
        ...

    def list_rejected(self, limit: int) -> Sequence[QuarantinedRow]:
        """Rows in quarantine, latest first."""
        ...


class HandoverState(Protocol):
    """Rows that sellers have and may lose again."""

    def save_handovers(self, handovers: Sequence[Handover]) -> None:
        """Insert or replace handovers, one for each row."""
        ...

    def load_handovers(self, table: str, ids: Sequence[str]) -> Mapping[str, Handover]:
        """The handovers among rows, by row id."""
        ...

    def list_handovers(self, table: str, due_at: datetime, limit: int) -> Sequence[Handover]:
        """Handovers that are due by then, longest due first."""
        ...

    def remove_handovers(self, table: str, ids: Sequence[str]) -> None:
        """Forget handovers; unknown ids are ignored."""
        ...


class RuleSetState(Protocol):
    """The rule sets that cycles ran under."""

    def note_rule_set(
        self, checksum: str, at: datetime, build: Callable[[], Mapping[str, object]]
    ) -> None:
        """Note which rule set is in force; `build` is asked for it when it was another before."""
        ...

    def find_rule_set(
        self, *, at: datetime | None = None, checksum: str | None = None
    ) -> KeptRuleSet | None:
        """The rule set in force at an instant, or the one with a checksum; None when unknown."""
        ...


class LeaseState(Protocol):
    """Who works on the store."""

    def lock_lease(self, name: str, at: datetime) -> LeaseRecord:
        """A lease that nobody else sees or changes until this session ends.

        One that nobody ever had comes with no holder, generation 0 and expired `at`.
        """
        ...

    def share_lease(self, name: str) -> LeaseRecord | None:
        """A lease that nobody can change until this session ends."""
        ...

    def list_leases(self, prefix: str) -> Sequence[LeaseRecord]:
        """The leases whose names begin alike, expired or not."""
        ...

    def save_lease(self, lease: LeaseRecord) -> None:
        """Insert or replace a lease."""
        ...

    def remove_leases(self, names: Sequence[str]) -> None:
        """Forget leases."""
        ...


class DocumentState(Protocol):
    """Small documents by kind and key."""

    def load_document(self, kind: str, key: str) -> Mapping[str, object] | None:
        """A saved document, None when there is none."""
        ...

    def save_document(
        self, kind: str, key: str, *, document: Mapping[str, object], at: datetime
    ) -> None:
        """Insert or replace a document."""
        ...


class StateSession(
    WatermarkState,
    LedgerReader,
    LedgerWriter,
    WatchedSetState,
    SellerClockState,
    OpenPlanState,
    DecisionState,
    PastDecisions,
    BacklogState,
    WaitingRows,
    CycleState,
    QuarantineState,
    HandoverState,
    RuleSetState,
    LeaseState,
    DocumentState,
    Protocol,
):
    """One transaction on the store: everything in it is saved, or nothing."""


class StateStore(Protocol):
    """The state that outlives a process."""

    def begin(self) -> AbstractContextManager[StateSession]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        ...
