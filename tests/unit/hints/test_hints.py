"""Hints: heard, checked, gathered into one early look, and harmless."""

import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from connector.hints.context import read_table
from connector.hints.early_cycles import EarlyCycles
from connector.hints.webhooks import HintOptions, HintServer
from connector.telemetry.logs import configure_logs
from engine.errors import ConfigProblem

SECRET = "correct horse"
CONTEXT = json.dumps({"MessageName": "Update", "PrimaryEntityName": "lead"}).encode()


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def server(heard: list[str]) -> Iterator[HintServer]:
    with HintServer(HintOptions(secret=SECRET), heard.append) as running:
        yield running


def post(
    server: HintServer,
    body: bytes = CONTEXT,
    *,
    path: str = "/",
    method: str = "POST",
    **headers: str,
) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, names)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_a_webhook_with_the_secret_is_a_hint(server: HintServer, heard: list[str]) -> None:
    assert post(server, x_leadrobin_secret=SECRET) == 204
    assert heard == ["lead"]


def test_the_secret_may_come_as_a_webhook_key(server: HintServer, heard: list[str]) -> None:
    assert post(server, path="/hook?code=correct%20horse") == 204
    assert heard == ["lead"]


def test_the_header_names_the_table_when_the_body_was_cut(
    server: HintServer, heard: list[str]
) -> None:
    headers = {"x_leadrobin_secret": SECRET, "x_ms_dynamics_entity_name": "Opportunity"}
    assert post(server, b"{}", **headers) == 204
    assert heard == ["opportunity"]


@pytest.mark.parametrize("secret", ["", "wrong", "correct horse "])
def test_a_webhook_without_the_secret_is_refused(
    server: HintServer, heard: list[str], secret: str
) -> None:
    status = post(server, path=f"/?code={quote(secret)}x", x_leadrobin_secret=f"{secret}.")
    assert (status, heard) == (401, [])


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"PrimaryEntityName": 3}'])
def test_what_names_no_table_is_refused(server: HintServer, heard: list[str], body: bytes) -> None:
    assert post(server, body, x_leadrobin_secret=SECRET) == 400
    assert (heard, read_table(body)) == ([], None)


def test_large_bodies_and_other_methods_are_refused(server: HintServer, heard: list[str]) -> None:
    assert post(server, b"", Content_Length=str(1 << 30)) == 413
    assert post(server, b"", method="GET") == 501
    assert heard == []


def test_a_hint_that_fails_on_our_side_is_said_and_the_next_is_heard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    heard: list[str] = []

    def listen(table: str) -> None:
        if table == "account":
            raise LookupError("no such job")
        heard.append(table)

    configure_logs("warning", "json")
    with HintServer(HintOptions(secret=SECRET), listen) as server:
        refused = post(server, x_leadrobin_secret=SECRET, x_ms_dynamics_entity_name="account")
        assert refused == 500
        assert post(server, x_leadrobin_secret=SECRET) == 204
    assert heard == ["lead"]
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["reason"].startswith("LookupError: no such job at test_hints.py:")
    assert "polled all the same" in json.loads(line)["remedy"]


def test_a_port_that_is_taken_is_one_sentence(server: HintServer) -> None:
    with pytest.raises(ConfigProblem, match="LEADROBIN_HINTS__PORT"):
        HintServer(HintOptions(secret=SECRET, port=server.port), print)


class Calls(list[tuple[str, float]]):
    def hurry(self, table: str, within: timedelta) -> None:
        self.append((table, within.total_seconds()))


def watch_two_tables() -> tuple[EarlyCycles, Calls]:
    calls = Calls()
    return EarlyCycles(calls.hurry, ("lead", "opportunity"), debounce=timedelta(seconds=1)), calls


def test_many_hints_are_one_early_look() -> None:
    early, calls = watch_two_tables()
    for table in ["lead", "lead", "opportunity", "lead"]:
        early.hint(table)
    assert calls == [("lead", 1.0), ("opportunity", 1.0)]


def test_a_table_that_nobody_watches_is_ignored() -> None:
    early, calls = watch_two_tables()
    early.hint("account")
    assert calls == []


def test_a_hint_during_a_look_leads_to_another_one() -> None:
    early, calls = watch_two_tables()
    early.started("lead")
    early.hint("lead")
    early.hint("lead")
    assert calls == []
    early.finished("lead")
    assert calls == [("lead", 1.0)]


def test_a_hint_before_a_look_is_answered_by_it() -> None:
    early, calls = watch_two_tables()
    early.hint("lead")
    early.started("lead")
    early.finished("lead")
    assert len(calls) == 1
    early.hint("lead")
    assert len(calls) == 2
