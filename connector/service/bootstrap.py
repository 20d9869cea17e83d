"""The composition root: the one module that names concrete classes, the clock, ids and chance."""

import os
import random
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from connector.cycle.context import CycleOptions, CycleParts
from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.reads.feed import FollowBy
from connector.dataverse.sign_in.more_users import read_more_users
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.wiring import ClientOptions, SignInOptions, Surroundings, build_client
from connector.dataverse.writes.encoding import WriteMarks, build_bypass_headers
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.environment.directory import DirectoryReader, RememberedDirectory
from connector.environment.hierarchies import fetch_hierarchies
from connector.environment.link_expiry import note_link_life
from connector.environment.table_definitions import (
    build_tables,
    choose_tables,
    describe_tables,
    raise_if_rules_active,
)
from connector.hints.service_bus import BusOptions
from connector.hints.webhooks import HintOptions
from connector.service.application import Application
from connector.service.leases import (
    StoreLeases,
    TableLeases,
    UnsharedLeases,
    hold_file_lease,
    kept_alive,
)
from connector.state.session import StateStore
from connector.store.opening import SqlStore, StoreClock, open_store
from connector.watched_tables.queries import WriteColumns, identify_segments
from engine.assignment.decider import Decider
from engine.errors import ConfigProblem, RetriableError
from engine.instants import print_instant
from engine.plans.plan import SafetyLimits
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.schema import TableSchema
from settings.model import BypassLogic, SequenceMode, Settings
from settings.rules_file import RulesFile, load_rules_file
from settings.sources import require_set

GOVERNOR = "governor"
METADATA = "metadata"
FIRST_ANSWER = timedelta(seconds=5)
"""How long the environment may stay away at the start before its address is taken to be wrong."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        return datetime.now(UTC)


def new_id() -> str:
    """A fresh identifier."""
    return str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one invocation asks beyond the settings.

    `writes` = rows may be written: the lease is taken, and Microsoft's own rules must be off.
    `report` hears what was done, and how often; `show_message` what a person has to be told. With
    `rules_at` the rule set of then is taken from the store instead of the rules file.
    """

    writes: bool = True
    is_forced: bool = False
    rules_at: datetime | None = None
    report: Callable[[str, int], None] = lambda _what, _count: None
    show_message: Callable[[str], None] | None = None

    def reporting(self, report: Callable[[str, int], None]) -> "Wishes":
        """The same, heard by `report`."""
        return replace(self, report=report)


@contextmanager
def open_application(settings: Settings, wishes: Wishes) -> Generator[Application]:
    """The connector, ready for cycles; closes everything when the block ends.

    Raises ConfigProblem for whatever in the settings, the rules file or the environment is not as
    it has to be, and LeaseHeld when another process works on the store.
    """
    rules = load_rules(settings) if wishes.rules_at is None else None
    stop = threading.Event()
    with ExitStack() as stack:
        store = _open_store(settings)
        stack.callback(store.close)
        rule_set = rules.rule_set if rules else load_past_rules(store, wishes.rules_at)
        leases: TableLeases = UnsharedLeases(store)
        if wishes.writes:
            leases = stack.enter_context(_open_leases(settings, store))
        client = open_client(settings, stop=stop, show_message=wishes.show_message)
        stack.callback(client.close)
        _restore_metadata(store, client)
        built = _Building(settings=settings, rule_set=rule_set, client=client, store=store)
        # Who is named and not known stands somewhere in the rules file; past rules have no places.
        with rules.document.explaining() if rules else nullcontext():
            application = built.finish(stop, wishes, leases)
        _restore_governor(store, client)
        stack.callback(_save_governor, store, client)
        _save_metadata(store, client)
        stack.callback(_save_metadata, store, client)
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

    surroundings = Surroundings(
        clock=SystemClock(),
        sleep=sleep,
        random=random.random,
        new_id=new_id,
        show_message=show_message,
        is_stopping=stop.is_set,
    )
    return build_client(build_client_options(settings), surroundings)


