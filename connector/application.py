"""A running connector as one value: its parts, and what the commands do with them.

What it is made of is put together in `bootstrap`.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connector.cycle.parts import CycleOptions, CycleParts
from connector.cycle.table_cycle import run_cycle
from connector.logs import get_log
from connector.state import CycleOutcome, CycleRecord
from connector.watching import WatchedTable
from engine.errors import ConfigProblem, LeadrobinError


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The connector over one environment and one store.

    `start_cycle` opens a new time budget for requests, `renew_lease` keeps other processes off.
    """

    parts: CycleParts
    tables: Sequence[WatchedTable]
    stop: threading.Event
    start_cycle: Callable[[], None]
    renew_lease: Callable[[], None]
    forget_people: Callable[[], None]

    def with_options(self, **options: object) -> "Application":
        """The same connector with some options of its cycles changed."""
        changed: CycleOptions = replace(self.parts.options, **options)  # type: ignore[arg-type]
        return replace(self, parts=replace(self.parts, options=changed))

    def find_table(self, name: str) -> WatchedTable:
        """A watched table by logical name; raises ConfigProblem."""
        for table in self.tables:
            if table.name == name:
                return table
        known = ", ".join(table.name for table in self.tables)
        raise ConfigProblem(f"the rules file has no segment for table {name}; it has {known}")

    def run_table(self, table: WatchedTable) -> CycleRecord:
        """One cycle of one table, logged; raises what ended it."""
        self.renew_lease()
        self.start_cycle()
        log = get_log().bind(table=table.name)
        try:
            record = run_cycle(self.parts, table)
        except LeadrobinError as error:
            log.warning("cycle failed", action="cycle_failed", error=str(error))
            raise
        counts = {name: count for name, count in record.counts.items() if count}
        level = log.info if record.outcome is CycleOutcome.DONE else log.warning
        level("cycle ended", action="cycle_ended", cycle_id=record.id, **counts)
        return record

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
