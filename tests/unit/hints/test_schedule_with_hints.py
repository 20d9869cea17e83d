"""The service with webhooks: a hint brings the next cycle forward."""

import http.client
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connector.hints import webhooks as hints_module
from connector.hints.webhooks import HintOptions, HintServer
from connector.service.application import Application
from connector.service.scheduler import run_service

PATIENCE = 20


class MachineClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class StubApplication:
    """One table; notes every look at it."""

    tables: tuple[Any, ...] = (SimpleNamespace(name="lead"),)
    stop: threading.Event = field(default_factory=threading.Event)
    leases: Any = field(default_factory=lambda: SimpleNamespace(join=lambda _count: None))
    looks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run_table(self, table: Any) -> None:
        self.looks.release()


def test_a_hint_brings_the_next_cycle_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    application, ports = StubApplication(), list[int]()
    listening = threading.Event()
    enter = HintServer.__enter__

    def note(server: HintServer) -> HintServer:
        found = enter(server)
        ports.append(server.port)
        listening.set()
        return found

    monkeypatch.setattr(hints_module.HintServer, "__enter__", note)
    options = HintOptions(secret="s", debounce=timedelta(0))
    service = threading.Thread(
        target=run_service,
        args=(cast("Application", application), MachineClock()),
        kwargs={"interval": timedelta(hours=1), "hints": options},
    )
    service.start()
    try:
        assert application.looks.acquire(timeout=PATIENCE)
        assert listening.wait(PATIENCE)
        connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=PATIENCE)
        headers = {"x-leadrobin-secret": "s", "x-ms-dynamics-entity-name": "lead"}
        connection.request("POST", "/", b"", headers)
        assert connection.getresponse().status == 204
        connection.close()
        assert application.looks.acquire(timeout=PATIENCE)
    finally:
        application.stop.set()
        service.join(PATIENCE)
    assert not service.is_alive()