@dataclass(frozen=True, kw_only=True)
class _Building:
    """The parts at hand while an application is put together."""

    settings: Settings
    rule_set: RuleSet
    client: DataverseClient
    store: SqlStore

    def finish(self, stop: threading.Event, wishes: Wishes, leases: TableLeases) -> Application:
        settings, rule_set, client = self.settings, self.rule_set, self.client
        client.start_cycle(FIRST_ANSWER)
        we = client.who_am_i()
        client.start_cycle()
        if wishes.writes and not settings.write.coexist:
            raise_if_rules_active(client, self._describe)
        names = choose_tables(rule_set, settings.poll.tables)
        schema = describe_tables(rule_set, names, self._describe)
        tables = build_tables(
            rule_set,
            names,
            schema,
            page_size=settings.poll.page_size,
            writes=_write_columns(settings),
        )
        note_link_life(client.fetch_token_life_days(), tables, self.store, SystemClock().now())
        people = DirectoryReader(client, self._describe, rule_set, schema=schema)
        directory = RememberedDirectory(
            people.fetch_directory,
            SystemClock(),
            life=timedelta(seconds=settings.poll.directory_interval_seconds),
        )
        hierarchies = fetch_hierarchies(rule_set, schema, client)
        engine_rules = identify_segments(rule_set)
        # Built once here, so that people whom the rules name and nobody knows stop the start.
        Decider(engine_rules, directory(), schema=schema, hierarchies=hierarchies)
        parts = CycleParts(
            source=client,
            writer=client,
            store=self.store,
            clock=SystemClock(),
            new_id=new_id,
            rule_set=rule_set,
            directory=directory,
            make_decider=lambda sellers: Decider(
                engine_rules, sellers, schema=schema, hierarchies=hierarchies
            ),
            page_lock=threading.Lock(),
            organization_id=we.organization_id,
            user_id=we.user_id.lower(),
            connector=client,
            options=_cycle_options(settings, wishes),
            is_stopping=stop.is_set,
            report=wishes.report,
        )
        return Application(
            parts=parts,
            tables=tables,
            stop=stop,
            start_cycle=client.start_cycle,
            leases=leases,
            forget_people=directory.forget,
        )

    def _describe(self, logical_name: str) -> TableSchema:
        return self.client.describe_table(logical_name).to_schema()


def build_hint_options(settings: Settings) -> HintOptions | None:
    """Where to listen for webhooks, None when it is off; raises ConfigProblem without a secret."""
    hints = settings.hints
    if hints.port is None:
        return None
    secret = hints.secret.get_secret_value() if hints.secret else ""
    if not secret:
        raise ConfigProblem(
            "webhooks need a secret: set LEADROBIN_HINTS__SECRET or LEADROBIN_HINTS__SECRET_FILE"
        )
    return HintOptions(
        secret=secret,
        host=hints.host,
        port=hints.port,
        header=hints.header,
        debounce=timedelta(seconds=hints.debounce_seconds),
    )


def build_bus_options(settings: Settings) -> BusOptions | None:
    """Which queue to read hints from, None when none is; raises ConfigProblem for half of it."""
    hints = settings.hints
    secret = hints.service_bus_connection
    connection = secret.get_secret_value() if secret else ""
    if not connection and not hints.service_bus_queue:
        return None
    if not connection or not hints.service_bus_queue:
        raise ConfigProblem(
            "hints from a Service Bus queue need both LEADROBIN_HINTS__SERVICE_BUS_CONNECTION "
            "(or __SERVICE_BUS_CONNECTION_FILE) and LEADROBIN_HINTS__SERVICE_BUS_QUEUE"
        )
    return BusOptions(
        connection=connection,
        queue=hints.service_bus_queue,
        debounce=timedelta(seconds=hints.debounce_seconds),
    )


def _cycle_options(settings: Settings, wishes: Wishes) -> CycleOptions:
    safety, days = settings.safety, settings.store.keep_history_days
    return CycleOptions(
        limits=SafetyLimits(
            max_owner_change_share=safety.max_owner_change_share,
            max_seller_change_share=safety.max_seller_change_share,
            min_rows=safety.min_rows,
            max_changes=safety.max_changes,
        ),
        is_forced=wishes.is_forced,
        routes_manual_rows=settings.write.reroute_manual,
        keeps_traces=settings.store.keep_traces,
        few_writes=settings.write.batch_above,
        splits_owner=settings.write.split_owner_write,
        keeps_history=None if days is None else timedelta(days=days),
        reconcile_interval=timedelta(seconds=settings.poll.reconcile_interval_seconds),
    )


