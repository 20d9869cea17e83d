"""Requests from a text file sent to an emulator one after the other, and its answers as text.

A request is a line with method and address, then indented lines: headers, and a body behind `>`.
The addresses @next and @delta are the latest links of that kind that were given.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support.recorded import Names, serving

TOLD_HEADERS = (
    "Content-Type",
    "OData-Version",
    "OData-EntityId",
    "Location",
    "ETag",
    "Preference-Applied",
    "Allow",
    "Retry-After",
    "WWW-Authenticate",
)
LINKS = {"@next": "@odata.nextLink", "@delta": "@odata.deltaLink"}
LONGEST = 6_000
"""Longer answers are told by their beginning, end and length."""


@dataclass
class Request:
    """One request of a file."""

    method: str
    address: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    lines: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """As it stands in the file."""
        headers = [f"  {name}: {value}" for name, value in self.headers.items()]
        lines = [f"  > {line}" for line in self.lines]
        every = [f"{self.method} {self.address}", *headers, *lines]
        return "\n".join(line.rstrip() for line in every)


@dataclass
class Conversation:
    """Requests and answers with one emulator."""

    url: str
    names: Names
    links: dict[str, str] = field(default_factory=dict[str, str])

    def hold(self, requests_: Iterator[Request]) -> str:
        """Send everything; what was said on both sides."""
        with requests.Session() as session:
            session.trust_env = False
            return "".join(self._exchange(session, request) for request in requests_)

    def _exchange(self, session: requests.Session, request: Request) -> str:
        headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        if not request.lines:
            del headers["Content-Type"]
        answer = session.request(
            request.method,
            self._find_url(request.address),
            data="\r\n".join(request.lines).encode(),
            headers={**headers, **request.headers},
            timeout=30,
        )
        told = [f"{answer.status_code} {answer.reason}"]
        told += [
            f"{name}: {answer.headers[name]}" for name in TOLD_HEADERS if name in answer.headers
        ]
        told.append(_shorten(self._read(answer)))
        return f"{request.text}\n\n{self.names.settle(chr(10).join(told))}\n\n\n"

    def _find_url(self, address: str) -> str:
        if address in self.links:
            return self.links[address]
        return self.url + (address if address.startswith("/") else f"/api/data/v9.2/{address}")

    def _read(self, answer: requests.Response) -> str:
        if "json" not in answer.headers.get("Content-Type", ""):
            return answer.text.replace("\r\n", "\n").rstrip("\n")
        document = answer.json()
        for name, key in LINKS.items():
            if key in document:
                self.links[name] = str(document[key])
        return json.dumps(document, indent=1, ensure_ascii=False)


def read_requests(file: Path) -> Iterator[Request]:
    """The requests of a file in their order."""
    found: list[Request] = []
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line.startswith("  >"):
            found[-1].lines.append(line[4:])
        elif line.startswith("  "):
            name, _, value = line.strip().partition(":")
            found[-1].headers[name] = value.strip()
        elif line:
            method, _, address = line.partition(" ")
            found.append(Request(method, address))
    return iter(found)


def tell_answers(file: Path, folder: Path) -> str:
    """What a fresh emulator answers to the requests of a file."""
    with serving() as url:
        return Conversation(url, Names(folder)).hold(read_requests(file))


def _shorten(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    lines = text.split("\n")
    cut = f"… {len(lines)} lines, {len(text)} characters …"
    return f"{text[: LONGEST // 2]}\n{cut}\n{text[-LONGEST // 2 :]}"
