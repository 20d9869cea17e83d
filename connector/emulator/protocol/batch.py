"""Reads `$batch` requests, runs them through an executor and answers in Dataverse's shape.

What a single request means is the executor's business. The envelope is described on
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import cast

from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.protocol.multipart import MimePart, boundary_of, split_parts

MOST_REQUESTS = 1000
LONGEST_URL = 65_536
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_METHODS = _WRITES | {"GET", "HEAD"}
_ROOT = re.compile(r"(?:https?://[^/]*)?/api/data/v\d+(?:\.\d+)?/", re.IGNORECASE)
_REFERENCE = re.compile(r"/?\$(\d+)(?=$|[/?])", re.ASCII)
_KEPT_HEADERS = frozenset(
    {"odata-version", "location", "odata-entityid", "etag", "preference-applied", "content-type"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerRequest:
    """One request of a batch; header names are lower-case.

    `target` is relative to the service root: `leads(guid)?$select=subject`.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    content_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerResponse:
    """The answer to one request; `entity_url` is what `$1` stands for later in the change set."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    entity_url: str | None = None

    def header(self, name: str) -> str | None:
        """A header's value, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Requests that succeed or fail together."""

    requests: tuple[InnerRequest, ...]


BatchItem = InnerRequest | ChangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResponse:
    """The outer answer."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What running a batch needs.

    An executor, a transaction that rolls back when it is left by an exception, and a source of
    GUIDs for boundaries and request ids.
    """

    execute: Callable[[InnerRequest], InnerResponse]
    transaction: Callable[[], AbstractContextManager[None]]
    new_id: Callable[[], str]


class _ChangeSetFailed(Exception):  # noqa: N818  a signal that rolls the transaction back
    def __init__(self, request: InnerRequest, response: InnerResponse) -> None:
        self.request = request
        self.response = response
        super().__init__(response.status)


def parse_batch(content_type: str, body: bytes) -> tuple[BatchItem, ...]:
    """The requests and change sets of a batch.

    Raises ODataError (400, answered as plain JSON, nothing executed) for a malformed envelope,
    more than 1,000 requests, a batch in a batch, a GET or a missing or repeated Content-ID in a
    change set.
    """
    boundary = boundary_of(content_type)
    if not content_type.strip().lower().startswith("multipart/mixed") or boundary is None:
        raise _bad_envelope(
            f"The content type '{content_type}' is not valid for a batch request: "
            "'multipart/mixed' with a boundary parameter is expected."
        )
    items = tuple(_parse_item(part) for part in split_parts(body, boundary))
    requests = list(_requests_of(items))
    if len(requests) > MOST_REQUESTS:
        raise _bad_envelope(
            "The current batch message contains too many parts. Only batch messages with a maximum "
            f"number of '{MOST_REQUESTS}' query operations and changesets are allowed."
        )
    return items


def run_batch(
    items: tuple[BatchItem, ...], context: BatchContext, *, continue_on_error: bool = False
) -> BatchResponse:
    """Execute in order and answer in order.

    Without `continue_on_error` the first failure ends the batch and gives the outer status; the
    parts up to and including it are answered. With it the outer status is 200 and everything is
    answered.
    """
    boundary = f"batchresponse_{context.new_id()}"
    chunks: list[str] = []
    status = 200
    for item in items:
        outcome, text = _run_item(item, context)
        chunks.append(f"--{boundary}\r\n{text}")
        if outcome >= 400 and not continue_on_error:
            status = outcome
            break
    chunks.append(f"--{boundary}--\r\n")
    return BatchResponse(
        status=status,
        content_type=f"multipart/mixed; boundary={boundary}",
        body="".join(chunks).encode("utf-8", "surrogateescape"),
    )


def error_response(error: ODataError) -> InnerResponse:
    """An ODataError as the answer to one request."""
    payload = {"error": {"code": error.code, "message": error.message}}
    return InnerResponse(
        status=error.status,
        headers=(("Content-Type", "application/json; odata.metadata=minimal"),),
        body=json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace"),
    )


def _requests_of(items: tuple[BatchItem, ...]) -> Iterator[InnerRequest]:
    for item in items:
        if isinstance(item, ChangeSet):
            yield from item.requests
        else:
            yield item


def _parse_item(part: MimePart) -> BatchItem:
    content_type = part.headers.get("content-type", "application/http")
    if not content_type.lower().startswith("multipart/"):
        return _parse_request(part)
    boundary = boundary_of(content_type)
    if boundary is None:
        raise _bad_envelope("A change set needs a boundary parameter in its content type.")
    requests = tuple(_parse_member(member) for member in split_parts(part.content, boundary))
    _raise_if_repeated(requests)
    return ChangeSet(requests)


def _parse_member(part: MimePart) -> InnerRequest:
    if part.headers.get("content-type", "").lower().startswith("multipart/"):
        raise _bad_envelope("A change set cannot contain another change set or batch.")
    request = _parse_request(part)
    if request.method not in _WRITES:
        raise _bad_envelope(
            f"An invalid HTTP method '{request.method}' was detected for a request in a change "
            "set. Requests in change sets only support the HTTP methods 'POST', 'PUT', 'DELETE', "
            "and 'PATCH'."
        )
    if not request.content_id:
        raise bad_query("Content-ID header not present")
    return request


def _raise_if_repeated(requests: tuple[InnerRequest, ...]) -> None:
    seen: set[str | None] = set()
    for request in requests:
        if request.content_id in seen:
            raise _bad_envelope(
                f"The content ID '{request.content_id}' was found more than once in the same "
                "change set. Content IDs have to be unique across all operations of a change set."
            )
        seen.add(request.content_id)


