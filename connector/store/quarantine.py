"""Rows in SQL that could not be normalised."""

from collections.abc import Sequence

from sqlalchemy import select

from connector.state.records import QuarantinedRow
from connector.store.statements import Statements, build_values, match_ids, upsert_rows
from connector.store.tables import quarantine


class QuarantineSession(Statements):
    """The quarantine within one transaction."""

    def save_rejected(self, rows: Sequence[QuarantinedRow]) -> None:
        """Put rows into quarantine, or count them once more."""
        for row in rows:
            values = build_values(row)
            [same] = match_ids(quarantine, row.table, [row.row_id])
            known = self._find(select(quarantine).where(same), QuarantinedRow)
            if known is not None:
                values |= {"first_seen_at": known.first_seen_at, "times": known.times + 1}
            upsert_rows(self._connection, quarantine, [values])

    def release_rejected(self, table: str, ids: Sequence[str]) -> None:
        """Take rows out of quarantine that can be read again."""
        self._delete(quarantine, table, ids)

    def list_rejected(self, limit: int) -> Sequence[QuarantinedRow]:
        """Rows in quarantine, latest first."""
        query = select(quarantine).order_by(quarantine.c.last_seen_at.desc()).limit(limit)
        return self._read(query, QuarantinedRow)
