"""The emulator as a server: put together, started and stopped, in this process or as a command."""

import asyncio
import contextlib
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from connector.emulator.background.traffic import Traffic
from connector.emulator.background.webhooks import WebhookSender
from connector.emulator.http.connections import Connections, QuietServer
from connector.emulator.http.control import Control, RequestLog
from connector.emulator.http.state_file import SavedState, count_start, was_seeded
from connector.emulator.http.tls import write_tls_files
from connector.emulator.http.web_api import WebApi
from connector.emulator.organization.clock import EmulatorClock, TimeSource
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    CLIENT_ID,
    CLIENT_SECRET,
    TENANT_ID,
    Organization,
    open_organization,
)
from connector.emulator.organization.privileges import Privileges
from connector.emulator.organization.tokens import Tenant
from connector.emulator.protection.faults import Fault, FaultScript
from connector.emulator.protection.throttle import Limits, Throttle
from connector.emulator.seed.loading import DataProblem, load_directory
from connector.emulator.seed.organization import SeedSize, seed_organization

START_SECONDS = 15.0


def machine_time() -> datetime:
    """The machine's clock: the source the emulator's own clock starts from."""
    return datetime.now(tz=UTC)  # noqa: TID251  the emulator is a program of its own; tests pass another source


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """How an emulator is started.

    `data` replaces the seed for the sets it holds, `traffic` is how many changes a second sellers,
    customers and managers make, `cascade_delay_seconds` how long an assignment takes to reach the
    rows below.
    """

    host: str = "127.0.0.1"
    port: int = 0
    use_tls: bool = True
    accept_any_token: bool = False
    seed: int = 7
    size: SeedSize = field(default_factory=SeedSize)
    data: Path | None = None
    state: Path | None = None
    limits: Limits = field(default_factory=Limits)
    traffic: float = 0
    cascade_delay_seconds: float = 0
    source: TimeSource = machine_time
    note: Callable[[str], None] = lambda _: None


