"""Sends webhook calls as the platform does: late, at most twice, in no promised order.

https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
What is sent is made in `rows.events`. Tests register a webhook at the bottom; rows that a client
writes do as well.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import quote, urlsplit

import msgspec

from connector.emulator.catalog.tables.events import (
    HTTP_HEADER,
    HTTP_QUERY_STRING,
    WEBHOOK_CONTRACT,
    WEBHOOK_KEY,
)
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    ROOT_UNIT_ID,
    SYSTEM_USER_ID,
    Organization,
    fixed_id,
)
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Caller
from connector.emulator.rows.writes import Writer
from connector.emulator.storage.database import StoredRow

LARGEST_BODY = 262_144
POLL_SECONDS = 0.05
_SETTING = re.compile(r'<setting\s+name="([^"]*)"\s+value="([^"]*)"\s*/>')
_STRIPPED = ("InputParameters", "PreEntityImages", "PostEntityImages")
_TRANSIENT = frozenset({502, 503, 504})
_SYSTEM_EVENT, _COMPLETED, _FAILED = 1, 3, 31


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How unreliable delivery is.

    `drop` and `duplicate` are probabilities, `shuffle` mixes the order, `timeout_seconds` is how
    long a receiver has.
    """

    drop: float = 0
    duplicate: float = 0
    shuffle: bool = False
    timeout_seconds: float = 60


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One call: `attempts` made, the last `status` (None = no answer) and how it ended."""

    url: str
    message: str
    table: str
    id: str
    attempts: int = 0
    status: int | None = None
    outcome: str = "waiting"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call to make."""

    url: str
    headers: dict[str, str]
    body: bytes
    delivery: Delivery


class WebhookSender:
    """Takes waiting calls from the organization and makes them; `log` holds the last ones."""

    def __init__(self, organization: Organization, privileges: Privileges, dice: Dice) -> None:
        self.settings = DeliverySettings()
        self.log: deque[Delivery] = deque(maxlen=10_000)
        self._organization = organization
        self._privileges = privileges
        self._dice = dice

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        sending: set[asyncio.Task[None]] = set()
        try:
            while True:
                for call in self._take():
                    task = asyncio.create_task(self._deliver(call))
                    sending.add(task)
                    task.add_done_callback(sending.discard)
                    if not self.settings.shuffle:
                        await task
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for task in list(sending):
                task.cancel()

    def waiting(self) -> int:
        """How many calls are still to be taken."""
        found = self._organization.storage.query("SELECT COUNT(*) FROM emulator_outbox")
        return int(found[0][0])

    def register(self, document: Mapping[str, Json]) -> dict[str, Json]:
        """Make the rows of a webhook; raises ValueError naming what is wrong.

        `{"url": …, "tables": ["lead"], "messages": ["Create", "Update", "Delete"],
        "filtering_attributes": [], "headers": {}, "post_image": false}`.
        """
        unknown = set(document) - set(_REGISTRATION)
        url = document.get("url")
        if unknown or not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(
                f"A webhook has 'url' (http or https) and: {', '.join(_REGISTRATION)}."
            )
        members = {**_REGISTRATION, **document}
        try:
            with self._organization.storage.transaction():
                return self._register(url, members)
        except ODataError as error:
            raise ValueError(error.message) from error

    def _register(self, url: str, members: Mapping[str, Json]) -> dict[str, Json]:
        endpoint = self._create("serviceendpoint", _endpoint_body(url, members["headers"]))
        steps = [
            self._register_step(endpoint, message, table, members)
            for table in members["tables"]
            for message in members["messages"]
        ]
        return {"serviceendpointid": endpoint, "sdkmessageprocessingstepids": steps}

    def _register_step(
        self, endpoint: str, message: str, table: str, members: Mapping[str, Json]
    ) -> str:
        body = _step_body(endpoint, message, table)
        body["filteringattributes"] = ",".join(members["filtering_attributes"])
        step = self._create("sdkmessageprocessingstep", body)
        if members["post_image"]:
            bind = {"sdkmessageprocessingstepid@odata.bind": f"/sdkmessageprocessingsteps({step})"}
            self._create("sdkmessageprocessingstepimage", _POST_IMAGE | bind)
        return step

    def _create(self, table: str, body: dict[str, Json]) -> str:
        definition = self._organization.catalog.tables[table]
        platform = Caller(SYSTEM_USER_ID, ROOT_UNIT_ID)
        return Writer(self._organization, self._privileges, platform).create(definition, body)

    def _take(self) -> list[_Call]:
        """The waiting calls, out of the database; lost and repeated as the settings say."""
        organization = self._organization
        with organization.lock, organization.storage.transaction():
            rows = organization.storage.query("SELECT * FROM emulator_outbox ORDER BY number")
            if not rows:
                return []
            organization.storage.query("DELETE FROM emulator_outbox")
            calls = [call for row in rows for call in self._prepare(dict(row))]
        if self.settings.shuffle:
            self._dice.shuffle(calls)
        return calls

    def _prepare(self, row: StoredRow) -> list[_Call]:
        endpoint = self._endpoint(str(row["step"]))
        if endpoint is None:
            return []
        call = _build_call(endpoint, str(row["document"]))
        self.log.append(call.delivery)
        if self._dice.chance(self.settings.drop):
            call.delivery.outcome = "dropped"
            return []
        return [call] * (2 if self._dice.chance(self.settings.duplicate) else 1)

    def _endpoint(self, step: str) -> StoredRow | None:
        rows = self._organization.storage.query(
            "SELECT e.* FROM serviceendpoint e JOIN sdkmessageprocessingstep s "
            "ON s.eventhandler = e.serviceendpointid WHERE s.sdkmessageprocessingstepid = ?",
            (step,),
        )
        return dict(rows[0]) if rows else None

    async def _deliver(self, call: _Call) -> None:
        """Make a call; once more for 502, 503 and 504, a failed system job for what remains."""
        delivery = call.delivery
        for _ in range(2):
            delivery.attempts += 1
            delivery.status = await self._post(call)
            if delivery.status not in _TRANSIENT:
                break
        if delivery.status is not None and 200 <= delivery.status < 300:
            delivery.outcome = "delivered"
            return
        delivery.outcome = "failed"
        self._record_failure(call)

    async def _post(self, call: _Call) -> int | None:
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                return await post(call.url, call.headers, call.body)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            return None

    def _record_failure(self, call: _Call) -> None:
        delivery = call.delivery
        reason = f"status {delivery.status}" if delivery.status else "no answer in time"
        body = {
            "name": f"{delivery.message} of {delivery.table}",
            "operationtype": _SYSTEM_EVENT,
            "primaryentitytype": delivery.table,
            "message": f"The webhook call to {delivery.url} failed: {reason}."[:2000],
            "statecode": _COMPLETED,
            "statuscode": _FAILED,
        }
        with self._organization.lock, self._organization.storage.transaction():
            self._create("asyncoperation", body)


