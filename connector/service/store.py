"""The store of the settings: opened, read, and worked on with other processes kept off."""

import os
import socket
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import make_url

from connector.ports import Clock
from connector.service.leases import (
    StoreLeases,
    TableLeases,
    UnsharedLeases,
    hold_file_lease,
    kept_alive,
)
from connector.service.system import SYSTEM_CLOCK, new_id
from connector.state.session import StateSession, StateStore
from connector.store.opening import SqlStore, StoreClock
from connector.store.opening import open_store as open_url
from settings.model import Settings


def open_store(settings: Settings) -> SqlStore:
    """The store to work on; close it when done. Raises ConfigProblem."""
    return open_url(settings.store.url, patience=timedelta(seconds=settings.store.lease_seconds))


@contextmanager
def read_store(settings: Settings) -> Generator[StateSession]:
    """One look at the store, whoever works on it meanwhile; raises ConfigProblem."""
    with closing(open_url(settings.store.url)) as store, store.begin() as session:
        yield session


@contextmanager
def lock_store(settings: Settings, table: str) -> Generator[StateStore]:
    """The store with other processes kept off a table; raises ConfigProblem and LeaseHeld."""
    with (
        closing(open_store(settings)) as store,
        open_leases(settings, store) as leases,
        leases.hold(table) as hold,
    ):
        yield hold.store


@contextmanager
def open_leases(
    settings: Settings,
    store: SqlStore,
    *,
    clock: Clock = SYSTEM_CLOCK,
    ids: Callable[[], str] = new_id,
) -> Generator[TableLeases]:
    """What keeps other processes off: a lock for a file, a lease for each table elsewhere."""
    url = make_url(settings.store.url)
    if url.get_backend_name() == "sqlite":
        with hold_file_lease(Path(url.database or "leadrobin.db")):
            yield UnsharedLeases(store)
        return
    life = timedelta(seconds=settings.store.lease_seconds)
    holder = f"{socket.gethostname()}:{os.getpid()}:{ids()[:8]}"
    leases = StoreLeases(store, StoreClock(store), holder=holder, life=life, here=clock)
    with kept_alive(leases, life=life):
        yield leases
