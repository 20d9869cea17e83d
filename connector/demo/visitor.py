"""Somebody else who works in the environment, with a plain client of its own."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self
from uuid import NAMESPACE_URL, uuid5

import requests

from connector.emulator.server import EmulatorServer

TIMEOUT_SECONDS = 30


def made_id(name: str) -> str:
    """An id that is the same in every demonstration."""
    return str(uuid5(NAMESPACE_URL, f"leadrobin:demo:{name}"))


class Visitor:
    """Creates, changes and reads rows over HTTPS, as a web form or a colleague's browser would."""

    def __init__(self, server: EmulatorServer) -> None:
        self._api = f"{server.url}/api/data/v9.2"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(server.ca_file)
        reply = self._session.post(
            f"{server.authority}/{server.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": server.client_id,
                "client_secret": server.client_secret,
                "scope": f"{server.url}/.default",
            },
            timeout=TIMEOUT_SECONDS,
        )
        reply.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        self._session.headers["OData-Version"] = "4.0"

    def create(self, entity_set: str, row: Mapping[str, object]) -> None:
        """Create a row."""
        self._send("POST", entity_set, row)

    def change(self, entity_set: str, row_id: str, row: Mapping[str, object]) -> dict[str, object]:
        """Change an existing row; the row as this left it."""
        changed: dict[str, object] = self._send("PATCH", f"{entity_set}({row_id})", row).json()
        return changed

    def find(self, query: str) -> list[dict[str, object]]:
        """The rows of an OData query."""
        rows: list[dict[str, object]] = self._send("GET", query, None).json()["value"]
        return rows

    def read(self, entity_set: str, row_id: str) -> dict[str, object]:
        """One row, with the labels of its lookups."""
        row: dict[str, object] = self._send("GET", f"{entity_set}({row_id})", None).json()
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def _send(self, method: str, path: str, row: Mapping[str, object] | None) -> requests.Response:
        headers = {"Prefer": 'odata.include-annotations="*"'}
        if method == "PATCH":
            headers["If-Match"] = "*"
            headers["Prefer"] += ",return=representation"
        reply = self._session.request(
            method, f"{self._api}/{path}", json=row, headers=headers, timeout=TIMEOUT_SECONDS
        )
        reply.raise_for_status()
        return reply
