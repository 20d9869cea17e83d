"""What was decided, as the store remembers it: of one row, of a cycle, or all of it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from connector.service.store import open_store, read_store
from connector.state.records import CycleRecord, DecisionRecord, LedgerRow
from engine.records import EntityReference
from settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """The decisions about a row, newest first; `known` is the row as it was last seen.

    `tables` are those that were ever read.
    """

    decisions: Sequence[DecisionRecord]
    known: LedgerRow | None
    tables: Sequence[str]


def find_row_history(settings: Settings, row: EntityReference, *, limit: int) -> RowHistory:
    """What the store knows of a row."""
    with read_store(settings) as session:
        return RowHistory(
            decisions=session.list_decisions(row=row, limit=limit),
            known=session.load_rows(row.table, [row.id]).get(row.id),
            tables=[mark.table for mark in session.list_watermarks()],
        )


def list_cycles(settings: Settings, *, limit: int, with_idle: bool) -> Sequence[CycleRecord]:
    """The latest cycles, newest first."""
    with read_store(settings) as session:
        return session.list_cycles(limit, with_idle=with_idle)


def list_decisions(
    settings: Settings, *, cycle_id: str | None, limit: int
) -> Sequence[DecisionRecord]:
    """The latest decisions, newest first; None = those of all cycles."""
    with read_store(settings) as session:
        return session.list_decisions(cycle_id=cycle_id, limit=limit)


def export_history(settings: Settings, file: Path) -> int:
    """Write every decision into a .jsonl or .parquet file; how many. Raises ConfigProblem."""
    # Loaded late: only this needs the library behind it.
    export = import_module("connector.store.history_export").export_history
    with closing(open_store(settings)) as store:
        count: int = export(store, file)
    return count
