"""Scenarios for `leadrobin simulate`, run inside the test's process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import NOON
from tests.support.cli import run_cli

ACCOUNT = "5b1d7c0e-aaaa-4bbb-8ccc-0123456789ab"


@dataclass(frozen=True)
class Simulated:
    """What one run printed, and the directory after it."""

    code: int
    out: str
    err: str
    directory: dict[str, Any]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Stdout as JSON objects."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def owners(self) -> list[str | None]:
        """The name of whom each row went to."""
        owners = [line.get("assigned_to") for line in self.lines]
        return [None if owner is None else owner["name"] for owner in owners]

    @property
    def statuses(self) -> list[tuple[Any, Any, Any]]:
        """Segmentation, routing, sequence of each row."""
        return [
            (line["segmentation_status"], line["routing_status"], line["sequence_status"])
            for line in self.lines
        ]


@dataclass(frozen=True)
class Simulate:
    """Runs the verb over rules, directory and rows that are plain data or files."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(
        self,
        rules: dict[str, Any] | Path,
        directory: dict[str, Any],
        records: list[dict[str, Any]] | Path,
        *arguments: object,
    ) -> Simulated:
        if isinstance(rules, dict):
            rules = self._write("rules.json", json.dumps({"version": 1, **rules}))
        if isinstance(records, list):
            lines = "".join(json.dumps(row) + "\n" for row in records)
            records = self._write("records.jsonl", lines)
        after = self.folder / "after.json"
        after.unlink(missing_ok=True)
        has_time = {"--now", "--at-record-time"} & set(arguments)
        done = run_cli(
            self.capsys,
            *("simulate", "--rules", rules, "--records", records),
            *("--directory", self._write("directory.json", json.dumps(directory))),
            *("--directory-out", after, *arguments, *(() if has_time else ("--now", NOON))),
        )
        text = after.read_text(encoding="utf-8") if after.exists() else "{}"
        saved: dict[str, Any] = json.loads(text)
        return Simulated(done.code, done.out, done.err, saved)

    def _write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file
