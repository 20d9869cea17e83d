"""The verbs `history` and `undo`: what cycles did, and putting one back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.arguments import parse_id, raise_if_no_folder
from connector.cli.invocation import settings_of, start_verb
from connector.cli.printing.cycles import cycle_data, print_cycles, print_history
from connector.cli.printing.decisions import print_decisions
from connector.cli.printing.output import write_json, write_json_line
from connector.cli.printing.plans import (
    leftovers_data,
    plan_data,
    print_leftovers,
    print_plan,
    save_plan,
)
from connector.cli.printing.talk import talk
from connector.service.bootstrap import bootstrap
from connector.service.history import export_history, list_cycles, list_decisions
from connector.service.options import RunOptions
from connector.service.signals import stopped_by_signals
from connector.state.decision_document import build_decision_data
from connector.state.records import CycleRecord, DecisionRecord

MANY = 1_000_000
"""More decisions than anybody prints."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.command("history")(history)
    app.command("undo")(undo)


def history(  # noqa: PLR0913, PLR0917  one parameter an option: the signature is the interface
    context: typer.Context,
    cycle: Annotated[
        str | None, typer.Argument(help="A cycle's id: list its decisions instead.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    every: Annotated[
        bool, typer.Option("--all", help="Also list cycles that found nothing to do, as JSON does.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_lines: Annotated[
        bool, typer.Option("--json-lines", help="Print every decision, one JSON object a line.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write every decision to a .jsonl or .parquet file.")
    ] = None,
) -> None:
    """List the latest cycles with their counts, or the decisions of one.

    Cycles that found nothing to do are kept for a day, and listed with --all and in JSON.
    """
    raise_if_no_folder(export)
    cycle = None if cycle is None else _parse_cycle(cycle)
    settings = settings_of(context)
    if export is not None:
        talk(f"{export_history(settings, export)} decisions were written to {export}.")
    elif as_lines:
        for decision in reversed(list_decisions(settings, cycle_id=cycle, limit=MANY)):
            write_json_line(build_decision_data(decision))
    elif cycle is not None:
        _show_decisions(list_decisions(settings, cycle_id=cycle, limit=limit), as_json=as_json)
    else:
        cycles = list_cycles(settings, limit=limit, with_idle=every or as_json)
        _show_cycles(cycles, as_json=as_json)


def _show_cycles(cycles: Sequence[CycleRecord], *, as_json: bool) -> None:
    if as_json:
        write_json(list(map(cycle_data, cycles)))
    else:
        print_history(cycles)


def _show_decisions(decisions: Sequence[DecisionRecord], *, as_json: bool) -> None:
    if as_json:
        write_json(list(map(build_decision_data, decisions)))
    else:
        print_decisions(decisions)


def _parse_cycle(text: str) -> str:
    return parse_id(text, what="cycle", where="leadrobin history")


def undo(
    context: typer.Context,
    cycle: Annotated[str, typer.Argument(help="The cycle's id, from `leadrobin history`.")],
    dry_run: Annotated[bool, typer.Option("--plan", help="Show the plan; write nothing.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Save the plan for `leadrobin apply` instead of writing it."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write also what the safety limits refuse.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put back owner, segment and sequence of a cycle's rows, where nobody touched them since.

    A row that had not been decided before is taken up again by a backfill.
    """
    raise_if_no_folder(out)
    cycle = _parse_cycle(cycle)
    settings = start_verb(context)
    is_dry, record = dry_run or out is not None, None
    run_options = RunOptions(writes=not is_dry, is_forced=force, show_message=talk)
    with (
        bootstrap(settings, run_options) as application,
        stopped_by_signals(application.stop),
    ):
        table = application.find_cycle_table(cycle)
        if is_dry:
            reviewed, leftovers = application.preview_undo(table, cycle)
        else:
            record, reviewed, leftovers = application.undo(table, cycle)
    if out is not None:
        save_plan(reviewed, out)
    if as_json:
        done = None if record is None else cycle_data(record)
        left = leftovers_data(leftovers)
        write_json({"plan": plan_data(reviewed.plan), "left": left, "cycle": done})
        return
    print_plan(reviewed.plan)
    print_leftovers(leftovers)
    if record is not None:
        print_cycles([record])
