"""Hears from a Service Bus queue that a table changed; what a hint leads to is in `early_cycles`.

Dataverse posts to the queue, and the connection goes out from here: nothing has to be reachable
from outside. Messages are taken off the queue as they are read, for a lost one changes nothing.
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from connector.hints.context import read_table
from connector.telemetry.logs import describe_failure, get_log
from engine.errors import ConfigProblem

TABLE_PROPERTY = "http://schemas.microsoft.com/xrm/2011/Claims/EntityLogicalName"
"""The property that names the table whatever the format of the body."""
_MESSAGES_AT_ONCE = 100
_LISTEN_SECONDS = 1.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_CHECK_SETTINGS = (
    "check LEADROBIN_HINTS__SERVICE_BUS_CONNECTION and __SERVICE_BUS_QUEUE; tables are polled "
    "meanwhile"
)
_REPORT = "please report this; the queue is read again after a wait, tables are polled meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusOptions:
    """Which queue to read; `connection` is a connection string that may listen to it."""

    connection: str = field(repr=False)
    queue: str
    debounce: timedelta = timedelta(seconds=0.5)


class BusMessage(Protocol):
    """What is looked at of a message of the library."""

    @property
    def body(self) -> Any:
        """The body, in one or several pieces."""
        ...

    @property
    def application_properties(self) -> Mapping[str | bytes, Any] | None:
        """What the sender wrote beside the body."""
        ...


class BusReceiver(Protocol):
    """What is used of a receiver of the library."""

    def receive_messages(
        self, *, max_message_count: int, max_wait_time: float
    ) -> Sequence[BusMessage]:
        """Messages that are there, or none after the wait, in seconds."""
        ...


Connect = Callable[[], AbstractContextManager[BusReceiver]]


class BusListener:
    """Reads the queue in one thread until the end of the block, whatever breaks on the way."""

    def __init__(
        self,
        options: BusOptions,
        on_hint: Callable[[str], None],
        *,
        connect: Connect | None = None,
    ) -> None:
        self._options = options
        self._on_hint = on_hint
        self._connect = connect or prepare_connection(options)
        self._stop = threading.Event()
        self._failures = 0
        self._told: set[type[Exception]] = set()
        self._thread = threading.Thread(target=self._listen, name="bus hints")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as receiver:
                    self._read(receiver)
            except Exception as error:  # noqa: BLE001  a thread has nobody to raise it to
                self._note_failure(error)

    def _read(self, receiver: BusReceiver) -> None:
        is_new = True
        while not self._stop.is_set():
            messages = receiver.receive_messages(
                max_message_count=_MESSAGES_AT_ONCE, max_wait_time=_LISTEN_SECONDS
            )
            if is_new:
                is_new, self._failures = False, 0
                self._told.clear()
                get_log().info("listening for hints", action="bus_hints", queue=self._options.queue)
            for table in filter(None, map(find_table, messages)):
                self._on_hint(table)

    def _note_failure(self, error: Exception) -> None:
        """Say each kind once, then wait longer each time: tables are looked at without hints, too.

        What is no broken connection is a mistake of ours or of the library.
        """
        if type(error) not in self._told:
            self._told.add(type(error))
            get_log().warning(
                "no hints from the bus",
                action="bus_hints_lost",
                queue=self._options.queue,
                reason=describe_failure(error),
                remedy=_CHECK_SETTINGS if isinstance(error, OSError) else _REPORT,
            )
        wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._stop.wait(wait)


def find_table(message: BusMessage) -> str | None:
    """The table a message speaks of, by its property or its JSON body; None when it is none.

    https://learn.microsoft.com/power-apps/developer/data-platform/azure-integration
    """
    properties = message.application_properties or {}
    named = properties.get(TABLE_PROPERTY) or properties.get(TABLE_PROPERTY.encode())
    if isinstance(named, bytes):
        named = named.decode("utf-8", "replace")
    table = named if isinstance(named, str) else read_table(_join(message.body))
    return table.lower() if table else None


def _join(body: Any) -> bytes:
    if isinstance(body, bytes | str):
        return body.encode() if isinstance(body, str) else body
    pieces = [piece for piece in body or () if isinstance(piece, bytes)]
    return b"".join(pieces)


def _load_library() -> tuple[Any, Any]:
    """The library and its errors; it is an extra, and carries no types that we use."""
    try:
        return import_module("azure.servicebus"), import_module("azure.core.exceptions")
    except ImportError as error:
        raise ConfigProblem(
            "hints from a Service Bus queue need the library azure-servicebus: "
            'pip install "leadrobin[servicebus]"'
        ) from error


def prepare_connection(options: BusOptions) -> Connect:
    """A way to connect, as often as needed; raises ConfigProblem when there can be none.

    Every failure of the library is raised as ConnectionError.
    """
    library, errors = _load_library()
    try:
        library.ServiceBusClient.from_connection_string(options.connection).close()
    except ValueError as error:
        raise ConfigProblem(
            f"LEADROBIN_HINTS__SERVICE_BUS_CONNECTION is no connection string: {error}"
        ) from error

    @contextmanager
    def connect() -> Generator[BusReceiver]:
        try:
            with (
                closing(
                    library.ServiceBusClient.from_connection_string(options.connection)
                ) as client,
                closing(
                    client.get_queue_receiver(
                        options.queue, receive_mode=library.ServiceBusReceiveMode.RECEIVE_AND_DELETE
                    )
                ) as receiver,
            ):
                yield receiver
        except errors.AzureError as error:
            raise ConnectionError(str(error)) from error

    return connect