def _parse_request(part: MimePart) -> InnerRequest:
    lines = part.request_lines()
    words = lines.first.split()
    if len(words) < 2 or words[0].upper() not in _METHODS:
        raise _bad_envelope(
            f"Invalid request line '{lines.first}': 'METHOD URI HTTP/1.1' is expected."
        )
    if words[-1].upper().startswith("HTTP/") and len(words) > 2:
        words.pop()
    target = relative_target(" ".join(words[1:]))
    if target.partition("?")[0].strip("/").lower() == "$batch":
        raise _bad_envelope("A batch request cannot contain another batch request.")
    return InnerRequest(
        method=words[0].upper(),
        target=target,
        headers=lines.headers,
        body=b"" if words[0].upper() == "GET" else lines.body,
        content_id=part.headers.get("content-id") or lines.headers.get("content-id"),
    )


def relative_target(url: str) -> str:
    """Any URL (absolute, relative to host or service) as a target relative to the service root."""
    if len(url) > LONGEST_URL:
        raise ODataError(
            414, ErrorCode.BAD_REQUEST_URL, "The request URI in the batch part is too long."
        )
    match = _ROOT.match(url)
    return url[match.end() :] if match else url.removeprefix("/")


def _bad_envelope(message: str) -> ODataError:
    return ODataError(400, ErrorCode.BAD_PAYLOAD, message)


def _run_item(item: BatchItem, context: BatchContext) -> tuple[int, str]:
    if isinstance(item, InnerRequest):
        response = _run_request(item, context, {})
        return response.status, _write_part(response, item, context)
    boundary = f"changesetresponse_{context.new_id()}"
    status, parts = _run_change_set(item, context)
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n"
    body = "".join(f"--{boundary}\r\n{part}" for part in parts)
    return status, f"{head}{body}--{boundary}--\r\n"


def _run_change_set(change_set: ChangeSet, context: BatchContext) -> tuple[int, list[str]]:
    references: dict[str, str] = {}
    parts: list[str] = []
    try:
        with context.transaction():
            for request in change_set.requests:
                response = _run_request(request, context, references)
                if response.status >= 400:
                    raise _ChangeSetFailed(request, response)  # noqa: TRY301  leaves the transaction
                references[str(request.content_id)] = _entity_url(request, response)
                parts.append(_write_part(response, request, context))
    except _ChangeSetFailed as failure:
        return failure.response.status, [_write_part(failure.response, failure.request, context)]
    return 200, parts


def _run_request(
    request: InnerRequest, context: BatchContext, references: Mapping[str, str]
) -> InnerResponse:
    try:
        return context.execute(_resolve_references(request, references))
    except ODataError as error:
        return error_response(error)


def _entity_url(request: InnerRequest, response: InnerResponse) -> str:
    known = response.entity_url or response.header("OData-EntityId") or response.header("Location")
    return known or request.target.partition("?")[0]


def _resolve_references(request: InnerRequest, references: Mapping[str, str]) -> InnerRequest:
    target = request.target
    if _REFERENCE.match(target):
        target = relative_target(_expand_reference(target, references))
    body = request.body
    if b"$" in body and b"@odata." in body:
        body = _resolve_body(body, references)
    return replace(request, target=target, body=body)


def _expand_reference(text: str, references: Mapping[str, str]) -> str:
    match = _REFERENCE.match(text)
    if match is None:
        return text
    known = references.get(match.group(1))
    if known is None:
        raise bad_query(
            f"Content-ID Reference: '${match.group(1)}' does not exist in the batch context.",
        )
    return known + text[match.end() :]


def _resolve_body(body: bytes, references: Mapping[str, str]) -> bytes:
    try:
        payload: object = json.loads(body)
        return json.dumps(_resolve_value(payload, references), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return body  # the executor reports what is wrong with it


def _resolve_value(value: object, references: Mapping[str, str], bound: bool = False) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {
            key: _resolve_value(each, references, key.endswith(("@odata.bind", "@odata.id")))
            for key, each in members.items()
        }
    if isinstance(value, list):
        return [_resolve_value(each, references, bound) for each in cast("list[object]", value)]
    if bound and isinstance(value, str):
        return _expand_reference(value, references)
    return value


def _write_part(response: InnerResponse, request: InnerRequest, context: BatchContext) -> str:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if request.content_id is not None:
        lines.append(f"Content-ID: {request.content_id}")
    phrase = HTTPStatus(response.status).phrase
    lines += ["", f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in _inner_headers(response, request, context)]
    body = response.body.decode("utf-8", "surrogateescape")
    return "\r\n".join([*lines, "", body, ""])


def _inner_headers(
    response: InnerResponse, request: InnerRequest, context: BatchContext
) -> Iterator[tuple[str, str]]:
    if response.status >= 400:
        yield "REQ_ID", context.new_id()
    for name, value in response.headers:
        if name.lower() == "content-type" and request.method == "GET" and response.status < 400:
            yield name, _with_streaming(value)
        elif name.lower() in _KEPT_HEADERS or response.status == 429:
            yield name, value
    if response.header("OData-Version") is None:
        yield "OData-Version", "4.0"
    entity_id = response.header("OData-EntityId")
    if entity_id and response.header("Location") is None:
        yield "Location", entity_id


def _with_streaming(content_type: str) -> str:
    if "odata.metadata" in content_type and "odata.streaming" not in content_type:
        return f"{content_type}; odata.streaming=true"
    return content_type
