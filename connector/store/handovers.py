"""Handovers in SQL: rows that sellers have and may lose again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, select

from connector.state.records import Handover
from connector.store.statements import chunk_ids, upsert_rows
from connector.store.tables import handovers as handover_rows


class HandoverSession:
    """Handovers within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save_handovers(self, handovers: Sequence[Handover]) -> None:
        """Insert or replace handovers, one for each row."""
        values = [
            {
                "table_name": handover.table,
                "row_id": handover.row_id,
                "owner_id": handover.owner_id,
                "segment": handover.segment,
                "rule": handover.rule,
                "assigned_at": handover.assigned_at,
                "due_at": handover.due_at,
                "hops": handover.hops,
                "had_by": list(handover.had_by),
            }
            for handover in handovers
        ]
        upsert_rows(self._connection, handover_rows, values)

    def load_handovers(self, table: str, ids: Sequence[str]) -> Mapping[str, Handover]:
        """The handovers among rows, by row id."""
        found: dict[str, Handover] = {}
        for chunk in chunk_ids(ids):
            query = select(handover_rows).where(
                handover_rows.c.table_name == table, handover_rows.c.row_id.in_(chunk)
            )
            for row in self._connection.execute(query).mappings():
                found[row["row_id"]] = _read_handover(row)
        return found

    def list_handovers(self, table: str, due_at: datetime, limit: int) -> Sequence[Handover]:
        """Handovers that are due by then, longest due first."""
        query = (
            select(handover_rows)
            .where(handover_rows.c.table_name == table, handover_rows.c.due_at <= due_at)
            .order_by(handover_rows.c.due_at, handover_rows.c.row_id)
            .limit(limit)
        )
        return [_read_handover(row) for row in self._connection.execute(query).mappings()]

    def remove_handovers(self, table: str, ids: Sequence[str]) -> None:
        """Forget handovers; unknown ids are ignored."""
        for chunk in chunk_ids(ids):
            self._connection.execute(
                delete(handover_rows).where(
                    handover_rows.c.table_name == table, handover_rows.c.row_id.in_(chunk)
                )
            )


def _read_handover(row: RowMapping) -> Handover:
    return Handover(
        table=row["table_name"],
        row_id=row["row_id"],
        owner_id=row["owner_id"],
        segment=row["segment"],
        rule=row["rule"],
        assigned_at=row["assigned_at"],
        due_at=row["due_at"],
        hops=row["hops"],
        had_by=tuple(row["had_by"]),
    )
