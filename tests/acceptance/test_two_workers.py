"""Two processes on one PostgreSQL: they share the tables, and one that slept too long writes nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.http.control import LoggedRequest
from connector.emulator.organization.organization import CONNECTOR_USER_ID
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.store.opening import SqlStore, open_store, upgrade_store
from engine.records import EntityReference
from tests.support.builders import guid
from tests.support.installed import TRADE_SHOWS, environment_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

LEASE_SECONDS = 5
CONCURRENCY = 2


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    size = SeedSize(sellers=5, leads=10, opportunities=2, insights=2)
    running = EmulatorServer(EmulatorOptions(size=size)).start()
    yield running
    running.stop()


@pytest.fixture
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        from tests.support.stores import create_database, postgres_server
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("there is no PostgreSQL server in a wheel for this machine")
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        made = create_database(url)
        upgrade_store(made)
        yield made


@pytest.fixture
def environment(server: EmulatorServer, store_url: str, tmp_path: Path) -> dict[str, str]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(TRADE_SHOWS)
    return {
        **os.environ,
        **environment_of(server, rules, store_url=store_url, log_level="info"),
        "LEADROBIN_STORE__LEASE_SECONDS": str(LEASE_SECONDS),
        "LEADROBIN_SAFETY__MIN_ROWS": "1000",
        "LEADROBIN_POLL__INTERVAL_SECONDS": "1",
        "LEADROBIN_WRITE__CONCURRENCY": str(CONCURRENCY),
        "LEADROBIN_WRITE__WAY": "parallel",  # so that each row is a request that can be counted
    }


@contextmanager
def service(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service with its log in a file; ended by a signal."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "connector.cli.app", "run"], env=environment, stderr=file
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def wait_for(what: str, log: Path, waits: threading.Event) -> None:
    """Wait until a log says something."""
    for _ in range(600):
        if what in log.read_text():
            return
        waits.wait(0.1)
    pytest.fail(f"never saw {what} in:\n{log.read_text()[-3000:]}")


def writes(server: EmulatorServer) -> list[LoggedRequest]:
    """The writes of leads of ours in the environment's own log, oldest first."""
    return [
        entry
        for entry in server.log.entries.copy()
        if entry.method == "PATCH" and "/leads(00000000-0000-4000-8000-" in entry.path
    ]


def taken(server: EmulatorServer) -> list[str]:
    """The paths of those that the environment took, from whichever process."""
    return [w.path.split("?")[0] for w in writes(server) if (w.status or 0) in range(200, 300)]


def count_taken(server: EmulatorServer, *, by_second: bool) -> int:
    """How many rows one process wrote; the second acts for a user, which the log shows."""
    return sum(
        (entry.status or 0) in range(200, 300) and ("mscrmcallerid" in entry.headers) is by_second
        for entry in writes(server)
    )


def wait_until(is_so: Callable[[], bool], what: str, waits: threading.Event) -> None:
    """Wait until something is so, for a minute at most."""
    for _ in range(6000):
        if is_so():
            return
        waits.wait(0.01)
    pytest.fail(f"it never happened that {what}")


class Traffic:
    """Somebody who creates leads that have to be assigned, a few at a time, until told to stop."""

    def __init__(self, visitor: Visitor) -> None:
        self.created: list[str] = []
        self._visitor = visitor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            row_id = guid(len(self.created))
            self._visitor.create("leads", {"leadid": row_id, "subject": "x", "leadsourcecode": 7})
            self.created.append(row_id)


def test_a_worker_stopped_for_longer_than_its_lease_writes_no_row_again(
    server: EmulatorServer, environment: dict[str, str], store_url: str, tmp_path: Path
) -> None:
    first_log, second_log = tmp_path / "first.log", tmp_path / "second.log"
    waits = threading.Event()
    with Visitor(server) as visitor, service(environment, first_log) as stalled:
        acting = {"LEADROBIN_DATAVERSE__IMPERSONATE_USER_ID": CONNECTOR_USER_ID}
        wait_for("cycle_ended", first_log, waits)
        with Traffic(visitor) as traffic:
            before = count_taken(server, by_second=False)
            wait_until(lambda: count_taken(server, by_second=False) > before + 1, "it wrote", waits)
            stalled.send_signal(signal.SIGSTOP)
            asleep_at = len(writes(server))
            with service({**environment, **acting}, second_log):
                wait_until(lambda: count_taken(server, by_second=True) > 5, "both wrote", waits)
                stalled.send_signal(signal.SIGCONT)
                wait_for("table_held", first_log, waits)
                awake = count_taken(server, by_second=True)
                wait_until(lambda: count_taken(server, by_second=True) > awake, "it went on", waits)
                late = [w for w in writes(server)[asleep_at:] if "mscrmcallerid" not in w.headers]
            again = count_taken(server, by_second=False)
            wait_until(
                lambda: count_taken(server, by_second=False) > again, "the first took over", waits
            )
        store = open_store(store_url)
        try:
            wait_until(
                lambda: all(len(decisions(store, row)) for row in traffic.created),
                "every row was decided",
                waits,
            )
            standing = {row: decisions(store, row) for row in traffic.created}
        finally:
            store.close()
    assert "was lost" in first_log.read_text()
    assert len(late) <= CONCURRENCY + 1, "it went on writing after it had lost the lease"
    assert {row: found for row, found in standing.items() if len(found) != 1} == {}
    assert {path: n for path, n in Counter(taken(server)).items() if n > 1} == {}
    assert len(taken(server)) == len(traffic.created)


def decisions(store: SqlStore, row_id: str) -> list[str]:
    with store.begin() as session:
        row = EntityReference(table="lead", id=row_id)
        return [found.outcome for found in session.list_decisions(row=row)]
