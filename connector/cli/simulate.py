"""The verb `simulate`: the whole engine over files; reading and deciding are in `simulation`."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.arguments import raise_if_no_folder
from connector.cli.invocation import find_clock
from connector.cli.printing.output import encode_line
from connector.cli.printing.progress import show_progress
from connector.cli.printing.talk import talk
from connector.simulation.directory_file import parse_time, write_directory
from connector.simulation.records import BadLine, SourceRow, read_json_lines
from connector.simulation.replay import Simulation
from connector.simulation.tabular import TABULAR_SUFFIXES, read_tabular
from engine.errors import ConfigProblem
from engine.standard_tables import STANDARD_TABLES

EXIT_WITH_BAD_LINES = 1
ROWS_TO_A_REPORT = 1000


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("simulate")(simulate)


def simulate(  # noqa: PLR0913  the options of the verb
    *,
    rules: Annotated[
        Path, typer.Option(envvar="LEADROBIN_RULES__FILE", help="Rules file, YAML or JSON.")
    ],
    records: Annotated[
        Path, typer.Option(help="Rows to decide: JSON lines, Parquet or CSV; - is stdin.")
    ],
    directory: Annotated[Path, typer.Option(help="Sellers, teams and queues, JSON.")],
    now: Annotated[
        str | None, typer.Option(help="The time to decide at, RFC 3339; default is the clock's.")
    ] = None,
    at_record_time: Annotated[
        bool, typer.Option("--at-record-time", help="Decide each row at its createdon.")
    ] = False,
    table: Annotated[
        str | None, typer.Option(help="The table of the rows in a Parquet or CSV file.")
    ] = None,
    directory_out: Annotated[
        Path | None, typer.Option(help="Write the directory as it is after the run.")
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Say for each row what was tried.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="The evaluator; python is the only one yet.")
    ] = "python",
) -> None:
    """Decide rows from a file as a cycle would, and print one JSON object a line."""
    _raise_if_unknown_engine(engine)
    raise_if_no_folder(directory_out)
    simulation = Simulation(rules, directory, now=_choose_now(now, at_record_time=at_record_time))
    _print_lines(simulation.decide_rows(_open_rows(records, table), trace=trace))
    if directory_out is not None:
        write_directory(simulation.directory_file, simulation.snapshot(), directory_out)
    if simulation.bad_lines:
        talk(_count_bad_lines(simulation.bad_lines))
        raise typer.Exit(EXIT_WITH_BAD_LINES)


def _count_bad_lines(count: int) -> str:
    if count == 1:
        return "1 line could not be read; it says why."
    return f"{count} lines could not be read; each says why."


def _print_lines(lines: Iterator[dict[str, object]]) -> None:
    """Print as they come; a progress line counts them when the output goes elsewhere."""
    if sys.stdout.isatty():
        for line in lines:
            sys.stdout.write(encode_line(line))
        return
    with show_progress("Deciding") as report:
        for number, line in enumerate(lines, start=1):
            sys.stdout.write(encode_line(line))
            if number % ROWS_TO_A_REPORT == 0:
                report("rows", ROWS_TO_A_REPORT)


def _raise_if_unknown_engine(engine: str) -> None:
    if engine != "python":
        raise ConfigProblem(f'--engine {engine} is not available; "python" is.')


def _choose_now(text: str | None, *, at_record_time: bool) -> datetime | None:
    """The instant for every row; None stands for each row's createdon."""
    if at_record_time:
        if text is not None:
            raise ConfigProblem("--now and --at-record-time exclude each other; keep one of them.")
        return None
    if text is None:
        return find_clock().now()
    try:
        return parse_time(text)
    except ValueError as error:
        message = f'--now "{text}" is not an instant such as 2026-11-23T09:00:00Z.'
        raise ConfigProblem(message) from error


def _open_rows(file: Path, table: str | None) -> Iterator[SourceRow | BadLine]:
    if file.suffix.lower() in TABULAR_SUFFIXES:
        return read_tabular(file, table, STANDARD_TABLES)
    return read_json_lines(file, table)
