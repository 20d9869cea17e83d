"""Rows that wait, in SQL; why they wait and when they are tried is the cycle's."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select, update

from connector.state.records import BacklogEntry
from connector.store.statements import Statements, build_values, match_ids, upsert_rows
from connector.store.tables import backlog


class BacklogSession(Statements):
    """The backlog within one transaction."""

    def save_backlog(self, entries: Sequence[BacklogEntry]) -> None:
        """Insert or replace waiting rows."""
        upsert_rows(self._connection, backlog, [build_values(entry) for entry in entries])

    def remove_backlog(self, table: str, ids: Sequence[str]) -> None:
        """Take rows off the backlog; unknown ids are ignored."""
        self._delete(backlog, table, ids)

    def load_backlog(self, table: str, ids: Sequence[str]) -> Mapping[str, BacklogEntry]:
        """The waiting rows among `ids`, by id."""
        return {
            entry.row_id: entry
            for those in match_ids(backlog, table, ids)
            for entry in self._read(select(backlog).where(those), BacklogEntry)
        }

    def list_backlog(
        self, *, table: str | None = None, due_at: datetime | None = None, limit: int = 1000
    ) -> Sequence[BacklogEntry]:
        """Waiting rows, longest first; with `due_at` only those to be tried by then."""
        query = select(backlog).order_by(backlog.c.since, backlog.c.table, backlog.c.row_id)
        if table is not None:
            query = query.where(backlog.c.table == table)
        if due_at is not None:
            query = query.where(backlog.c.next_try_at <= due_at)
        return self._read(query.limit(limit), BacklogEntry)

    def list_unassigned(
        self, table: str, segment: str, *, codes: Sequence[str], limit: int
    ) -> Sequence[BacklogEntry]:
        """Waiting rows of a segment with one of the codes, those created first first."""
        query = (
            select(backlog)
            .where(
                backlog.c.table == table,
                backlog.c.segment == segment,
                backlog.c.code.in_(codes),
            )
            .order_by(backlog.c.created_on, backlog.c.row_id)
            .limit(limit)
        )
        return self._read(query, BacklogEntry)

    def wake_backlog(self, table: str, codes: Sequence[str], at: datetime) -> int:
        """Make waiting rows with one of the codes due `at`, unless they are before; how many."""
        is_later = or_(backlog.c.next_try_at.is_(None), backlog.c.next_try_at > at)
        woken = self._connection.execute(
            update(backlog)
            .where(backlog.c.table == table, backlog.c.code.in_(codes), is_later)
            .values(next_try_at=at)
        )
        return woken.rowcount
