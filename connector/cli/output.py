"""How commands print: data on stdout, talk on stderr; what is printed, the commands decide."""

import json
import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH_WHEN_PIPED = 160
"""Wide enough that tables in files and golden output are not folded."""


def stdout_console() -> Console:
    """The console for data people read; plain text when stdout is not a terminal."""
    return _console(is_error=False)


def stderr_console() -> Console:
    """The console for talk, progress bars and problems."""
    return _console(is_error=True)


def write_json(document: object) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def write_json_line(document: object) -> None:
    """Print one JSON object on one line of stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")


def encode_line(document: object) -> str:
    """One JSON object as a line, quickly; keys stay in their order."""
    return msgspec.json.encode(document).decode() + "\n"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows as a table; None is an empty cell, and no cell is read as markup."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    stdout_console().print(table)


def _console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else WIDTH_WHEN_PIPED
    return Console(file=stream, width=width, highlight=False, emoji=False)
