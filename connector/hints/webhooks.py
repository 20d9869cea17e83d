"""Hears from Dataverse that a table changed, and has it looked at before its time.

A hint is never more than that: what changed is read from the table. Lost, doubled and reordered
hints change nothing. When tables are looked at anyway is in `schedule`.
"""

import hmac
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from connector.hints.context import read_table
from connector.telemetry.logs import describe_failure, get_log
from engine.errors import ConfigProblem

MAX_BODY_BYTES = 1 << 20
TABLE_HEADER = "x-ms-dynamics-entity-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOptions:
    """Where to listen; `header` carries `secret`, as `?code=` may instead."""

    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    header: str = "x-leadrobin-secret"
    debounce: timedelta = timedelta(seconds=0.5)
    socket_timeout: float = 30.0


class HintServer:
    """Takes webhooks; a context manager.

    https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
    """

    def __init__(self, options: HintOptions, on_hint: Callable[[str], None]) -> None:
        self._options = options
        try:
            self._server = _Server((options.host, options.port), _build_handler(options, on_hint))
        except OSError as error:
            raise ConfigProblem(
                f"nothing can listen for hints at {options.host}:{options.port}: {error.strerror}; "
                "set another LEADROBIN_HINTS__PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="hints")

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is nothing to report; a hint that fails on our side is."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            get_log().warning(
                "a hint was lost",
                action="hint_lost",
                reason=describe_failure(error),
                remedy="please report this; the table is polled all the same",
            )


def _build_handler(
    options: HintOptions, on_hint: Callable[[str], None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = options.socket_timeout
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            size = self.headers.get("Content-Length", "")
            if not size.isdigit() or int(size) > MAX_BODY_BYTES:
                return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            body = self.rfile.read(int(size))
            if not self._is_allowed():
                return self._answer(HTTPStatus.UNAUTHORIZED)
            table = self.headers.get(TABLE_HEADER) or read_table(body)
            if table is None:
                return self._answer(HTTPStatus.BAD_REQUEST)
            on_hint(table.lower())
            return self._answer(HTTPStatus.NO_CONTENT)

        def _is_allowed(self) -> bool:
            codes = parse_qs(urlsplit(self.path).query).get("code", [])
            given = [self.headers.get(options.header) or "", *codes]
            wanted = options.secret.encode()
            return any(hmac.compare_digest(each.encode(), wanted) for each in given)

        def _answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        @override
        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing of a request is logged: its address may hold the secret."""

    return Handler
