"""What a cycle would leave behind, carried from one preview to the next; nothing is saved."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.cycle.rows.arrivals import ArrivedRow
from connector.cycle.rows.decisions import DecidedPlan, DecidedRow, DecidingState
from connector.cycle.rows.late_writes import LateWrites
from connector.cycle.rows.seller_clocks import clock_rule, touch_clock
from connector.state.records import DecisionKind, LedgerRow
from engine.plans.changes import PlannedRow
from engine.rules.rule_set import RuleSet
from engine.sellers import SellerClock
from engine.statuses import RoutingStatus

OwnerKey = tuple[str, str, str]
"""Table, owner id, and the rule that gave the row to its owner ("" = none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedState:
    """The clocks and counts that decisions start from."""

    clocks: Mapping[str, SellerClock]
    open_rows: Mapping[OwnerKey, int]

    def load_clocks(self) -> Mapping[str, SellerClock]:
        """Every seller's clock, by seller id."""
        return self.clocks

    def count_open(self) -> Mapping[OwnerKey, int]:
        """Open rows by table, owner id and rule."""
        return self.open_rows


class Assumed:
    """What cycles would have saved: clocks and counts of open rows that differ from the store's.

    `seen` are rows of the table under way as the ledger would remember them, by id, `touched` those
    that sellers worked on and keep.
    """

    def __init__(self) -> None:
        self.seen: dict[str, LedgerRow] = {}
        self.touched: set[str] = set()
        self.manual: set[str] = set()
        self._late: set[str] = set()
        self._clocks: dict[str, SellerClock] = {}
        self._open: Counter[OwnerKey] = Counter()

    def begin_table(self) -> None:
        """Another table: what was seen of rows is no concern of it."""
        self.seen.clear()
        self.touched.clear()
        self.manual.clear()
        self._late.clear()

    def lay_over(self, session: DecidingState) -> AssumedState:
        """The store's state with this on top."""
        open_rows = Counter(dict(session.count_open()))
        open_rows.update(self._open)
        return AssumedState(clocks={**session.load_clocks(), **self._clocks}, open_rows=open_rows)

    def add_seen(self, arrived: ArrivedRow) -> None:
        """A row is remembered as it is now."""
        self._replace(arrived.before, arrived.seen)
        self.seen[arrived.record.id] = arrived.seen

    def add_late_writes(self, session: DecidingState, late: LateWrites, rule_set: RuleSet) -> None:
        """Writes turned out to have arrived; each is the seller's turn, once."""
        for found in late.arrived:
            if found.record.id in self._late:
                continue
            self._late.add(found.record.id)
            self._replace(found.before, found.after)
            if found.decision.kind is not DecisionKind.UNDONE and found.after.owner is not None:
                rule = clock_rule(rule_set, found.decision.rule)
                at = found.decision.decided_at
                self.add_turn(session, found.after.owner.id, at, rule=rule)

    def add_deleted(self, rows: Iterable[LedgerRow]) -> None:
        """Rows are forgotten."""
        for row in rows:
            self._leave(row)

    def add_turn(
        self, session: DecidingState, seller_id: str, at: datetime, *, rule: str | None = None
    ) -> None:
        """Somebody was given work at an instant."""
        clocks = self.lay_over(session).clocks
        self._clocks[seller_id] = touch_clock(clocks, seller_id, at, rule=rule)

    def add_decided(self, decided: DecidedPlan) -> None:
        """Rows were decided and written in full."""
        self._clocks.update({clock.seller_id: clock for clock in decided.clocks_after})
        for row in decided.rows:
            self._decide(row)

    def _decide(self, row: DecidedRow) -> None:
        change = row.planned.owner_change if isinstance(row.planned, PlannedRow) else None
        is_assigned = row.decision.routing_status == RoutingStatus.OWNER_ASSIGNED
        rule = row.decision.rule if is_assigned else row.before.rule if row.before else None
        owner = change.after if change else row.record.owner
        self._leave(row.before)
        if row.record.is_open and owner is not None:
            self._open[row.record.table, owner.id, rule or ""] += 1

    def _replace(self, before: LedgerRow | None, after: LedgerRow) -> None:
        self._leave(before)
        if after.is_open and after.owner is not None:
            self._open[after.table, after.owner.id, after.rule or ""] += 1

    def _leave(self, row: LedgerRow | None) -> None:
        if row is not None and row.is_open and row.owner is not None:
            self._open[row.table, row.owner.id, row.rule or ""] -= 1
