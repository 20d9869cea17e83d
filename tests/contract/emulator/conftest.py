"""A running emulator for the contract tests: a small seed, a fixed clock, signed-in clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Api:
    """A signed-in client that keeps nothing but a token."""

    server: EmulatorServer
    session: requests.Session

    @property
    def root(self) -> str:
        return f"{self.server.url}/api/data/v9.2"

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.root}/{path}"
        return self.session.request(method, url, timeout=30, **arguments)

    def get(self, path: str, **arguments: Any) -> requests.Response:
        return self.call("GET", path, **arguments)

    def rows(self, path: str, **arguments: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **arguments)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    def create(self, entity_set: str, body: dict[str, Any]) -> str:
        answer = self.call("POST", entity_set, json=body)
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def patch(self, path: str, body: dict[str, Any], **headers: str) -> requests.Response:
        return self.call("PATCH", path, json=body, headers=headers)

    def control(self, method: str, name: str, document: Any = None) -> Any:
        url = f"{self.server.url}/_emulator/{name}"
        answer = requests.request(method, url, json=document, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()


def sign_in(server: EmulatorServer) -> Api:
    form = {
        "grant_type": "client_credentials",
        "client_id": server.client_id,
        "client_secret": server.client_secret,
        "scope": f"{server.url}/.default",
    }
    url = f"{server.authority}/{server.tenant_id}/oauth2/v2.0/token"
    token = requests.post(url, data=form, timeout=30).json()["access_token"]
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"
    return Api(server, session)


def start(**changes: Any) -> EmulatorServer:
    moments: dict[str, Any] = {"source": lambda: NOW}
    size = SeedSize(sellers=12, leads=30, opportunities=20, insights=6)
    return EmulatorServer(EmulatorOptions(**{"use_tls": False, "size": size, **moments, **changes}))


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    with start() as running:
        running.clock.freeze()
        yield running


@pytest.fixture
def api(server: EmulatorServer) -> Iterator[Api]:
    """A client on a fresh state: every test finds the seed as it was made."""
    with server.organization.lock:
        image = server.organization.storage.snapshot()
        version = server.organization.catalog.version
    client = sign_in(server)
    yield client
    client.session.close()
    server.faults.clear()
    server.throttle.reset()
    server.log.clear()
    with server.organization.lock:
        server.organization.storage.restore(image)
        server.organization.catalog.version = version
        server.organization.metadata_changes.clear()
        server.organization.delta_floor = 0
        server.clock.set(NOW)
        server.tenant.revoked_before = 0


def error_of(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


TRACK = {"Prefer": "odata.track-changes"}


def track(api: Api, path: str = "leads?$select=subject", size: int = 5000) -> tuple[Any, str]:
    """All entries of a tracked read and the delta link at its end."""
    headers = {"Prefer": f"odata.track-changes,odata.maxpagesize={size}"}
    document = api.get(path, headers=headers).json()
    entries = document["value"]
    while "@odata.deltaLink" not in document:
        document = api.get(document["@odata.nextLink"], headers=headers).json()
        entries += document["value"]
    return entries, document["@odata.deltaLink"]
