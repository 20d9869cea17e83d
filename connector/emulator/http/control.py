"""The `/_emulator/` endpoints: faults, clock, requests, snapshots. They need no token."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
from starlette.requests import Request as HttpRequest

from connector.emulator.background.traffic import Traffic
from connector.emulator.background.webhooks import DeliverySettings, WebhookSender
from connector.emulator.http.state_file import SavedState
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.tokens import Tenant
from connector.emulator.protection.faults import FaultScript
from connector.emulator.protection.throttle import Limits, Throttle
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.protocol.messages import Response

REMEMBERED_REQUESTS = 20_000
BEHAVIOUR = ("cascade_delay_seconds", "count_age_seconds")
FASTEST_TRAFFIC = 1000
MOST_CHANGES = 10_000

Handler = Callable[[Json], Json]


@dataclass(slots=True)
class LoggedRequest:
    """One request to the Web API; authorization is never kept."""

    number: int
    at: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int | None = None
    fault: str | None = None


class RequestLog:
    """The last requests to the Web API, oldest first."""

    def __init__(self, organization: Organization) -> None:
        self.entries: deque[LoggedRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self._organization = organization
        self._count = 0

    def start(self, method: str, path: str, query: str, headers: dict[str, str]) -> LoggedRequest:
        """Remember a request; its status is filled in when it is answered."""
        self._count += 1
        kept = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
        at = timestamp(self._organization.clock.now())
        entry = LoggedRequest(self._count, at, method, path, query, kept)
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self.entries.clear()


_SECRET_HEADERS = frozenset({"authorization", "cookie"})


@dataclass
class Control:
    """What the control endpoints act on."""

    organization: Organization
    tenant: Tenant
    throttle: Throttle
    faults: FaultScript
    log: RequestLog
    traffic: Traffic
    webhooks: WebhookSender
    saved_state: SavedState
    snapshots: dict[str, bytes] = field(default_factory=dict[str, bytes])

    async def answer(self, http: HttpRequest, name: str, body: bytes) -> Response:
        """Answer one control request; 404 for an unknown one, 400 for a body that does not fit."""
        handler = self.handlers().get((http.method, name.strip("/")))
        if handler is None:
            return _json(404, {"error": f"There is no {http.method} /_emulator/{name}."})
        try:
            document = _read_document(body, may_be_list=name.strip("/") == "faults")
            with self.organization.lock:
                answer = _json(200, handler(document))
                self.saved_state.save()
                return answer
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            return _json(400, {"error": str(error)})

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """What answers each control request, by method and name."""
        return {**self._readers(), **self._writers()}

    def _readers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "faults"): self._list_faults,
            ("GET", "clock"): self._tell_clock,
            ("GET", "requests"): self._list_requests,
            ("GET", "behaviour"): self._tell_behaviour,
            ("GET", "webhooks"): self._list_deliveries,
            ("GET", "traffic"): self._tell_traffic,
        }

    def _writers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._move_clock,
            ("DELETE", "requests"): self._clear_requests,
            ("POST", "snapshot"): self._snapshot,
            ("POST", "restore"): self._restore,
            ("POST", "limits"): self._set_limits,
            ("POST", "behaviour"): self._set_behaviour,
            ("POST", "tokens"): self._expire_tokens,
            ("POST", "webhooks"): self.webhooks.register,
            ("POST", "deliveries"): self._set_deliveries,
            ("POST", "traffic"): self._make_traffic,
        }

    def _add_faults(self, document: Json) -> Json:
        members = as_object(document) or {}
        documents: Json = members.get("faults", document)
        listed = as_list(documents)
        added = self.faults.add([documents] if listed is None else listed)
        return [asdict(each) for each in added]

    def _list_faults(self, document: Json) -> Json:
        del document
        return [asdict(each) for each in self.faults.waiting]

    def _list_requests(self, document: Json) -> Json:
        del document
        return [asdict(each) for each in self.log.entries]

    def _tell_clock(self, document: Json) -> Json:
        del document
        return self._clock()

    def _clear_faults(self, document: Json) -> Json:
        del document
        self.faults.clear()
        return {"faults": 0}

    def _clock(self) -> dict[str, Json]:
        clock = self.organization.clock
        return {"now": timestamp(clock.now()), "frozen": clock.is_frozen}

    def _move_clock(self, document: Json) -> Json:
        """`{"set": T}`, `{"advance_seconds": N}`, `{"freeze": true|false}`, in this order."""
        clock = self.organization.clock
        if "set" in document:
            moment = datetime.fromisoformat(str(document["set"]))
            clock.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if "advance_seconds" in document:
            clock.advance(timedelta(seconds=float(document["advance_seconds"])))
        if document.get("freeze") is True:
            clock.freeze()
        if document.get("freeze") is False:
            clock.resume()
        return self._clock()

    def _clear_requests(self, document: Json) -> Json:
        del document
        self.log.clear()
        return {"requests": 0}

    def _snapshot(self, document: Json) -> Json:
        name = str(document.get("name", "default"))
        self.saved_state.save(even_if_unchanged=True)
        self.snapshots[name] = self.organization.storage.snapshot()
        return {"name": name}

    def _restore(self, document: Json) -> Json:
        name = str(document.get("name", "default"))
        if name not in self.snapshots:
            raise ValueError(f"There is no snapshot '{name}'.")
        self.organization.storage.restore(self.snapshots[name])
        self.saved_state.load()
        return {"name": name}

    def _set_limits(self, document: Json) -> Json:
        known = {name: document[name] for name in document if name in Limits.__dataclass_fields__}
        if len(known) != len(document):
            raise ValueError(f"Limits are {', '.join(Limits.__dataclass_fields__)}.")
        self.throttle.reset(replace(self.throttle.limits, **known))
        return asdict(self.throttle.limits)

    def _list_deliveries(self, document: Json) -> Json:
        del document
        calls = [asdict(each) for each in self.webhooks.log]
        settings = asdict(self.webhooks.settings)
        return {"waiting": self.webhooks.waiting(), "settings": settings, "deliveries": calls}

    def _set_deliveries(self, document: Json) -> Json:
        """`{"drop": P, "duplicate": P, "shuffle": true, "timeout_seconds": N}`."""
        merged = {**asdict(self.webhooks.settings), **document}
        if len(merged) != len(DeliverySettings.__dataclass_fields__):
            raise ValueError(f"Known are {', '.join(DeliverySettings.__dataclass_fields__)}.")
        self.webhooks.settings = msgspec.convert(merged, DeliverySettings)
        return asdict(self.webhooks.settings)

    def _set_behaviour(self, document: Json) -> Json:
        """`{"cascade_delay_seconds": N}`, `{"count_age_seconds": N}`."""
        values = {name: float(document[name]) for name in document if name in BEHAVIOUR}
        if len(values) != len(document) or not all(value >= 0 for value in values.values()):
            raise ValueError(f"Only {' and '.join(BEHAVIOUR)} can be set, to 0 or more seconds.")
        for name, value in values.items():
            setattr(self.organization, name, value)
        return self._tell_behaviour(None)

    def _tell_behaviour(self, document: Json) -> Json:
        del document
        return {name: getattr(self.organization, name) for name in BEHAVIOUR}

    def _make_traffic(self, document: Json) -> Json:
        """`{"rate": changes a second}`, `{"changes": N}` to make N of them now."""
        if "rate" in document:
            self._set_rate(float(document["rate"]))
        count = int(document.get("changes", 0))
        if not 0 <= count <= MOST_CHANGES:
            raise ValueError(f"'changes' is from 0 to {MOST_CHANGES}.")
        made = [change for _ in range(count) if (change := self.traffic.step()) is not None]
        return {**self._tell_traffic(None), "changes": [asdict(change) for change in made]}

    def _set_rate(self, rate: float) -> None:
        if not 0 <= rate <= FASTEST_TRAFFIC:
            raise ValueError(f"'rate' is from 0 to {FASTEST_TRAFFIC} changes a second.")
        self.traffic.rate = rate

    def _tell_traffic(self, document: Json) -> Json:
        del document
        return {"rate": self.traffic.rate, "made": dict(self.traffic.made)}

    def _expire_tokens(self, document: Json) -> Json:
        del document
        self.tenant.expire_tokens()
        return {"expired": True}


def _read_document(body: bytes, *, may_be_list: bool) -> Json:
    """The body of a control request; raises ValueError for anything but an object."""
    try:
        document: Json = msgspec.json.decode(body) if body.strip() else {}
    except RecursionError as error:
        raise ValueError("The body is nested too deeply.") from error
    if as_object(document) is None and not (may_be_list and as_list(document) is not None):
        raise ValueError("The body must be a JSON object.")
    return document


def _json(status: int, document: object) -> Response:
    headers = (("Content-Type", "application/json"),)
    return Response(status, headers, msgspec.json.encode(document))
