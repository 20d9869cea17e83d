"""The verb `run`: the service, or one cycle of every table for cron."""

from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from typing import Annotated

import typer

from connector.cli.invocation import start_verb
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.output import write_json
from connector.cli.printing.progress import show_progress
from connector.cli.printing.talk import talk
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions, build_bus_options, build_hint_options
from connector.service.signals import stopped_by_signals
from connector.service.system import SystemClock
from connector.state.records import CycleOutcome, CycleRecord
from engine.errors import ConfigProblem
from settings.model import Settings


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("run")(run)


def run(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Run one cycle of every table and end.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write also what the safety limits refuse.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print the cycles as JSON.")
    ] = False,
) -> None:
    """Watch the tables and assign new and changed rows, until Ctrl-C.

    The first cycle of a table takes the baseline: rows that are there already are not decided.
    """
    if as_json and not once:
        raise ConfigProblem(
            "`leadrobin run` was to print JSON, but the service prints no cycles: add --once, or"
            " leave --json out; `leadrobin history --json` lists what a service did"
        )
    settings = start_verb(context)
    if once:
        _run_once(settings, is_forced=force, as_json=as_json)
    else:
        _run_service(settings, is_forced=force)


def _run_once(settings: Settings, *, is_forced: bool, as_json: bool) -> None:
    with (
        show_progress("Cycle") as report,
        bootstrap(
            settings, RunOptions(is_forced=is_forced, report=report, show_message=talk)
        ) as application,
        stopped_by_signals(application.stop),
    ):
        cycles = application.run_once()
        names = [table.name for table in application.tables]
    _tell_unfinished(names, cycles)
    if as_json:
        write_json([cycle_data(cycle) for cycle in cycles])
    else:
        print_cycles(cycles)


def _tell_unfinished(tables: Sequence[str], cycles: Sequence[CycleRecord]) -> None:
    """Say which tables a stop kept from being done; any other end of a cycle was raised."""
    outcomes = {cycle.table: cycle.outcome for cycle in cycles}
    halfway = [name for name, outcome in outcomes.items() if outcome is CycleOutcome.STOPPED]
    unread = [name for name in tables if name not in outcomes]
    if not halfway and not unread:
        return
    parts = ["Interrupted: what was begun is saved, and the next run goes on there."]
    if halfway:
        parts.append(f"Stopped half-way: {', '.join(halfway)}.")
    if unread:
        parts.append(f"Not read: {', '.join(unread)}.")
    talk(" ".join(parts))


def _run_service(settings: Settings, *, is_forced: bool) -> None:
    # A cron job does without the library behind it.
    schedule = import_module("connector.service.scheduler")
    interval = timedelta(seconds=settings.poll.interval_seconds)
    run_options = RunOptions(is_forced=is_forced, show_message=talk)
    hints, bus = build_hint_options(settings), build_bus_options(settings)
    with (
        bootstrap(settings, run_options) as application,
        stopped_by_signals(application.stop),
    ):
        tables = ", ".join(table.name for table in application.tables)
        talk(f"Watching {tables} every {settings.poll.interval_seconds} s; Ctrl-C ends it.")
        schedule.run_service(application, SystemClock(), interval=interval, hints=hints, bus=bus)
    talk("Stopped; everything under way is saved.")
