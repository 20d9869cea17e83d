"""Leases in SQL; who may take one is decided in `service`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from connector.state.records import LeaseRecord
from connector.store.statements import Statements, build_values, insert_absent, upsert_rows
from connector.store.tables import leases


class LeaseSession(Statements):
    """Leases within one transaction.

    SQLite transactions exclude each other already; only PostgreSQL locks rows.
    """

    def lock_lease(self, name: str, at: datetime) -> LeaseRecord:
        """A lease that nobody else sees or changes until this session ends.

        One that nobody ever had comes with no holder, generation 0 and expired `at`.
        """
        nobody = {"name": name, "holder": "", "generation": 0, "expires_at": at}
        insert_absent(self._connection, leases, nobody)
        query = select(leases).where(leases.c.name == name).with_for_update()
        [lease] = self._read(query, LeaseRecord)
        return lease

    def share_lease(self, name: str) -> LeaseRecord | None:
        """A lease that nobody can change until this session ends."""
        query = select(leases).where(leases.c.name == name).with_for_update(read=True)
        return self._find(query, LeaseRecord)

    def list_leases(self, prefix: str) -> Sequence[LeaseRecord]:
        """The leases whose names begin alike, expired or not."""
        query = select(leases).where(leases.c.name.startswith(prefix)).order_by(leases.c.name)
        return self._read(query, LeaseRecord)

    def save_lease(self, lease: LeaseRecord) -> None:
        """Insert or replace a lease."""
        upsert_rows(self._connection, leases, [build_values(lease)])

    def remove_leases(self, names: Sequence[str]) -> None:
        """Forget leases."""
        if names:
            self._connection.execute(delete(leases).where(leases.c.name.in_(names)))
