"""The multipart codec of `$batch`; which requests go into one is decided in `writing`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MAX_OPERATIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """One request inside a batch; `url` is root-relative (`/api/data/v9.2/leads(…)`)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PartReply:
    """One answer inside a batch; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_id: str | None = None


def encode_batch(parts: Sequence[BatchPart], boundary: str) -> bytes:
    """The body of a batch of independent requests.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-u
    sing-web-api
    """
    chunks: list[bytes] = []
    for number, part in enumerate(parts, 1):
        chunks.append(_encode_part(part, boundary, number))
    chunks.append(f"--{boundary}--\r\n".encode("ascii"))
    return b"".join(chunks)


def encode_change_set(parts: Sequence[BatchPart], boundary: str, inner: str) -> bytes:
    """The body of a batch that holds one change set, all or nothing; it must not hold reads."""
    members = b"".join(_encode_part(part, inner, number) for number, part in enumerate(parts, 1))
    head = f"--{boundary}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n"
    return b"".join(
        (head.encode("ascii"), members, f"--{inner}--\r\n\r\n--{boundary}--\r\n".encode("ascii"))
    )


def _encode_part(part: BatchPart, boundary: str, number: int) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())
    kind = "Content-Type: application/json; type=entry\r\n" if part.body else ""
    head = (
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\n{part.method} {part.url} HTTP/1.1\r\n{kind}{lines}\r\n"
    )
    return head.encode() + part.body + b"\r\n"


def find_boundary(content_type: str) -> str | None:
    """The boundary a Content-Type header names, quoted or bare; None when the body is not
    multipart.
    """
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "multipart/mixed":
        return None
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary":
            return value.strip().strip('"')
    return None


def decode_batch(body: bytes, content_type: str) -> list[PartReply]:
    """The answers in a batch response, in order, those of change sets among them.

    Lenient about what servers and gateways leave out: a missing last boundary, bare line feeds. The
    boundary
    only counts at the start of a line, so a body may hold it. Raises ValueError when it is not a
    batch response.
    """
    boundary = find_boundary(content_type)
    if boundary is None:
        raise ValueError(f"not a batch response: {content_type or 'no content type'}")
    return list(_decode_parts(body, boundary.encode("latin-1")))


def _decode_parts(body: bytes, boundary: bytes) -> Iterable[PartReply]:
    marker = b"\n--" + boundary
    for section in (b"\n" + body).split(marker)[1:]:
        if section[:2] == b"--":
            return
        head, _, rest = _split_head(section)
        if not rest and not head.strip():
            continue
        if b"multipart/mixed" in head.lower():
            inner = find_boundary(_parse_headers(head).get("content-type", ""))
            if inner:
                yield from _decode_parts(rest, inner.encode("latin-1"))
        else:
            yield _decode_answer(head, rest)


def _decode_answer(head: bytes, rest: bytes) -> PartReply:
    inner, _, payload = _split_head(rest.lstrip(b"\r\n"))
    line, _, fields = inner.partition(b"\n")
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].upper().startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("a part of the batch response has no status line")
    headers = _parse_headers(fields)
    content_id = headers.get("content-id")
    if content_id is None and b"ontent-" in head:
        content_id = _parse_headers(head).get("content-id")
    return PartReply(int(words[1]), headers, payload.strip(), content_id)


def _split_head(section: bytes) -> tuple[bytes, bytes, bytes]:
    head, separator, rest = section.partition(b"\r\n\r\n")
    if separator:
        return head, separator, rest
    return section.partition(b"\n\n")


def _parse_headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers
