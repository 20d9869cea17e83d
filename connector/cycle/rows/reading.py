"""Reads what a cycle works on: pages as examined rows, and rows by id with their related rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.cycle.context import Cycle, RowToDecide
from connector.cycle.rows.arrivals import TO_DECIDE, UNDECIDED, Arrival, ArrivedRow, examine_row
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.state.records import BacklogEntry, LedgerRow, QuarantinedRow
from connector.state.session import BacklogState, StateSession, WatchedSetState
from connector.watched_tables.watched_table import WatchedTable
from engine.normalise import normalise
from engine.records import Record, RejectedRow, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """Rows told apart: those that could be read, and those that could not."""

    arrived: Sequence[ArrivedRow] = ()
    rejected: Sequence[RejectedRow] = ()
    gone: Sequence[str] = field(default_factory=list[str])


def examine_rows(cycle: Cycle, session: StateSession, rows: Sequence[Row]) -> Examined:
    """Normalise rows and compare them with the ledger; the last of several versions counts."""
    records: dict[str, Record] = {}
    rejected: list[RejectedRow] = []
    for row in rows:
        found = normalise(row, table=cycle.table.name, primary_id=cycle.table.primary_id)
        if isinstance(found, RejectedRow):
            rejected.append(found)
        else:
            records[found.id] = found
    known = session.load_rows(cycle.table.name, list(records))
    watched_sets = load_watched_sets(cycle.table, session, known)
    arrived = [
        examine_row(
            record,
            known.get(record.id),
            cycle.table,
            watched_sets=watched_sets,
            generation=cycle.generation,
            routes_manual_rows=cycle.options.routes_manual_rows,
        )
        for record in records.values()
    ]
    return Examined(arrived=arrived, rejected=rejected)


def fetch_complete(cycle: Cycle, ids: Sequence[str]) -> list[Row]:
    """Rows by id with the related rows that conditions read; those that are gone are absent."""
    return list(cycle.source.fetch_rows(cycle.table.query, ids)) if ids else []


def load_watched_sets(
    table: WatchedTable, session: WatchedSetState, known: Mapping[str, LedgerRow]
) -> dict[str, tuple[str, ...]]:
    """The columns behind the fingerprints of some ledger rows, and today's."""
    sets = {table.watched_set: table.watched}
    for name in {row.watched_set for row in known.values()} - set(sets):
        sets[name] = session.load_watched_set(name) or ()
    return sets


def find_candidates(
    session: BacklogState, table: str, arrived: Sequence[ArrivedRow]
) -> list[RowToDecide]:
    """The rows of a page that have to be decided.

    One that waits, or was closed before it could be decided, is still owed what it waits for.
    """
    rows = [row for row in arrived if row.arrival in TO_DECIDE]
    waiting = session.load_backlog(table, [row.record.id for row in rows])
    return [_build_candidate(row, waiting.get(row.record.id)) for row in rows]


def is_for_rules(before: LedgerRow | None, entry: BacklogEntry | None) -> bool:
    """Rules are to run for a row that waits: nobody was found for it, or nobody has it yet.

    A row that somebody has waits for something else to be written, and its owner stays.
    """
    if before is None or (entry is not None and entry.code in ROUTING_CODES):
        return True
    return before.rule is None and not before.is_manual


def _build_candidate(arrived: ArrivedRow, entry: BacklogEntry | None) -> RowToDecide:
    """A row to decide; a row that was never decided and came new takes nothing from anybody."""
    before = arrived.before
    was_left = entry is not None or (before is not None and before.fingerprint == UNDECIDED)
    return RowToDecide(
        record=arrived.record,
        before=before,
        is_fresh=before is None or (was_left and is_for_rules(before, entry)),
        is_reassignment=arrived.arrival is Arrival.UPDATED and before is not None,
    )


def build_rejected(rejected: Sequence[RejectedRow], now: datetime) -> list[QuarantinedRow]:
    """Rejected rows as they are kept; one without a key is known by its reasons."""
    return [
        QuarantinedRow(
            table=row.table,
            row_id=row.id or "(no key)",
            reasons=row.reasons,
            first_seen_at=now,
            last_seen_at=now,
        )
        for row in rejected
    ]
