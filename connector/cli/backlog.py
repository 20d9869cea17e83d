"""The verbs `backlog` and `backlog retry`: rows that wait, and why."""

from typing import Annotated

import typer

from connector.cli.invocation import settings_of, start_verb
from connector.cli.printing.backlog import (
    entry_data,
    print_backlog_entries,
    print_rejected,
    rejected_data,
)
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.output import write_json
from connector.cli.printing.talk import talk
from connector.service.backlog import list_waiting
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.service.signals import stopped_by_signals
from connector.watched_tables.watched_table import choose_segment_tables

backlog_app = typer.Typer(help="See rows that wait, and try them again.")


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.add_typer(backlog_app, name="backlog")


@backlog_app.callback(invoke_without_command=True)
def list_backlog(
    context: typer.Context,
    table: Annotated[str | None, typer.Option(help="Only rows of this table.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the rows that wait: why, since when, and when they are tried next."""
    if context.invoked_subcommand is not None:
        return
    waiting = list_waiting(settings_of(context), table=table, limit=limit)
    for name in waiting.unreadable:
        talk(
            f'The scheduled runs of segment "{name}" are not shown: they were stored'
            " by another version; the next cycle stores them anew."
        )
    if as_json:
        write_json([*map(entry_data, waiting.entries), *map(rejected_data, waiting.rejected)])
        return
    print_backlog_entries(waiting.entries)
    print_rejected(waiting.rejected)


@backlog_app.command("retry")
def retry(
    context: typer.Context,
    table: Annotated[str | None, typer.Option(help="Only rows of this table.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only rows of this segment that nobody was found for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try waiting rows now, due or not: at most 500 of a table, those that wait longest first.

    With --segment those created first come first, as in Microsoft's "Run now".
    """
    settings = start_verb(context)
    with (
        bootstrap(settings, RunOptions(show_message=talk)) as application,
        stopped_by_signals(application.stop),
    ):
        tables = application.tables if table is None else [application.find_table(table)]
        if segment is not None:
            tables = choose_segment_tables(tables, segment)
        cycles = [application.retry_backlog(found, segment=segment) for found in tables]
    if as_json:
        write_json([cycle_data(cycle) for cycle in cycles])
    else:
        print_cycles(cycles)
