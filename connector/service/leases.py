"""Who may work on a store: one process for SQLite, one holder of each table's lease elsewhere."""

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from connector.errors import LeaseHeld, RetriableError
from connector.ports import Clock
from connector.state.records import LeaseRecord
from connector.state.session import LeaseState, StateSession, StateStore
from connector.telemetry.logs import get_log

TABLE, WORKER = "table:", "worker:"
BEATS_PER_LIFE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A table that is ours for now.

    `store` is the store as only its holder may use it, `keep` renews the hold; both raise LeaseHeld
    once somebody else took over.
    """

    store: StateStore
    keep: Callable[[], None]


class TableLeases(Protocol):
    """Keeps several processes off one table."""

    def hold(self, table: str) -> AbstractContextManager[Hold]:
        """Work on a table; raises LeaseHeld while another process does, or should."""
        ...

    def join(self, tables: int) -> None:
        """Become one of the workers that so many tables are spread over."""
        ...


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


class UnsharedLeases:
    """For a store that this process has to itself: every table is always free."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    @contextmanager
    def hold(self, table: str) -> Generator[Hold]:  # noqa: ARG002  the port's signature
        """Every table is ours."""
        yield Hold(store=self._store, keep=_nothing)

    def join(self, tables: int) -> None:
        """There is nobody to share the tables with."""


