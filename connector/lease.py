"""Who may work on a store: one process for SQLite, one holder of the lease for PostgreSQL."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from connector.ports import Clock, StateStore
from connector.state import LeaseRecord
from engine.errors import LeaseHeld

LEASE_NAME = "store"


@contextmanager
def hold_file_lease(store_file: Path) -> Generator[None]:
    """Keep other processes off a SQLite store until the block ends, or the process does.

    A lock of the operating system on a small database beside the store: it vanishes with a killed
    process. Raises LeaseHeld.
    """
    path = store_file.with_name(f"{store_file.name}.lease")
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise LeaseHeld(
                f"another leadrobin process works on the store {store_file}; wait for it or stop it"
            ) from error
        yield


class StoreLease:
    """A lease in the store itself, for stores that several machines reach.

    The generation grows with every new holder, so that one who lost the lease can tell.
    """

    def __init__(self, store: StateStore, clock: Clock, *, holder: str, life: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._life = life
        self._generation = 0

    def acquire(self) -> None:
        """Take the lease; raises LeaseHeld while somebody else's is good."""
        now = self._clock.now()
        with self._store.begin() as session:
            session.lock_clocks()
            found = session.load_lease(LEASE_NAME)
            if found is not None and found.holder != self._holder and found.expires_at > now:
                raise LeaseHeld(
                    f"{found.holder} works on this store until {found.expires_at:%H:%M:%S} UTC or "
                    "longer; wait for it or stop it"
                )
            self._generation = found.generation + 1 if found else 1
            session.save_lease(self._build(self._generation))

    def renew(self) -> None:
        """Keep the lease; raises LeaseHeld when it was lost meanwhile."""
        with self._store.begin() as session:
            session.lock_clocks()
            found = session.load_lease(LEASE_NAME)
            if found is None or found.generation != self._generation:
                raise LeaseHeld("the lease on the store was lost: somebody else took it over")
            session.save_lease(self._build(self._generation))

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        with self._store.begin() as session:
            found = session.load_lease(LEASE_NAME)
            if found is not None and found.generation == self._generation:
                session.save_lease(
                    LeaseRecord(
                        name=LEASE_NAME,
                        holder=self._holder,
                        generation=self._generation,
                        expires_at=self._clock.now(),
                    )
                )

    def _build(self, generation: int) -> LeaseRecord:
        return LeaseRecord(
            name=LEASE_NAME,
            holder=self._holder,
            generation=generation,
            expires_at=self._clock.now() + self._life,
        )
