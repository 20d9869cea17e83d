"""Sends one HTTP request over `requests`; repeating, pacing and signing in are elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import requests
import structlog
from requests.adapters import HTTPAdapter

from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import (
    Fault,
    LostReply,
    NotSent,
    UnusableRequest,
    match_reaction,
    normalise_code,
)
from connector.dataverse.wire.payloads import ERROR
from connector.errors import FatalError
from connector.ports import Clock

log = structlog.get_logger(__name__)

_CHUNK = 1 << 20
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STANDARD_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "User-Agent": "leadrobin",
}
_READ_HEADERS = {"If-None-Match": "null"}
_JSON_BODY = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    `operation` names it in logs and metrics; `operations` is what it costs of the daily
    entitlement; `is_repeatable` says that sending it twice has the effect of sending it once.
    """

    method: str
    url: str
    operation: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    is_repeatable: bool = True
    operations: int = 1

    @property
    def is_read(self) -> bool:
        """Whether nothing on the server changes by it."""
        return self.method == "GET"

    def describe(self) -> str:
        """What is attempted, without the query (it may hold values of a row)."""
        return f"{self.method} {urlsplit(self.url).path} ({self.operation})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, read to its end; `seconds` is how long the server took, as we saw it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether the server did what was asked (304 counts)."""
        return self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """How connections are made; sizes in bytes, times in seconds."""

    connections: int = 16
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    max_body_bytes: int = 256 << 20
    api_version: str = "v9.2"
    impersonate_user_id: str | None = None
    ca_file: str | None = None
    proxy: str | None = None


