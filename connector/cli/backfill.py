"""The verb `backfill`: decide for rows that were there before."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from connector.cli.invocation import start_verb
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.output import write_json
from connector.cli.printing.plans import plan_data, print_leftovers, print_plan
from connector.cli.printing.progress import show_progress
from connector.cli.printing.talk import talk
from connector.cycle.review.apply import Leftover
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.service.signals import stopped_by_signals
from connector.state.records import CycleRecord
from engine.errors import ConfigProblem
from engine.plans.plan import Plan


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("backfill")(backfill)


def backfill(  # noqa: PLR0913, PLR0917  one parameter an option: the signature is the interface
    context: typer.Context,
    table: Annotated[str, typer.Option(help="Logical name of the table.")],
    segment: Annotated[str | None, typer.Option(help="Only rows of this segment.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Use the rules that were in force then, such as 2026-11-23T09:00:00Z.",
        ),
    ] = None,
    rows_per_minute: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most rows to write a minute; else LEADROBIN_WRITE__BACKFILL_ROWS_PER_MINUTE.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write the plan without asking.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write also what the safety limits refuse.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide open rows that were there at the baseline, oldest first; the plan is shown first.

    Rows of a segment that had no rules when they came are among them once it has some.
    Without --yes nothing is written unless you confirm at a terminal. With --at only the rules are
    those of then: people, capacity and dates are today's.
    """
    settings = start_verb(context)
    record: CycleRecord | None = None
    with (
        show_progress("Backfill") as report,
        bootstrap(
            settings,
            RunOptions(is_forced=force, report=report, show_message=talk, rules_at=_parse_at(at)),
        ) as application,
        stopped_by_signals(application.stop),
    ):
        watched = application.find_table(table)
        preview = application.preview_backfill(watched, segment=segment, limit=limit)
        if not as_json:
            print_plan(preview.plan)
        leftovers: Sequence[Leftover] = ()
        if yes or _is_confirmed(preview.plan):
            pace = rows_per_minute or settings.write.backfill_rows_per_minute
            record, leftovers = application.backfill(watched, preview, rows_per_minute=pace)
    if as_json:
        done = None if record is None else cycle_data(record)
        write_json({"plan": plan_data(preview.plan), "cycle": done})
        return
    print_leftovers(leftovers)
    if record is None:
        talk("Nothing was written; repeat with --yes to write the plan.")
    else:
        print_cycles([record])


def _parse_at(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _not_an_instant(text) from error
    if at.tzinfo is None:
        raise _not_an_instant(text)
    return at


def _not_an_instant(text: str) -> ConfigProblem:
    return ConfigProblem(f'--at "{text}" is not an instant such as 2026-11-23T09:00:00Z')


def _is_confirmed(plan: Plan) -> bool:
    if not plan.rows or not sys.stdin.isatty():
        return False
    return typer.confirm(f"Write {len(plan.rows)} rows?", err=True)
