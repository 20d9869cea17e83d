"""A run on a table from its start to its end, as the store remembers it; the work is elsewhere."""

from collections.abc import Callable
from dataclasses import replace

from connector.cycle.context import CycleParts, CycleRun
from connector.cycle.organisation import raise_if_foreign
from connector.errors import LeaseHeld
from connector.state.records import CycleOutcome, CycleRecord, PlanOrigin
from connector.watched_tables.watched_table import WatchedTable
from engine.errors import LeadrobinError, UnsafePlan


def start_run(parts: CycleParts, table: WatchedTable, origin: PlanOrigin) -> CycleRun:
    """A new run with its record saved."""
    run = build_run(parts, table, origin)
    save_start(parts, run)
    return run


def build_run(parts: CycleParts, table: WatchedTable, origin: PlanOrigin) -> CycleRun:
    """A new run that nobody hears of yet."""
    with parts.store.begin() as session:
        mark = session.load_watermark(table.name)
    return CycleRun(
        id=parts.new_id(),
        table=table,
        origin=origin,
        started_at=parts.clock.now(),
        generation=mark.generation if mark else 1,
    )


def save_start(parts: CycleParts, run: CycleRun) -> None:
    """Save that a run began, and the columns its fingerprints will be made of.

    Whoever is on the table holds its lease: a run that still seems to be under way is not.
    """
    with parts.store.begin() as session:
        session.break_off_cycles(run.table.name, parts.clock.now())
        session.save_cycle(run.build_record())
        session.save_watched_set(run.table.watched_set, run.table.watched)


def finish_run(parts: CycleParts, run: CycleRun, work: Callable[[], bool]) -> CycleRecord:
    """Do the work of a run and save how it ended; `work` answers False when it was stopped.

    Raises UnsafePlan when the environment is another organisation's than the store. Who lost the
    lease saves nothing any more.
    """
    try:
        raise_if_foreign(parts, run)
        is_done = work()
    except LeaseHeld:
        raise
    except LeadrobinError as error:
        outcome = CycleOutcome.REFUSED if isinstance(error, UnsafePlan) else CycleOutcome.FAILED
        _save_end(parts, run, outcome, message=str(error))
        raise
    return _save_end(parts, run, CycleOutcome.DONE if is_done else CycleOutcome.STOPPED)


def _save_end(
    parts: CycleParts, run: CycleRun, outcome: CycleOutcome, *, message: str | None = None
) -> CycleRecord:
    record = replace(
        run.build_record(),
        outcome=outcome,
        finished_at=parts.clock.now(),
        message=message or run.about,
    )
    with parts.store.begin() as session:
        session.save_cycle(record)
    return record
