"""A running connector as one value: its seams, and what the commands do with them.

What it is made of is put together in `bootstrap`.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from connector.cycle.context import Cycle, Seams
from connector.cycle.cycle_records import build_cycle, finish_cycle, start_cycle
from connector.cycle.passes.backlog import retry_due, retry_segment
from connector.cycle.passes.recovery import settle_open_plans
from connector.cycle.review.apply import Leftover, apply_plan, raise_if_refused
from connector.cycle.review.pacing import Pace
from connector.cycle.review.preview import Preview, preview_backfill, preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.cycle.review.reviewed_plan import ReviewedPlan, merge_previews
from connector.cycle.review.undo import plan_undo
from connector.cycle.table_cycle import run_cycle
from connector.environment.reading import Reading
from connector.service.leases import TableLeases
from connector.state.records import CycleOutcome, CycleRecord, PlanOrigin
from connector.telemetry.logs import get_log
from connector.watched_tables.watched_table import WatchedTable, choose_segment_tables
from engine.errors import ConfigProblem, LeadrobinError


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The connector over one environment and one store.

    `start_cycle` opens a new time budget for requests, `leases` keep other processes off a table.
    `readings` look at the table definitions again.
    """

    seams: Seams
    tables: Sequence[WatchedTable]
    stop: threading.Event
    start_cycle: Callable[[], None]
    leases: TableLeases
    readings: Callable[[], Reading]

    def find_table(self, name: str) -> WatchedTable:
        """A watched table by logical name; raises ConfigProblem."""
        for table in self.tables:
            if table.name == name:
                return table
        known = ", ".join(table.name for table in self.tables)
        raise ConfigProblem(f"the rules file has no segment for table {name}; it has {known}")

    def run_table(self, table: WatchedTable) -> CycleRecord:
        """One cycle of one table, logged; raises what ended it."""
        log = get_log().bind(table=table.name)
        with self._hold(table) as seams:
            self.start_cycle()
            try:
                record = self._run_cycle(seams, table)
            except LeadrobinError as error:
                log.warning("cycle failed", action="cycle_failed", error=str(error))
                raise
        counts = {name: count for name, count in record.counts.items() if count}
        level = log.info if record.outcome is CycleOutcome.DONE else log.warning
        level("cycle ended", action="cycle_ended", cycle_id=record.id, **counts)
        return record

    def _run_cycle(self, seams: Seams, table: WatchedTable) -> CycleRecord:
        """A cycle under the table definitions of now, which it keeps until it ends."""
        try:
            reading = self.readings()
            found = reading.find_table(table.name)
        except LeadrobinError as error:
            return finish_cycle(start_cycle(seams, table, PlanOrigin.CYCLE), _raising(error))
        return run_cycle(replace(seams, assembled_rules=reading.rules), found)

    def retry_backlog(self, table: WatchedTable, *, segment: str | None = None) -> CycleRecord:
        """Try the waiting rows of a table now, or those of a segment that nobody was found for."""
        with self._hold(table) as seams:
            self.start_cycle()
            cycle = start_cycle(seams, table, PlanOrigin.BACKLOG)

            def work() -> bool:
                if not settle_open_plans(cycle):
                    return False
                if segment is not None:
                    return retry_segment(cycle, segment)
                return retry_due(cycle, everything=True)

            return finish_cycle(cycle, work)

    def preview(self) -> list[Preview]:
        """What a cycle of every table would do; nothing is saved or written.

        Each table is decided as if the cycles of those before it had just ended.
        """
        self.start_cycle()
        assumed = Assumed()
        return [preview_cycle(self.seams, table, assumed) for table in self.tables]

    def apply_plan(self, reviewed: ReviewedPlan) -> tuple[list[CycleRecord], list[Leftover]]:
        """Write a reviewed plan; raises ConfigProblem when it was made with other rules."""
        if reviewed.plan.rule_set_checksum != self.seams.rule_set.checksum:
            raise ConfigProblem(
                "the plan was made with another rules file; make a new one with `leadrobin plan`"
            )
        records: list[CycleRecord] = []
        leftovers: list[Leftover] = []
        for name in reviewed.tables:
            with self._hold(self.find_table(name)) as seams:
                cycle = start_cycle(seams, self.find_table(name), PlanOrigin.APPLY)
                records.append(self._write(cycle, reviewed, leftovers))
        return records, leftovers

    def backfill(
        self, table: WatchedTable, preview: Preview, *, rows_per_minute: int | None = None
    ) -> tuple[CycleRecord, list[Leftover]]:
        """Write what was previewed for rows that were there before, a few at a time if so wanted.

        Raises UnsafePlan before the first write, not on the way.
        """
        leftovers: list[Leftover] = []
        reviewed = ReviewedPlan(plan=preview.plan, decisions=preview.decided.decisions)
        with self._hold(table) as seams:
            cycle = start_cycle(seams, table, PlanOrigin.BACKFILL)
            pace = self._pace(rows_per_minute)
            return self._write(cycle, reviewed, leftovers, pace=pace), leftovers

    def preview_backfill(
        self, table: WatchedTable, *, segment: str | None, limit: int | None
    ) -> Preview:
        """What the rules make of rows that were never decided, oldest first.

        Raises ConfigProblem when the table has no such segment.
        """
        if segment is not None:
            choose_segment_tables([table], segment)
        self.start_cycle()
        return preview_backfill(self.seams, table, segment=segment, limit=limit)

    def find_cycle_table(self, cycle_id: str) -> WatchedTable:
        """The table of a cycle that decided something; raises LeadrobinError.

        All that a killed one decided may stand in the plan that it left open.
        """
        with self.seams.store.begin() as session:
            decisions = session.list_decisions(cycle_id=cycle_id, limit=1)
            if decisions:
                return self.find_table(decisions[0].table)
            for table in self.tables:
                if any(plan.cycle_id == cycle_id for plan in session.list_open_plans(table.name)):
                    return table
        raise LeadrobinError(f"there is no cycle {cycle_id}, or it decided nothing")

    def preview_undo(
        self, table: WatchedTable, cycle_id: str
    ) -> tuple[ReviewedPlan, list[Leftover]]:
        """What puts a cycle's rows back, and the rows that somebody touched since."""
        self.start_cycle()
        cycle = build_cycle(self.seams, table, PlanOrigin.UNDO)
        return plan_undo(cycle, cycle_id)

    def undo(
        self, table: WatchedTable, cycle_id: str
    ) -> tuple[CycleRecord, ReviewedPlan, list[Leftover]]:
        """Put a cycle back, with the rows that a plan of it, left open by a crash, still had to
        write.
        """
        self._settle(table)
        reviewed, leftovers = self.preview_undo(table, cycle_id)
        record, late = self.undo_cycle(table, reviewed)
        return record, reviewed, [*leftovers, *late]

    def _settle(self, table: WatchedTable) -> None:
        with self._hold(table) as seams:
            with seams.store.begin() as session:
                if not session.list_open_plans(table.name):
                    return
            self.start_cycle()
            cycle = start_cycle(seams, table, PlanOrigin.UNDO)
            finish_cycle(cycle, lambda: settle_open_plans(cycle))

    def undo_cycle(
        self, table: WatchedTable, reviewed: ReviewedPlan
    ) -> tuple[CycleRecord, list[Leftover]]:
        """Write what `preview_undo` found, and the rows that moved meanwhile."""
        leftovers: list[Leftover] = []
        with self._hold(table) as seams:
            cycle = start_cycle(seams, table, PlanOrigin.UNDO)
            return self._write(cycle, reviewed, leftovers), leftovers

    def replan(self, leftovers: Sequence[Leftover]) -> ReviewedPlan:
        """What the rules make now of rows that a plan left out; nothing is saved or written."""
        left = {leftover.row_id for leftover in leftovers}
        previews = self.preview() if left else []
        return merge_previews(previews, self.seams.rule_set.checksum).keep_rows(left)

    def run_once(self) -> list[CycleRecord]:
        """One cycle of every table, one after the other; a stop ends it behind the table under way.

        Every table gets its turn; then the first error is raised.
        """
        records: list[CycleRecord] = []
        errors: list[LeadrobinError] = []
        for table in self.tables:
            if self.stop.is_set():
                break
            try:
                records.append(self.run_table(table))
            except LeadrobinError as error:
                errors.append(error)
        if errors and not self.stop.is_set():
            raise errors[0]
        return records

    def _write(
        self,
        cycle: Cycle,
        reviewed: ReviewedPlan,
        leftovers: list[Leftover],
        *,
        pace: Pace | None = None,
    ) -> CycleRecord:
        """Write the rows of one table of a plan; adds those that were left out to `leftovers`.

        Each slice has the time of a cycle: all of them together may take hours.
        """
        table = cycle.table.name
        own = {d.row_id: d for d in reviewed.decisions if d.table == table}
        planned = {row.id: row for row in reviewed.plan.rows if row.table == table}
        in_order = [planned[row_id] for row_id in own if row_id in planned]

        def work() -> bool:
            self.start_cycle()
            # Settled later, what was left open would take these writes for somebody else's.
            if not settle_open_plans(cycle):
                return False
            raise_if_refused(cycle, in_order)
            reached = 0
            for rows in (pace or self._pace()).slices(in_order):
                if cycle.seams.is_stopping():
                    return False
                self.start_cycle()
                is_done, left = apply_plan(cycle, rows, own)
                leftovers.extend(left)
                if not is_done:
                    return False
                reached += len(rows)
            return reached == len(in_order)

        return finish_cycle(cycle, work)

    def _pace(self, rows_per_minute: int | None = None) -> Pace:
        return Pace(
            rows_per_minute=rows_per_minute,
            clock=self.seams.clock,
            wait=self.stop.wait,
            most_rows=self.seams.options.slice_rows,
        )

    @contextmanager
    def _hold(self, table: WatchedTable) -> Generator[Seams]:
        """What to work on a table with; raises LeaseHeld."""
        with self.leases.hold(table.name) as hold:
            yield replace(self.seams, store=hold.store, keep_lease=hold.keep)


def _raising(error: LeadrobinError) -> Callable[[], bool]:
    """Work that fails, so that the history says of a cycle why it could not begin."""

    def work() -> bool:
        raise error

    return work
