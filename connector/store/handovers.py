"""Handovers in SQL: rows that sellers have and may lose again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from connector.state.records import Handover
from connector.store.statements import Statements, build_values, match_ids, upsert_rows
from connector.store.tables import handovers as handover_rows


class HandoverSession(Statements):
    """Handovers within one transaction."""

    def save_handovers(self, handovers: Sequence[Handover]) -> None:
        """Insert or replace handovers, one for each row."""
        values = [build_values(handover) for handover in handovers]
        upsert_rows(self._connection, handover_rows, values)

    def load_handovers(self, table: str, ids: Sequence[str]) -> Mapping[str, Handover]:
        """The handovers among rows, by row id."""
        return {
            handover.row_id: handover
            for those in match_ids(handover_rows, table, ids)
            for handover in self._read(select(handover_rows).where(those), Handover)
        }

    def list_handovers(self, table: str, due_at: datetime, limit: int) -> Sequence[Handover]:
        """Handovers that are due by then, longest due first."""
        query = (
            select(handover_rows)
            .where(handover_rows.c.table == table, handover_rows.c.due_at <= due_at)
            .order_by(handover_rows.c.due_at, handover_rows.c.row_id)
            .limit(limit)
        )
        return self._read(query, Handover)

    def remove_handovers(self, table: str, ids: Sequence[str]) -> None:
        """Forget handovers; unknown ids are ignored."""
        self._delete(handover_rows, table, ids)
