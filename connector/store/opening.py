"""Opening a store: connection, version check, migrations; what it holds is in the sessions."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from connector.errors import RetriableError
from connector.store.backlog import BacklogSession
from connector.store.cycles import CycleSession
from connector.store.decisions import DecisionSession
from connector.store.documents import DocumentSession
from connector.store.handovers import HandoverSession
from connector.store.leases import LeaseSession
from connector.store.ledger import LedgerSession, WatchedSetSession
from connector.store.plans import PlanSession
from connector.store.quarantine import QuarantineSession
from connector.store.rule_sets import RuleSetSession
from connector.store.seller_clocks import SellerClockSession
from connector.store.watermarks import WatermarkSession
from engine.errors import ConfigProblem

REVISIONS = ("0001", "0002", "0003")
"""The revisions of the migrations, oldest first; the last one is what this program writes."""


class SqlSession(
    WatermarkSession,
    LedgerSession,
    WatchedSetSession,
    SellerClockSession,
    PlanSession,
    DecisionSession,
    BacklogSession,
    CycleSession,
    QuarantineSession,
    HandoverSession,
    RuleSetSession,
    LeaseSession,
    DocumentSession,
):
    """Everything the store keeps, within one transaction."""


class SqlStore:
    """A store on SQLite or PostgreSQL; close it when done."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine, for checks and backups."""
        return self._engine

    @contextmanager
    def begin(self) -> Generator[SqlSession]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises RetriableError when the database does not answer, or gave the transaction up.
        """
        try:
            with self._engine.begin() as connection:
                yield SqlSession(connection)
        except (OperationalError, InternalError, InterfaceError) as error:
            raise RetriableError(f"the store does not answer: {_reason(error)}") from error

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


class StoreClock:
    """The clock of a store's database: one for all processes that reach it."""

    def __init__(self, store: SqlStore) -> None:
        self._engine = store.engine

    def now(self) -> datetime:
        """The current instant, in UTC."""
        with self._engine.connect() as connection:
            at: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return at.astimezone(UTC)


def open_store(url: str, *, patience: timedelta | None = None) -> SqlStore:
    """Open the store, bringing a SQLite one up to date.

    A PostgreSQL server gives up transactions that stand still for longer than `patience`, so that
    a stalled process keeps nobody waiting. Raises ConfigProblem when the store can't be reached,
    was written by a newer version, or (PostgreSQL) wants `leadrobin store upgrade` first.
    """
    engine = _connect(url, patience)
    try:
        with engine.begin() as connection:
            is_current = _is_current(connection)
            if not is_current and engine.dialect.name == "sqlite":
                _upgrade(connection)
                is_current = True
    except SQLAlchemyError as error:
        engine.dispose()
        raise _unreachable(url, error) from error
    except ConfigProblem:
        engine.dispose()
        raise
    if not is_current:
        engine.dispose()
        raise ConfigProblem("the store is of an older version; run `leadrobin store upgrade`")
    return SqlStore(engine)


def upgrade_store(url: str) -> tuple[str | None, str]:
    """Bring a store up to date; the revisions before and after. Raises ConfigProblem."""
    engine = _connect(url)
    try:
        with engine.begin() as connection:
            before = read_revision(connection)
            if not _is_current(connection):
                _upgrade(connection)
            return before, head_revision()
    except SQLAlchemyError as error:
        raise _unreachable(url, error) from error
    finally:
        engine.dispose()


def read_revision(connection: Connection) -> str | None:
    """The version a store was written by; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    revision: str | None = found.scalar_one_or_none()
    return revision


def head_revision() -> str:
    """The version this program writes."""
    return REVISIONS[-1]


def _is_current(connection: Connection) -> bool:
    revision = read_revision(connection)
    if revision is not None and revision not in REVISIONS:
        raise ConfigProblem(
            f"the store was written by a newer version of Leadrobin (revision {revision}); "
            "install that version or use another store"
        )
    return revision == head_revision()


def _upgrade(connection: Connection) -> None:
    # Loaded late: every command opens a store, hardly any has to change one.
    import_module("connector.store.migrating").upgrade(connection)


def _connect(url: str, patience: timedelta | None = None) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise ConfigProblem(
                f'"{parsed.get_backend_name()}" is not a database Leadrobin keeps its store in; '
                "LEADROBIN_STORE__URL is sqlite:///FILE or postgresql+psycopg://…"
            )
        engine = create_engine(parsed, **_choose_options(parsed, patience))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigProblem(
            "LEADROBIN_STORE__URL is not a database URL; write sqlite:///FILE or postgresql+psycopg://…"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        _check_folder(parsed)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediately)
    return engine


def _choose_options(url: URL, patience: timedelta | None) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if patience is not None:
        limit = f"-c idle_in_transaction_session_timeout={int(patience.total_seconds() * 1000)}"
        options["connect_args"] = {"options": limit}
    return options


def _check_folder(url: URL) -> None:
    folder = Path(url.database or ".").parent
    if not folder.is_dir():
        raise ConfigProblem(
            f"the store's folder {folder} does not exist; create it or change LEADROBIN_STORE__URL"
        )


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Write-ahead log, full durability; the driver must not open transactions by itself."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=30000")
    # In KiB: the pages that a cycle touches in a ledger of millions of rows, read once.
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _begin_immediately(connection: Connection) -> None:
    # A transaction that reads first and writes later could not be upgraded once another one wrote.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _unreachable(url: str, error: Exception) -> ConfigProblem:
    shown = make_url(url).render_as_string(hide_password=True)
    return ConfigProblem(f"the store {shown} cannot be used: {_reason(error)}")


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
