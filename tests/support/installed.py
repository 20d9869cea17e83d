"""An installation over an emulator with sockets: its rules, its settings, its client, its fresh start."""

import random
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from connector.dataverse.client import DataverseClient
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.wiring import ClientDependencies, ClientOptions, build_client
from connector.dataverse.writes.sender import WriteOptions
from connector.emulator.server import EmulatorServer

TRADE_SHOWS = """
version: 1
segments:
  - name: Trade shows
    table: lead
    priority: 1
    when: {column: leadsourcecode, operator: eq, value: 7}
rules:
  - {name: To all, table: lead, segment: Trade shows, assign_to: {any_seller: true}}
"""


def environment_of(
    server: EmulatorServer, rules: Path, *, store_url: str, log_level: str = "error"
) -> dict[str, str]:
    """The variables of an installation, which says only what went wrong unless told otherwise."""
    return {
        "LEADROBIN_DATAVERSE__URL": server.url,
        "LEADROBIN_DATAVERSE__CA_FILE": str(server.ca_file),
        "LEADROBIN_AUTH__AUTHORITY": server.authority,
        "LEADROBIN_AUTH__TENANT_ID": server.tenant_id,
        "LEADROBIN_AUTH__CLIENT_ID": server.client_id,
        "LEADROBIN_AUTH__CLIENT_SECRET": server.client_secret,
        "LEADROBIN_RULES__FILE": str(rules),
        "LEADROBIN_STORE__URL": store_url,
        "LEADROBIN_LOG__LEVEL": log_level,
    }


def connect(server: EmulatorServer, *, seed: int = 7, **overrides: Any) -> DataverseClient:
    """A client on the emulator's clock, whose waits move that clock instead of taking time."""
    lock = threading.Lock()
    numbers = count(1)

    def sleep(seconds: float) -> None:
        with lock:
            server.clock.advance(timedelta(seconds=seconds))

    options = ClientOptions(
        url=server.url,
        sign_in=SignInOptions(
            mode="client_secret",
            tenant_id=server.tenant_id,
            client_id=server.client_id,
            client_secret=server.client_secret,
            authority=server.authority,
        ),
        transport=TransportOptions(ca_file=str(server.ca_file), read_timeout=20),
        retry=RetryPolicy(max_attempts=14, budget=timedelta(hours=6)),
        writes=WriteOptions(concurrency=4, batch_size=10),
    )
    dependencies = ClientDependencies(
        clock=server.clock,
        sleep=sleep,
        random=random.Random(seed).random,
        new_id=lambda: f"id-{next(numbers)}",
    )
    return build_client(replace(options, **overrides), dependencies)


@contextmanager
def left_as_found(server: EmulatorServer) -> Generator[None]:
    """A block after which the rows are those before it, and nothing disturbs anybody any more."""
    with server.organization.lock:
        image = server.organization.storage.snapshot()
        version = server.organization.catalog.version
    yield
    server.faults.clear()
    server.throttle.reset()
    server.log.clear()
    with server.organization.lock:
        server.organization.storage.restore(image)
        server.organization.catalog.version = version
        server.organization.metadata_changes.clear()
        server.organization.delta_floor = 0
        server.tenant.revoked_before = 0
