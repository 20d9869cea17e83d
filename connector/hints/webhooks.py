"""Hears from Dataverse that a table changed, and has it looked at before its time.

A hint is never more than that: what changed is read from the table. Lost, doubled and reordered
hints change nothing. When tables are looked at anyway is in `service.scheduler`.
"""

import asyncio
import hmac
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import ClassVar, Self, cast

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, request_response
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from connector.hints.context import read_table
from connector.telemetry.logs import describe_failure, get_log
from engine.errors import ConfigProblem

MAX_BODY_BYTES = 1 << 20
TABLE_HEADER = "x-ms-dynamics-entity-name"
_MAX_HEADER_BYTES = 1 << 16
_MAX_CONNECTIONS = 200
_WAITING_CONNECTIONS = 64
_STOP_SECONDS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOptions:
    """Where to listen; `header` carries `secret`, as `?code=` may instead.

    A connection is cut after `connection_seconds`, whatever it is doing.
    """

    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    header: str = "x-leadrobin-secret"
    debounce: timedelta = timedelta(seconds=0.5)
    connection_seconds: float = 30.0


class HintServer:
    """Takes webhooks in a thread of its own; a context manager.

    https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
    """

    def __init__(self, options: HintOptions, on_hint: Callable[[str], None]) -> None:
        self._options = options
        address = (options.host, options.port)
        try:
            self._socket = socket.create_server(address, backlog=_WAITING_CONNECTIONS)
        except OSError as error:
            raise ConfigProblem(
                f"nothing can listen for hints at {options.host}:{options.port}: {error.strerror}; "
                "set another LEADROBIN_HINTS__PORT"
            ) from error
        self._server = uvicorn.Server(_configure(options, on_hint))
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="hints"
        )

    @property
    def port(self) -> int:
        """Where it listens; only while it does."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        get_log().info(
            "listening for hints", action="hints", host=self._options.host, port=self.port
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def _configure(options: HintOptions, on_hint: Callable[[str], None]) -> uvicorn.Config:
    async def answer(request: Request) -> Response:
        status = await _take(request, options, on_hint)
        return Response(status_code=status, headers={"Content-Length": "0", "Connection": "close"})

    return uvicorn.Config(
        Starlette(routes=[Mount("/", request_response(answer))]),  # any path, any method
        http=_limit_connections(options.connection_seconds),
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        backlog=_WAITING_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        loop="asyncio",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        # Nothing of a request is logged: its address may hold the secret.
        access_log=False,
        log_config=None,
        log_level="critical",
    )


async def _take(
    request: Request, options: HintOptions, on_hint: Callable[[str], None]
) -> HTTPStatus:
    """What to answer; a body is only read when its length and the secret are as they must be."""
    if request.method != "POST":
        return HTTPStatus.NOT_IMPLEMENTED
    size = request.headers.get("Content-Length", "")
    if not size.isdecimal() or int(size) > MAX_BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if not _is_allowed(request, options):
        return HTTPStatus.UNAUTHORIZED
    try:
        body = await request.body()
    except ClientDisconnect:
        return HTTPStatus.BAD_REQUEST  # nobody is there to read it
    table = request.headers.get(TABLE_HEADER) or read_table(body)
    if table is None:
        return HTTPStatus.BAD_REQUEST
    return await run_in_threadpool(_pass_on, table.lower(), on_hint)


def _is_allowed(request: Request, options: HintOptions) -> bool:
    given = [request.headers.get(options.header, ""), *request.query_params.getlist("code")]
    wanted = options.secret.encode()
    return any(hmac.compare_digest(each.encode(), wanted) for each in given)


def _pass_on(table: str, on_hint: Callable[[str], None]) -> HTTPStatus:
    try:
        on_hint(table)
    except Exception as error:  # noqa: BLE001  a server has nobody to raise it to
        get_log().warning(
            "a hint was lost",
            action="hint_lost",
            reason=describe_failure(error),
            remedy="please report this; the table is polled all the same",
        )
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.NO_CONTENT


class _Connection(H11Protocol):
    """A connection that ends after a while, and at once when there are too many."""

    longest_seconds: ClassVar[float]
    _end: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > _MAX_CONNECTIONS:
            transport.abort()
        self._end = self.loop.call_later(self.longest_seconds, transport.abort)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    @override
    def shutdown(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.more_body or cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


def _limit_connections(seconds: float) -> type[H11Protocol]:
    class Connection(_Connection):
        longest_seconds = seconds

    return Connection
