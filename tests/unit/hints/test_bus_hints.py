"""Hints from a queue: read whatever their form, over broken connections, and never fatal."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from connector.hints import service_bus
from connector.hints.early_cycles import EarlyCycles
from connector.hints.service_bus import (
    TABLE_PROPERTY,
    BusListener,
    BusMessage,
    BusOptions,
    find_table,
)
from connector.service.options import build_bus_options
from engine.errors import ConfigProblem
from settings.sources import load_settings

PATIENCE = 20
OPTIONS = BusOptions(
    connection="Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=Yg==", queue="q"
)
CONTEXT = json.dumps({"MessageName": "Update", "PrimaryEntityName": "Lead"}).encode()


@dataclass(frozen=True)
class Message:
    body: Any = b""
    application_properties: Mapping[str | bytes, Any] | None = None


def about(table: str) -> Message:
    return Message(application_properties={TABLE_PROPERTY.encode(): table.encode()})


@dataclass
class Queue:
    """A queue whose connections end as told; afterwards it is empty and stays open."""

    script: list[list[Message] | Exception]
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    dry: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def connect(self) -> Iterator["Queue"]:
        self.connections += 1
        yield self

    def receive_messages(
        self, *, max_message_count: int, max_wait_time: float
    ) -> Sequence[BusMessage]:
        assert (max_message_count, max_wait_time) == (100, 1.0)
        if not self.script:
            self.dry.set()
            return ()
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def listen(self, on_hint: Callable[[str], None] | None = None) -> None:
        """Read the script to its end."""
        with BusListener(OPTIONS, on_hint or self.heard.append, connect=self.connect):
            assert self.dry.wait(PATIENCE)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_bus, "_FIRST_WAIT_SECONDS", 0.0)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is logged."""
    records: list[dict[str, Any]] = []

    def note(_: object, event: str, **fields: Any) -> None:
        records.append({"event": event, **fields})

    log = type("Log", (), {"info": note, "warning": note})
    monkeypatch.setattr(service_bus, "get_log", log)
    return records


@pytest.mark.parametrize(
    "message",
    [
        Message(application_properties={TABLE_PROPERTY.encode(): b"lead"}),
        Message(application_properties={TABLE_PROPERTY: "LEAD"}, body=b"\x00 .NET binary"),
        Message(body=CONTEXT),
        Message(body=iter([CONTEXT[:9], CONTEXT[9:]]), application_properties={}),
        Message(body=CONTEXT.decode()),
    ],
)
def test_the_table_is_found_by_property_or_body(message: Message) -> None:
    assert find_table(message) == "lead"


@pytest.mark.parametrize(
    "message",
    [
        Message(),
        Message(body=None),
        Message(body=b"<xml/>"),
        Message(body=b"[1]"),
        Message(body=json.dumps({"PrimaryEntityName": 7}).encode()),
        Message(application_properties={b"other": b"lead"}, body=b"{}"),
    ],
)
def test_a_message_without_a_table_is_none(message: Message) -> None:
    assert find_table(message) is None


def test_messages_become_hints_in_the_order_they_come() -> None:
    queue = Queue([[about("lead"), Message(body=b"noise")], [], [about("opportunity")]])
    queue.listen()
    assert queue.heard == ["lead", "opportunity"]


def test_after_a_broken_connection_it_connects_again() -> None:
    queue = Queue([[about("lead")], ConnectionError("amqp:link:detach"), [about("lead")]])
    queue.listen()
    assert queue.heard == ["lead", "lead"]
    assert queue.connections == 2


def test_a_long_outage_is_said_once_and_waited_out(said: list[dict[str, Any]]) -> None:
    queue = Queue([*[ConnectionError("refused")] * 5, [about("lead")], ConnectionError("gone")])
    queue.listen()
    assert queue.connections == 7
    assert [each["event"] for each in said] == [
        "no hints from the bus",
        "listening for hints",
        "no hints from the bus",
        "listening for hints",
    ]


