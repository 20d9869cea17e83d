"""Reads what a cycle works on: pages as examined rows, and rows by id with their related rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.cycle.context import Cycle
from connector.cycle.rows.arrivals import TO_DECIDE, ArrivedRow, examine_row
from connector.ports import RowPage
from connector.state.records import BacklogEntry, LedgerRow, QuarantinedRow
from connector.state.session import StateSession, WatchedSetState
from connector.watched_tables.watched_table import WatchedTable
from engine.normalise import normalise
from engine.records import Record, RejectedRow, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """Rows told apart: those that could be read, and those that could not."""

    arrived: Sequence[ArrivedRow] = ()
    rejected: Sequence[RejectedRow] = ()


def examine_rows(
    cycle: Cycle,
    session: StateSession,
    rows: Sequence[Row],
    *,
    assumed: Mapping[str, LedgerRow] | None = None,
) -> Examined:
    """Normalise rows and compare them with the ledger; the last of several versions counts.

    `assumed` are rows that the ledger would remember otherwise, by id.
    """
    records: dict[str, Record] = {}
    rejected: list[RejectedRow] = []
    for row in rows:
        found = normalise(row, table=cycle.table.name, primary_id=cycle.table.primary_id)
        if isinstance(found, RejectedRow):
            rejected.append(found)
        else:
            records[found.id] = found
    known = {**session.load_rows(cycle.table.name, list(records)), **(assumed or {})}
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


def complete_rows(
    cycle: Cycle, examined: Examined, assumed: Mapping[str, LedgerRow] | None = None
) -> Examined:
    """Read rows to be decided once more, with their related rows, and examine what came back.

    A row may have changed again since the feed named it; then the newer state counts.
    """
    if not cycle.table.needs_related_rows:
        return examined
    wanted = [row.record.id for row in examined.arrived if row.arrival in TO_DECIDE]
    if not wanted:
        return examined
    rows = fetch_complete(cycle, wanted)
    with cycle.store.begin() as session:
        again = examine_rows(cycle, session, rows, assumed=assumed)
    settled = [row for row in examined.arrived if row.arrival not in TO_DECIDE]
    return Examined(
        arrived=[*settled, *again.arrived], rejected=[*examined.rejected, *again.rejected]
    )


def confirm_deleted(cycle: Cycle, page: RowPage) -> list[str]:
    """The deletions that stand: a row named as changed, too, may have been restored."""
    changed = {str(row.get(cycle.table.primary_id, "")).lower() for row in page.rows}
    deleted = [row_id.lower() for row_id in page.deleted]
    doubtful = [row_id for row_id in deleted if row_id in changed]
    present = {
        str(row.get(cycle.table.primary_id, "")).lower() for row in fetch_complete(cycle, doubtful)
    }
    return [row_id for row_id in deleted if row_id not in present]


def load_waiting(
    session: StateSession, table: str, arrived: Sequence[ArrivedRow]
) -> Mapping[str, BacklogEntry]:
    """What rows wait for, by id."""
    return session.load_backlog(table, [row.record.id for row in arrived])


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
