"""The HTTP surface: tells sign-in, Web API and control requests apart.

It adds the headers that every answer carries; what a request means is in `router`.
"""

import re
import traceback
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Scope, Send

from connector.emulator.http.callers import authenticate, find_caller
from connector.emulator.http.control import Control
from connector.emulator.http.state_file import SavedState
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.organization.tokens import SignInError, Tenant
from connector.emulator.protection.faults import Fault, FaultScript, act_on_connection
from connector.emulator.protection.throttle import Admission, Throttle
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Caller, Request, Response, error_response
from connector.emulator.protocol.negotiation import compressed
from connector.emulator.rows.owners import apply_due_cascades

if TYPE_CHECKING:
    from connector.emulator.http.router import Router

_API = re.compile(r"/+api/data/(v9\.[0-2])(?:/+(.*))?", re.DOTALL | re.IGNORECASE)
_DISCOVERY = "/.well-known/openid-configuration"
LARGEST_BODY = 122_552_320
_EXPOSED = (
    "Preference-Applied, OData-EntityId, Location, ETag, OData-Version, Content-Encoding, "
    "Transfer-Encoding, Content-Length, Retry-After"
)


class _Incoming:
    """A request to the Web API as it came in; `api` matched its path."""

    def __init__(self, http: HttpRequest, api: re.Match[str], body: bytes) -> None:
        self.http, self.api, self.body = http, api, body
        self.headers = {name.lower(): value for name, value in http.headers.items()}
        self.path = unquote(http.url.path)
        self.query: str = http.scope["query_string"].decode("latin-1")


