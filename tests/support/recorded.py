"""What the program says and keeps, recorded as text: transcripts, store dumps, stable names.

Only interfaces that outlive a rebuild are used: the command line, settings of the environment,
HTTP, and the store read as a plain SQLite file.
"""

import json
import os
import re
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import requests

from connector.cli.app import run_program
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.support.golden import DATA

RECORDED = DATA / "recorded"
ROOT = Path(__file__).resolve().parents[2]
START = datetime(2020, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday behind every real clock: what the emulator dates can be told from what we date."""

_INSTANT = re.compile(
    r"20(?:2[4-9]|[3-9]\d)-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?"
)
_FOLDED = (
    (re.compile(r"^│ +\d[\d :.-]{0,22}│", re.MULTILINE), "│ <time> │"),
    (re.compile(r"│ +\d+\.\d s +│"), "│ <length> │"),
)
"""A moment in a column that may be too narrow for it, and how long a cycle took."""

_TURN = re.compile(
    r"((?:last assigned|more recently:|assigned before)) (?:\d{4}-\d\d-\d\d )?\d\d:\d\d"
)
_RANDOM_ID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"
)
_EMULATOR = re.compile(r"https?://127\.0\.0\.1:\d+")


@dataclass
class Names:
    """Stable names for what is random, given in the order of first appearance."""

    folder: Path
    known: dict[str, str] = field(default_factory=dict[str, str])

    def settle(self, text: str) -> str:
        """The text with stable names; the same random id has the same name everywhere."""
        text = text.replace(str(self.folder), "<folder>").replace(str(ROOT), "<project>")
        text = _EMULATOR.sub("<emulator>", text)
        for folded, replacement in _FOLDED:
            text = folded.sub(replacement, text)
        text = _TURN.sub(r"\1 <time>", text)
        text = _INSTANT.sub("<time>", text)
        return _RANDOM_ID.sub(self._name, text)

    def _name(self, found: re.Match[str]) -> str:
        return self.known.setdefault(found[0], f"<id {len(self.known) + 1}>")


@dataclass
class Transcript:
    """Commands with what they printed and how they ended."""

    names: Names
    lines: list[str] = field(default_factory=list[str])

    def run(self, *arguments: object) -> str:
        """Run a command inside this process and note everything; its stdout as it was printed."""
        texts = [str(argument) for argument in arguments]
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run_program(texts)
        self.say("$ leadrobin " + " ".join(texts))
        self.say(out.getvalue())
        if err.getvalue():
            self.say("--- stderr\n" + err.getvalue())
        self.say(f"--- exit {code}\n")
        return out.getvalue()

    def run_json(self, *arguments: object) -> Any:
        """Run a command that prints JSON; the document, None when there is none."""
        text = self.run(*arguments, "--json")
        return json.loads(text) if text else None

    def say(self, text: str) -> None:
        """Note something, with stable names."""
        settled = "\n".join(line.rstrip() for line in text.removesuffix("\n").split("\n"))
        self.lines.append(self.names.settle(settled))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines) + "\n"


class Colleague:
    """Somebody else at work in the environment, over plain HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = "Bearer any"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self, method: str, path: str, document: Any = None, **headers: str
    ) -> requests.Response:
        """One request below the service root, or of an absolute address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        where = path if "://" in path else f"{self.url}/api/data/v9.2/{path}"
        return self._session.request(method, where, json=document, headers=named, timeout=30)

    def create(self, entity_set: str, **row: object) -> None:
        """Create a row."""
        _raise_if_refused(self.ask("POST", entity_set, row))

    def change(self, path: str, by: str | None = None, **row: object) -> None:
        """Change a row, in the name of somebody."""
        acting = {"MSCRMCallerID": by} if by else {}
        _raise_if_refused(self.ask("PATCH", path, row, If_Match="*", **acting))

    def remove(self, path: str) -> None:
        """Delete a row."""
        _raise_if_refused(self.ask("DELETE", path))

    def read(self, path: str) -> Any:
        """What an address holds."""
        return _raise_if_refused(self.ask("GET", path)).json()

    def steer(self, path: str, document: object) -> None:
        """Ask the emulator itself for something."""
        _raise_if_refused(self.ask("POST", f"{self.url}/_emulator/{path}", document))


def _raise_if_refused(answer: requests.Response) -> requests.Response:
    assert answer.status_code < 300, (answer.url, answer.status_code, answer.text)
    return answer


@contextmanager
def serving(state: Path | None = None) -> Generator[str]:
    """The address of a small emulator over HTTP whose clock stands at START."""
    options = EmulatorOptions(
        use_tls=False,
        accept_any_token=True,
        size=SeedSize(sellers=6, leads=12, opportunities=4, insights=3),
        state=state,
        source=lambda: START,
    )
    server = EmulatorServer(options)
    server.clock.freeze()
    with server:
        yield server.url


@contextmanager
def set_up(url: str, folder: Path) -> Generator[None]:
    """The settings that lead the program to an emulator; store and rules in the working folder.

    Paths are relative, so that no table is laid out otherwise where folders have other names.
    """
    values = {
        "DATAVERSE__URL": url,
        "AUTH__MODE": "static_token",
        "AUTH__STATIC_TOKEN": "any",
        "RULES__FILE": "rules.yaml",
        "STORE__URL": "sqlite:///store.db",
        "LOG__LEVEL": "error",
        "WRITE__CONCURRENCY": "1",
        "SAFETY__MIN_ROWS": "1000",
    }
    with (
        surroundings({f"LEADROBIN_{name}": value for name, value in values.items()}),
        chdir(folder),
    ):
        yield


@contextmanager
def surroundings(values: Mapping[str, str]) -> Generator[None]:
    """An environment with these variables besides, at a fixed width of the terminal."""
    with patch.dict(os.environ, {**values, "COLUMNS": "100", "TERMINAL_WIDTH": "100"}):
        yield


def dump_store(file: Path, names: Names) -> str:
    """Every table of a store as JSON lines with stable names, in the order of their texts."""
    with closing(sqlite3.connect(file)) as store:
        store.row_factory = sqlite3.Row
        found = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return "".join(_dump_table(store, str(row["name"]), names) for row in found.fetchall())


def _dump_table(store: sqlite3.Connection, name: str, names: Names) -> str:
    rows = [_readable(row) for row in store.execute(f'SELECT * FROM "{name}"')]
    texts = [json.dumps({"table": name, **row}, ensure_ascii=False) for row in rows]
    lines = [names.settle(text) for text in texts]
    if rows and "number" not in rows[0]:
        lines.sort()
    return "".join(f"{line}\n" for line in lines) or f'{{"table": "{name}", "rows": 0}}\n'


def _readable(row: sqlite3.Row) -> dict[str, Any]:
    """A row with the documents inside it parsed, without measurements, copies and traces.

    `explain --json` and `history --json-lines` tell the traces.
    """
    keys: list[str] = row.keys()
    found: dict[str, Any] = {key: _parsed(row[key]) for key in keys}
    kind: object = found.get("kind")
    document: dict[str, Any] = found.get("document") or {}
    if kind == "governor":
        found["document"] = sorted(document)
    if kind == "metadata":
        found["document"] = {key: sorted(document[key]) for key in sorted(document)}
    planned: list[dict[str, Any]] = document["decisions"] if "closed_at" in found else []
    decision: dict[str, Any]
    for decision in (found, *planned):
        if decision.get("trace"):
            decision["trace"] = sorted(decision["trace"])
    return found


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.loads(json.dumps(json.loads(value), sort_keys=True))
    return value