@pytest.mark.parametrize("mistake", [ValueError("handler is shut down"), KeyError("annotations")])
def test_a_mistake_of_the_library_is_said_and_the_queue_read_again(
    said: list[dict[str, Any]], mistake: Exception
) -> None:
    queue = Queue([[about("lead")], mistake, [about("opportunity")]])
    queue.listen()
    assert queue.heard == ["lead", "opportunity"]
    (lost,) = [each for each in said if each["action"] == "bus_hints_lost"]
    assert lost["reason"].startswith(f"{type(mistake).__name__}: {mistake} at test_bus_hints.py:")
    assert "report" in lost["remedy"]


def test_a_message_that_cannot_be_read_does_not_end_the_listening() -> None:
    queue = Queue([[Message(body=7)], [about("lead")]])
    queue.listen()
    assert queue.heard == ["lead"]


def test_another_failure_in_the_same_outage_is_said_as_well(said: list[dict[str, Any]]) -> None:
    Queue([*[ConnectionError("refused")] * 2, *[TypeError("ours")] * 2]).listen()
    reasons = [each["reason"].split(":")[0] for each in said if "reason" in each]
    assert reasons == ["ConnectionError", "TypeError"]


def test_waits_double_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_bus, "_FIRST_WAIT_SECONDS", 1.0)
    waits: list[float] = []
    listener = BusListener(OPTIONS, lambda _: None, connect=Queue([]).connect)
    monkeypatch.setattr(listener._stop, "wait", waits.append)
    for _ in range(8):
        listener._note_failure(ConnectionError("refused"))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_doubled_and_reordered_messages_are_one_early_look() -> None:
    looks: list[tuple[str, timedelta]] = []
    early = EarlyCycles(lambda *look: looks.append(look), ["lead"], debounce=timedelta(seconds=2))
    queue = Queue([[about("lead")] * 3, [about("account"), about("lead")]])
    queue.listen(early.hint)
    assert looks == [("lead", timedelta(seconds=2))]


def test_leaving_the_block_ends_the_thread() -> None:
    before = threading.active_count()
    Queue([]).listen()
    assert threading.active_count() == before


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.servicebus", None)
    with pytest.raises(ConfigProblem, match=r"leadrobin\[servicebus\]"):
        BusListener(OPTIONS, lambda _: None)


def test_a_wrong_connection_string_is_refused_at_once() -> None:
    with pytest.raises(ConfigProblem, match="SERVICE_BUS_CONNECTION"):
        BusListener(BusOptions(connection="nonsense", queue="q"), lambda _: None)


def test_the_library_refused_is_a_broken_connection() -> None:
    """Nobody listens on the discard port of this machine."""
    options = BusOptions(connection=OPTIONS.connection.replace("//x/", "//127.0.0.1:9/"), queue="q")
    connect = service_bus.prepare_connection(options)
    with pytest.raises(ConnectionError), connect() as receiver:
        receiver.receive_messages(max_message_count=1, max_wait_time=1)


def test_the_connection_string_is_not_printed() -> None:
    assert "SharedAccessKey" not in repr(OPTIONS)


def settings(**hints: str) -> Any:
    given = {f"LEADROBIN_HINTS__{name.upper()}": value for name, value in hints.items()}
    return load_settings(None, {"LEADROBIN_DATAVERSE__URL": "https://x.crm4.dynamics.com", **given})


def test_the_queue_is_off_by_default() -> None:
    assert build_bus_options(settings()) is None


def test_settings_name_the_queue(tmp_path: Any) -> None:
    secret = tmp_path / "connection"
    secret.write_text(OPTIONS.connection)
    found = build_bus_options(
        settings(
            service_bus_queue="q", service_bus_connection_file=str(secret), debounce_seconds="2"
        )
    )
    assert found == BusOptions(
        connection=OPTIONS.connection, queue="q", debounce=timedelta(seconds=2)
    )


@pytest.mark.parametrize("half", [{"service_bus_queue": "q"}, {"service_bus_connection": "c"}])
def test_half_a_queue_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(ConfigProblem, match="need both"):
        build_bus_options(settings(**half))
