"""The emulator asked over HTTP without a socket: requests go straight into its ASGI application.

One client holds one organization, a frozen clock and one event loop; `close` it.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote, urlsplit

import msgspec

from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer

Result = TypeVar("Result")

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOST = "http://emulator.test"
ROOT = f"{HOST}/api/data/v9.2"
_SAFE = "/:?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """Dataverse's error code, empty when this is no refusal."""
        return str(self.json["error"]["code"]) if self.status >= 400 else ""

    @property
    def new_id(self) -> str:
        """The id in `OData-EntityId`."""
        return self.headers["odata-entityid"].rpartition("(")[2].rstrip(")")


class BrokenConnection(Exception):  # noqa: N818  what happened, in the house words
    """The connection broke before the answer was complete."""


class InProcessEmulator:
    """An emulator that any token opens, unless told otherwise; a context manager."""

    def __init__(self, size: SeedSize | None = None, *, accept_any_token: bool = True) -> None:
        options = EmulatorOptions(
            use_tls=False,
            accept_any_token=accept_any_token,
            size=size or SeedSize(sellers=4, leads=0, opportunities=0, insights=0),
            source=lambda: NOW,
        )
        self.server = EmulatorServer(options)
        self.server.web.root = HOST
        self.server.clock.freeze()
        self._runner = asyncio.Runner()
        self._image = self.server.organization.storage.snapshot()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the database and the event loop."""
        self._runner.close()
        self.server.close()

    def keep(self) -> None:
        """Let `reset` come back to the rows as they are now."""
        self._image = self.server.organization.storage.snapshot()

    def reset(self) -> None:
        """Put the rows back as they were made, or as they were kept."""
        organization = self.server.organization
        organization.storage.restore(self._image)
        organization.storage.open_versions.clear()
        organization.metadata_changes.clear()
        organization.delta_floor = 0
        self.server.faults.clear()
        self.server.throttle.reset()
        self.server.log.clear()
        self.server.clock.set(NOW)

    def call(self, method: str, url: str, document: Any = None, **headers: str | None) -> Answer:
        """One request; `url` is absolute or relative to the service root, headers use `_` for `-`."""
        named = {
            name.replace("_", "-"): value for name, value in headers.items() if value is not None
        }
        body = b"" if document is None else msgspec.json.encode(document)
        return self.send(method, url, body, named)

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request with its body as bytes."""
        return self.run(self.answer(method, url, body, headers))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something in the emulator's event loop."""
        return self._runner.run(work)

    async def answer(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """One request inside an event loop, for tests in which several are open at once.

        Raises BrokenConnection where a fault cut the connection.
        """
        absolute = url if "://" in url else f"{ROOT}/{url}"
        parts = urlsplit(quote(absolute, safe=_SAFE))
        given = {"host": "emulator.test", "authorization": "Bearer any", **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in given.items()],
            "server": ("emulator.test", 80),
            "client": ("127.0.0.1", 1),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await self.server.web(scope, cast("Any", receive), send)
        if not sent or sent[-1].get("more_body"):
            raise BrokenConnection(f"{method} {url} was cut off")
        names = {
            name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]
        }
        return Answer(sent[0]["status"], names, b"".join(each["body"] for each in sent[1:]))