def build_session(options: TransportOptions) -> requests.Session:
    """A session that keeps no cookies, reads nothing from the environment and never retries by
    itself.

    The affinity cookie would pin all parallel requests to one of the environment's web servers.
    https://learn.microsoft.com/power-apps/developer/data-platform/send-parallel-requests
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = options.ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if options.proxy:
        session.proxies = {"http": options.proxy, "https": options.proxy}
    adapter = HTTPAdapter(
        pool_connections=4, pool_maxsize=options.connections, max_retries=0, pool_block=True
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class Transport:
    """The one place a request to the environment leaves from."""

    def __init__(
        self,
        root: str,
        session: requests.Session,
        *,
        options: TransportOptions,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.root = root
        self.api = odata.build_api_url(root, options.api_version)
        self._session = session
        self._options = options
        self._clock = clock
        self._new_id = new_id

    def send(self, request: Request, *, token: str | None) -> Reply:
        """Send once and read the whole answer, whatever its status.

        Raises NotSent when no connection was made, LostReply when it broke later, FatalError when
        the server points to a foreign host. A redirect within the environment is followed for
        reads.
        """
        url = odata.resolve_link(self.root, request.url)
        for _ in range(_MAX_REDIRECTS):
            reply = self._send_once(request, url, token)
            if reply.status not in _REDIRECTS:
                return reply
            url = self._follow(request, reply)
        raise FatalError(f"{request.describe()} was redirected in a circle by {self.root}")

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _follow(self, request: Request, reply: Reply) -> str:
        location = odata.resolve_link(self.root, reply.headers.get("Location", ""))
        if not request.is_read:
            raise FatalError(
                f"{request.describe()} was redirected ({reply.status}); only reads are followed: "
                "check the environment URL"
            )
        return location

    def _send_once(self, request: Request, url: str, token: str | None) -> Reply:
        client_id = self._new_id()
        prepared = self._prepare(request, url, token, client_id)
        started = self._clock.now()
        try:
            with self._session.send(
                prepared,
                timeout=(self._options.connect_timeout, self._options.read_timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read_body(response)
        except requests.exceptions.RequestException as error:
            raise self._explain(request, error, client_id) from error
        except OSError as error:  # raised bare for a CA file that has gone since the start
            what = f"{request.describe()} [request {client_id}]"
            raise NotSent(f"{self.root} cannot be reached ({error}): {what}") from error
        reply = Reply(
            status=response.status_code,
            headers=response.headers,
            body=body,
            request_id=response.headers.get("x-ms-service-request-id") or client_id,
            seconds=(self._clock.now() - started).total_seconds(),
        )
        _log_reply(request, reply, client_id)
        return reply

    def _prepare(
        self, request: Request, url: str, token: str | None, client_id: str
    ) -> requests.PreparedRequest:
        headers = {**_STANDARD_HEADERS, "x-ms-client-request-id": client_id}
        if self._options.impersonate_user_id:
            headers["MSCRMCallerID"] = self._options.impersonate_user_id
        if request.is_read:
            headers.update(_READ_HEADERS)
        if request.body is not None:
            headers.update(_JSON_BODY)
        headers.update(request.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        prepared: Any = requests.PreparedRequest()  # its `prepare` carries no types
        prepared.prepare(method=request.method, url=url, headers=headers, data=request.body)
        prepared.url = url  # links go out as they came; preparing would encode them anew
        return cast("requests.PreparedRequest", prepared)

    def _read_body(self, response: requests.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > self._options.max_body_bytes:
                raise FatalError(
                    f"an answer is larger than {self._options.max_body_bytes} bytes; ask for "
                    "smaller pages"
                )
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _explain(
        self, request: Request, error: requests.exceptions.RequestException, client_id: str
    ) -> Exception:
        what = f"{request.describe()} [request {client_id}]"
        if isinstance(error, requests.exceptions.SSLError):
            return self._explain_tls(error, what)
        if isinstance(error, requests.exceptions.ProxyError):
            return NotSent(f"the proxy did not connect to {self.root}: {what}")
        if (
            isinstance(error, requests.exceptions.ConnectTimeout)
            or "NewConnectionError" in repr(error)
            or ("NameResolutionError" in repr(error))
        ):
            return NotSent(f"{self.root} cannot be reached: {what}")
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return UnusableRequest(f"the URL of {what} is not valid")
        return LostReply(f"The connection broke before the answer was complete: {what}.")

    def _explain_tls(self, error: requests.exceptions.SSLError, what: str) -> Exception:
        """A certificate or a peer without TLS is there to stay; all else is a broken line."""
        said = repr(error)
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return UnusableRequest(
                f"the certificate of {self.root} is not trusted: set LEADROBIN_DATAVERSE__CA_FILE "
                f"to the CA that issued it ({what})"
            )
        if "WRONG_VERSION_NUMBER" in said:
            return UnusableRequest(
                f"{self.root} does not speak TLS: check LEADROBIN_DATAVERSE__URL ({what})"
            )
        return LostReply(f"The connection broke before the answer was complete: {what}.")


def _log_reply(request: Request, reply: Reply, client_id: str) -> None:
    log.debug(
        "request",
        action="send",
        operation=request.operation,
        method=request.method,
        status=reply.status,
        seconds=round(reply.seconds, 3),
        bytes=len(reply.body),
        request_id=reply.request_id,
        client_request_id=client_id,
    )


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait a `Retry-After` header asks for: whole or decimal seconds, or an HTTP date."""
    if not value:
        return None
    try:
        return timedelta(seconds=max(0.0, float(value.strip())))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(timedelta(0), until - now) if until.tzinfo else None


def read_fault(reply: Reply, now: datetime) -> Fault:
    """Reduce an error answer; HTML and empty bodies give a fault without code."""
    return build_fault(
        reply.status,
        reply.body,
        request_id=reply.request_id,
        retry_after=reply.headers.get("Retry-After"),
        now=now,
    )


def build_fault(
    status: int, body: bytes, *, request_id: str | None, retry_after: str | None, now: datetime
) -> Fault:
    """A fault from the pieces of an error answer, its own or a part of a batch."""
    code, message = read_error_body(body)
    return Fault(
        status=status,
        code=code,
        message=message,
        reaction=match_reaction(status, code, message),
        request_id=request_id,
        retry_after=parse_retry_after(retry_after, now),
    )


def read_error_body(body: bytes) -> tuple[str, str]:
    """Code and message of an error body; gateways send HTML or nothing."""
    try:
        error = ERROR.decode(body).error
    except msgspec.MsgspecError:
        return "", _read_text(body)
    return normalise_code(error.code), error.message[:1000]


def _read_text(body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace")
    lowered = text.lower()
    start, end = lowered.find("<title>"), lowered.find("</title>")
    if 0 <= start < end:
        return text[start + 7 : end].strip()[:200]
    return "" if "<" in text else text.strip()[:200]
