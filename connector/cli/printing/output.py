"""How commands print: data on stdout, talk on stderr; what is printed, the commands decide."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

WIDTH_WHEN_PIPED = 160
"""Wide enough that most tables in files are not folded; one that needs more gets more."""

ANY_WIDTH = 10_000
"""Wider than any table, to measure what one needs."""

ID_COLUMNS = frozenset({"Row", "Cycle"})
"""Columns whose cells are copied into `undo`, `explain` and others."""


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


def count_of(number: int, name: str) -> str:
    """A number of things, as "1 row" and "2 rows"."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def print_moment(at: datetime) -> str:
    """An instant for a table: UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows as a table; None is an empty cell, and no cell is read as markup.

    Ids are typed into other commands: they are never cut or wrapped, the other columns give way.
    Where a terminal is too narrow for whole words, every row is a block of lines instead.
    """
    console = stdout_console()
    lines = [["" if cell is None else escape(str(cell)) for cell in row] for row in rows]
    table = _build_table(columns, lines, title)
    needed = Measurement.get(console, console.options.update(max_width=ANY_WIDTH), table).minimum
    if needed <= console.width:
        console.print(table)
    elif sys.stdout.isatty():
        _print_blocks(console, columns, lines, title)
    else:
        console.width = needed
        console.print(table)


def _build_table(
    columns: Sequence[str], lines: Sequence[Sequence[str]], title: str | None
) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        if column in ID_COLUMNS:
            width = max((len(line[index]) for line in lines), default=0)
            table.add_column(column, no_wrap=True, min_width=width)
        else:
            table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table


def _print_blocks(
    console: Console, columns: Sequence[str], lines: Sequence[Sequence[str]], title: str | None
) -> None:
    """Each row as `Column  cell` lines with an empty line behind; empty cells are left out."""
    if title is not None:
        console.print(title, soft_wrap=True, markup=False)
    width = max(map(len, columns))
    for line in lines:
        for column, cell in zip(columns, line, strict=True):
            if cell:
                console.print(f"[bold]{column:{width}}[/]  {cell}", soft_wrap=True)
        console.print()


def _console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else WIDTH_WHEN_PIPED
    return Console(file=stream, width=width, highlight=False, emoji=False)
