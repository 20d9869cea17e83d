"""State files and snapshots: nothing an emulator knew is lost, however its process ended."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.emulator.organization.organization import (
    CLIENT_ID,
    CLIENT_SECRET,
    SALESPERSON_ROLE_ID,
)
from connector.emulator.seed.loading import DataProblem
from tests.contract.emulator.conftest import Api, error_of, sign_in, start

TRACKED = {"Prefer": "odata.track-changes"}


@dataclass
class Process:
    """The command in a process of its own, with a token for it."""

    process: subprocess.Popen[str]
    url: str
    session: requests.Session

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.url}/api/data/v9.2/{path}"
        return self.session.request(method, url, timeout=30, **arguments)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=30)


@contextmanager
def command(state: Path, port: int = 0) -> Generator[Process]:
    size = ["--leads", "10", "--sellers", "4", "--opportunities", "2", "--insights", "1"]
    arguments = ["emulator", "--http", "--state", str(state), "--port", str(port), *size]
    line = [sys.executable, "-m", "connector.cli.app", *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        session = requests.Session()
        session.trust_env = False
        yield Process(process, url, session)
        session.close()
        if process.poll() is None:
            process.kill()


def token(url: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    answer = requests.post(
        f"{url}/oauth2/v2.0/token", data={**form, "scope": f"{url}/.default"}, timeout=30
    )
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_process_goes_on_where_another_on_the_same_file_ended(
    tmp_path: Path, number: int
) -> None:
    state = tmp_path / "state.db"
    with command(state) as first:
        first.session.headers["Authorization"] = f"Bearer {token(first.url)}"
        port = int(first.url.rpartition(":")[2])
        link = first.call("GET", "leads?$select=subject", headers=TRACKED).json()[
            "@odata.deltaLink"
        ]
        written = first.call("POST", "leads", json={"subject": "Kept"})
        lead = written.headers["OData-EntityId"]
        etag = first.call("GET", lead).headers["ETag"]
        requests.post(f"{first.url}/_emulator/clock", json={"advance_seconds": 3000}, timeout=30)
        authorization = first.session.headers["Authorization"]
        first.end(number)
    with command(state, port) as second:
        second.session.headers["Authorization"] = authorization
        assert second.call("GET", lead).headers["ETag"] == etag
        entries = second.call("GET", link).json()["value"]
        assert [entry["subject"] for entry in entries] == ["Kept"]
        requests.post(f"{second.url}/_emulator/clock", json={"advance_seconds": 700}, timeout=30)
        assert second.call("GET", lead).status_code == 401
        second.session.headers["Authorization"] = f"Bearer {token(second.url)}"
        new = second.call("POST", "leads", json={"subject": "After"})
        assert new.status_code == 204
        assert new.headers["OData-EntityId"] != lead
        second.end(signal.SIGKILL)


def test_a_file_whose_first_filling_was_cut_short_is_filled_again(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with start(state=state) as server, server.organization.lock:
        storage = server.organization.storage
        storage.query("DELETE FROM emulator_setting")
        for table in server.organization.catalog.tables:
            storage.query(f'DELETE FROM "{table}"')
    with start(state=state) as server:
        client = sign_in(server)
        assert client.get("leads/$count").text == "30"
        client.session.close()


def test_restarts_keep_privileges_marks_clock_and_behaviour(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with start(state=state, cascade_delay_seconds=5) as server:
        client = sign_in(server)
        link = client.get("leads?$select=subject", headers=TRACKED).json()["@odata.deltaLink"]
        server.privileges.roles.grant(SALESPERSON_ROLE_ID, "Read", "lead", 1)
        client.control("POST", "faults", {"kind": "metadata_change", "table": "lead"})
        client.get("WhoAmI")
        client.control("POST", "clock", {"set": "2027-01-01T00:00:00Z", "freeze": True})
        version = server.organization.catalog.version
        client.session.close()
    with start(state=state, port=int(server.url.rpartition(":")[2])) as server:
        client = sign_in(server)
        assert server.organization.catalog.version == version
        assert server.privileges.roles.depth([SALESPERSON_ROLE_ID], "Read", "lead") == 1
        assert client.control("GET", "clock") == {"now": "2027-01-01T00:00:00Z", "frozen": True}
        assert client.control("GET", "behaviour")["cascade_delay_seconds"] == 5
        assert error_of(client.get(link)) == (400, "0x80044352")
        client.session.close()


def test_a_restart_with_another_seed_keeps_the_tokens_of_the_first(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with start(state=state) as server:
        client = sign_in(server)
    with start(state=state, seed=99, port=int(server.url.rpartition(":")[2])):
        assert client.get("WhoAmI").status_code == 200
        client.session.close()


def test_new_rows_after_restarts_never_take_an_id_again(tmp_path: Path) -> None:
    state, ids = tmp_path / "state.db", list[str]()
    for _ in range(3):
        with start(state=state) as server:
            client = sign_in(server)
            ids += [client.create("leads", {"subject": str(n)}) for n in range(3)]
            client.session.close()
    assert len(set(ids)) == 9


def test_a_file_that_another_emulator_has_open_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with start(state=state), pytest.raises(DataProblem, match="locked"):
        start(state=state)


def test_a_file_that_is_no_state_is_refused_by_name(tmp_path: Path) -> None:
    state = tmp_path / "notes.txt"
    state.write_text("This is a text about something else entirely. " * 50)
    with pytest.raises(DataProblem, match=r"notes\.txt.*another"):
        start(state=state)


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "file"])
def test_a_snapshot_brings_everything_back(tmp_path: Path, on_disk: bool) -> None:
    with start(state=tmp_path / "state.db" if on_disk else None) as server:
        client = sign_in(server)
        lead = client.create("leads", {"subject": "before"})
        roles = server.privileges.roles
        client.control("POST", "clock", {"set": "2026-12-24T00:00:00Z", "freeze": True})
        client.control("POST", "behaviour", {"cascade_delay_seconds": 7})
        client = sign_in(server)
        link = client.get("leads?$select=subject", headers=TRACKED).json()["@odata.deltaLink"]
        client.control("POST", "snapshot", {"name": "one"})
        client.patch(f"leads({lead})", {"subject": "after"})
        roles.grant(SALESPERSON_ROLE_ID, "Read", "lead", depth=0)
        client.control("POST", "faults", {"kind": "metadata_change", "table": "lead"})
        client.get("WhoAmI")
        client.control("POST", "clock", {"advance_seconds": 600})
        client.control("POST", "behaviour", {"cascade_delay_seconds": 0})
        client.control("POST", "restore", {"name": "one"})
        assert client.get(f"leads({lead})?$select=subject").json()["subject"] == "before"
        assert client.get(link).json()["value"] == []
        assert client.control("GET", "clock")["now"] == "2026-12-24T00:00:00Z"
        assert client.control("GET", "behaviour")["cascade_delay_seconds"] == 7
        assert roles.depth([SALESPERSON_ROLE_ID], "Read", "lead") == 8
        client.session.close()


def test_restoring_what_was_never_kept_is_refused(api: Api) -> None:
    url = f"{api.server.url}/_emulator/restore"
    assert api.session.post(url, json={"name": "nosuch"}, timeout=30).status_code == 400