class StoreLeases:
    """A lease for each table in the store itself, for stores that several processes reach.

    The generation of a lease grows with every new holder, and every transaction of a holder looks
    at it: one who was stalled for longer than the lease's life saves nothing any more. Times are
    those of `clock`, which all processes have to share: the database's. `here` is this machine's,
    which costs nothing to ask: a hold that it saw renewed a moment ago is not renewed again.
    """

    def __init__(
        self,
        store: StateStore,
        clock: Clock,
        *,
        holder: str,
        life: timedelta,
        here: Clock | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._here = here
        self._renewed: dict[str, tuple[int, datetime]] = {}
        self._holder = holder
        self._life = life
        self._tables: int | None = None
        self._held: dict[str, LeaseRecord] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, table: str) -> Generator[Hold]:
        """Work on a table; raises LeaseHeld while another process does, or should.

        A worker that joined keeps its tables afterwards, as many as are its share.
        """
        lease = self._take(table)
        fenced = FencedStore(self._store, lease)
        try:
            yield Hold(store=fenced, keep=partial(self._keep, lease))
        finally:
            if self._tables is None or len(self._held) > self._count_share():
                self._give_back(lease)

    def join(self, tables: int) -> None:
        """Become one of the workers that `tables` tables are spread over."""
        self._tables = tables
        self.beat()

    def beat(self) -> None:
        """A sign of life: everything held is held for another life; what was lost is noted."""
        if self._tables is not None:
            self._register()
        with self._lock:
            held = list(self._held.values())
        for lease in held:
            try:
                self._renew(lease)
            except LeaseHeld as error:
                get_log().warning("lease lost", action="lease_lost", error=str(error))

    def leave(self) -> None:
        """Give everything back."""
        for lease in list(self._held.values()):
            self._give_back(lease)
        with self._store.begin() as session:
            session.remove_leases([WORKER + self._holder])

    def _take(self, table: str) -> LeaseRecord:
        name = TABLE + table
        with self._lock:
            held = self._held.get(name)
        if held is not None:
            self._renew(held)
            return held
        if self._tables is not None and len(self._held) >= self._count_share():
            raise LeaseHeld(f"table {table} is left to the other workers on this store")
        now = self._clock.now()
        with self._store.begin() as session:
            found = session.lock_lease(name, now)
            if found.holder and found.expires_at > now:
                raise LeaseHeld(
                    f"{found.holder} works on table {table} in this store until "
                    f"{found.expires_at:%H:%M:%S} UTC or longer; wait for it or stop it"
                )
            lease = LeaseRecord(
                name=name,
                holder=self._holder,
                generation=found.generation + 1,
                expires_at=now + self._life,
            )
            session.save_lease(lease)
        with self._lock:
            self._held[name] = lease
        return lease

    def _keep(self, lease: LeaseRecord) -> None:
        """Keep a lease that may be running out, or whose age this machine's clock cannot tell."""
        generation, renewed = self._renewed.get(lease.name, (0, None))
        if self._here is None or renewed is None or generation != lease.generation:
            self._renew(lease)
            return
        age = self._here.now() - renewed
        if not timedelta(0) <= age < self._life / BEATS_PER_LIFE:
            self._renew(lease)

    def _renew(self, lease: LeaseRecord) -> None:
        """Keep a lease; raises LeaseHeld when it was lost meanwhile."""
        asked_at = self._here.now() if self._here is not None else None
        now = self._clock.now()
        try:
            with self._store.begin() as session:
                _raise_if_lost(session.lock_lease(lease.name, now), lease)
                session.save_lease(replace(lease, expires_at=now + self._life))
        except LeaseHeld:
            with self._lock:
                self._held.pop(lease.name, None)
            raise
        # Only now, and by lease: another thread must not take a lost one for renewed.
        if asked_at is not None:
            self._renewed[lease.name] = lease.generation, asked_at

    def _give_back(self, lease: LeaseRecord) -> None:
        with self._lock:
            self._held.pop(lease.name, None)
        now = self._clock.now()
        with self._store.begin() as session:
            found = session.lock_lease(lease.name, now)
            if found.generation == lease.generation:
                session.save_lease(replace(lease, holder="", expires_at=now))

    def _register(self) -> None:
        now = self._clock.now()
        with self._store.begin() as session:
            gone = [worker.name for worker in _workers(session) if worker.expires_at <= now]
            session.remove_leases(gone)
            session.save_lease(
                LeaseRecord(
                    name=WORKER + self._holder,
                    holder=self._holder,
                    generation=1,
                    expires_at=now + self._life,
                )
            )

    def _count_share(self) -> int:
        """How many tables each worker alive may hold, so that all are held."""
        now = self._clock.now()
        with self._store.begin() as session:
            alive = sum(1 for worker in _workers(session) if worker.expires_at > now)
        return -(-(self._tables or 0) // max(1, alive))


class FencedStore:
    """A store whose transactions fail once the lease they work under belongs to somebody else.

    The lease's row is locked for sharing in each of them, so that nobody can take it over between
    the look and the commit.
    """

    def __init__(self, store: StateStore, lease: LeaseRecord) -> None:
        self._store = store
        self._lease = lease

    @contextmanager
    def begin(self) -> Generator[StateSession]:
        """A transaction of the lease's holder; raises LeaseHeld when it was lost."""
        with self._store.begin() as session:
            _raise_if_lost(session.share_lease(self._lease.name), self._lease)
            yield session


@contextmanager
def kept_alive(leases: StoreLeases, *, life: timedelta) -> Generator[None]:
    """Give signs of life from a thread until the block ends; then everything is given back.

    A cycle may wait for the environment for longer than a lease lives.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(life.total_seconds() / BEATS_PER_LIFE):
            try:
                leases.beat()
            except RetriableError as error:
                get_log().warning("no sign of life", action="beat_failed", error=str(error))

    thread = threading.Thread(target=beat, name="leases", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _leave(leases)


def _leave(leases: StoreLeases) -> None:
    try:
        leases.leave()
    except RetriableError as error:
        get_log().warning("leases expire", action="leave_failed", error=str(error))


def _raise_if_lost(found: LeaseRecord | None, lease: LeaseRecord) -> None:
    is_ours = found is not None and found.generation == lease.generation
    if not is_ours or found is None or found.holder != lease.holder:
        table = lease.name.removeprefix(TABLE)
        raise LeaseHeld(f"the lease on table {table} was lost: somebody else took it over")


def _workers(session: LeaseState) -> list[LeaseRecord]:
    return list(session.list_leases(WORKER))


def _nothing() -> None:
    """No lease to renew: nothing to do."""
