"""Cuts multipart/mixed bodies into parts, leniently about line ends and missing headers.

It knows no HTTP rules.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_REQUEST_LINE = re.compile(rb"\s*[A-Za-z]+ \S")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class RequestLines:
    """An application/http message: its first line, headers by lower-case name, and body."""

    first: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class MimePart:
    """One part: headers by lower-case name, and what follows the blank line."""

    headers: Mapping[str, str]
    content: bytes

    def request_lines(self) -> RequestLines:
        """Read the content as an HTTP request; a Content-Length shorter than the body cuts it."""
        head, body = _split_head(self.content.lstrip(b"\r\n \t"))
        first, _, rest = head.partition("\n")
        headers = _parse_headers(rest)
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and 0 < int(length[:9]) < len(body):
            body = body[: int(length[:9])]
        return RequestLines(first.strip(), headers, body)


def boundary_of(content_type: str) -> str | None:
    """The boundary parameter, quoted or bare; None when there is none."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        return None
    return (match.group(1) or match.group(2) or "").strip() or None


def split_parts(body: bytes, boundary: str) -> Iterator[MimePart]:
    """The parts between `--boundary` lines; raises ODataError when there is none.

    A missing closing delimiter is forgiven.
    """
    mark = re.escape(boundary.encode("utf-8", "surrogateescape"))
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + mark + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    matches = list(delimiter.finditer(body))
    if not matches:
        raise ODataError(
            400,
            ErrorCode.BAD_PAYLOAD,
            f"The boundary delimiter '--{boundary}' was not found in the message.",
        )
    for index, match in enumerate(matches):
        if match.group(1):
            return
        end = matches[index + 1].start() if index + 1 < len(matches) else len(body)
        piece = body[match.end() : end]
        if piece.strip():
            yield _parse_part(piece)


def _parse_part(piece: bytes) -> MimePart:
    content = piece.removeprefix(b"\r").removeprefix(b"\n")
    if content.startswith((b"\r\n", b"\n")) or _starts_request(content):
        return MimePart({}, content)
    head, body = _split_head(content)
    return MimePart(_parse_headers(head), body)


def _starts_request(content: bytes) -> bool:
    line = content.split(b"\n", 1)[0]
    return _REQUEST_LINE.match(line) is not None and b":" not in line.split(b" ", 1)[0]


def _split_head(content: bytes) -> tuple[str, bytes]:
    match = _BLANK_LINE.search(content)
    if match is None:
        return content.decode("utf-8", "surrogateescape"), b""
    head = content[: match.start()].decode("utf-8", "surrogateescape")
    return head, content[match.end() :]


def _parse_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in text.splitlines():
        match = _HEADER.fullmatch(line.strip())
        if match is not None:
            headers[match.group(1).lower()] = match.group(2).strip()
    return headers
