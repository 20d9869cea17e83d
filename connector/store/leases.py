"""Leases in SQL; who may take one is decided in `lease`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from connector.state.records import LeaseRecord
from connector.store.statements import insert_absent, upsert_rows
from connector.store.tables import leases


class LeaseSession:
    """Leases within one transaction.

    SQLite transactions exclude each other already; only PostgreSQL locks rows.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_lease(self, name: str, at: datetime) -> LeaseRecord:
        """A lease that nobody else sees or changes until this session ends.

        One that nobody ever had comes with no holder, generation 0 and expired `at`.
        """
        nobody = {"name": name, "holder": "", "generation": 0, "expires_at": at}
        insert_absent(self._connection, leases, nobody)
        query = select(leases).where(leases.c.name == name).with_for_update()
        return LeaseRecord(**self._connection.execute(query).mappings().one())

    def share_lease(self, name: str) -> LeaseRecord | None:
        """A lease that nobody can change until this session ends."""
        query = select(leases).where(leases.c.name == name).with_for_update(read=True)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else LeaseRecord(**row)

    def list_leases(self, prefix: str) -> Sequence[LeaseRecord]:
        """The leases whose names begin alike, expired or not."""
        query = select(leases).where(leases.c.name.startswith(prefix)).order_by(leases.c.name)
        return [LeaseRecord(**row) for row in self._connection.execute(query).mappings()]

    def save_lease(self, lease: LeaseRecord) -> None:
        """Insert or replace a lease."""
        values = {
            "name": lease.name,
            "holder": lease.holder,
            "generation": lease.generation,
            "expires_at": lease.expires_at,
        }
        upsert_rows(self._connection, leases, [values])

    def remove_leases(self, names: Sequence[str]) -> None:
        """Forget leases."""
        if names:
            self._connection.execute(delete(leases).where(leases.c.name.in_(names)))