def _write_columns(settings: Settings) -> WriteColumns:
    mode = settings.write.sequence_mode
    return WriteColumns(
        segment=settings.write.segment_column or None,
        sequence=settings.write.sequence_column if mode is SequenceMode.COLUMN else None,
        by_action=mode is SequenceMode.ACTION,
    )


def build_client_options(settings: Settings) -> ClientOptions:
    """Everything the client is built from; raises ConfigProblem for a file that cannot be used."""
    dataverse, governor = settings.dataverse, settings.governor
    concurrency = settings.write.concurrency
    return ClientOptions(
        url=dataverse.url or "",
        sign_in=_sign_in_options(settings),
        more_users=read_more_users(settings.auth.more_users_file, _sign_in_options(settings)),
        transport=TransportOptions(
            connections=concurrency + 4,
            connect_timeout=dataverse.connect_timeout_seconds,
            read_timeout=dataverse.read_timeout_seconds,
            api_version=dataverse.api_version,
            impersonate_user_id=dataverse.impersonate_user_id,
            ca_file=str(dataverse.ca_file) if dataverse.ca_file else None,
            proxy=dataverse.proxy,
        ),
        governor=GovernorOptions(
            requests=governor.requests,
            execution_seconds=governor.execution_seconds,
            max_concurrency=governor.concurrency,
            share=1 - governor.headroom,
            window_seconds=governor.window_seconds,
            is_pacing=governor.enabled,
            daily_limit=governor.daily_requests,
            stop_at_daily_limit=governor.daily_requests is not None,
        ),
        marks=_write_marks(settings),
        follow_by=FollowBy(settings.poll.follow_by.value),
        overlap=timedelta(seconds=settings.poll.overlap_seconds),
        writes=WriteOptions(
            way=WriteWay(settings.write.way.value),
            concurrency=concurrency,
            batch_size=settings.write.batch_size,
            few=settings.write.batch_above,
        ),
    )


_BYPASSED = {
    BypassLogic.NONE: (),
    BypassLogic.SYNC: ("CustomSync",),
    BypassLogic.ASYNC: ("CustomAsync",),
    BypassLogic.BOTH: ("CustomSync", "CustomAsync"),
}


def _write_marks(settings: Settings) -> WriteMarks:
    write = settings.write
    headers = build_bypass_headers(
        bypass=_BYPASSED[write.bypass_logic],
        step_ids=write.bypass_steps,
        suppress_flows=write.suppress_flows,
    )
    return WriteMarks(headers=headers, rules=frozenset(write.bypass_rules))


def _sign_in_options(settings: Settings) -> SignInOptions:
    auth = settings.auth
    return SignInOptions(
        mode=auth.mode.value,
        tenant_id=auth.tenant_id,
        client_id=auth.client_id,
        client_secret=auth.client_secret.get_secret_value() if auth.client_secret else None,
        authority=auth.authority,
        certificate_path=auth.certificate_file,
        certificate_password=(
            auth.certificate_password.get_secret_value() if auth.certificate_password else None
        ),
        token=auth.static_token.get_secret_value() if auth.static_token else None,
        token_cache_path=auth.token_cache_file,
    )


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


def _restore_governor(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        saved = session.load_document(GOVERNOR, client.url)
    if saved is not None:
        client.restore_governor(saved)


def _save_governor(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        session.save_document(
            GOVERNOR, client.url, document=client.save_governor(), at=SystemClock().now()
        )


def _restore_metadata(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        client.restore_metadata(session.load_document(METADATA, client.url))


def _save_metadata(store: SqlStore, client: DataverseClient) -> None:
    found = client.save_metadata()
    if found is not None:
        with store.begin() as session:
            session.save_document(METADATA, client.url, document=found, at=SystemClock().now())
