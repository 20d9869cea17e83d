"""The multipart codec of `$batch`; which requests go into one is decided in `sender`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """One request inside a batch; `url` is root-relative (`/api/data/v9.2/leads(…)`)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


class PartReply(msgspec.Struct, frozen=True, gc=False):
    """One answer inside a batch; `fields` are its header lines as they came."""

    status: int
    fields: bytes
    body: bytes
    content_id: str | None = None

    def find_header(self, name: str) -> str | None:
        """The value of a header, whatever its case; headers are only looked at when asked for."""
        return _find_header(self.fields, name)


def encode_batch(parts: Sequence[BatchPart], boundary: str) -> bytes:
    """The body of a batch of independent requests.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
    """
    chunks: list[bytes] = []
    for number, part in enumerate(parts, 1):
        chunks.append(_encode_part(part, boundary, number))
    chunks.append(f"--{boundary}--\r\n".encode("ascii"))
    return b"".join(chunks)


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
    boundary only counts at the start of a line, so a body may hold it. Raises ValueError when it is
    not a batch response.
    """
    boundary = find_boundary(content_type)
    if boundary is None:
        raise ValueError(f"not a batch response: {content_type or 'no content type'}")
    return list(_decode_parts(body, boundary.encode("latin-1")))


def _decode_parts(body: bytes, boundary: bytes) -> Iterator[PartReply]:
    blank = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    has_ids = b"ontent-I" in body or b"ontent-i" in body
    sections = (b"\n" + body).split(b"\n--" + boundary)
    for section in sections[1:]:
        if section.startswith(b"--"):
            return
        head, found, rest = section.partition(blank)
        if b"ultipart/mixed" in head:
            inner = find_boundary(_find_header(head, "content-type") or "")
            if inner:
                yield from _decode_parts(rest, inner.encode("latin-1"))
        elif found:
            fields, _, payload = rest.lstrip().partition(blank)
            content_id = _find_content_id(fields, head) if has_ids else None
            yield PartReply(_read_status(fields), fields, payload.strip(), content_id)


def _read_status(fields: bytes) -> int:
    status = fields[9:12]
    if not (fields.startswith(b"HTTP/") and status.isdigit()):
        raise ValueError("a part of the batch response has no status line")
    return int(status)


def _find_content_id(fields: bytes, head: bytes) -> str | None:
    return _find_header(fields, "content-id") or _find_header(head, "content-id")


def _find_header(head: bytes, name: str) -> str | None:
    text = b"\n" + head
    start = text.lower().find(f"\n{name}:".encode("latin-1"))
    if start < 0:
        return None
    value = text[start + len(name) + 2 :].partition(b"\n")[0]
    return value.strip().decode("latin-1")
