"""Scripted failures: which requests they hit and what happens to those.

Real environments answer with what this page lists:
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec
from starlette.types import Scope, Send

from connector.emulator.organization.dice import Dice
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Response, error_response

Kind = Literal[
    "status",
    "latency",
    "reset_before",
    "reset_after",
    "truncate",
    "late_commit",
    "expired_token",
    "expired_delta_token",
    "metadata_change",
    "deadlock",
]
KINDS: tuple[str, ...] = get_args(Kind)

DEADLOCK = ODataError(
    500,
    ErrorCode.SQL_ERROR,
    "Sql error: Generic SQL error. CRM ErrorCode: -2147204784 Sql ErrorCode: -2146232060 Sql "
    "Number: 1205: Transaction was deadlocked on lock resources with another process and has been "
    "chosen as the deadlock victim. Rerun the transaction.",
)


@dataclass(slots=True)
class Fault:
    """One line of the script.

    It hits requests whose method and path (decoded, with `/api/data/v9.2/`) match, `skip` of them
    later, at most `count` times (None = always), each with `probability`.
    """

    kind: Kind = "status"
    method: str | None = None
    path: str | None = None
    count: int | None = 1
    skip: int = 0
    probability: float = 1.0
    status: int = 503
    code: str = ErrorCode.UN_EXPECTED
    message: str = "The service is temporarily unavailable."
    body: str | None = None
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0
    table: str | None = None
    hits: int = 0

    @property
    def replaces_answer(self) -> bool:
        """Whether the request is never run."""
        return self.kind in ("status", "reset_before", "deadlock")

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one it may hit."""
        if self.method is not None and self.method.upper() != method:
            return False
        return self.path is None or re.search(self.path, path) is not None


class FaultScript:
    """The faults waiting to happen, in order; the first that fires wins."""

    def __init__(self, dice: Dice, on_organization: Callable[[Fault], None]) -> None:
        self.waiting: list[Fault] = []
        self._dice = dice
        self._on_organization = on_organization

    def add(self, documents: list[dict[str, Json]]) -> list[Fault]:
        """Add faults from JSON; raises ValueError naming what is wrong."""
        added = [_read_fault(document) for document in documents]
        self.waiting.extend(added)
        return added

    def clear(self) -> None:
        """Forget all."""
        self.waiting.clear()

    def choose(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, if any; counts it."""
        for fault in list(self.waiting):
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and not self._dice.chance(fault.probability):
                continue
            fault.hits += 1
            if fault.count is not None and fault.hits >= fault.count:
                self.waiting.remove(fault)
            self._on_organization(fault)
            return fault
        return None

    def answer(self, fault: Fault) -> Response:
        """The answer given instead of running the request."""
        if fault.kind == "deadlock":
            return error_response(DEADLOCK)
        headers = tuple(fault.headers.items())
        if fault.body is not None:
            kind = (("Content-Type", fault.content_type),)
            return Response(fault.status, (*kind, *headers), fault.body.encode())
        response = error_response(ODataError(fault.status, fault.code, fault.message))
        return Response(response.status, (*response.headers, *headers), response.body)

    async def delay(self, fault: Fault) -> None:
        """Wait before anything is done."""
        if fault.seconds > 0 and fault.kind != "late_commit":
            await asyncio.sleep(fault.seconds)

    async def wait_before_commit(self, fault: Fault) -> None:
        """Let others commit first."""
        await asyncio.sleep(fault.seconds or 0.5)


async def act_on_connection(
    scope: Scope, send: Send, fault: Fault, response: Response | None
) -> bool:
    """Break the connection if the fault says so; true when the request is done with."""
    transport = scope.get("leadrobin.transport")
    if fault.kind == "reset_before" or (fault.kind == "reset_after" and response is not None):
        if transport is not None:
            transport.abort()
        return True
    if fault.kind == "truncate" and response is not None and response.body:
        await _send_half(send, response)
        if transport is not None:
            transport.close()
        return True
    return False


async def _send_half(send: Send, response: Response) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers
    ]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    half = response.body[: max(1, len(response.body) // 2)]
    await send({"type": "http.response.body", "body": half, "more_body": True})


def _read_fault(document: dict[str, Json]) -> Fault:
    try:
        fault = msgspec.convert(document, Fault, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"This fault cannot be read: {error}.") from error
    unknown = set(document) - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"A fault has no '{min(unknown)}'.")
    if fault.path is not None:
        try:
            re.compile(fault.path)
        except re.error as error:
            raise ValueError(f"'path' is no regular expression: {error}.") from error
    if not 100 <= fault.status <= 599:
        raise ValueError("'status' must be an HTTP status.")
    return fault
