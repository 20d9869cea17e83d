"""Watermarks, cycles and quarantined rows in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, false, select, true, update

from connector.state.records import (
    CycleOutcome,
    CycleRecord,
    PlanOrigin,
    QuarantinedRow,
    ReadMode,
    Watermark,
)
from connector.store.statements import chunk_ids, upsert_rows
from connector.store.tables import cycles, quarantine, watermarks

BROKEN_OFF = "its process ended before it did; the next cycle settled what it left open"


class ProgressSession:
    """Progress within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load_watermark(self, table: str) -> Watermark | None:
        """How far a table is processed; None before first contact."""
        query = select(watermarks).where(watermarks.c.table_name == table)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _read_watermark(row)

    def list_watermarks(self) -> Sequence[Watermark]:
        """All watermarks, by table."""
        query = select(watermarks).order_by(watermarks.c.table_name)
        return [_read_watermark(row) for row in self._connection.execute(query).mappings()]

    def save_watermark(self, watermark: Watermark) -> None:
        """Insert or replace a watermark."""
        values = {
            "table_name": watermark.table,
            "mode": watermark.mode.value,
            "link": watermark.link,
            "watched_set": watermark.watched_set,
            "columns_hash": watermark.columns_hash,
            "organization_id": watermark.organization_id,
            "generation": watermark.generation,
            "pages": watermark.pages,
            "rows_seen": watermark.rows_seen,
            "baseline_done_at": watermark.baseline_done_at,
            "signpost": watermark.signpost,
        }
        upsert_rows(self._connection, watermarks, [values])

    def save_cycle(self, cycle: CycleRecord) -> None:
        """Insert or replace a cycle's record."""
        values = {
            "id": cycle.id,
            "table_name": cycle.table,
            "origin": cycle.origin.value,
            "started_at": cycle.started_at,
            "finished_at": cycle.finished_at,
            "outcome": cycle.outcome.value,
            "counts": dict(cycle.counts),
            "message": cycle.message,
            "is_idle": cycle.is_idle,
        }
        upsert_rows(self._connection, cycles, [values])

    def list_cycles(self, limit: int, *, with_idle: bool = True) -> Sequence[CycleRecord]:
        """The latest cycles, newest first; without the idle ones if those are not wanted."""
        query = select(cycles).order_by(cycles.c.started_at.desc(), cycles.c.id).limit(limit)
        if not with_idle:
            query = query.where(cycles.c.is_idle == false())
        return [_read_cycle(row) for row in self._connection.execute(query).mappings()]

    def break_off_cycles(self, table: str, at: datetime) -> int:
        """Note that cycles of a table which still seem to run do not; how many."""
        ended = self._connection.execute(
            update(cycles)
            .where(cycles.c.table_name == table, cycles.c.outcome == CycleOutcome.RUNNING.value)
            .values(outcome=CycleOutcome.BROKEN_OFF.value, finished_at=at, message=BROKEN_OFF)
        )
        return ended.rowcount

    def prune_idle(self, table: str, before: datetime) -> int:
        """Forget idle cycles of a table that are older; how many."""
        forgotten = self._connection.execute(
            delete(cycles).where(
                cycles.c.is_idle == true(),
                cycles.c.started_at < before,
                cycles.c.table_name == table,
            )
        )
        return forgotten.rowcount

    def save_rejected(self, rows: Sequence[QuarantinedRow]) -> None:
        """Put rows into quarantine, or count them once more."""
        for row in rows:
            known = self._load_rejected(row.table, row.row_id)
            values = {
                "table_name": row.table,
                "row_id": row.row_id,
                "reasons": list(row.reasons),
                "first_seen_at": known.first_seen_at if known else row.first_seen_at,
                "last_seen_at": row.last_seen_at,
                "times": known.times + 1 if known else row.times,
            }
            upsert_rows(self._connection, quarantine, [values])

    def release_rejected(self, table: str, ids: Sequence[str]) -> None:
        """Take rows out of quarantine that can be read again."""
        for chunk in chunk_ids(ids):
            self._connection.execute(
                delete(quarantine).where(
                    quarantine.c.table_name == table, quarantine.c.row_id.in_(chunk)
                )
            )

    def list_rejected(self, limit: int) -> Sequence[QuarantinedRow]:
        """Rows in quarantine, latest first."""
        query = select(quarantine).order_by(quarantine.c.last_seen_at.desc()).limit(limit)
        return [_read_rejected(row) for row in self._connection.execute(query).mappings()]

    def _load_rejected(self, table: str, row_id: str) -> QuarantinedRow | None:
        query = select(quarantine).where(
            quarantine.c.table_name == table, quarantine.c.row_id == row_id
        )
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _read_rejected(row)


def _read_watermark(row: RowMapping) -> Watermark:
    return Watermark(
        table=row["table_name"],
        mode=ReadMode(row["mode"]),
        link=row["link"],
        watched_set=row["watched_set"],
        columns_hash=row["columns_hash"],
        organization_id=row["organization_id"],
        generation=row["generation"],
        pages=row["pages"],
        rows_seen=row["rows_seen"],
        baseline_done_at=row["baseline_done_at"],
        signpost=row["signpost"],
    )


def _read_cycle(row: RowMapping) -> CycleRecord:
    return CycleRecord(
        id=row["id"],
        table=row["table_name"],
        origin=PlanOrigin(row["origin"]),
        started_at=row["started_at"],
        outcome=CycleOutcome(row["outcome"]),
        finished_at=row["finished_at"],
        counts=row["counts"],
        message=row["message"],
    )


def _read_rejected(row: RowMapping) -> QuarantinedRow:
    return QuarantinedRow(
        table=row["table_name"],
        row_id=row["row_id"],
        reasons=tuple(row["reasons"]),
        first_seen_at=row["first_seen_at"],
        last_seen_at=row["last_seen_at"],
        times=row["times"],
    )
