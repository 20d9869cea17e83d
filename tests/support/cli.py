"""Runs the program inside the test's process."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from connector.cli.app import run_program


@dataclass(frozen=True)
class Run:
    """One run: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Stdout as JSON objects, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """Stdout as one JSON document."""
        return json.loads(self.out)


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: object) -> Run:
    """Run one command and take what it printed."""
    capsys.readouterr()
    code = run_program([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Run(code, captured.out, captured.err)
