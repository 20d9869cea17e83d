"""A cycle from its start to its end, as the store remembers it; the work is elsewhere."""

from collections.abc import Callable
from dataclasses import replace

from connector.cycle.context import Cycle, Seams
from connector.cycle.organization import raise_if_foreign
from connector.errors import LeaseHeld
from connector.state.records import CycleOutcome, CycleRecord, PlanOrigin
from connector.watched_tables.watched_table import WatchedTable
from engine.errors import LeadrobinError, UnsafePlan


def start_cycle(seams: Seams, table: WatchedTable, origin: PlanOrigin) -> Cycle:
    """A new cycle with its record saved."""
    cycle = build_cycle(seams, table, origin)
    save_start(cycle)
    return cycle


def build_cycle(seams: Seams, table: WatchedTable, origin: PlanOrigin) -> Cycle:
    """A new cycle that nobody hears of yet."""
    with seams.store.begin() as session:
        mark = session.load_watermark(table.name)
    return Cycle(
        id=seams.new_id(),
        table=table,
        origin=origin,
        started_at=seams.clock.now(),
        seams=seams,
        generation=mark.generation if mark else 1,
    )


def save_start(cycle: Cycle) -> None:
    """Save that a cycle began, and the columns its fingerprints will be made of.

    Whoever is on the table holds its lease: one that still seems to be under way is not.
    """
    with cycle.store.begin() as session:
        session.break_off_cycles(cycle.table.name, cycle.now())
        session.save_cycle(cycle.build_record())
        session.save_watched_set(cycle.table.watched_set, cycle.table.watched)


def finish_cycle(cycle: Cycle, work: Callable[[], bool]) -> CycleRecord:
    """Do the work of a cycle and save how it ended; `work` answers False when it was stopped.

    Raises UnsafePlan when the environment is another organization's than the store. Who lost the
    lease saves nothing any more.
    """
    try:
        raise_if_foreign(cycle)
        is_done = work()
    except LeaseHeld:
        raise
    except LeadrobinError as error:
        outcome = CycleOutcome.REFUSED if isinstance(error, UnsafePlan) else CycleOutcome.FAILED
        _save_end(cycle, outcome, message=str(error))
        raise
    return _save_end(cycle, CycleOutcome.DONE if is_done else CycleOutcome.STOPPED)


def _save_end(cycle: Cycle, outcome: CycleOutcome, *, message: str | None = None) -> CycleRecord:
    record = replace(
        cycle.build_record(),
        outcome=outcome,
        finished_at=cycle.now(),
        message=message or cycle.about,
    )
    with cycle.store.begin() as session:
        session.save_cycle(record)
    return record