_POST_IMAGE: dict[str, Json] = {"name": "PostImage", "entityalias": "PostImage", "imagetype": 1}
_REGISTRATION: dict[str, Json] = {
    "url": "",
    "tables": ("lead",),
    "messages": ("Create", "Update", "Delete"),
    "filtering_attributes": (),
    "headers": {},
    "post_image": False,
}


def _build_call(endpoint: StoredRow, document: str) -> _Call:
    context: dict[str, Json] = msgspec.json.decode(document)
    names = ("MessageName", "PrimaryEntityName", "PrimaryEntityId")
    message, table, row_id = (context[name] for name in names)
    delivery = Delivery(url=str(endpoint["url"]), message=message, table=table, id=row_id)
    url, given = _authorization(endpoint)
    body, stripped = _shorten(document.encode(), context)
    return _Call(url, {**_headers(context, stripped=stripped), **given}, body, delivery)


def _endpoint_body(url: str, headers: Mapping[str, Json]) -> dict[str, Json]:
    settings = "".join(
        f'<setting name="{escape(str(name))}" value="{escape(str(value))}" />'
        for name, value in dict(headers).items()
    )
    kind = {"contract": WEBHOOK_CONTRACT, "authtype": HTTP_HEADER}
    return {"name": url[:160], "url": url, **kind, "authvalue": f"<settings>{settings}</settings>"}


def _step_body(endpoint: str, message: str, table: str) -> dict[str, Json]:
    message_id = fixed_id(f"sdkmessage/{message}")
    filter_id = fixed_id(f"sdkmessagefilter/{table}/{message}")
    return {
        "name": f"{message} of {table}",
        "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filter_id})",
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
    }


def _authorization(endpoint: StoredRow) -> tuple[str, dict[str, str]]:
    """The URL and the headers by which a receiver recognises its caller."""
    url, value = str(endpoint["url"]), str(endpoint["authvalue"] or "")
    separator = "&" if urlsplit(url).query else "?"
    if endpoint["authtype"] == WEBHOOK_KEY:
        return f"{url}{separator}code={quote(value, safe='')}", {}
    pairs = {unescape(name): unescape(text) for name, text in _SETTING.findall(value)}
    if endpoint["authtype"] == HTTP_QUERY_STRING and pairs:
        text = "&".join(f"{quote(name)}={quote(given, safe='')}" for name, given in pairs.items())
        return f"{url}{separator}{text}", {}
    return url, pairs if endpoint["authtype"] == HTTP_HEADER else {}


def _shorten(body: bytes, context: dict[str, Json]) -> tuple[bytes, bool]:
    """Strip a body above 256 KB of what makes it large."""
    if len(body) <= LARGEST_BODY:
        return body, False
    emptied: dict[str, Json] = {name: [] for name in _STRIPPED}
    stripped = {**context, **emptied, "ParentContext": None}
    return msgspec.json.encode(stripped), True


def _headers(context: Mapping[str, Json], *, stripped: bool) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "x-request-id": str(context["RequestId"]),
        "x-ms-dynamics-organization": "emulated",
        "x-ms-dynamics-entity-name": str(context["PrimaryEntityName"]),
        "x-ms-dynamics-request-name": str(context["MessageName"]),
        "x-ms-correlation-request-id": str(context["CorrelationId"]),
    }
    if stripped:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
    return headers


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """POST and return the status; raises OSError or ValueError when there is no HTTP answer."""
    parts = urlsplit(url)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close"}
        lines = [f"{name}: {value}" for name, value in {**headers, **fixed}.items()]
        head = "\r\n".join([f"POST {target} HTTP/1.1", *lines, "", ""])
        writer.write(head.encode("latin-1", "replace") + body)
        await writer.drain()
        _, _, rest = (await reader.readline()).partition(b" ")
        return int(rest[:3])
    finally:
        writer.close()
