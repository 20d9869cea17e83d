"""`$batch` bodies as clients write them, and a reader for the answers; nothing of the emulator."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """One request of a batch."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class PartAnswer:
    """The answer to one request (or to a whole change set that failed)."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"]) if self.status >= 400 else ""


def write_batch(items: Sequence[Part | list[Part]]) -> tuple[str, bytes]:
    """The content type and the body; a list is a change set."""
    lines: list[str] = []
    number = 0
    for index, item in enumerate(items):
        lines.append("--batch_b")
        if isinstance(item, Part):
            lines += _part(item, None)
            continue
        lines += [f'Content-Type: multipart/mixed; boundary="changeset_{index}"', ""]
        for part in item:
            number += 1
            lines += [f"--changeset_{index}", *_part(part, number)]
        lines += [f"--changeset_{index}--", ""]
    lines += ["--batch_b--", ""]
    return 'multipart/mixed; boundary="batch_b"', "\r\n".join(lines).encode()


def _part(part: Part, number: int | None) -> list[str]:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if number is not None:
        head.append(f"Content-ID: {number}")
    inner = [f"{part.method} /api/data/v9.2/{part.path} HTTP/1.1"]
    inner += [f"{name}: {value}" for name, value in (part.headers or {}).items()]
    body = "" if part.body is None else json.dumps(part.body)
    if body:
        inner.append("Content-Type: application/json")
    return [*head, "", *inner, "", body, ""]


def read_batch(content_type: str, body: bytes) -> list[list[PartAnswer]]:
    """The answers in order; every item of the request gives one list."""
    boundary = content_type.partition("boundary=")[2].encode()
    found: list[list[PartAnswer]] = []
    for piece in _pieces(body, boundary):
        head, _, rest = piece.partition(b"\r\n\r\n")
        nested = re.search(rb"boundary=(\S+)", head)
        inner = _pieces(rest, nested[1]) if nested else None
        answers = (
            [each.partition(b"\r\n\r\n")[2] for each in inner] if inner is not None else [rest]
        )
        found.append([_answer(each) for each in answers])
    return found


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    parts = re.split(rb"(?:^|\r\n)--" + re.escape(boundary), body)
    return [each.removeprefix(b"\r\n") for each in parts[1:] if not each.startswith(b"--")]


def _answer(text: bytes) -> PartAnswer:
    head, _, body = text.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in headers)
    named = {name.lower(): value for name, _, value in pairs}
    return PartAnswer(int(status.split()[1]), named, body.strip())