class EmulatorServer:
    """A running emulator; a context manager for tests.

    `url`, `ca_file`, `authority`, `tenant_id`, `client_id` and `client_secret` are what a client
    needs; `organization`, `privileges`, `tenant`, `throttle`, `faults`, `log` and `clock` are for
    the test. Hold `organization.lock` around changes to rows.
    """

    tenant_id, client_id, client_secret = TENANT_ID, CLIENT_ID, CLIENT_SECRET
    url = ""
    ca_file: Path | None = None
    _directory: tempfile.TemporaryDirectory[str] | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _socket: socket.socket | None = None

    def __init__(self, options: EmulatorOptions | None = None) -> None:
        self.options = options or EmulatorOptions()
        self.organization = self._open()
        self.privileges = Privileges(self.organization)
        dice = Dice(self.seed, "tenant")
        self.tenant = Tenant(self.clock, dice, accept_any_token=self.options.accept_any_token)
        self.throttle = Throttle(self.options.limits, self.clock, time.perf_counter)
        self.faults = FaultScript(Dice(self.options.seed, "faults"), self._change_organization)
        self.log = RequestLog(self.organization)
        shared = (self.organization, self.privileges)
        seed = self.options.seed
        self.traffic = Traffic(*shared, Dice(seed, "traffic"), self.options.traffic)
        self.webhooks = WebhookSender(*shared, Dice(seed, "webhooks"))
        self.saved_state = SavedState(*shared, self.tenant, self.webhooks)
        self._load_state()
        self.web = self._build_web_api()
        self._connections = Connections()

    def _build_web_api(self) -> WebApi:
        control = Control(
            organization=self.organization,
            tenant=self.tenant,
            throttle=self.throttle,
            faults=self.faults,
            log=self.log,
            traffic=self.traffic,
            webhooks=self.webhooks,
            saved_state=self.saved_state,
        )
        return WebApi(
            organization=self.organization,
            privileges=self.privileges,
            tenant=self.tenant,
            throttle=self.throttle,
            faults=self.faults,
            control=control,
            saved_state=self.saved_state,
        )

    @property
    def clock(self) -> EmulatorClock:
        """The emulator's clock."""
        return self.organization.clock

    @property
    def authority(self) -> str:
        """Where tokens come from, as Entra's sign-in host."""
        return self.url

    def _open(self) -> Organization:
        """The organization, seeded unless the state file was; raises DataProblem for that file."""
        options = self.options
        try:
            organization = open_organization(options.source, seed=options.seed, path=options.state)
        except sqlite3.DatabaseError as error:
            raise DataProblem(
                f"{options.state}: cannot be used as the emulator's state ({error}). Name another "
                "file, or end the emulator that has it open."
            ) from error
        with organization.storage.transaction():
            if not was_seeded(organization.storage):
                replaced = load_directory(organization, options.data, options.note)
                seed_organization(organization, options.seed, options.size, replaced)
            number, self.seed = count_start(organization.storage, options.seed)
        if number > 1:
            organization.dice = Dice(self.seed, f"runtime/{number}")
        return organization

    def _load_state(self) -> None:
        """Go on where the state file ended."""
        self.saved_state.load()
        if self.options.cascade_delay_seconds:
            self.organization.cascade_delay_seconds = self.options.cascade_delay_seconds
        self.saved_state.save()

    def _change_organization(self, fault: Fault) -> None:
        with self.organization.lock:
            if fault.kind == "expired_delta_token":
                self.organization.delta_floor = self.organization.storage.next_version()
            if fault.kind == "metadata_change":
                for table in self.organization.catalog.tables.values():
                    if fault.table in (None, table.logical_name):
                        version = self.organization.storage.next_version()
                        self.organization.metadata_changes[table.logical_name] = version
                self.organization.catalog.touch()
            self.saved_state.save()

    def bind(self) -> socket.socket:
        """Bind the port and settle the URL."""
        family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((self.options.host, self.options.port))
        scheme = "https" if self.options.use_tls else "http"
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        self.url = f"{scheme}://{host}:{bound.getsockname()[1]}"
        self.web.root = self.url
        return bound

    def build_server(self) -> uvicorn.Server:
        """The HTTP server around the application, TLS files written."""
        app = Starlette(routes=[Mount("/", app=self.web)])
        config = uvicorn.Config(
            app,
            http=self._connections.protocol(),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=30,
            backlog=512,
        )
        if self.options.use_tls:
            self._use_certificates(config)
        return QuietServer(config)

    def _use_certificates(self, config: uvicorn.Config) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="leadrobin-emulator-")
        directory = Path(self._directory.name)
        files = write_tls_files(directory, self.options.source(), self.options.host)
        config.ssl_certfile = str(files.certificate_file)
        config.ssl_keyfile = str(files.key_file)
        self.ca_file = files.ca_file

    def start(self) -> Self:
        """Serve from a thread of this process until `stop`."""
        self._socket = self.bind()
        self._server = self.build_server()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(self._server, self._socket, ready), daemon=True
        )
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise RuntimeError("The emulator did not start in time.")
        return self

    def _serve(self, server: uvicorn.Server, bound: socket.socket, ready: threading.Event) -> None:
        asyncio.run(self.serve(server, bound, ready.set))

    async def serve(
        self, server: uvicorn.Server, bound: socket.socket, on_ready: Callable[[], None]
    ) -> None:
        """Answer until the server is told to exit; what runs beside it ends with it."""
        beside = [
            asyncio.create_task(self._announce(server, on_ready)),
            asyncio.create_task(self.traffic.run(time.monotonic)),
            asyncio.create_task(self.webhooks.run()),
        ]
        try:
            await server.serve(sockets=[bound])
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._connections.abort()

    async def _announce(self, server: uvicorn.Server, on_ready: Callable[[], None]) -> None:
        while not server.started:
            await asyncio.sleep(0.002)
        on_ready()
        await asyncio.to_thread(self.web.warm_up)

    def stop(self) -> None:
        """Stop serving and remove what was written."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_SECONDS)
        self.close()

    def close(self) -> None:
        """Release the socket, the database and the certificate files."""
        if self._socket is not None:
            self._socket.close()
        self.organization.storage.close()
        if self._directory is not None:
            with contextlib.suppress(OSError):
                self._directory.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
