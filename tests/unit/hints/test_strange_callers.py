"""Callers that send what no webhook sends: none of them blocks the server or makes it grow."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.hints import webhooks
from connector.hints.webhooks import MAX_BODY_BYTES, HintOptions, HintServer

SECRET = "correct horse"
BODY = json.dumps({"PrimaryEntityName": "lead"}).encode()
ALLOWED = f"X-Leadrobin-Secret: {SECRET}\r\n"


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def server(heard: list[str]) -> Iterator[HintServer]:
    with HintServer(HintOptions(secret=SECRET), heard.append) as running:
        yield running


def connect(server: HintServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes, which a reset counts as."""
    found = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while piece := connection.recv(65536):
            found += piece
    return found


def ask(server: HintServer, *pieces: bytes) -> bytes:
    """Send pieces and read until the server closes."""
    with connect(server) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for piece in pieces:
                connection.sendall(piece)
        return read_all(connection)


def build_request(head: str, body: bytes = b"") -> bytes:
    return f"POST / HTTP/1.1\r\nHost: here\r\n{head}\r\n".encode() + body


def is_well(server: HintServer) -> bool:
    head = f"{ALLOWED}Content-Length: {len(BODY)}\r\n"
    return ask(server, build_request(head, BODY)).startswith(b"HTTP/1.1 204")


def test_an_answer_is_empty_and_ends_the_connection(server: HintServer) -> None:
    answer = ask(server, build_request(f"{ALLOWED}Content-Length: {len(BODY)}\r\n", BODY))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204")
    assert b"connection: close" in head.lower()
    assert body == b""


@pytest.mark.parametrize(
    "head",
    [
        f"{ALLOWED}Transfer-Encoding: chunked\r\n",
        ALLOWED,
        f"{ALLOWED}Content-Length: {MAX_BODY_BYTES + 1}\r\n",
    ],
    ids=["chunked", "no length", "too long"],
)
def test_a_body_without_a_small_length_is_not_read(
    server: HintServer, heard: list[str], head: str
) -> None:
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert ask(server, build_request(head, chunk)).startswith(b"HTTP/1.1 413")
    assert heard == []
    assert is_well(server)


def test_a_body_of_the_greatest_length_is_read(server: HintServer, heard: list[str]) -> None:
    body = BODY.ljust(MAX_BODY_BYTES)
    head = f"{ALLOWED}Content-Length: {len(body)}\r\n"
    assert ask(server, build_request(head, body)).startswith(b"HTTP/1.1 204")
    assert heard == ["lead"]


def test_a_huge_header_is_refused_before_it_is_all_there(server: HintServer) -> None:
    endless = [b"X-Long: " + b"x" * 65536, *([b"x" * 65536] * 64)]
    answer = ask(server, b"POST / HTTP/1.1\r\nHost: here\r\n", *endless)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert is_well(server)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST / HT",
        build_request(f"{ALLOWED}Content-Length: 100\r\n", b"{"),
        build_request(f"{ALLOWED}Content-Length: 100\r\nExpect: 100-continue\r\n"),
    ],
    ids=["silent", "half a line", "half a body", "waits for a go-ahead"],
)
def test_a_slow_caller_is_in_nobodys_way_and_is_cut_off(start: bytes, heard: list[str]) -> None:
    options = HintOptions(secret=SECRET, connection_seconds=0.5)
    with HintServer(options, heard.append) as server, connect(server) as slow:
        slow.sendall(start)
        assert is_well(server)
        began = monotonic()
        read_all(slow)
        assert monotonic() - began < 5
    assert heard == ["lead"]


def test_slow_callers_do_not_keep_the_server_from_stopping() -> None:
    heard: list[str] = []
    with contextlib.ExitStack() as callers:
        with HintServer(HintOptions(secret=SECRET), heard.append) as server:
            for start in (b"", b"POST /", build_request(f"{ALLOWED}Content-Length: 9\r\n", b"{")):
                callers.enter_context(connect(server)).sendall(start)
            assert is_well(server)
            began = monotonic()
        assert monotonic() - began < 3


def test_a_hint_on_its_way_is_answered_before_the_server_stops() -> None:
    has_come, may_go = threading.Event(), threading.Event()

    def listen(table: str) -> None:
        has_come.set()
        may_go.wait(5)

    with HintServer(HintOptions(secret=SECRET), listen) as server, connect(server) as caller:
        head = f"{ALLOWED}Content-Length: {len(BODY)}\r\n"
        caller.sendall(build_request(head, BODY))
        assert has_come.wait(5)
        threading.Timer(0.3, may_go.set).start()
        server.__exit__(None, None, None)
        assert read_all(caller).startswith(b"HTTP/1.1 204")


def test_a_slow_hint_is_in_nobodys_way() -> None:
    heard: list[str] = []
    may_go = threading.Event()

    def listen(table: str) -> None:
        if table == "slow":
            may_go.wait(10)
        heard.append(table)

    with HintServer(HintOptions(secret=SECRET), listen) as server, connect(server) as caller:
        head = f"{ALLOWED}X-MS-Dynamics-Entity-Name: slow\r\nContent-Length: 0\r\n"
        caller.sendall(build_request(head))
        assert is_well(server)
        assert heard == ["lead"]
        may_go.set()
        assert read_all(caller).startswith(b"HTTP/1.1 204")


def test_no_more_than_so_many_connections_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_MAX_CONNECTIONS", 5)
    heard: list[str] = []
    with (
        HintServer(HintOptions(secret=SECRET), heard.append) as server,
        contextlib.ExitStack() as callers,
    ):
        held = [callers.enter_context(connect(server)) for _ in range(5)]
        assert ask(server) == b""
        held[0].close()
        assert any(is_well(server) for _ in range(50))


@pytest.fixture(scope="module")
def lasting() -> Iterator[HintServer]:
    options = HintOptions(secret=SECRET, connection_seconds=0.1)
    with HintServer(options, lambda _table: None) as running:
        yield running


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    head=st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.sampled_from(
                [
                    "Content-Length: -1",
                    "Content-Length: 3",
                    "Content-Length: 99999999999999999999",
                    "Content-Length: \u00b2",
                    "Transfer-Encoding: chunked",
                    "Transfer-Encoding: gzip",
                    "Expect: 100-continue",
                    "Connection: keep-alive",
                    "Upgrade: websocket",
                    "X-Leadrobin-Secret: \u00ff",
                    f"X-Leadrobin-Secret: {SECRET}",
                    "X-MS-Dynamics-Entity-Name: \u00ff",
                    "no colon",
                ]
            ),
            max_size=4,
        ).map(lambda lines: build_request("".join(f"{line}\r\n" for line in lines))),
    ),
    body=st.binary(max_size=50),
)
def test_whatever_is_sent_the_server_goes_on(lasting: HintServer, head: bytes, body: bytes) -> None:
    answer = ask(lasting, head, body)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer
    assert is_well(lasting)