@dataclass
class WebApi:
    """One emulated environment behind HTTP; an ASGI application."""

    organization: Organization
    privileges: Privileges
    tenant: Tenant
    throttle: Throttle
    faults: FaultScript
    control: Control
    saved_state: SavedState
    root: str = ""

    @cached_property
    def router(self) -> "Router":
        """What answers requests; most of the program, so it is loaded when it is first needed."""
        from connector.emulator.http.router import Router  # noqa: PLC0415  readiness first

        return Router(self.organization, self.privileges)

    def warm_up(self) -> None:
        """Load what the first request needs."""
        _ = self.router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        http = HttpRequest(scope, receive)
        body = await http.body()
        raw_path = scope["raw_path"].decode("latin-1").partition("?")[0]
        path = unquote(raw_path)
        api = _API.fullmatch(raw_path)
        if api is not None:
            await self._web_api(_Incoming(http, api, body), send)
            return
        if path.startswith("/_emulator/"):
            response = await self.control.answer(http, path.removeprefix("/_emulator/"), body)
        else:
            response = self._sign_in(http, path, body)
        await _plain(response)(scope, receive, send)

    async def _web_api(self, incoming: _Incoming, send: Send) -> None:
        http = incoming.http
        entry = self.control.log.start(http.method, incoming.path, incoming.query, incoming.headers)
        fault = self.faults.choose(http.method, incoming.path)
        if fault is not None:
            entry.fault = fault.kind
            await self.faults.delay(fault)
            if fault.replaces_answer and await act_on_connection(http.scope, send, fault, None):
                return
        response = await self._admitted(incoming, fault)
        entry.status = response.status
        response = self._with_standard_headers(response)
        if fault is not None and await act_on_connection(http.scope, send, fault, response):
            return
        if fault is None:
            response = compressed(response, incoming.headers)
        await _plain(response)(http.scope, http.receive, send)

    async def _admitted(self, incoming: _Incoming, fault: Fault | None) -> Response:
        if fault is not None and fault.replaces_answer:
            return self.faults.answer(fault)
        application = authenticate(self.tenant, incoming.headers, self.root)
        if application is None or (fault is not None and fault.kind == "expired_token"):
            return self._challenge()
        admission = self.throttle.admit(application, incoming.headers)
        if admission.refusal is not None:
            return admission.refusal
        try:
            return await self._answer(incoming, application, fault, admission)
        finally:
            self.throttle.release(admission)

    async def _answer(
        self, incoming: _Incoming, application: str, fault: Fault | None, admission: Admission
    ) -> Response:
        version = await self._take_version(fault)
        if len(incoming.body) > LARGEST_BODY:
            error = ODataError(413, ErrorCode.BAD_REQUEST_URL, "The request body is too large.")
            return error_response(error)
        with self.organization.lock:
            apply_due_cascades(self.organization)
            try:
                caller = self._find_caller(application, incoming, version)
            except ODataError as error:
                return error_response(error)
            response = self._guarded(self._build_request(incoming, caller))
            self.organization.storage.pin_version(None)
            self.saved_state.save()
        return admission.decorate(response)

    async def _take_version(self, fault: Fault | None) -> int | None:
        """The version of a write that is to commit late, taken on arrival."""
        if fault is None or fault.kind != "late_commit":
            return None
        version = self.organization.storage.open_version()
        await self.faults.wait_before_commit(fault)
        return version

    def _find_caller(self, application: str, incoming: _Incoming, version: int | None) -> Caller:
        storage = self.organization.storage
        storage.pin_version(version)
        try:
            return find_caller(self.organization, self.privileges, application, incoming.headers)
        finally:
            storage.close_version(version)

    def _build_request(self, incoming: _Incoming, caller: Caller) -> Request:
        query = incoming.http.scope["query_string"]
        return Request(
            method=incoming.http.method,
            path=incoming.api[2] or "",
            query=query.decode("utf-8", "surrogateescape"),
            headers=incoming.headers,
            body=incoming.body,
            base=f"{self._origin(incoming.headers)}/api/data/{incoming.api[1].lower()}",
            caller=caller,
        )

    def _guarded(self, request: Request) -> Response:
        """The answer; a defect of the emulator itself is shown on stderr and answered with 500."""
        try:
            return self.router.handle(request)
        except Exception:  # noqa: BLE001  the edge of the process: nothing above could report it
            traceback.print_exc()
            message = "An unexpected error occurred in the emulator; its stderr has the details."
            return error_response(ODataError(500, ErrorCode.UN_EXPECTED, message))

    def _origin(self, headers: dict[str, str]) -> str:
        host = headers.get("host")
        scheme = self.root.partition("://")[0]
        return f"{scheme}://{host}" if host else self.root

    def _challenge(self) -> Response:
        uri = f"{self.root}/{self.tenant.id}/oauth2/authorize"
        value = f"Bearer authorization_uri={uri}, resource_id={self.root}/"
        return Response(401, (("WWW-Authenticate", value), ("Content-Type", "text/html")), b"")

    def _with_standard_headers(self, response: Response) -> Response:
        request_id = self.organization.new_id()
        standard = (
            ("REQ_ID", request_id),
            ("x-ms-service-request-id", request_id),
            ("Cache-Control", "no-cache"),
            ("Expires", "-1"),
            ("CRM.ServiceId", "CRMAppPool"),
            ("X-Source", "emulator"),
            ("Access-Control-Expose-Headers", _EXPOSED),
            ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        )
        return Response(response.status, (*response.headers, *standard), response.body)

    def _sign_in(self, http: HttpRequest, path: str, body: bytes) -> Response:
        if path.endswith(_DISCOVERY) and http.method == "GET":
            stem = path.removesuffix(_DISCOVERY).removesuffix("/v2.0").strip("/")
            return _json(200, self.tenant.discovery(self.root, stem))
        if path.endswith(("/oauth2/v2.0/token", "/oauth2/token")) and http.method == "POST":
            return self._token(http, path, body)
        if path.endswith("/discovery/v2.0/keys"):
            return _json(200, {"keys": []})
        headers = (("Content-Type", "text/html"),)
        return Response(404, headers, b"<html><body>Not found</body></html>")

    def _token(self, http: HttpRequest, path: str, body: bytes) -> Response:
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        form = {**_basic_credentials(http.headers.get("authorization", "")), **form}
        try:
            self._raise_unless_own_tenant(path)
            return _json(200, self.tenant.issue(form, self.root))
        except SignInError as error:
            return _json(error.status, _sign_in_error(error, self.organization))

    def _raise_unless_own_tenant(self, path: str) -> None:
        stem = path.partition("/oauth2/")[0].strip("/")
        name = stem.rpartition("/")[2]
        if name and name.lower() != self.tenant.id:
            message = (
                f"Tenant '{name[:80]}' not found. Check to make sure you have the correct tenant "
                "ID and are signing into the correct cloud."
            )
            raise SignInError(400, "invalid_request", 90002, message)


def _basic_credentials(header: str) -> dict[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = b64decode(encoded).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}


def _sign_in_error(error: SignInError, organization: Organization) -> dict[str, Json]:
    now = datetime.fromisoformat(timestamp(organization.clock.now()))
    trace, correlation = organization.new_id(), organization.new_id()
    stamp = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return {
        "error": error.error,
        "error_description": f"{error} Trace ID: {trace} Correlation ID: {correlation} "
        f"Timestamp: {stamp}",
        "error_codes": [error.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
    }


def _json(status: int, document: object) -> Response:
    headers = (("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"))
    return Response(status, headers, msgspec.json.encode(document))


def _plain(response: Response) -> HttpResponse:
    shown = HttpResponse(response.body, response.status)
    shown.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers
    ]
    if response.status not in (204, 304):
        shown.raw_headers.append((b"content-length", str(len(response.body)).encode()))
    return shown
