"""Two processes on one PostgreSQL: they share the tables, and one that slept too long writes nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.seed import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.store.opening import SqlStore, open_store, upgrade_store
from engine.records import EntityReference

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

RULES = """
version: 1
segments:
  - name: Trade shows
    table: lead
    priority: 1
    when: {column: leadsourcecode, operator: eq, value: 7}
rules:
  - {name: To all, table: lead, segment: Trade shows, assign_to: {any_seller: true}}
"""
LEASE_SECONDS = 5


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
    rules.write_text(RULES)
    return {
        **os.environ,
        "LEADROBIN_DATAVERSE__URL": server.url,
        "LEADROBIN_DATAVERSE__CA_FILE": str(server.ca_file),
        "LEADROBIN_AUTH__AUTHORITY": server.authority,
        "LEADROBIN_AUTH__TENANT_ID": server.tenant_id,
        "LEADROBIN_AUTH__CLIENT_ID": server.client_id,
        "LEADROBIN_AUTH__CLIENT_SECRET": server.client_secret,
        "LEADROBIN_RULES__FILE": str(rules),
        "LEADROBIN_STORE__URL": store_url,
        "LEADROBIN_STORE__LEASE_SECONDS": str(LEASE_SECONDS),
        "LEADROBIN_SAFETY__MIN_ROWS": "1000",
        "LEADROBIN_POLL__INTERVAL_SECONDS": "1",
        "LEADROBIN_WRITE__CONCURRENCY": "1",
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


def patches(server: EmulatorServer) -> list[str]:
    """The paths of all writes that the environment took, each from whichever process."""
    return [
        entry.path.split("?")[0]
        for entry in server.log.entries.copy()
        if entry.method == "PATCH"
        and entry.path.count("/leads(")
        and (entry.status or 0) in range(200, 300)
    ]


def test_a_worker_stopped_for_longer_than_its_lease_writes_no_row_again(
    server: EmulatorServer, environment: dict[str, str], store_url: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    waits = threading.Event()
    created: list[str] = []

    def create(visitor: Visitor, count: int) -> None:
        for _ in range(count):
            created.append(f"00000000-0000-4000-8000-{len(created):012d}")
            visitor.create("leads", {"leadid": created[-1], "subject": "x", "leadsourcecode": 7})

    with Visitor(server) as visitor, service(environment, first) as stalled:
        wait_for("cycle_ended", first, waits)
        before = len(patches(server))
        create(visitor, 40)
        for _ in range(600):
            if len(patches(server)) > before + 1:
                break
            waits.wait(0.01)
        stalled.send_signal(signal.SIGSTOP)
        assert len(patches(server)) - before < 40, (
            "it was stopped too late to leave work to anybody"
        )
        with service(environment, second):
            wait_for("cycle_ended", second, waits)
            create(visitor, 10)
            stalled.send_signal(signal.SIGCONT)
            wait_for("table_held", first, waits)
            store = open_store(store_url)
            try:
                for _ in range(300):
                    if all(len(decisions(store, row)) for row in created):
                        break
                    waits.wait(0.1)
                standing = {row: decisions(store, row) for row in created}
            finally:
                store.close()
    assert "was lost" in first.read_text()
    assert {row: len(found) for row, found in standing.items() if len(found) != 1} == {}
    written = Counter(patches(server))
    assert {path: times for path, times in written.items() if times > 1} == {}
    assert len(written) - before == len(created)


def decisions(store: SqlStore, row_id: str) -> list[str]:
    with store.begin() as session:
        row = EntityReference(table="lead", id=row_id)
        return [found.outcome for found in session.list_decisions(row=row)]
