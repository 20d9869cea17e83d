"""The connector's processes over the emulator, all in this process: real client, store and cycle.

A process can be killed at any line of its cycle or store: from then on nothing it still does
reaches the database or the environment, as after `kill -9`.
"""

import io
import shutil
import sqlite3
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self
from unittest.mock import patch

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from sqlalchemy import event
from typing_extensions import override

from connector.cycle.context import Seams
from connector.dataverse.client import DataverseClient
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.sign_in.tokens import AccessToken
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.wiring import ClientDependencies, ClientOptions, build_client
from connector.dataverse.writes import sender
from connector.dataverse.writes.sender import WriteOptions
from connector.emulator.organization.clock import EmulatorClock
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.service.leases import Hold
from connector.service.start_up import StartUp
from connector.store.opening import SqlStore, open_store
from connector.watched_tables.watched_table import WatchedTable
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Directory
from settings.model import PollSettings, SequenceMode, Settings, WriteSettings
from tests.support.in_process import HOST, BrokenConnection, InProcessEmulator

WATCHED = ("/connector/cycle/", "/connector/store/", "/connector/service/leases.py")
Moment = Callable[[requests.PreparedRequest], None]


class Killed(BaseException):
    """The process ends here: no handler of the product may catch it."""


@dataclass
class Known:
    """What stays the same over many histories and is slow to read: definitions and people."""

    definitions: dict[str, object] | None = None
    people: Directory | None = None


@dataclass
class Tenant:
    """The environment, a token for everybody, and who owns which lead."""

    emulator: InProcessEmulator
    known: "Known" = field(default_factory=Known)
    number: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def clock(self) -> EmulatorClock:
        """The one clock of the environment and all processes."""
        return self.emulator.server.clock

    def fetch_token(self) -> AccessToken:
        """A token of the application user, as signing in would give it."""
        server = self.emulator.server
        form = {
            "grant_type": "client_credentials",
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "scope": f"{HOST}/.default",
        }
        found = server.tenant.issue(form, HOST)
        lifetime = timedelta(seconds=float(found["expires_in"]))
        return AccessToken(str(found["access_token"]), self.clock.now() + lifetime)

    def call(self, method: str, url: str, document: Any = None) -> Any:
        """What somebody else does in the environment, met by no fault."""
        faults = self.emulator.server.faults
        waiting, faults.waiting = faults.waiting, []
        headers = {
            "authorization": f"Bearer {self.fetch_token().value}",
            "prefer": "return=minimal",
        }
        if method == "PATCH":
            headers["if_match"] = "*"
        answer = self.emulator.call(method, url, document, **headers)
        faults.waiting = waiting
        assert answer.status < 300, (method, url, answer.status, answer.body)
        return answer.json if answer.body else None

    def leads(self) -> dict[str, dict[str, Any]]:
        """The table as it stands, by id."""
        found = self.emulator.server.organization.storage.query("SELECT * FROM lead")
        return {str(row["leadid"]): dict(row) for row in found}

    def owners(self) -> dict[str, str]:
        """Who owns each lead."""
        found = self.emulator.server.organization.storage.query("SELECT leadid, ownerid FROM lead")
        return {str(row[0]): str(row[1]) for row in found}


class Wire(BaseAdapter):
    """Carries the requests of one process; `before` and `after` may kill it, or act for others."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__()
        self.is_cut = False
        self.before: Moment = _nothing
        self.after: Moment = _nothing
        self.distort: Callable[[bytes], bytes] = bytes
        self.is_blocked: Callable[[], bool] = lambda: False
        self.observe: Callable[[requests.PreparedRequest], Callable[[], None]] = _nobody
        self._tenant = tenant

    @override
    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Ask the emulator."""
        self._raise_if_cut()
        assert not self.is_blocked(), f"{request.method} {request.url} waits in a transaction"
        self.before(request)
        self._raise_if_cut()
        observed = self.observe(request)
        try:
            answer = self._tenant.emulator.send(
                str(request.method), str(request.url), _body(request), _headers(request)
            )
        except BrokenConnection as error:
            raise requests.exceptions.ConnectionError(str(error)) from error
        finally:
            observed()
        self.after(request)
        self._raise_if_cut()
        reply = requests.Response()
        reply.status_code, reply.url = answer.status, str(request.url)
        reply.headers = CaseInsensitiveDict(answer.headers)
        reply.raw = io.BytesIO(
            self.distort(answer.body) if request.method == "GET" else answer.body
        )
        return reply

    @override
    def close(self) -> None:
        """Nothing is held."""

    def _raise_if_cut(self) -> None:
        if self.is_cut:
            raise Killed


class _InlinePool:
    """An executor that does what it is given at once, so that histories repeat exactly."""

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def submit(self, task: Callable[[], Any]) -> "Future[Any]":
        """A finished future."""
        done: Future[Any] = Future()
        try:
            done.set_result(task())
        except BaseException as error:  # noqa: BLE001  a future carries whatever its task raised
            done.set_exception(error)
        return done

    def shutdown(self, **_: Any) -> None:
        """Nothing is running."""


