"""uvicorn as the emulator needs it: connections that faults can break, signals left to others."""

import asyncio
import contextlib
from collections.abc import Generator
from typing import cast

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

LOOP_TURNS = 20
"""How often the event loop runs for connections to close: several layers each take a turn."""


class Connections:
    """The open connections of one server, so that none outlives its event loop."""

    def __init__(self) -> None:
        self.transports: set[asyncio.BaseTransport] = set()

    def protocol(self) -> type[HttpToolsProtocol]:
        """uvicorn's protocol, which here also lets a fault script break the connection."""
        transports = self.transports

        class Protocol(HttpToolsProtocol):
            @override
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                transports.add(transport)
                super().connection_made(transport)

            @override
            def connection_lost(self, exc: Exception | None) -> None:
                transports.discard(self.transport)
                super().connection_lost(exc)

            @override
            def shutdown(self) -> None:
                cycle = cast("RequestResponseCycle | None", self.cycle)
                if cycle is None or cycle.response_complete:
                    self.transport.abort()
                else:
                    super().shutdown()

            @override
            def on_headers_complete(self) -> None:
                super().on_headers_complete()
                self.scope["leadrobin.transport"] = self.transport  # type: ignore[typeddict-unknown-key]

        return Protocol

    async def abort(self) -> None:
        """Drop what is still open."""
        for _ in range(LOOP_TURNS):
            for transport in list(self.transports):
                cast("asyncio.Transport", transport).abort()
            await asyncio.sleep(0)


class QuietServer(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
