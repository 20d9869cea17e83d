"""The composition root: the one module that names concrete classes, the clock, ids and chance."""

import os
import random
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url

from connector.dataverse.client import DataverseClient
from connector.dataverse.wiring import ClientDependencies, build_client
from connector.errors import RetriableError
from connector.service.application import Application
from connector.service.leases import (
    StoreLeases,
    TableLeases,
    UnsharedLeases,
    hold_file_lease,
    kept_alive,
)
from connector.service.options import (
    RunOptions,
    build_client_options,
)
from connector.service.start_up import (
    StartUp,
    restore_governor,
    restore_metadata,
    save_governor,
    save_metadata,
)
from connector.service.system import SystemClock, new_id
from connector.state.session import StateStore
from connector.store.opening import SqlStore, StoreClock, open_store
from engine.errors import ConfigProblem
from engine.instants import print_instant
from engine.rules.rule_set import RuleSet, build_rule_set
from settings.model import Settings
from settings.rules_file import RulesFile, load_rules_file
from settings.sources import require_set


@contextmanager
def open_application(settings: Settings, run_options: RunOptions) -> Generator[Application]:
    """The connector, ready for cycles; closes everything when the block ends.

    Raises ConfigProblem for whatever in the settings, the rules file or the environment is not as
    it has to be, and LeaseHeld when another process works on the store.
    """
    rules = load_rules(settings) if run_options.rules_at is None else None
    stop = threading.Event()
    with ExitStack() as stack:
        store = _open_store(settings)
        stack.callback(store.close)
        rule_set = rules.rule_set if rules else load_past_rules(store, run_options.rules_at)
        leases: TableLeases = UnsharedLeases(store)
        if run_options.writes:
            leases = stack.enter_context(_open_leases(settings, store))
        client = open_client(settings, stop=stop, show_message=run_options.show_message)
        stack.callback(client.close)
        restore_metadata(store, client)
        built = StartUp(settings=settings, rule_set=rule_set, client=client, store=store)
        # Who is named and not known stands somewhere in the rules file; past rules have no places.
        with rules.document.explaining() if rules else nullcontext():
            application = built.finish(stop, run_options, leases)
        restore_governor(store, client)
        stack.callback(save_governor, store, client)
        save_metadata(store, client)
        stack.callback(save_metadata, store, client)
        yield application


@contextmanager
def open_locked_store(settings: Settings, table: str) -> Generator[StateStore]:
    """The store alone, with other processes kept off a table.

    Raises ConfigProblem and LeaseHeld.
    """
    store = _open_store(settings)
    try:
        with _open_leases(settings, store) as leases, leases.hold(table) as hold:
            yield hold.store
    finally:
        store.close()


def load_rules(settings: Settings) -> RulesFile:
    """The rules file of the settings; raises ConfigProblem."""
    if settings.rules.file is None:
        raise ConfigProblem("no rules file is set: set LEADROBIN_RULES__FILE to your rules file")
    return load_rules_file(settings.rules.file)


def load_past_rules(store: StateStore, at: datetime | None) -> RuleSet:
    """The rule set that cycles ran under at an instant, None = now; raises ConfigProblem."""
    with store.begin() as session:
        kept = session.find_rule_set(at=at)
    if kept is None:
        raise ConfigProblem(
            f"no cycle had run on this store by {print_instant(at or SystemClock().now())}: the "
            "rule set of then is not known; leave --at out to use the rules file"
        )
    return build_rule_set(kept.document)


def open_client(
    settings: Settings,
    *,
    stop: threading.Event,
    show_message: Callable[[str], None] | None = None,
) -> DataverseClient:
    """The client of the environment in the settings.

    It talks to nobody yet. Raises ConfigProblem.
    """
    require_set(settings, ("dataverse.url",))

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise RetriableError("stopped while waiting for the environment")

    dependencies = ClientDependencies(
        clock=SystemClock(),
        sleep=sleep,
        random=random.random,
        new_id=new_id,
        show_message=show_message,
        is_stopping=stop.is_set,
    )
    return build_client(build_client_options(settings), dependencies)


@contextmanager
def _open_leases(settings: Settings, store: SqlStore) -> Generator[TableLeases]:
    """What keeps other processes off: a lock for a file, a lease for each table elsewhere."""
    url = make_url(settings.store.url)
    if url.get_backend_name() == "sqlite":
        with hold_file_lease(Path(url.database or "leadrobin.db")):
            yield UnsharedLeases(store)
        return
    life = timedelta(seconds=settings.store.lease_seconds)
    holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}"
    leases = StoreLeases(store, StoreClock(store), holder=holder, life=life, here=SystemClock())
    with kept_alive(leases, life=life):
        yield leases


def _open_store(settings: Settings) -> SqlStore:
    return open_store(settings.store.url, patience=timedelta(seconds=settings.store.lease_seconds))