@contextmanager
def writing_in_turn() -> Generator[None]:
    """Let clients write one row after the other, in the thread that asks."""
    with patch.object(sender, "ThreadPoolExecutor", _InlinePool):
        yield


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How a process works: what differs between installations."""

    writes: WriteOptions = field(default_factory=lambda: WriteOptions(concurrency=2))
    splits_owner: bool = False
    connects_by_action: bool = False
    page_size: int = 5000
    reads_people: bool = False


def connect(
    tenant: Tenant,
    wire: Wire,
    *,
    writes: WriteOptions,
    sleep: Callable[[float], None],
    name: str,
) -> DataverseClient:
    """The real client over a wire; what it makes up begins with the name."""
    options = ClientOptions(
        url=HOST,
        sign_in=SignInOptions(mode="static_token", token="unused"),
        retry=RetryPolicy(budget=timedelta(minutes=15)),
        writes=writes,
    )

    def open_session(_options: TransportOptions) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", wire)
        return session

    dependencies = ClientDependencies(
        clock=tenant.clock,
        sleep=sleep,
        random=lambda: 0.5,
        new_id=lambda: f"{name}-{next(tenant.number)}",
        open_session=open_session,
        token_source=tenant,
    )
    return build_client(options, dependencies)


class Process:
    """One process of the connector: its own client and its own connections to the store."""

    def __init__(self, tenant: Tenant, store_file: Path, name: str, ways: Ways) -> None:
        self.name, self.ways = name, ways
        self.is_dead = False
        self.wire = Wire(tenant)
        self._tenant = tenant
        self._raw: set[sqlite3.Connection] = set()
        self.wire.is_blocked = self._is_in_transaction
        self.store: SqlStore = open_store(f"sqlite:///{store_file}")
        event.listen(self.store.engine, "checkout", self._note)
        self.client = connect(tenant, self.wire, writes=ways.writes, sleep=self._sleep, name=name)
        self.client.restore_metadata(tenant.known.definitions)
        self._applications: dict[int, Application] = {}

    def kill(self) -> None:
        """End as by `kill -9`: open transactions vanish, nothing more reaches anybody."""
        self.is_dead = self.wire.is_cut = True
        for connection in self._raw:
            connection.rollback()
            connection.set_authorizer(_deny)

    def end(self) -> None:
        """Release everything."""
        self.client.close()
        with suppress(Exception, Killed):
            self.store.close()

    def table(self, rules: Mapping[str, Any]) -> WatchedTable:
        """The watched table, from the environment's metadata."""
        return self.application(rules).find_table("lead")

    def seams(self, rules: Mapping[str, Any], hold: Hold | None = None) -> Seams:
        """What a cycle works with."""
        seams = self.application(rules).seams
        return replace(seams, store=hold.store, keep_lease=hold.keep) if hold else seams

    def application(self, rules: Mapping[str, Any]) -> Application:
        """What the commands work with; put together once for a rules file."""
        found = self._applications.get(id(rules))
        if found is None:
            found = self._applications[id(rules)] = self._start(build_rule_set(rules))
        found.start_cycle()
        return found

    def _start(self, rule_set: RuleSet) -> Application:
        """What a process does once, when it starts with a rules file."""
        mode = SequenceMode.ACTION if self.ways.connects_by_action else SequenceMode.OFF
        settings = Settings(
            poll=PollSettings(page_size=self.ways.page_size, tables=("lead",)),
            write=WriteSettings(
                sequence_mode=mode, split_owner_write=self.ways.splits_owner, coexist=True
            ),
        )
        known = self._tenant.known
        start = StartUp(settings=settings, rule_set=rule_set, source=self.client)
        with bootstrap(
            settings,
            rule_set=rule_set,
            source=self.client,
            people=partial(self._read_people, start),
            store=self.store,
            clock=self._tenant.clock,
            ids=self._new_id,
        ) as application:
            known.definitions = self.client.save_metadata() or known.definitions
            return application

    def _read_people(self, start: StartUp) -> Directory:
        known = self._tenant.known
        if self.ways.reads_people or known.people is None:
            known.people = start.fetch_people().directory
        return known.people

    def _new_id(self) -> str:
        return f"00000000-0000-4000-9000-{next(self._tenant.number):012d}"

    def _is_in_transaction(self) -> bool:
        return any(connection.in_transaction for connection in self._raw)

    def _note(self, connection: sqlite3.Connection, *_: Any) -> None:
        if self.is_dead:
            raise Killed
        self._raw.add(connection)

    def _sleep(self, seconds: float) -> None:
        if self.is_dead:
            raise Killed
        self._tenant.clock.advance(timedelta(seconds=seconds))


class LineBomb:
    """Kills a process before the n-th line that its cycle or store runs from now on."""

    def __init__(self, process: Process, lines: int) -> None:
        self.left = lines
        self._process = process
        self._watched: dict[CodeType, bool] = {}

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        watched = self._watched.get(code)
        if watched is None:
            watched = any(part in code.co_filename for part in WATCHED)
            self._watched[code] = watched
        return self._line if watched else None

    def _line(self, _frame: FrameType, event_: str, _argument: Any) -> Any:
        if event_ == "line":
            self.left -= 1
            if self.left < 0:
                self._process.kill()
                raise Killed
        return self._line


@contextmanager
def dying(process: Process) -> Generator[None]:
    """A block that a kill of the process ends, whatever its clean-up raised on the way."""
    try:
        yield
    except BaseException:
        if not process.is_dead:
            raise


class StoreTemplate:
    """A store with its tables, made once and copied."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        open_store(f"sqlite:///{self._file}").close()

    def copy_to(self, file: Path) -> None:
        """A fresh store."""
        shutil.copy(self._file, file)


def _body(request: requests.PreparedRequest) -> bytes:
    body = request.body or b""
    return body if isinstance(body, bytes) else str(body).encode()


def _headers(request: requests.PreparedRequest) -> dict[str, str]:
    return {**request.headers, "Accept-Encoding": "identity"}


def _deny(*_: object) -> int:
    """No statement of a dead process is run."""
    return sqlite3.SQLITE_DENY


def _nothing(_request: requests.PreparedRequest) -> None:
    """Nothing happens here."""


def _nobody(_request: requests.PreparedRequest) -> Callable[[], None]:
    return lambda: None
