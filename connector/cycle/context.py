"""What a cycle works with, and what it keeps in hand while it runs."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.ports import (
    Clock,
    RowSource,
    RowWriter,
    SequenceConnector,
)
from connector.state.records import CycleRecord, Handover, LedgerRow, PlanOrigin
from connector.state.session import StateStore
from connector.watched_tables.watched_table import WatchedTable
from engine.assignment.assembly import AssembledRules
from engine.plans.safety import SafetyLimits
from engine.records import Record
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOptions:
    """How cycles behave; see the settings of the same names.

    Writes are handed over `write_chunk` rows at a time; a plan of more than `few_writes` in large
    chunks, so that the writer can put many rows into a request. With `splits_owner`
    the owner is written after the lookups, in a request of its own. A backfill reads
    `backfill_rows` at a time. A reviewed plan is written in slices of `slice_rows` at most: each is
    a plan of its own, and whoever settles it reads it as a whole.
    """

    limits: SafetyLimits = field(default_factory=SafetyLimits)
    is_forced: bool = False
    routes_manual_rows: bool = False
    keeps_traces: bool = True
    splits_owner: bool = False
    write_chunk: int = 64
    few_writes: int = 100
    large_write_chunk: int = 1000
    retry_rows: int = 500
    backfill_rows: int = 500
    slice_rows: int = 5000
    max_vanished_share: float = 0.2
    min_vanished_rows: int = 20
    reconcile_interval: timedelta = timedelta(days=1)
    keeps_history: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What cycles reach the world through, and the values that all of them share.

    `assembled_rules` gives the rules over the people of now, without their clocks. `page_lock`
    keeps the cycles of several tables from deciding at the same time: they share the sellers and
    the rules. `user_id` is the user we write as. `is_stopping` is asked between requests.
    `report` hears of progress: what, and how many.
    """

    source: RowSource
    writer: RowWriter
    store: StateStore
    clock: Clock
    new_id: Callable[[], str]
    rule_set: RuleSet
    assembled_rules: Callable[[], AssembledRules]
    page_lock: AbstractContextManager[object]
    organization_id: str | None = None
    user_id: str | None = None
    connector: SequenceConnector | None = None
    options: CycleOptions = field(default_factory=CycleOptions)
    is_stopping: Callable[[], bool] = lambda: False
    keep_lease: Callable[[], None] = lambda: None
    report: Callable[[str, int], None] = lambda _what, _count: None


@dataclass(kw_only=True)
class Cycle:
    """A cycle under way: its counts grow; `generation` is the full read its rows are seen by.

    `reassigned` counts the rows it took from each owner. `about` is what the history says of it
    when it ended well. `assembled_rules` are those of the last `read_people`.
    """

    id: str
    table: WatchedTable
    origin: PlanOrigin
    started_at: datetime
    seams: Seams
    generation: int = 1
    counts: Counter[str] = field(default_factory=Counter[str])
    reassigned: Counter[str] = field(default_factory=Counter[str])
    sees_deletions: bool = True
    about: str | None = None
    assembled_rules: AssembledRules | None = None

    @property
    def store(self) -> StateStore:
        """Where it is remembered what was seen and decided."""
        return self.seams.store

    @property
    def source(self) -> RowSource:
        """Where rows are read."""
        return self.seams.source

    @property
    def rule_set(self) -> RuleSet:
        """The rules that rows are decided by."""
        return self.seams.rule_set

    @property
    def options(self) -> CycleOptions:
        """How it behaves."""
        return self.seams.options

    @property
    def people(self) -> Directory:
        """Those of the last `read_people`; nobody before the first."""
        return self.assembled_rules.directory if self.assembled_rules else Directory()

    def now(self) -> datetime:
        """The instant it is."""
        return self.seams.clock.now()

    def read_people(self) -> None:
        """Look who is there now.

        That may be read from the environment, which can take minutes, and the rules are assembled
        over them; asked for in a transaction, everybody else on the store would wait for as long.
        """
        self.assembled_rules = self.seams.assembled_rules()

    @contextmanager
    def as_origin(self, origin: PlanOrigin) -> Generator[None]:
        """Plans that are made meanwhile come from elsewhere than the cycle itself."""
        own, self.origin = self.origin, origin
        try:
            yield
        finally:
            self.origin = own

    def build_record(self) -> CycleRecord:
        """The cycle as it is saved."""
        return CycleRecord(
            id=self.id,
            table=self.table.name,
            origin=self.origin,
            started_at=self.started_at,
            counts=dict(self.counts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowToDecide:
    """A row to decide: as it is now, and as the ledger remembers it.

    With `is_fresh` the row is decided as if it had no segment yet: new rows, retries and backfills.
    With `handover` the row is taken back from its owner, and nobody who had it gets it again.
    """

    record: Record
    before: LedgerRow | None
    is_fresh: bool
    is_reassignment: bool
    handover: Handover | None = None

    @property
    def passed_over(self) -> frozenset[str]:
        """The ids of those who must not get the row."""
        return frozenset(self.handover.had_by if self.handover else ())
