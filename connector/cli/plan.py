"""The verbs `plan` and `apply`: review first, write what was reviewed."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.arguments import raise_if_no_folder
from connector.cli.invocation import start_verb
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.output import write_json
from connector.cli.printing.plans import (
    build_markdown,
    leftovers_data,
    plan_data,
    print_leftovers,
    print_plan,
    save_plan,
)
from connector.cli.printing.progress import show_progress
from connector.cli.printing.talk import talk
from connector.cycle.review.preview import Preview
from connector.cycle.review.reviewed_plan import ReviewedPlan, merge_previews, parse_document
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.service.signals import stopped_by_signals
from engine.errors import ConfigProblem
from settings.model import Settings


class PlanForm(StrEnum):
    """How a plan is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.command("plan")(plan)
    app.command("apply")(apply)


def plan(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Save the plan for `leadrobin apply`.")] = None,
    form: Annotated[PlanForm, typer.Option("--format", help="How to print it.")] = PlanForm.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="As --format json.")] = False,
) -> None:
    """Read what changed and decide it, as `run` would; write nothing to Dataverse."""
    raise_if_no_folder(out)
    settings = start_verb(context)
    reviewed = _preview(settings)
    if out is not None:
        save_plan(reviewed, out)
    if as_json or form is PlanForm.JSON:
        write_json(plan_data(reviewed.plan))
    elif form is PlanForm.MARKDOWN:
        typer.echo(build_markdown(reviewed.plan), nl=False)
    else:
        print_plan(reviewed.plan)


def apply(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A plan saved by `leadrobin plan --out`.")
    ] = None,
    checksum: Annotated[
        str | None, typer.Option(help="Write only if the plan has this checksum.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write also what the safety limits refuse.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Save a new plan for the rows that were left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a saved plan, or without FILE one made now.

    Rows that changed since the plan was made are not written but named and planned anew; the next
    cycle decides them, unless you review and apply that plan first.
    """
    raise_if_no_folder(out)
    settings = start_verb(context)
    reviewed = _preview(settings) if file is None else _load(file)
    _raise_if_other(reviewed, checksum)
    run_options = RunOptions(is_forced=force, show_message=talk)
    with (
        show_progress("Apply") as report,
        bootstrap(settings, run_options.reporting(report)) as application,
        stopped_by_signals(application.stop),
    ):
        records, leftovers = application.apply_plan(reviewed)
        anew = application.replan(leftovers)
    if out is not None:
        save_plan(anew, out)
    if as_json:
        cycles = [cycle_data(record) for record in records]
        left = leftovers_data(leftovers)
        write_json({"cycles": cycles, "left": left, "replanned": plan_data(anew.plan)})
        return
    print_cycles(records)
    print_leftovers(leftovers)
    if leftovers:
        print_plan(anew.plan, title="Planned anew")


def _preview(settings: Settings) -> ReviewedPlan:
    with (
        show_progress("Plan") as report,
        bootstrap(settings, RunOptions(writes=False, report=report)) as application,
    ):
        previews = application.preview()
        checksum = application.seams.rule_set.checksum
    for preview in previews:
        _talk_about(preview)
    return merge_previews(previews, checksum)


def _talk_about(preview: Preview) -> None:
    if preview.is_first_contact:
        talk(f"{preview.table}: no baseline yet; the first `leadrobin run --once` takes it.")
    if preview.open_plans:
        talk(
            f"{preview.table}: {preview.open_plans} plan(s) left open; their rows are left out "
            "here: the next cycle, or `leadrobin apply`, settles them first."
        )


def _load(file: Path) -> ReviewedPlan:
    try:
        return parse_document(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigProblem(f"there is no file {file}") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigProblem(f"{file} is not a plan that `leadrobin plan --out` wrote") from error


def _raise_if_other(reviewed: ReviewedPlan, checksum: str | None) -> None:
    if checksum is not None and not reviewed.plan.checksum.startswith(checksum):
        raise ConfigProblem(
            f"the plan's checksum is {reviewed.plan.checksum}, not {checksum}; review it again"
        )
